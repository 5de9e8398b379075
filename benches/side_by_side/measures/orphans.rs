//! Daemons that end one after the other, while the init has other living children: how
//! many in a second, and what each costs the init.

use super::{Bench, LATER, Work, work};
use crate::launch::Instance;
use crate::machine::room_for;
use crate::results::{Column, Figure, Results};
use crate::rounds::interleaved;
use crate::subjects::Subject;

/// Of one amount of living children: orphans per second, CPU and wake-ups per orphan.
pub const KEYS: [[&str; 3]; 3] = [
    ["orphans_none", "orphan_cpu_none", "orphan_wakes_none"],
    ["orphans_some", "orphan_cpu_some", "orphan_wakes_some"],
    ["orphans_many", "orphan_cpu_many", "orphan_wakes_many"],
];

pub fn measure(bench: &Bench, results: &mut Results) {
    let effort = &bench.options.effort;
    let inits: Vec<&Subject> = bench.inits().collect();
    for ((living, rounds), keys) in effort.living.into_iter().zip(effort.orphan_rounds).zip(KEYS) {
        let columns = vec![
            Column::new(keys[0], format!("orphans/s with {living} living children"), "", 0),
            Column::new(keys[1], format!("init CPU per orphan with {living}"), "µs", 2),
            Column::new(keys[2], format!("wake-ups per orphan with {living}"), "", 2),
        ];
        results.group("Orphans", columns);
        let samples =
            interleaved(inits.len(), rounds, |subject| sample(bench, inits[subject], living, effort.orphans));
        for (subject, samples) in inits.iter().zip(samples) {
            for (part, key) in keys.into_iter().enumerate() {
                let cell = samples.clone().and_then(|samples| {
                    Figure::of(samples.iter().map(|sample: &[f64; 3]| sample[part]).collect())
                });
                results.set(key, &subject.name, cell);
            }
        }
    }
}

fn sample(bench: &Bench, init: &Subject, living: usize, count: usize) -> Result<[f64; 3], String> {
    room_for(living + count)?;
    let command = bench.workload(init, &["orphans", &living.to_string(), &count.to_string()]);
    let instance = Instance::start(&command, bench.namespaces)?;
    instance.expect(b'r', LATER)?;
    let Work { time, answer, cpu_nanoseconds, sleeps } = work(&instance)?;
    if answer != b'd' {
        return Err("the kernel gives the program no more processes".to_owned());
    }
    let count = count as f64;
    Ok([count / time.as_secs_f64(), cpu_nanoseconds / count / 1e3, sleeps / count])
}
