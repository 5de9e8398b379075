//! Memory of an init that waits: what it shares with nobody, and what the kernel charges
//! for having it, with one instance and with many of the same file.

use super::{Bench, LATER, over_the_first};
use crate::cgroup::Cgroup;
use crate::launch::{Instance, Limit, hear, pipe, settle};
use crate::machine::room_for;
use crate::proc;
use crate::results::{Column, Figure, Results};
use crate::rounds::interleaved;
use crate::subjects::Subject;

/// A sample of each of the four.
struct Memory {
    private_one: f64,
    private_many: f64,
    charged: Result<(f64, f64), String>,
}

pub fn measure(bench: &Bench, results: &mut Results) {
    let many = bench.options.effort.instances;
    let columns = vec![
        Column::new("private_one", "private, one instance", "KiB", 1),
        Column::new("private_many", format!("private, each of {many} instances"), "KiB", 1),
        Column::new("charged_one", "charged to a cgroup over the program alone, one instance", "KiB", 0),
        Column::new("charged_many", format!("charged, each of {many} instances"), "KiB", 1),
    ];
    results.group("Memory, waiting", columns);
    let subjects: Vec<&Subject> = bench.subjects.iter().collect();
    let samples = interleaved(subjects.len(), bench.options.effort.memory_rounds, |subject| {
        sample(bench, subjects[subject])
    });

    let part = |which: &dyn Fn(&Memory) -> Result<f64, String>| -> Vec<Result<Vec<f64>, String>> {
        let of_one = |all: &Vec<Memory>| all.iter().map(which).collect();
        samples.iter().map(|all| all.as_ref().map_err(String::clone).and_then(of_one)).collect()
    };
    let charged = |which: fn(&(f64, f64)) -> f64| {
        over_the_first(part(&|memory| memory.charged.as_ref().map(which).map_err(String::clone)))
    };
    let of_all = [
        ("private_one", part(&|memory| Ok(memory.private_one))),
        ("private_many", part(&|memory| Ok(memory.private_many))),
        ("charged_one", charged(|(one, _)| *one)),
        ("charged_many", charged(|(_, many)| *many)),
    ];
    for (key, samples) in of_all {
        for (subject, samples) in subjects.iter().zip(samples).filter(|(subject, _)| subject.is_init()) {
            results.set(key, &subject.name, samples.and_then(Figure::of));
        }
    }
}

fn sample(bench: &Bench, subject: &Subject) -> Result<Memory, String> {
    room_for(2 * bench.options.effort.instances)?;
    // All of one round, so that the first is one and the rest makes them many.
    let command = bench.workload(subject, &["answer", "0"]);
    let (from_program, to_bench) = pipe()?;
    let cgroup = Cgroup::new();
    // Dropped before the cgroup is, which has to be empty then.
    let mut instances = Vec::new();
    let mut start = |count: usize| -> Result<(), String> {
        while instances.len() < count {
            let _limit = Limit::of(LATER);
            let instance = Instance::writing_to(&command, bench.namespaces, &to_bench)?;
            hear(&from_program)?;
            settle(instance.pid)?;
            instances.push(instance);
        }
        Ok(())
    };

    let count = bench.options.effort.instances;
    let charged = match &cgroup {
        Ok(cgroup) => {
            let charged = |start: &mut dyn FnMut(usize) -> Result<(), String>| {
                cgroup.enter()?;
                let nobody = cgroup.charged_kib()?;
                start(1)?;
                let one = cgroup.charged_kib()?;
                start(count)?;
                let many = cgroup.charged_kib()?;
                cgroup.leave()?;
                Ok((one - nobody, (many - nobody) / count as f64))
            };
            charged(&mut start)
        }
        Err(reason) => Err(format!("skipped: {reason}")),
    };
    start(count)?;
    let sum = instances.iter().map(|instance| proc::private_kib(instance.pid)).sum::<Result<f64, _>>()?;
    instances.truncate(1);
    let private_one =
        instances.first().ok_or("no instance").map(|instance| proc::private_kib(instance.pid))??;
    drop(instances);
    Ok(Memory { private_one, private_many: sum / count as f64, charged })
}
