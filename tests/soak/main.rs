//! The init under load, for as long as `SOAK_MINUTES` says: nothing is lost, no zombie stays, no
//! memory is taken, no descriptor is left open.
//!
//! `SOAK_MINUTES=10 cargo test --test soak` prints a table of figures. Without the variable each
//! load is only tried. `INIT=path` puts another init on the bench, words on the command line choose
//! loads by name.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

mod loads;
#[allow(dead_code, unused_imports, unused_macros)]
#[path = "../black_box/support/mod.rs"]
mod support;

use loads::LOADS;
use support::Run;

/// As many as an init has open at the most: the standard ones, and the two by which it leaves
/// orphans to the kernel.
const DESCRIPTORS: usize = 5;

/// How far the stack may reach deeper than in the first round, in KiB: a byte lost with each
/// event soon is more.
const DEEPER: u64 = 16;

/// From so many minutes on, all loads together have to come to so many of each kind: half of what a
/// machine of two cores makes of orphans. Fewer are no evidence.
const FULL_MINUTES: f64 = 5.0;
const ENOUGH: [(&str, u64); 2] = [("orphans", 500_000), ("signals among orphans", 100_000)];

/// What a load came to.
#[derive(Default)]
struct Figures {
    /// How many of what, and how long it took.
    done: u64,
    elapsed: Duration,
    /// Of the init's own, after the first round and after the last one.
    memory: Option<[u64; 2]>,
    descriptors: Option<[usize; 2]>,
    /// What else is worth telling.
    note: String,
}

impl Figures {
    /// Looks at the init, which has nothing to do now: the first time, or once more.
    fn look_at(&mut self, run: &Run) {
        let init = run.init();
        let memory = init.memory().expect("the memory of the init");
        let descriptors = init.descriptors().len();
        self.memory = Some([self.memory.map_or(memory, |[first, _]| first), memory]);
        self.descriptors = Some([self.descriptors.map_or(descriptors, |[first, _]| first), descriptors]);
    }

    /// Requires that nothing piles up in the init.
    #[track_caller]
    fn expect_no_growth(&self) {
        if let Some([before, after]) = self.memory {
            assert!(after <= before + DEEPER, "the init's memory has grown from {before} to {after} KiB");
        }
        if let Some([_, after]) = self.descriptors {
            assert!(after <= DESCRIPTORS, "the init has {after} descriptors open");
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|word| word == "--list") {
        return ExitCode::SUCCESS;
    }
    if let Some(why) = support::no_containers() {
        support::skipped(why);
        return ExitCode::from(u8::from(support::must_not_skip()));
    }
    let minutes = std::env::var("SOAK_MINUTES").unwrap_or_default();
    let Ok(minutes) = (if minutes.is_empty() { Ok(0.0) } else { minutes.parse::<f64>() }) else {
        println!("SOAK_MINUTES is not a number: {minutes:?}");
        return ExitCode::FAILURE;
    };
    let wanted = |name: &str| {
        let mut words = arguments.iter().filter(|word| !word.starts_with('-')).peekable();
        words.peek().is_none() || words.any(|word| name.contains(word.as_str()))
    };
    let loads: Vec<_> = LOADS.iter().filter(|load| wanted(load.name)).collect();
    if loads.is_empty() {
        println!("no load has one of these in its name: {}", arguments.join(" "));
        return ExitCode::FAILURE;
    }
    let shares: u32 = loads.iter().map(|load| load.share).sum();
    let has_all = loads.len() == LOADS.len();
    let (mut done, mut is_skipped) = (BTreeMap::<&str, u64>::new(), false);

    println!("| load | the init | how many | a second | its memory, KiB | its descriptors | |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for load in loads {
        let share = f64::from(load.share) / f64::from(shares);
        let begun = Instant::now();
        let until = begun + Duration::from_secs_f64(minutes * 60.0 * share);
        // Whatever is lost is a panic with the evidence.
        match (load.run)(until) {
            Ok(mut figures) => {
                figures.elapsed = begun.elapsed();
                figures.expect_no_growth();
                println!("{}", row(load, &figures));
                *done.entry(load.name).or_default() += figures.done;
            }
            Err(why) => {
                is_skipped = true;
                println!("| {} | {} | skipped: {why} | | | | |", load.name, load.init);
            }
        }
    }
    let mut is_enough = true;
    if has_all && minutes >= FULL_MINUTES {
        for (name, least) in ENOUGH {
            let count = done.get(name).copied().unwrap_or_default();
            println!("{name}: {count} in all, {least} at the least");
            is_enough &= count >= least;
        }
    }
    // What the loads need, a hierarchy of either version with the controller, CI has.
    ExitCode::from(u8::from(!is_enough || is_skipped && support::must_not_skip()))
}

/// A line of the table.
fn row(load: &loads::Load, figures: &Figures) -> String {
    fn pair<T: ToString>(pair: Option<[T; 2]>) -> String {
        pair.map_or(String::new(), |pair| pair.map(|it| it.to_string()).join(" → "))
    }
    let speed = figures.done as f64 / figures.elapsed.as_secs_f64();
    format!(
        "| {} | {} | {} | {speed:.0} | {} | {} | {} |",
        load.name,
        load.init,
        figures.done,
        pair(figures.memory),
        pair(figures.descriptors),
        figures.note
    )
}
