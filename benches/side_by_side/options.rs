//! The command line, and how much is done for which of its wishes.

use std::path::PathBuf;
use std::time::Duration;

use crate::measures::ALL;

const HELP: &str = "\
Measures tini-rs side by side with the floor, the program alone and other inits.

    cargo bench -- [OPTIONS]

  --quick            fewer rounds and processes; ends within a minute
  --only MEASURE     only this one; may be given several times. One of:
                     MEASURES
  --init NAME=PATH   one more init; NAME begins with the name of the init that it is
                     invoked like (tini, dumb-init, catatonit, pid1, tini-rs), any other is
                     invoked as `PATH -- PROGRAM`
  --init FOLDER      every program in the folder, by its file's name
  --charts FOLDER    draw charts there, as SVG
  --cpu NUMBER       the one that everything runs on; the last one otherwise
  --help             this

INITS=NAME=PATH:FOLDER:... in the environment adds inits too. Those on PATH are found
by themselves. Needs Linux, rustc, and root or user namespaces. Prints Markdown on
standard output, and writes target/side_by_side.json.
";

/// The names of the measures.
fn measures() -> String {
    ALL.map(|(name, _)| name).join(", ")
}

pub fn help() -> String {
    HELP.replace("MEASURES", &measures())
}

pub struct Options {
    pub effort: Effort,
    pub only: Vec<String>,
    /// `NAME=PATH` or a folder, from the command line and the environment.
    pub inits: Vec<String>,
    pub charts: Option<PathBuf>,
    pub cpu: Option<usize>,
}

/// How often and with how many.
pub struct Effort {
    pub quick: bool,
    pub start_rounds: usize,
    pub fault_rounds: usize,
    pub memory_rounds: usize,
    pub instances: usize,
    pub latency_rounds: usize,
    pub end_rounds: usize,
    pub descendants: usize,
    pub crowded_end_rounds: usize,
    /// Other living children of the init, while it collects orphans.
    pub living: [usize; 3],
    pub orphans: usize,
    /// For each of those.
    pub orphan_rounds: [usize; 3],
    pub deaths: usize,
    pub burst_rounds: usize,
    pub idle: Duration,
}

impl Effort {
    const FULL: Self = Self {
        quick: false,
        start_rounds: 3000,
        fault_rounds: 301,
        memory_rounds: 5,
        instances: 200,
        latency_rounds: 5000,
        end_rounds: 500,
        descendants: 1000,
        crowded_end_rounds: 15,
        living: [0, 1000, 5000],
        orphans: 2000,
        orphan_rounds: [15, 9, 5],
        deaths: 20_000,
        burst_rounds: 5,
        idle: Duration::from_secs(10),
    };
    const QUICK: Self = Self {
        quick: true,
        start_rounds: 300,
        fault_rounds: 101,
        memory_rounds: 1,
        latency_rounds: 500,
        end_rounds: 50,
        crowded_end_rounds: 3,
        living: [0, 200, 1000],
        orphans: 1000,
        orphan_rounds: [5, 3, 3],
        deaths: 2000,
        burst_rounds: 3,
        idle: Duration::from_secs(3),
        ..Self::FULL
    };
}

impl Options {
    /// `Ok(None)` when help was asked for.
    pub fn read(arguments: impl IntoIterator<Item = String>) -> Result<Option<Self>, String> {
        let mut options =
            Self { effort: Effort::FULL, only: Vec::new(), inits: Vec::new(), charts: None, cpu: None };
        if let Ok(inits) = std::env::var("INITS") {
            options.inits.extend(inits.split(':').filter(|init| !init.is_empty()).map(str::to_owned));
        }
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let (name, mut attached) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name.to_owned(), Some(value.to_owned())),
                _ => (argument, None),
            };
            let mut value = || {
                attached.take().or_else(|| arguments.next()).ok_or_else(|| format!("{name} needs a value"))
            };
            match name.as_str() {
                // Cargo's own, for harnesses.
                "--bench" => {}
                "--quick" => options.effort = Effort::QUICK,
                "--only" => {
                    let measure = value()?;
                    if !ALL.iter().any(|(name, _)| *name == measure) {
                        return Err(format!("--only {measure}: one of {}", measures()));
                    }
                    options.only.push(measure);
                }
                "--init" => options.inits.push(value()?),
                "--charts" => options.charts = Some(value()?.into()),
                "--cpu" => {
                    let cpu = value()?;
                    options.cpu = Some(cpu.parse().map_err(|_| format!("--cpu {cpu}: a number"))?);
                }
                "--help" | "-h" => return Ok(None),
                _ => return Err(format!("{name}: no such option; --help tells which there are")),
            }
            if attached.is_some() {
                return Err(format!("{name} takes no value"));
            }
        }
        Ok(Some(options))
    }

    pub fn wants(&self, measure: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == measure)
    }
}
