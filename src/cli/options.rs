//! The tables of options: the one place where an option, its variable and its words
//! are written down. Parsing and `--help` read them.

use crate::text::parts;

/// What an option sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs, reason = "the tables say what each is")]
pub enum Setting {
    GracePeriod,
    ProcessGroup,
    SingleChild,
    Session,
    Subreaper,
    ParentDeathSignal,
    Rewrite,
    RemapExit,
    WarnOnReap,
    Verbose,
    Quiet,
    Pause,
    WaitAll,
    User,
    Group,
    Workdir,
    Env,
    License,
    Version,
    Help,
}

impl Setting {
    /// Its place in a set of settings.
    const fn bit(self) -> u32 {
        1u32.wrapping_shl(self as u32)
    }

    /// The settings that leave a variable for this one unread when an option has
    /// made one of them.
    pub(super) const fn overriding(self) -> u32 {
        const REACH: u32 = Setting::ProcessGroup.bit() | Setting::SingleChild.bit() | Setting::Session.bit();
        match self {
            Setting::ProcessGroup | Setting::SingleChild | Setting::Session => REACH,
            Setting::Verbose | Setting::Quiet => Setting::Verbose.bit() | Setting::Quiet.bit(),
            setting => setting.bit(),
        }
    }

    /// What its value can be, in words that follow "is not".
    pub(super) const fn accepted(self) -> &'static str {
        match self {
            Setting::GracePeriod => {
                "a time such as 10s, 500ms, 1m30s, a number of seconds, or 0 for no waiting"
            }
            Setting::ParentDeathSignal => "a signal such as TERM, SIGUSR1, RTMIN+3 or a number from 1 to 64",
            Setting::Rewrite => {
                "SIGNAL:SIGNAL, by name or number, 0 or none for dropping it (KILL, STOP and CHLD can't be rewritten)"
            }
            Setting::RemapExit => "CODE or CODE:CODE, each from 0 to 255",
            Setting::Verbose => "a number from 0 to 4",
            Setting::User | Setting::Group => "a numeric id, or UID:GID",
            Setting::Env => "NAME=VALUE",
            _ => "a value",
        }
    }
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// What it sets.
    pub setting: Setting,
    /// Its letter; a digit if it has none.
    pub letter: u8,
    /// Its long name, the name of its value, its variable and its help, separated
    /// by line feeds: one pointer, not four.
    words: &'static str,
}

impl Opt {
    /// Its long name, without dashes.
    #[must_use]
    pub fn long(&self) -> &'static [u8] {
        self.word(0)
    }

    /// What its value is called, empty if it takes none.
    #[must_use]
    pub fn value(&self) -> &'static [u8] {
        self.word(1)
    }

    /// The variable that sets the same, empty if there is none.
    #[must_use]
    pub fn variable(&self) -> &'static [u8] {
        self.word(2)
    }

    /// What `--help` says of it; nothing if it is not shown.
    #[must_use]
    pub fn help(&self) -> &'static [u8] {
        self.word(3)
    }

    #[inline(never)]
    fn word(&self, place: usize) -> &'static [u8] {
        parts(self.words.as_bytes(), b'\n').nth(place).unwrap_or_default()
    }
}

macro_rules! table {
    ($($setting:ident $letter:literal $long:literal $value:literal $variable:literal $help:literal)*) => {
        &[$(Opt {
            setting: Setting::$setting,
            letter: $letter,
            words: concat!($long, "\n", $value, "\n", $variable, "\n", $help),
        }),*]
    };
}

/// The native options, in the order of `--help`. Those of tini, dumb-init and
/// catatonit are among them.
#[rustfmt::skip]
pub const NATIVE: &[Opt] = table! {
    GracePeriod b't' "grace-period" "DURATION" "TINI_GRACE_PERIOD"
        "how long a shutdown may take: 10s, 500ms, 1m30s"
    ProcessGroup b'g' "process-group" "" "TINI_KILL_PROCESS_GROUP"
        "signals go to the program's process group"
    SingleChild b'c' "single-child" "" "TINI_SINGLE_CHILD"
        "signals go to the program alone"
    Session b'S' "session" "" "TINI_SESSION"
        "the program gets a session of its own"
    Subreaper b's' "subreaper" "" "TINI_SUBREAPER"
        "collect orphans when not PID 1 (default)"
    ParentDeathSignal b'p' "parent-death-signal" "SIG" "TINI_PARENT_DEATH_SIGNAL"
        "receive SIG when the parent dies"
    Rewrite b'r' "rewrite" "SIG:SIG" "TINI_REWRITE"
        "pass a signal on as another; 0 drops it"
    RemapExit b'e' "remap-exit" "CODE[:CODE]" "TINI_REMAP_EXIT"
        "exit with 0, or the second code, instead"
    WarnOnReap b'w' "warn-on-reap" "" "TINI_WARN_ON_REAP"
        "warn of each orphan collected"
    Verbose b'v' "verbose" "" "TINI_VERBOSITY"
        "say more, up to -vvv (0..4, default 1)"
    Quiet b'q' "quiet" "" "" "say less"
    Pause b'P' "pause" "" "TINI_PAUSE"
        "run nothing, collect orphans until TERM or INT"
    WaitAll b'W' "wait-all" "" "TINI_WAIT_ALL"
        "go on until the last process has ended"
    User b'1' "user" "UID[:GID]" "" "run the program as this user"
    Workdir b'2' "workdir" "DIR" "" "run the program in DIR"
    Env b'3' "env" "NAME=VALUE" "" "add to the program's environment"
    License b'l' "license" "" "" "print the licence"
    License b'L' "license" "" "" ""
    Version b'V' "version" "" "" "print the version"
    Help b'h' "help" "" "" "print this text"
};

/// The options of the pid1 binary, some of whose letters mean other things.
#[rustfmt::skip]
pub(super) const PID1: &[Opt] = table! {
    Workdir b'w' "workdir" "DIR" "" "run the program in DIR"
    GracePeriod b't' "timeout" "TIMEOUT" "" "seconds that a shutdown may take"
    Verbose b'v' "verbose" "" "" "say more"
    Env b'e' "env" "NAME=VALUE" "" "add to the program's environment"
    User b'u' "user-id" "UID" "" "run the program as this user"
    Group b'g' "group-id" "GID" "" "run the program as this group"
    Version b'V' "version" "" "" "print the version"
    Help b'h' "help" "" "" "print this text"
};

/// The one option of Kubernetes' pause, in both spellings.
#[rustfmt::skip]
pub(super) const PAUSE: &[Opt] = table! {
    Version b'v' "version" "" "" "print the version"
    Version b'V' "version" "" "" ""
};

/// Other inits' variables that mean the same as one of ours: the variable with the
/// value that counts (any, if it ends with `=`), and what it sets.
pub(super) const FOREIGN_VARIABLES: [(&str, Setting); 3] = [
    ("DUMB_INIT_SETSID=0", Setting::SingleChild),
    ("DUMB_INIT_DEBUG=1", Setting::Verbose),
    ("CATATONIT_DEBUG=", Setting::Verbose),
];
