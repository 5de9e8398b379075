//! The tables of options: the one place where an option and its words are written
//! down. A line of `--help` is the definition; letter, name and value are read from
//! it, and the variable is the name with another spelling.

use crate::sys::Text;
use crate::text::{Line, Parts, Piece, cut, parts};

/// What an option sets. Down to the first that is said not to, each has a variable,
/// `TINI_` and its long name: `TINI_GRACE_PERIOD`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
#[allow(missing_docs, reason = "the tables say what each is")]
pub enum Setting {
    GracePeriod,
    SingleChild,
    Session,
    Subreaper,
    ParentDeathSignal,
    Rewrite,
    RemapExit,
    WarnOnReap,
    Pause,
    WaitAll,
    /// From here on without such a variable.
    ProcessGroup,
    Verbose,
    Quiet,
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
        const VERBOSITY: u32 = Setting::Verbose.bit() | Setting::Quiet.bit();
        let bit = self.bit();
        match bit {
            _ if REACH & bit != 0 => REACH,
            _ if VERBOSITY & bit != 0 => VERBOSITY,
            _ => bit,
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
                "SIGNAL:SIGNAL, by name or number, 0 or none to drop it (not for KILL, STOP, CHLD)"
            }
            Setting::RemapExit => "CODE or CODE:CODE, each from 0 to 255",
            Setting::Verbose => "a number, 0 to 4",
            Setting::Env => "NAME=VALUE",
            _ => "a number, or UID:GID",
        }
    }
}

/// A table: lines of `--help`, and what each of them sets.
pub struct Table {
    lines: &'static str,
    settings: &'static [Setting],
}

impl Table {
    /// Its options from top to bottom, those with one of `letters`; with none, all.
    pub fn options(&self, letters: &'static str) -> Options {
        let lines = parts(self.lines.as_bytes(), b'\n');
        Options { lines, settings: self.settings.iter(), letters: letters.as_bytes() }
    }
}

/// Over the options of a table.
pub struct Options {
    lines: Parts<'static>,
    settings: core::slice::Iter<'static, Setting>,
    letters: &'static [u8],
}

impl Iterator for Options {
    type Item = Opt;

    #[inline(never)]
    fn next(&mut self) -> Option<Opt> {
        loop {
            let option = Opt { setting: *self.settings.next()?, line: self.lines.next()? };
            let letter = option.letter();
            if self.letters.is_empty() || cut(self.letters, letter).1.is_some() {
                return Some(option);
            }
        }
    }
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// What it sets.
    pub setting: Setting,
    /// Its line of `--help`.
    pub line: &'static [u8],
}

impl Opt {
    /// Its letter, a blank if it has none.
    #[must_use]
    pub fn letter(self) -> u8 {
        self.line.get(1).copied().unwrap_or_default()
    }

    /// How it is written, and what it does.
    pub(super) fn columns(self) -> (&'static [u8], &'static [u8]) {
        let (written, does) = cut(self.line, b'\t');
        (written, does.unwrap_or_default())
    }

    /// Its long name, without dashes, and whether it takes a value.
    #[must_use]
    #[inline(never)]
    pub fn long(self) -> (&'static [u8], bool) {
        let (name, value) = cut(self.columns().0.get("-x, --".len()..).unwrap_or_default(), b' ');
        (name, value.is_some())
    }

    /// The value of `variable`, without its `TINI_`, if it is this option's.
    pub(super) fn value_of<'a>(self, variable: Text<'a>) -> Option<Text<'a>> {
        let mut rest = variable;
        for letter in self.long().0 {
            let letter = if *letter == b'-' { b'_' } else { letter.to_ascii_uppercase() };
            rest = rest.strip_prefix(&[letter])?;
        }
        rest.strip_prefix(b"=").filter(|_| self.setting < Setting::ProcessGroup)
    }
}

/// `-t (--grace-period)`, `--user`
impl Piece for Opt {
    fn write(&self, line: &mut Line) {
        let (long, _) = self.long();
        match self.letter() {
            b' ' => line.fill("--%", &[&long]),
            letter => line.fill("-% (--%)", &[&&[letter][..], &long]),
        }
    }
}

/// The native options. Those of tini, dumb-init and catatonit are among them.
pub static NATIVE: Table = Table {
    lines: "\
-t, --grace-period DURATION\thow long a shutdown may take: 10s, 500ms, 1m30s
-g, --process-group\tsignals go to the program's process group
-c, --single-child\tsignals go to the program alone
-S, --session\tthe program gets a session of its own
-s, --subreaper\tcollect orphans when not PID 1 (default)
-p, --parent-death-signal SIG\treceive SIG when the parent dies
-r, --rewrite SIG:SIG\tpass a signal on as another; 0 drops it
-e, --remap-exit CODE[:CODE]\texit with 0, or the second code, instead
-w, --warn-on-reap\twarn of each orphan collected
-v, --verbose\tsay more, up to -vvv
-q, --quiet\tsay less
-P, --pause\trun nothing, collect orphans until TERM or INT
-W, --wait-all\tgo on until the last process has ended
    --user UID[:GID]\trun the program as this user
    --workdir DIR\trun the program in DIR
    --env NAME=VALUE\tadd to the program's environment
-l, --license\tprint the licence
-L, --license\tprint the licence
-V, --version\tprint the version
-h, --help\tprint this text",
    settings: &[
        Setting::GracePeriod,
        Setting::ProcessGroup,
        Setting::SingleChild,
        Setting::Session,
        Setting::Subreaper,
        Setting::ParentDeathSignal,
        Setting::Rewrite,
        Setting::RemapExit,
        Setting::WarnOnReap,
        Setting::Verbose,
        Setting::Quiet,
        Setting::Pause,
        Setting::WaitAll,
        Setting::User,
        Setting::Workdir,
        Setting::Env,
        Setting::License,
        Setting::License,
        Setting::Version,
        Setting::Help,
    ],
};

/// What `--help` says below the native options.
pub(super) const VARIABLES: &str = "
Variables: TINI_GRACE_PERIOD=10s, TINI_WAIT_ALL=1 and so on; -g is
TINI_KILL_PROCESS_GROUP=1, -v is TINI_VERBOSITY=2 (0..4, default 1).
";

/// The options of the pid1 binary, some of whose letters mean other things.
pub(super) static PID1: Table = Table {
    lines: "\
-w, --workdir DIR\trun the program in DIR
-t, --timeout TIMEOUT\thow long a shutdown may take
-v, --verbose\tsay more
-e, --env NAME=VALUE\tadd to the program's environment
-u, --user-id UID\trun the program as this user
-g, --group-id GID\trun the program as this group
-V, --version\tprint the version
-h, --help\tprint this text",
    settings: &[
        Setting::Workdir,
        Setting::GracePeriod,
        Setting::Verbose,
        Setting::Env,
        Setting::User,
        Setting::Group,
        Setting::Version,
        Setting::Help,
    ],
};

/// Variables with names of their own, ours and other inits': the variable with the
/// value that counts (any, if it ends with `=`), and what it sets.
pub(super) static VARIABLES_BY_NAME: [(&str, Setting); 5] = [
    ("TINI_KILL_PROCESS_GROUP=", Setting::ProcessGroup),
    ("TINI_VERBOSITY=", Setting::Verbose),
    ("DUMB_INIT_SETSID=0", Setting::SingleChild),
    ("DUMB_INIT_DEBUG=1", Setting::Verbose),
    ("CATATONIT_DEBUG=", Setting::Verbose),
];
