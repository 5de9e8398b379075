//! The table of options: the one place where an option, its variable and its words
//! are written down. Parsing and `--help` read it.

/// What an option sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
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
    pub const fn bit(self) -> u32 {
        1u32.wrapping_shl(self as u32)
    }

    /// The settings that, made by an option, leave a variable for this one unread.
    pub const fn overriding(self) -> u32 {
        match self {
            Setting::ProcessGroup | Setting::SingleChild => Setting::ProcessGroup.bit() | Setting::SingleChild.bit(),
            Setting::Verbose | Setting::Quiet => Setting::Verbose.bit() | Setting::Quiet.bit(),
            setting => setting.bit(),
        }
    }

    /// What its value can be, in words that follow "is not".
    pub const fn accepted(self) -> &'static str {
        match self {
            Setting::GracePeriod => "a time such as 10s, 500ms, 1m30s, a number of seconds, or 0 for no waiting",
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
    pub setting: Setting,
    pub short: u8,
    pub long: &'static str,
    /// What its value is called, empty if it takes none.
    pub value: &'static str,
    /// The variable that sets the same, empty if there is none.
    pub variable: &'static str,
    pub help: &'static str,
}

/// The native options, in the order of `--help`.
#[rustfmt::skip]
pub const NATIVE: [Opt; 14] = [
    opt(Setting::GracePeriod, b't', "grace-period", "DURATION", "TINI_GRACE_PERIOD",
        "how long a shutdown may take: 10s, 500ms, 1m30s"),
    opt(Setting::ProcessGroup, b'g', "process-group", "", "TINI_KILL_PROCESS_GROUP",
        "signals go to the program's group (default)"),
    opt(Setting::SingleChild, b'c', "single-child", "", "TINI_SINGLE_CHILD",
        "signals go to the program alone"),
    opt(Setting::Subreaper, b's', "subreaper", "", "TINI_SUBREAPER",
        "collect orphans when not PID 1 (default)"),
    opt(Setting::ParentDeathSignal, b'p', "parent-death-signal", "SIG", "TINI_PARENT_DEATH_SIGNAL",
        "receive SIG when the parent dies"),
    opt(Setting::Rewrite, b'r', "rewrite", "SIG:SIG", "TINI_REWRITE",
        "pass a signal on as another; 0 drops it"),
    opt(Setting::RemapExit, b'e', "remap-exit", "CODE[:CODE]", "TINI_REMAP_EXIT",
        "exit with 0, or the second code, instead"),
    opt(Setting::WarnOnReap, b'w', "warn-on-reap", "", "TINI_WARN_ON_REAP",
        "warn of each orphan collected"),
    opt(Setting::Verbose, b'v', "verbose", "", "TINI_VERBOSITY",
        "say more, up to -vvv (0..4, default 1)"),
    opt(Setting::Quiet, b'q', "quiet", "", "", "say less"),
    opt(Setting::License, b'l', "license", "", "", "print the licence"),
    opt(Setting::License, b'L', "license", "", "", ""),
    opt(Setting::Version, b'V', "version", "", "", "print the version"),
    opt(Setting::Help, b'h', "help", "", "", "print this text"),
];

const fn opt(
    setting: Setting,
    short: u8,
    long: &'static str,
    value: &'static str,
    variable: &'static str,
    help: &'static str,
) -> Opt {
    Opt { setting, short, long, value, variable, help }
}

/// Other inits' variables that mean the same as one of ours: the variable, what it
/// sets, and the one value that counts (empty: any).
pub const FOREIGN_VARIABLES: [(&str, Setting, &str); 3] = [
    ("DUMB_INIT_SETSID", Setting::SingleChild, "0"),
    ("DUMB_INIT_DEBUG", Setting::Verbose, "1"),
    ("CATATONIT_DEBUG", Setting::Verbose, ""),
];
