//! From SIGTERM until PID 1 has been waited for, which is when nobody is left in its
//! namespace (pid_namespaces(7)).

use std::time::Instant;

use nix::sys::signal::Signal;

use super::{Bench, LATER, enter};
use crate::launch::Limit;
use crate::results::{Column, Results};
use crate::rounds::interleaved;
use crate::subjects::Subject;

pub fn measure(bench: &Bench, results: &mut Results) {
    let effort = &bench.options.effort;
    let crowd = effort.descendants;
    let columns = vec![
        Column::new("end", "SIGTERM to exit", "µs", 1).with_spread(),
        Column::new("crowded_end", format!("SIGTERM to exit with {crowd} descendants"), "ms", 2)
            .with_spread(),
    ];
    results.group("Signals and the end", columns);
    let subjects: Vec<&Subject> = bench.subjects.iter().collect();
    let mut measured = |key, descendants, rounds, scale: f64| {
        let samples = interleaved(subjects.len(), rounds, |subject| {
            let mut instance = bench.answering(subjects[subject], descendants)?;
            let _limit = Limit::of(LATER);
            let start = Instant::now();
            instance.kill(Signal::SIGTERM)?;
            let end = instance.wait_within()?;
            let time = start.elapsed();
            match end.status {
                0 => Ok(time.as_secs_f64() * scale),
                status => Err(format!("does not end with the program's code, status {status:#x}")),
            }
        });
        enter(results, key, &subjects, samples);
    };
    measured("end", 0, effort.end_rounds, 1e6);
    measured("crowded_end", crowd, effort.crowded_end_rounds, 1e3);
}
