//! Thousands of the init's children are killed at once: how long until all of them have
//! been collected, and what it costs the init.

use super::{Bench, LATER, Work, work};
use crate::launch::Instance;
use crate::machine::room_for;
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
        let Work { time, cpu_nanoseconds, .. } = work(&instance)?;
        Ok((time.as_secs_f64() * 1e3, cpu_nanoseconds / 1e6))
    });
    for (subject, samples) in inits.iter().zip(samples) {
        let of = |part: fn(&(f64, f64)) -> f64| {
            samples.clone().and_then(|samples| Figure::of(samples.iter().map(part).collect()))
        };
        results.set("burst", &subject.name, of(|(time, _)| *time));
        results.set("burst_cpu", &subject.name, of(|(_, cpu)| *cpu));
    }
}
