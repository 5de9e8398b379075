//! The inits that this one can stand in for: what differs between them, as data.
//!
//! The name that the init is called by selects one. Where a peer has a bug, the
//! table has none: every personality but tini, whose users count on an exit at
//! once, gives the rest time to clean up.

use core::ffi::CStr;

use super::Reach;
use super::options::{NATIVE, Options, PID1};
use crate::exit::ExitCode;
use crate::sys::{Table, Text, table};

/// How an init of that name behaves.
pub struct Personality {
    /// The options it has.
    options: Options,
    /// The first lines of its help, with `%` for the version.
    pub(super) usage: &'static str,
    /// What it prints as its version.
    pub(super) version: Text<'static>,
    /// What each of its messages begins with, see [`crate::log::Stderr::new`].
    pub prefix: &'static str,
    /// Its messages.
    pub texts: &'static Texts,
    pub(super) reach: Reach,
    /// Without a grace period it leaves the rest behind when the program has ended.
    pub(super) exits_at_once: bool,
    /// How much more each `-v` says.
    pub(super) verbose: u8,
    /// Help goes to standard error.
    pub help_on_stderr: bool,
    /// The version goes to standard error.
    pub version_on_stderr: bool,
    /// It runs nothing, and of what it is given only `-v` counts.
    pub(super) pauses: bool,
    /// `-t=5` is `-t 5`.
    pub(super) letter_equals: bool,
    /// Not being PID 1 it becomes the program.
    pub execs_unless_pid_1: bool,
    /// The code for bad usage.
    pub usage_code: ExitCode,
    /// The codes for a program that was not found, and that can't be executed.
    pub exec_codes: [ExitCode; 2],
}

/// The messages that programs read. In each `%` stands for what is listed.
pub struct Texts {
    /// Name and error of a program that can't be executed.
    pub exec_failed: &'static str,
    /// Pid and name of the program.
    pub started: &'static str,
    /// Said when the program was given a session of its own.
    pub session: &'static str,
    /// A signal's number, and that of the one it is passed on as.
    pub rewritten: &'static str,
    /// A signal's number, name and sender.
    pub received: &'static str,
    /// A signal's number and name.
    pub forwarded: &'static str,
    /// Pid and end of any child.
    pub collected: &'static str,
    /// The program's code, pid and end.
    pub ended: &'static str,
    /// Ends are told with the number of the signal.
    pub by_number: bool,
}

const OWN_TEXTS: Texts = Texts {
    exec_failed: "exec % failed: %",
    started: "process % is %",
    session: "it has a session of its own",
    rewritten: "signal % is passed on as %",
    received: "received signal % (%) %",
    forwarded: "passed on signal % (%)",
    collected: "collected process %, which %",
    ended: "the program's code is %: process % %",
    by_number: false,
};

const DUMB_INIT_TEXTS: Texts = Texts {
    exec_failed: "%: %",
    started: "Child spawned with PID %.",
    session: "setsid complete.",
    rewritten: "Translating signal % to %.",
    received: "Received signal %.",
    forwarded: "Forwarded signal % to children.",
    collected: "A child with PID % %.",
    ended: "Child exited with status %. Goodbye.",
    by_number: true,
};

macro_rules! version {
    ($before:literal, $after:expr) => {
        match CStr::from_bytes_with_nul(concat!($before, env!("CARGO_PKG_VERSION"), $after, "\0").as_bytes())
        {
            Ok(version) => Text::from(version),
            Err(_) => panic!(),
        }
    };
}

/// dockerd reads version and commit from exactly this; the commit is missing where the
/// build knew none.
const TINI_VERSION: Text = version!("tini version ", concat!(" (tini-rs)", env!("TINI_RS_COMMIT")));

const OWN: Personality = Personality {
    options: Options { table: NATIVE, letters: "" },
    usage: "Usage: tini-rs [OPTIONS] [--] PROGRAM [ARGS...]\n",
    version: TINI_VERSION,
    prefix: "[^ tini-rs (@)] ",
    texts: &OWN_TEXTS,
    reach: Reach::Group,
    exits_at_once: false,
    verbose: 1,
    help_on_stderr: false,
    version_on_stderr: false,
    pauses: false,
    letter_equals: false,
    execs_unless_pid_1: false,
    usage_code: ExitCode::FAILURE,
    exec_codes: [ExitCode::NOT_FOUND, ExitCode::CANNOT_EXECUTE],
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
        options: Options { table: NATIVE, letters: "hspvwgelV" },
        usage: "tini (%)\nUsage: tini [OPTIONS] PROGRAM -- [ARGS] | --version\n",
        prefix: "[$ tini (@)] ",
        reach: Reach::Leader,
        exits_at_once: true,
        ..OWN
    },
    Personality {
        options: Options { table: NATIVE, letters: "crvhV" },
        usage: "%\nUsage: dumb-init [option] command [[arg] ...]\n",
        version: version!("dumb-init v", ""),
        prefix: "[dumb-init] ",
        texts: &DUMB_INIT_TEXTS,
        reach: Reach::Session,
        verbose: 3,
        help_on_stderr: true,
        version_on_stderr: true,
        exec_codes: [ExitCode::new(2); 2],
        ..OWN
    },
    Personality {
        options: Options { table: NATIVE, letters: "ghLPV" },
        usage: "usage: catatonit [-ghLPV] [--] <progname> [<arguments>...]\n",
        version: version!("tini version ", "_catatonit"),
        prefix: "% (catatonit:@): ",
        reach: Reach::Leader,
        help_on_stderr: true,
        exec_codes: [ExitCode::FAILURE; 2],
        ..OWN
    },
    Personality {
        options: Options { table: PID1, letters: "" },
        usage: "Usage: pid1 [OPTIONS] COMMAND [ARGS]...\n",
        version: version!("pid1 ", ""),
        prefix: "[pid1] ",
        reach: Reach::Program,
        letter_equals: true,
        execs_unless_pid_1: true,
        usage_code: ExitCode::new(2),
        ..OWN
    },
    Personality { version: version!("pause.c ", ""), prefix: "", pauses: true, ..OWN },
];

impl Personality {
    /// The options that it has.
    pub(super) fn options(&self) -> Options {
        self.options
    }

    /// The one whose name is the last part of the path `called`; the native one for
    /// any other name.
    #[must_use]
    pub fn of(called: Text) -> &'static Personality {
        let (mut name, mut rest) = (called, called);
        while !rest.is_empty() {
            let is_end = rest.take(b'/');
            if is_end {
                name = rest;
            } else {
                rest = rest.rest();
            }
        }
        let mut names = NAMES;
        let place = names.find(|row| name.is(row.rest().bytes())).map_or(0, Text::first);
        PERSONALITIES.get(usize::from(place)).unwrap_or(&PERSONALITIES[0])
    }
}
