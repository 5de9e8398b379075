//! How often an init that has nothing to do wakes up, all of them over the same time.

use super::Bench;
use crate::proc;
use crate::results::{Column, Figure, Results};

pub fn measure(bench: &Bench, results: &mut Results) {
    results.group("Orphans", vec![Column::new("idle", "idle wake-ups", "/s", 1)]);
    let time = bench.options.effort.idle;
    let instances: Vec<_> = bench.inits().map(|init| (init, bench.answering(init, 0))).collect();
    let sleeps = || -> Vec<Result<f64, String>> {
        let of_one = |instance: &Result<crate::launch::Instance, String>| {
            proc::activity(instance.as_ref().map_err(String::clone)?.pid).map(|activity| activity.sleeps)
        };
        instances.iter().map(|(_, instance)| of_one(instance)).collect()
    };
    let before = sleeps();
    std::thread::sleep(time);
    for (((init, _), before), after) in instances.iter().zip(before).zip(sleeps()) {
        let rate = before.and_then(|before| Ok((after? - before) / time.as_secs_f64()));
        results.set("idle", &init.name, rate.map(Figure::exact));
    }
}
