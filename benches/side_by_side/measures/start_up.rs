//! How long it takes longer than the program alone: from the clone that makes the
//! namespace until PID 1 has been waited for, with a program that ends at once.

use std::time::Instant;

use super::{Bench, LATER, over_the_first};
use crate::launch::{Command, Limit, launch, wait_within};
use crate::results::{Column, Figure, Results};
use crate::rounds::interleaved;
use crate::subjects::{Kind, Subject};

const WARM_UP: usize = 5;

pub fn measure(bench: &Bench, results: &mut Results) {
    let columns = vec![
        Column::new("start_up", "start-up over the program alone", "µs", 1).with_spread(),
        Column::new("start_up_ratio", "start-up, times the floor's", "", 2),
    ];
    results.group("Start", columns);
    let subjects: Vec<&Subject> = bench.subjects.iter().collect();
    let commands: Vec<Command> = subjects.iter().map(|subject| bench.nothing(subject)).collect();
    let samples = interleaved(subjects.len(), WARM_UP + bench.options.effort.start_rounds, |subject| {
        let _limit = Limit::of(LATER);
        let start = Instant::now();
        let end = wait_within(launch(&commands[subject], bench.namespaces, [None, None], false)?)?;
        let time = start.elapsed();
        match end.status {
            0 => Ok(time.as_secs_f64() * 1e6),
            status => Err(format!("does not run the program, status {status:#x}")),
        }
    });
    let samples = samples.into_iter().map(|samples| samples.map(|all| all[WARM_UP..].to_vec())).collect();
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
