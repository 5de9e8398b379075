//! What can be counted of a run with a program that ends at once: system calls and
//! instructions of the init, and of its child up to the program's exec; page faults, of
//! which there is one more or less with where the kernel happens to put the stack.

use super::{Bench, LATER, over_the_first};
use crate::launch::{Command, Limit, launch, wait_within};
use crate::results::{Cell, Column, Figure, Results};
use crate::rounds::interleaved;
use crate::subjects::Subject;
use crate::trace::{Stops, count};

pub fn measure(bench: &Bench, results: &mut Results) {
    let columns = vec![
        Column::count("calls", "system calls"),
        Column::count("calls_before", "system calls before the program's exec"),
        Column::count("calls_after", "system calls after its end"),
        Column::count("instructions", "user instructions"),
        Column::new("faults", "page faults over the program alone, mean", "", 1),
    ];
    results.group("Start", columns);
    for subject in bench.inits() {
        let command = bench.nothing(subject);
        let counted = count(&command, bench.namespaces, Stops::SystemCalls);
        let mut set = |key, value: Result<u64, &String>| {
            let cell: Cell = value.map(|value| Figure::exact(value as f64)).map_err(String::clone);
            results.set(key, &subject.name, cell);
        };
        set("calls", counted.as_ref().map(|counts| counts.calls));
        set("calls_before", counted.as_ref().map(|counts| counts.before));
        set("calls_after", counted.as_ref().map(|counts| counts.after));
        let stepped = count(&command, bench.namespaces, Stops::Instructions);
        set("instructions", stepped.as_ref().map(|counts| counts.instructions));
    }
    page_faults(bench, results);
}

fn page_faults(bench: &Bench, results: &mut Results) {
    let subjects: Vec<&Subject> = bench.subjects.iter().collect();
    let commands: Vec<Command> = subjects.iter().map(|subject| bench.nothing(subject)).collect();
    let samples = interleaved(subjects.len(), bench.options.effort.fault_rounds, |subject| {
        let _limit = Limit::of(LATER);
        let end = wait_within(launch(&commands[subject], bench.namespaces, [None, None], false)?)?;
        Ok(end.page_faults as f64)
    });
    let over = over_the_first(samples);
    for (subject, samples) in subjects.iter().zip(over).filter(|(subject, _)| subject.is_init()) {
        results.set("faults", &subject.name, samples.and_then(Figure::mean_of));
    }
}
