//! Side by side: what an init costs, ours, others, and the least that one can cost, in one
//! run on one CPU. `cargo bench -- --help`.
//!
//! Times on a shared machine are only good as ratios within one run, so every measure goes
//! through its subjects in rounds, each in another random order, and medians are told.
//! What can be counted is counted.
//!
//! - `options`, `subjects`, `programs`: what is asked for, who is measured, what they run
//! - `launch`, `trace`, `proc`, `cgroup`, `rounds`: how it is measured
//! - `measures`: what is measured, a file each
//! - `results`, `report`, `targets`, `charts`: what comes out

mod cgroup;
mod charts;
mod launch;
mod machine;
mod measures;
mod options;
mod proc;
mod programs;
mod report;
mod results;
mod rounds;
mod subjects;
mod targets;
mod trace;

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use measures::Bench;
use options::{Options, help};
use programs::Programs;
use results::Results;
use subjects::{Kind, Subject};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Cargo says so when it runs benchmarks, and does not when it runs tests.
    if !arguments.iter().any(|argument| argument == "--bench" || argument == "--help") {
        println!("skipped: this is no test; cargo bench runs it");
        return ExitCode::SUCCESS;
    }
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Vec<String>) -> Result<(), String> {
    let Some(options) = Options::read(arguments)? else {
        print!("{}", help());
        return Ok(());
    };
    if cfg!(debug_assertions) {
        return Err("the init was built without optimisation; cargo bench builds it as released".to_owned());
    }
    let mut subjects = subjects::peers(&options.inits)?;
    if let Some(code) = machine::leave_the_terminal()? {
        std::process::exit(code);
    }
    let cpu = machine::pin(options.cpu)?;
    launch::arrange_for_limits()?;
    let programs = Programs::build()?;
    let ours = Path::new(env!("CARGO_BIN_EXE_tini-rs"));
    let first = [
        Subject::new("program alone", Kind::Alone, &programs.nothing),
        Subject::new("floor", Kind::Floor, &programs.floor),
        Subject::new("tini-rs", Kind::Ours, ours),
    ];
    subjects.splice(0..0, first);
    let namespaces = machine::namespaces(&subjects[0], &programs.nothing)?;
    let bench = Bench { options, subjects, programs, namespaces };

    let mut results = Results::default();
    for (name, measure) in measures::ALL {
        if bench.options.wants(name) {
            let start = Instant::now();
            measure(&bench, &mut results);
            eprintln!("measured: {name}, in {:.1} s", start.elapsed().as_secs_f64());
        }
    }

    let machine = machine::describe(cpu);
    let targets = targets::check(&bench, &results);
    print!("{}", report::markdown(&bench, &results, &machine, &targets));
    let json = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("side_by_side.json");
    std::fs::write(&json, report::json(&bench, &results, &machine, &targets))
        .map_err(|error| format!("{}: {error}", json.display()))?;
    eprintln!("written: {}", json.display());
    if let Some(folder) = &bench.options.charts {
        charts::draw(&bench, &results, folder)?;
        eprintln!("drawn: {}", folder.display());
    }
    Ok(())
}
