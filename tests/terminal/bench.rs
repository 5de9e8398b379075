//! The inits that are put to the test, how each is told what to do, and what a case is.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::{find_tool, init_path, no_containers};

/// How the init places its program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// As it does when it is told nothing.
    Default,
    /// In a session of its own.
    Session,
    /// In the init's own process group.
    Left,
}

/// What may be put between a shell and its program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Ours,
    /// The program is started as it is: what a terminal does by itself.
    None,
    Tini,
    DumbInit,
    Catatonit,
}

/// Those that ours is compared with, in the order of the table.
pub const PEERS: [Kind; 4] = [Kind::None, Kind::Tini, Kind::DumbInit, Kind::Catatonit];

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Ours => "tini-rs",
            Kind::None => "no init",
            Kind::Tini => "tini",
            Kind::DumbInit => "dumb-init",
            Kind::Catatonit => "catatonit",
        }
    }

    /// Its executable; none if it needs none, or is not installed.
    pub fn path(self) -> Option<PathBuf> {
        match self {
            Kind::Ours => Some(init_path()),
            Kind::None => None,
            peer => find_tool(peer.name()),
        }
    }

    pub fn is_here(self) -> bool {
        self == Kind::None || self.path().is_some()
    }

    /// The options by which it works like this; none if it can't.
    fn options(self, mode: Mode, is_pid_1: bool) -> Option<&'static [&'static str]> {
        Some(match (self, mode) {
            (Kind::Ours, Mode::Session) => &["-S"],
            (Kind::Ours | Kind::DumbInit, Mode::Left) => &["-c"],
            // It warns otherwise that it can't reap, which is not the question here.
            (Kind::Tini, Mode::Default) if !is_pid_1 => &["-s"],
            (_, Mode::Default) | (Kind::DumbInit, Mode::Session) => &[],
            _ => return None,
        })
    }
}

/// Why a case did not come to its end as it should.
#[derive(Debug)]
pub enum Stop {
    /// The promise is broken.
    Failed(String),
    /// Something is missing that has nothing to do with the init.
    Skipped(String),
    /// It is not for this init, which has no such mode.
    NotForIt,
}

impl From<String> for Stop {
    fn from(what: String) -> Self {
        Stop::Failed(what)
    }
}

pub type Verdict<T = ()> = Result<T, Stop>;

/// One init in one mode, and how long it may take for each step.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    pub init: Kind,
    pub mode: Mode,
    pub limit: Duration,
}

impl Bench {
    /// The words that start a program below the init.
    pub fn words(&self, is_pid_1: bool) -> Verdict<Vec<OsString>> {
        let options = self.init.options(self.mode, is_pid_1).ok_or(Stop::NotForIt)?;
        let Some(path) = self.init.path() else { return Ok(Vec::new()) };
        let options = options.iter().map(OsString::from);
        Ok([path.into_os_string()].into_iter().chain(options).chain(["--".into()]).collect())
    }
}

/// A promise, and how it is put to the test.
pub struct Case {
    pub name: &'static str,
    pub mode: Mode,
    pub run: fn(&Bench) -> Verdict,
}

impl Case {
    pub fn run(&self, init: Kind, limit: Duration) -> Verdict {
        (self.run)(&Bench { init, mode: self.mode, limit })
    }
}

/// Stops a case that needs a PID namespace where there can be none.
pub fn need_namespaces() -> Verdict {
    no_containers().map_or(Ok(()), |why| Err(Stop::Skipped(why.to_owned())))
}

/// Stops a case that needs a program which is not installed.
pub fn need(tool: &str) -> Verdict<PathBuf> {
    find_tool(tool).ok_or_else(|| Stop::Skipped(format!("{tool} is not installed")))
}
