//! Thousands of the init's children are killed at once: how long until all of them have
//! been collected, and what it costs the init.

use std::time::Instant;

use super::{AT_LAST, Bench, LATER};
use crate::launch::{Instance, Limit};
use crate::machine::room_for;
use crate::proc;
use crate::results::{Column, Figure, Results};
use crate::rounds::interleaved;
use crate::subjects::Subject;

pub fn measure(bench: &Bench, results: &mut Results) {
    let effort = &bench.options.effort;
    let columns = vec![
        Column::new("burst", format!("burst of {} deaths until none is left", effort.deaths), "ms", 0)
            .with_spread(),
        Column::new("burst_cpu", "init CPU in the burst", "ms", 1),
    ];
    results.group("Orphans", columns);
    let inits: Vec<&Subject> = bench.inits().collect();
    let samples = interleaved(inits.len(), effort.burst_rounds, |subject| {
        room_for(effort.deaths)?;
        let command = bench.workload(inits[subject], &["burst", &effort.deaths.to_string()]);
        let instance = Instance::start(&command, bench.namespaces)?;
        instance.expect(b'r', LATER)?;
        instance.settle()?;
        let before = proc::activity(instance.pid)?;
        let limit = Limit::of(AT_LAST);
        let start = Instant::now();
        instance.say()?;
        instance.hear()?;
        let time = start.elapsed();
        drop(limit);
        instance.settle()?;
        let after = proc::activity(instance.pid)?;
        Ok((time.as_secs_f64() * 1e3, (after.cpu_nanoseconds - before.cpu_nanoseconds) / 1e6))
    });
    for (subject, samples) in inits.iter().zip(samples) {
        let of = |part: fn(&(f64, f64)) -> f64| {
            samples.clone().and_then(|samples| Figure::of(samples.iter().map(part).collect()))
        };
        results.set("burst", &subject.name, of(|(time, _)| *time));
        results.set("burst_cpu", &subject.name, of(|(_, cpu)| *cpu));
    }
}
