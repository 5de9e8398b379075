//! How long it takes longer than the program alone: from the clone that makes the
//! namespace until PID 1 has been waited for, with a program that ends at once.

use std::time::Instant;

use super::{Bench, LATER, over_the_first};
use crate::launch::{Command, Limit, launch, own_cpu, wait_within};
use crate::results::{Column, Figure, Results};
use crate::rounds::interleaved;
use crate::subjects::{Kind, Subject};

const WARM_UP: usize = 5;
/// A run in which somebody else had the CPU for so many microseconds says nothing, and is
/// done again, this often; on a machine that is never quiet the shortest one counts.
const DISTURBED: f64 = 40.0;
const TRIES: usize = 10;

pub fn measure(bench: &Bench, results: &mut Results) {
    let columns = vec![
        Column::new("start_up", "start-up over the program alone", "µs", 1).with_spread(),
        Column::new("start_up_ratio", "start-up, times the floor's", "", 2),
    ];
    results.group("Start", columns);
    let subjects: Vec<&Subject> = bench.subjects.iter().collect();
    let commands: Vec<Command> = subjects.iter().map(|subject| bench.nothing(subject)).collect();
    let samples = interleaved(subjects.len(), WARM_UP + bench.options.effort.start_rounds, |subject| {
        let mut shortest = f64::INFINITY;
        for _ in 0..TRIES {
            let (time, elsewhere) = run_once(bench, &commands[subject])?;
            shortest = shortest.min(time);
            if elsewhere < DISTURBED {
                return Ok(time);
            }
        }
        Ok(shortest)
    });
    let samples = samples
        .into_iter()
        .map(|samples| samples.map(|all| all.into_iter().skip(WARM_UP).collect()))
        .collect();
    let over = over_the_first(samples);
    let figures: Vec<_> = over.into_iter().map(|samples| samples.and_then(Figure::of)).collect();
    let floor = subjects.iter().position(|subject| subject.kind == Kind::Floor);
    let floor = floor.and_then(|at| figures[at].as_ref().ok()).map(|figure| figure.median);
    for (subject, figure) in subjects.iter().zip(figures).filter(|(subject, _)| subject.is_init()) {
        if let (Ok(figure), Some(floor)) = (&figure, floor) {
            results.set("start_up_ratio", &subject.name, Ok(Figure::exact(figure.median / floor)));
        }
        results.set("start_up", &subject.name, figure);
    }
}

/// How long it took, and how much of that neither the benchmark nor what it started had
/// the CPU, in microseconds.
fn run_once(bench: &Bench, command: &Command) -> Result<(f64, f64), String> {
    let _limit = Limit::of(LATER);
    let own_before = own_cpu();
    let start = Instant::now();
    let end = wait_within(launch(command, bench.namespaces, [None, None], false)?)?;
    let time = start.elapsed();
    if end.status != 0 {
        return Err(format!("does not run the program, status {:#x}", end.status));
    }
    let cpu = own_cpu().saturating_sub(own_before) + end.cpu;
    Ok((time.as_secs_f64() * 1e6, time.saturating_sub(cpu).as_secs_f64() * 1e6))
}
