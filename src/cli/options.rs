//! The table of options: the one place where an option, its variable and its words
//! are written down. Parsing and `--help` read it.

use crate::text::cut;

/// What an option sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs, reason = "the table says what each is")]
pub enum Setting {
    GracePeriod,
    ProcessGroup,
    SingleChild,
    Subreaper,
    ParentDeathSignal,
    Rewrite,
    RemapExit,
    WarnOnReap,
    Verbose,
    Quiet,
    License,
    Version,
    Help,
}

impl Setting {
    /// Its place in a set of settings.
    pub(super) const fn bit(self) -> u32 {
        1u32.wrapping_shl(self as u32)
    }

    /// The settings that, made by an option, leave a variable for this one unread.
    pub(super) const fn overriding(self) -> u32 {
        match self {
            Setting::ProcessGroup | Setting::SingleChild => {
                Setting::ProcessGroup.bit() | Setting::SingleChild.bit()
            }
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
            _ => "",
        }
    }
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// What it sets.
    pub setting: Setting,
    /// Its letter.
    pub short: u8,
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
    fn word(&self, place: u32) -> &'static [u8] {
        let mut rest = self.words.as_bytes();
        for _ in 0..place {
            rest = cut(rest, b'\n').1.unwrap_or_default();
        }
        cut(rest, b'\n').0
    }
}

macro_rules! table {
    ($($setting:ident $short:literal $long:literal $value:literal $variable:literal $help:literal)*) => {
        [$(Opt {
            setting: Setting::$setting,
            short: $short,
            words: concat!($long, "\n", $value, "\n", $variable, "\n", $help),
        }),*]
    };
}

/// The native options, in the order of `--help`.
#[rustfmt::skip]
pub const NATIVE: [Opt; 14] = table! {
    GracePeriod b't' "grace-period" "DURATION" "TINI_GRACE_PERIOD"
        "how long a shutdown may take: 10s, 500ms, 1m30s"
    ProcessGroup b'g' "process-group" "" "TINI_KILL_PROCESS_GROUP"
        "signals go to the program's group (default)"
    SingleChild b'c' "single-child" "" "TINI_SINGLE_CHILD"
        "signals go to the program alone"
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
    License b'l' "license" "" "" "print the licence"
    License b'L' "license" "" "" ""
    Version b'V' "version" "" "" "print the version"
    Help b'h' "help" "" "" "print this text"
};

/// Other inits' variables that mean the same as one of ours: the variable with the
/// value that counts (any, if it ends with `=`), and what it sets.
pub(super) const FOREIGN_VARIABLES: [(&str, Setting); 3] = [
    ("DUMB_INIT_SETSID=0", Setting::SingleChild),
    ("DUMB_INIT_DEBUG=1", Setting::Verbose),
    ("CATATONIT_DEBUG=", Setting::Verbose),
];
