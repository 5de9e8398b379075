//! What an init can be hurt by: system calls that fail, each that the binary makes and in each way;
//! signals and delays at any of them; seccomp profiles that refuse some. And the README's list of
//! all of them.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Mutex;
use std::time::Instant;

mod disturbed;
mod failing;
mod scenarios;
mod seccomp;
#[allow(dead_code, unused_imports, unused_macros)]
#[path = "../black_box/support/mod.rs"]
mod support;
mod traced;

/// Something that is done to an init.
trait Harm: Display + Send {
    /// What it is done to: of each of these, one at the least must really be hurt.
    fn victim(&self) -> String;
    /// Does it; gives whether that was possible, and what is wrong with what came of it.
    fn run(&self) -> (bool, Result<(), String>);
}

/// Does all of these, on a few threads.
fn do_all(harms: Vec<impl Harm>) {
    const THREADS: usize = 4;
    let (count, began) = (harms.len(), Instant::now());
    let rest = Mutex::new(harms.into_iter());
    let done = Mutex::new(BTreeMap::<String, (usize, usize)>::new());
    let broken = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let next = rest.lock().expect("a queue").next();
                    let Some(harm) = next else { return };
                    let (is_done, verdict) = harm.run();
                    if let Err(why) = verdict {
                        println!("{harm}: {}", why.lines().next().unwrap_or_default());
                        broken.lock().expect("a list").push(format!("{harm}: {why}"));
                    }
                    let mut done = done.lock().expect("a table");
                    let (really, all) = done.entry(harm.victim()).or_default();
                    *all += 1;
                    *really += usize::from(is_done);
                }
            });
        }
    });
    let done = done.into_inner().expect("a table");
    for (victim, (really, all)) in &done {
        println!("{victim}: {really} of {all}");
    }
    println!("{count} in {:.0?}", began.elapsed());
    let broken = broken.into_inner().expect("a list");
    assert!(broken.is_empty(), "{} of {count}:\n{}", broken.len(), broken.join("\n"));
    let spared: Vec<_> = done.iter().filter(|(_, (really, _))| *really == 0).collect();
    assert!(spared.is_empty(), "never hurt: {spared:?}");
}
