//! What is measured. Each measure adds its columns and a cell for each subject.

pub mod burst;
pub mod counts;
pub mod end;
pub mod file;
pub mod idle;
pub mod latency;
pub mod memory;
pub mod orphans;
pub mod start_up;

use std::time::{Duration, Instant};

use crate::launch::{Command, Instance, Limit};
use crate::machine::room_for;
use crate::options::Options;
use crate::proc;
use crate::programs::Programs;
use crate::results::{Figure, Results};
use crate::subjects::{Kind, Subject};

pub type Measure = fn(&Bench, &mut Results);

/// All of them, by the names that `--only` takes.
pub const ALL: [(&str, Measure); 9] = [
    ("file", file::measure),
    ("start-up", start_up::measure),
    ("counts", counts::measure),
    ("memory", memory::measure),
    ("latency", latency::measure),
    ("end", end::measure),
    ("orphans", orphans::measure),
    ("burst", burst::measure),
    ("idle", idle::measure),
];

/// How long anything may take that ought to take no time.
pub const SOON: Duration = Duration::from_secs(5);
/// The same where others may keep the CPU busy.
pub const LATER: Duration = Duration::from_secs(20);
/// How long the work with thousands of processes may take.
pub const AT_LAST: Duration = Duration::from_secs(60);

/// Everything that a measure needs.
pub struct Bench {
    pub options: Options,
    /// The program alone is the first one.
    pub subjects: Vec<Subject>,
    pub programs: Programs,
    /// Flags of clone(2): the namespaces that each init is started in.
    pub namespaces: libc::c_int,
}

impl Bench {
    /// The name of the first one of this kind.
    pub fn named(&self, kind: Kind) -> &str {
        self.subjects.iter().find(|subject| subject.kind == kind).map_or("", |subject| &subject.name)
    }

    pub fn inits(&self) -> impl Iterator<Item = &Subject> {
        self.subjects.iter().filter(|subject| subject.is_init())
    }

    /// Runs the program that ends at once.
    pub fn nothing(&self, subject: &Subject) -> Command {
        Command::new(subject.command_line(&self.programs.nothing, &[]))
    }

    pub fn workload(&self, subject: &Subject, arguments: &[&str]) -> Command {
        Command::new(subject.command_line(&self.programs.workload, arguments))
    }

    /// Starts an init whose program answers signals and has so many children; returns when
    /// all of them wait.
    pub fn answering(&self, subject: &Subject, children: usize) -> Result<Instance, String> {
        room_for(children)?;
        let command = self.workload(subject, &["answer", &children.to_string()]);
        let instance = Instance::start(&command, self.namespaces)?;
        instance.expect(b'r', LATER)?;
        instance.settle()?;
        Ok(instance)
    }
}

/// Enters what an interleaved measure gave for each subject.
pub fn enter(
    results: &mut Results,
    key: &'static str,
    subjects: &[&Subject],
    samples: Vec<Result<Vec<f64>, String>>,
) {
    for (subject, samples) in subjects.iter().zip(samples) {
        results.set(key, &subject.name, samples.and_then(Figure::of));
    }
}

/// The same as more than the first subject, which is the program alone, round by round.
pub fn over_the_first(samples: Vec<Result<Vec<f64>, String>>) -> Vec<Result<Vec<f64>, String>> {
    let alone = samples.first().cloned().unwrap_or(Ok(Vec::new()));
    let over = |own: Vec<f64>| -> Result<Vec<f64>, String> {
        let alone = alone.as_ref().map_err(|reason| format!("the program alone {reason}"))?;
        Ok(own.iter().zip(alone).map(|(own, alone)| own - alone).collect())
    };
    samples.into_iter().map(|own| own.and_then(over)).collect()
}

/// What a workload that was told to begin took, until it said that it is done.
pub struct Work {
    pub time: Duration,
    /// What it said.
    pub answer: u8,
    /// What the init did for it.
    pub cpu_nanoseconds: f64,
    pub sleeps: f64,
}

/// Lets the workload of `instance`, which waits for that, do its work.
pub fn work(instance: &Instance) -> Result<Work, String> {
    instance.settle()?;
    let before = proc::activity(instance.pid)?;
    let limit = Limit::of(AT_LAST);
    let start = Instant::now();
    instance.say()?;
    let answer = instance.hear()?;
    let time = start.elapsed();
    drop(limit);
    instance.settle()?;
    let after = proc::activity(instance.pid)?;
    let cpu_nanoseconds = after.cpu_nanoseconds - before.cpu_nanoseconds;
    Ok(Work { time, answer, cpu_nanoseconds, sleeps: after.sleeps - before.sleeps })
}
