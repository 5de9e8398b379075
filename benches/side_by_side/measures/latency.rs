//! From the kill of the init until the program has the signal and has told so. One
//! instance of each lives all the time, and they take turns.

use std::time::Instant;

use nix::sys::signal::Signal;

use super::{Bench, SOON, enter};
use crate::launch::{Instance, Limit};
use crate::results::{Column, Results};
use crate::rounds::interleaved;
use crate::subjects::Subject;

pub fn measure(bench: &Bench, results: &mut Results) {
    let column = Column::new("latency", "SIGUSR1 until the program has answered", "µs", 2).with_spread();
    results.group("Signals and the end", vec![column]);
    let subjects: Vec<&Subject> = bench.subjects.iter().collect();
    let instances: Vec<Result<Instance, String>> =
        subjects.iter().map(|subject| bench.answering(subject, 0)).collect();
    let samples = interleaved(subjects.len(), bench.options.effort.latency_rounds, |subject| {
        let instance = instances[subject].as_ref().map_err(String::clone)?;
        let _limit = Limit::of(SOON);
        let start = Instant::now();
        instance.kill(Signal::SIGUSR1)?;
        instance.hear()?;
        let time = start.elapsed();
        instance.settle()?;
        Ok(time.as_secs_f64() * 1e6)
    });
    enter(results, "latency", &subjects, samples);
}
