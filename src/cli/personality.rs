//! The inits that this one can stand in for: what differs between them, as data.
//!
//! The name that the init is called by selects one. Where a peer has a bug, the
//! table has none: every personality but tini, whose users count on an exit at
//! once, gives the rest time to clean up.

use core::num::NonZeroU8;

use super::options::{NATIVE, Options, PID1};
use super::{Reach, Request};
use crate::exit::ExitCode;
use crate::packed::text;
use crate::sys::{Table, Text, table};
use crate::text::after;

/// How an init of that name behaves. With one byte more each would have eight more.
pub struct Personality {
    /// The options it has.
    options: Options,
    /// The first lines of its help, with `%` for the version.
    pub(super) usage: Text<'static>,
    /// What it prints as its version.
    pub(super) version: Text<'static>,
    /// What each of its messages begins with, see [`crate::log::Stderr::new`].
    pub prefix: Text<'static>,
    /// Its messages.
    pub texts: &'static Texts,
    pub(super) reach: Reach,
    /// Without a grace period it leaves the rest behind when the program has ended.
    pub(super) exits_at_once: bool,
    /// How much more each `-v` says.
    pub(super) verbose: u8,
    /// This and what is after it in [`Request`] is printed on standard error.
    pub stderr_from: Option<Request>,
    /// It runs nothing, and of what it is given only `-v` counts.
    pub(super) pauses: bool,
    /// It has the ways of pid1: `-t=5` is `-t 5`, and not being PID 1 it becomes the program.
    pub ways_of_pid1: bool,
    /// The code for bad usage.
    pub usage_code: ExitCode,
    /// The code for a program that can't be run, if that is not the shells'.
    pub exec_code: Option<NonZeroU8>,
}

/// The messages that programs read, as `say` in `log` takes them.
pub struct Texts {
    /// Name and error of a program that can't be executed.
    pub exec_failed: Text<'static>,
    /// Pid and name of the program.
    pub started: Text<'static>,
    /// Said when the program was given a session of its own.
    pub session: Text<'static>,
    /// A signal's number, and that of the one it is passed on as.
    pub rewritten: Text<'static>,
    /// A signal's number, the signal, and its sender as a name, of one that asks the
    /// program to end.
    pub asked: Text<'static>,
    /// The same of any other.
    pub received: Text<'static>,
    /// A signal's number, and the signal.
    pub forwarded: Text<'static>,
    /// Pid and end of any child.
    pub collected: Text<'static>,
    /// The program's code, its pid and its end.
    pub ended: Text<'static>,
}

const OWN_TEXTS: Texts = Texts {
    exec_failed: text!("0exec %n failed: %e"),
    started: text!("3process %d is %n"),
    session: text!("3it has a session of its own"),
    rewritten: text!("3signal %d is passed on as %d"),
    asked: text!("2received signal %d (%s) %n"),
    received: text!("3received signal %d (%s) %n"),
    forwarded: text!("3passed on signal %d (%s)"),
    collected: text!("3collected process %d, which %w"),
    ended: text!("2the program's code is %d: process %d %w"),
};

const DUMB_INIT_TEXTS: Texts = Texts {
    exec_failed: text!("0%n: %e"),
    started: text!("3Child spawned with PID %d."),
    session: text!("3setsid complete."),
    rewritten: text!("3Translating signal %d to %d."),
    asked: text!("3Received signal %d."),
    received: text!("3Received signal %d."),
    forwarded: text!("3Forwarded signal %d to children."),
    collected: text!("3A child with PID %d %W."),
    ended: text!("2Child exited with status %d. Goodbye."),
};

macro_rules! version {
    ($before:literal, $after:expr) => {
        Text::within(concat!($before, env!("CARGO_PKG_VERSION"), $after, "\0").as_bytes())
    };
}

/// dockerd reads version and commit from exactly this; the commit is missing where the
/// build knew none.
const TINI_VERSION: Text = version!("tini version ", concat!(" (tini-rs)", env!("TINI_RS_COMMIT")));

const OWN: Personality = Personality {
    options: Options { table: NATIVE, letters: Text::from(c"") },
    usage: text!("Usage: tini-rs [OPTIONS] [--] PROGRAM [ARGS...]"),
    version: TINI_VERSION,
    prefix: Text::from(c"[^ tini-rs (@)] "),
    texts: &OWN_TEXTS,
    reach: Reach::Group,
    exits_at_once: false,
    verbose: 1,
    stderr_from: None,
    pauses: false,
    ways_of_pid1: false,
    usage_code: ExitCode::FAILURE,
    exec_code: None,
};

/// The names that an init is called by, with the places of the personalities.
const NAMES: Table = table!(&[
    (1, "tini"),
    (1, "tini-static"),
    (1, "docker-init"),
    (2, "dumb-init"),
    (3, "catatonit"),
    (3, "podman-init"),
    (4, "pid1"),
    (5, "pause"),
]);

static PERSONALITIES: [Personality; 6] = [
    OWN,
    Personality {
        options: Options { table: NATIVE, letters: Text::from(c"hspvwgelV") },
        usage: text!("tini (%)\nUsage: tini [OPTIONS] PROGRAM -- [ARGS] | --version"),
        prefix: Text::from(c"[$ tini (@)] "),
        reach: Reach::Leader,
        exits_at_once: true,
        ..OWN
    },
    Personality {
        options: Options { table: NATIVE, letters: Text::from(c"crvhV") },
        usage: text!("%\nUsage: dumb-init [option] command [[arg] ...]"),
        version: version!("dumb-init v", ""),
        prefix: Text::from(c"[dumb-init] "),
        texts: &DUMB_INIT_TEXTS,
        reach: Reach::Session,
        verbose: 3,
        stderr_from: Some(Request::Version),
        exec_code: NonZeroU8::new(2),
        ..OWN
    },
    Personality {
        options: Options { table: NATIVE, letters: Text::from(c"ghLPV") },
        usage: text!("usage: catatonit [-ghLPV] [--] <progname> [<arguments>...]"),
        version: version!("tini version ", "_catatonit"),
        prefix: Text::from(c"% (catatonit:@): "),
        reach: Reach::Leader,
        stderr_from: Some(Request::Help),
        exec_code: NonZeroU8::new(1),
        ..OWN
    },
    Personality {
        options: Options { table: PID1, letters: Text::from(c"") },
        usage: text!("Usage: pid1 [OPTIONS] COMMAND [ARGS]..."),
        version: version!("pid1 ", ""),
        prefix: Text::from(c"[pid1] "),
        reach: Reach::Program,
        ways_of_pid1: true,
        usage_code: ExitCode::new(2),
        ..OWN
    },
    Personality { version: version!("pause.c ", ""), prefix: Text::from(c""), pauses: true, ..OWN },
];

impl Personality {
    /// The options that it has.
    pub(super) fn options(&self) -> Options {
        self.options
    }

    /// The one whose name is the last part of the path `called`; the native one for
    /// any other name.
    // In the large frame of a run each of its variables would be further away: 192 bytes.
    #[must_use]
    #[inline(never)]
    pub fn of(called: Text) -> &'static Personality {
        let mut name = called;
        while let Some(rest) = after(name, b'/') {
            name = rest;
        }
        let mut names = NAMES;
        let place = names.find(|row| name.is(row.rest())).map_or(0, Text::first);
        PERSONALITIES.get(usize::from(place)).unwrap_or(&PERSONALITIES[0])
    }
}
