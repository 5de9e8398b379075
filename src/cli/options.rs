//! The tables of options: the one place where an option and its words are written
//! down. A line of `--help` is the definition; letter, name and value are read from
//! it, and the variable is the name with another spelling.

use crate::packed::text;
use crate::sys::{Table, Text, table};
use crate::text::{Line, Piece, after};

/// What an option sets. Down to the first that is said not to, each has a variable,
/// `TINI_` and its long name: `TINI_GRACE_PERIOD`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Setting(u8);

#[allow(missing_docs, reason = "the tables say what each is")]
impl Setting {
    pub const GRACE_PERIOD: Setting = Setting(1);
    pub const SINGLE_CHILD: Setting = Setting(2);
    pub const SESSION: Setting = Setting(3);
    pub const SUBREAPER: Setting = Setting(4);
    pub const PARENT_DEATH_SIGNAL: Setting = Setting(5);
    pub const REWRITE: Setting = Setting(6);
    pub const REMAP_EXIT: Setting = Setting(7);
    pub const WARN_ON_REAP: Setting = Setting(8);
    pub const PAUSE: Setting = Setting(9);
    pub const WAIT_ALL: Setting = Setting(10);
    /// By its variable alone.
    pub const VERBOSITY: Setting = Setting(11);
    /// The same as [`Setting::PROCESS_GROUP`], by its variable.
    pub const KILL_PROCESS_GROUP: Setting = Setting(12);
    /// From here on without such a variable.
    pub const PROCESS_GROUP: Setting = Setting(13);
    pub const VERBOSE: Setting = Setting(14);
    pub const QUIET: Setting = Setting(15);
    pub const USER: Setting = Setting(16);
    pub const GROUP: Setting = Setting(17);
    pub const WORKDIR: Setting = Setting(18);
    pub const ENV: Setting = Setting(19);
    pub const LICENSE: Setting = Setting(20);
    pub const VERSION: Setting = Setting(21);
    pub const HELP: Setting = Setting(22);
}

impl Setting {
    /// Its place in a set of settings.
    pub(super) const fn bit(self) -> u32 {
        1u32.wrapping_shl(self.0 as u32)
    }

    /// The settings that leave a variable for this one unread when an option has
    /// made one of them.
    pub(super) const fn overriding(self) -> u32 {
        const REACH: u32 = Setting::PROCESS_GROUP.bit()
            | Setting::KILL_PROCESS_GROUP.bit()
            | Setting::SINGLE_CHILD.bit()
            | Setting::SESSION.bit();
        const VERBOSITY: u32 = Setting::VERBOSE.bit() | Setting::QUIET.bit() | Setting::VERBOSITY.bit();
        let bit = self.bit();
        match bit {
            _ if REACH & bit != 0 => REACH,
            _ if VERBOSITY & bit != 0 => VERBOSITY,
            _ => bit,
        }
    }

    /// What its value can be, in words that follow "takes".
    pub(super) fn accepted(self) -> Text<'static> {
        ACCEPTED.row(self.0).unwrap_or(text!("no value"))
    }
}

const ACCEPTED: Table = table!(&[
    (Setting::GRACE_PERIOD.0, "", "a time such as 10s, 500ms, 1m30s, or 0 for no waiting"),
    (Setting::PARENT_DEATH_SIGNAL.0, "", "a signal such as TERM, RTMIN+3, or 1 to 64"),
    (Setting::REWRITE.0, "", "SIGNAL:SIGNAL, or SIGNAL:0 to drop it; not for KILL, STOP, CHLD"),
    (Setting::REMAP_EXIT.0, "", "CODE or CODE:CODE, each from 0 to 255"),
    (Setting::VERBOSITY.0, "", "a number, 0 to 4"),
    (Setting::ENV.0, "", "NAME=VALUE"),
    (Setting::WORKDIR.0, "", "a directory"),
    (Setting::USER.0, "", "a number, or UID:GID"),
    (Setting::GROUP.0, "", "a number"),
]);

/// One option: what it sets, and its line of `--help`.
#[derive(Clone, Copy, Debug)]
pub struct Opt(pub(super) Text<'static>);

/// Over the options of a table from top to bottom: those with one of the letters; with
/// none, all.
#[derive(Clone, Copy)]
pub struct Options {
    pub(super) table: Table,
    pub(super) letters: Text<'static>,
}

impl Iterator for Options {
    type Item = Opt;

    fn next(&mut self) -> Option<Opt> {
        let Options { table, letters } = self;
        let mut options = table.map(Opt);
        options.find(|option| letters.is_empty() || letters.has(option.letter()))
    }
}

impl Opt {
    /// What it sets.
    #[must_use]
    pub fn setting(self) -> Setting {
        Setting(self.0.first())
    }

    /// Its letter, a blank if it has none.
    #[must_use]
    pub fn letter(self) -> u8 {
        self.line().rest().first()
    }

    /// Its line, from how it is written on.
    fn line(self) -> Text<'static> {
        self.0.rest()
    }

    /// What it does: if its line does not say that, as the first native option of that
    /// setting does.
    pub(super) fn does(self) -> Option<Text<'static>> {
        after(self.line(), b'\t').or_else(|| after(NATIVE.row(self.0.first())?, b'\t'))
    }

    /// How it is written.
    pub(super) fn write_form(self, line: &mut Line) {
        line.add_up_to(self.line(), b'\t');
    }

    /// Its line from its long name on.
    fn long(self) -> Text<'static> {
        self.line().skip("-x, --".len())
    }

    /// Whether it takes a value: a word for that follows its name.
    #[must_use]
    pub fn takes_value(self) -> bool {
        let mut name = self.long();
        while name.first() > b' ' {
            name = name.rest();
        }
        name.first() == b' '
    }

    /// What follows this option in `word`, an option as it was given but for the first
    /// dash: behind its letter, or behind its long name or the beginning of that.
    pub(super) fn after<'a>(self, word: Text<'a>) -> Option<Text<'a>> {
        if word.first() != b'-' {
            return (word.first() == self.letter() && word.first() != b' ').then_some(word.rest());
        }
        // With the second dash, which those for variables alone have not.
        let (mut rest, mut name) = (word, self.line().skip("-x, -".len()));
        while !matches!(rest.first(), 0 | b'=') {
            if name.first() <= b' ' || !rest.take(name.first()) {
                return None;
            }
            name = name.rest();
        }
        Some(rest)
    }

    /// The value of `variable`, without its `TINI_`, if it is this option's.
    pub(super) fn value_of<'a>(self, variable: Text<'a>) -> Option<Text<'a>> {
        let mut rest = variable;
        let mut name = self.long();
        while name.first() > b' ' {
            let letter = name.first();
            if !rest.take(if letter == b'-' { b'_' } else { letter.to_ascii_uppercase() }) {
                return None;
            }
            name = name.rest();
        }
        (rest.take(b'=') && self.setting() < Setting::PROCESS_GROUP).then_some(rest)
    }
}

/// As in `--help`: `-t, --grace-period DURATION`.
impl Piece for Opt {
    fn write(&self, line: &mut Line) {
        let mut written = self.line();
        while written.take(b' ') {}
        line.add_up_to(written, b'\t');
    }
}

/// The native options, in groups: a description's line feed ends one. Those of tini,
/// dumb-init and catatonit are among them. `--help` ends before the first that has no
/// description. Two are for variables alone, since without dashes no word is like them.
pub(super) const NATIVE: Table = table!(&[
    (
        Setting::GRACE_PERIOD.0,
        "-t, --grace-period DURATION\t",
        "how long a shutdown may take: 10s, 500ms, 1m30s"
    ),
    (Setting::WAIT_ALL.0, "-W, --wait-all\t", "go on until the last process has ended"),
    (Setting::PAUSE.0, "-P, --pause\t", "run nothing, collect orphans until TERM or INT"),
    (Setting::REMAP_EXIT.0, "-e, --remap-exit CODE[:CODE]\t", "exit with 0, or the second code, instead"),
    (Setting::PROCESS_GROUP.0, "-g, --process-group\t", "signals go to the program's process group"),
    (Setting::SINGLE_CHILD.0, "-c, --single-child\t", "signals go to the program alone"),
    (Setting::SESSION.0, "-S, --session\t", "the program gets a session of its own"),
    (Setting::REWRITE.0, "-r, --rewrite SIG:SIG\t", "pass a signal on as another; 0 drops it"),
    (Setting::PARENT_DEATH_SIGNAL.0, "-p, --parent-death-signal SIG\t", "receive SIG when the parent dies"),
    (Setting::SUBREAPER.0, "-s, --subreaper\t", "collect orphans when not PID 1 (default)\n"),
    (Setting::USER.0, "    --user UID[:GID]\t", "run the program as this user"),
    (Setting::WORKDIR.0, "    --workdir DIR\t", "run the program in DIR"),
    (Setting::ENV.0, "    --env NAME=VALUE\t", "add to the program's environment\n"),
    (Setting::WARN_ON_REAP.0, "-w, --warn-on-reap\t", "warn of each orphan collected"),
    (Setting::VERBOSE.0, "-v, --verbose\t", "say more, up to -vvv"),
    (Setting::QUIET.0, "-q, --quiet\t", "say less"),
    (Setting::LICENSE.0, "-l, --license\t", "print the licence"),
    (Setting::VERSION.0, "-V, --version\t", "print the version"),
    (Setting::HELP.0, "-h, --help\t", "print this text"),
    (Setting::KILL_PROCESS_GROUP.0, "      kill-process-group"),
    (Setting::VERBOSITY.0, "      verbosity NUMBER"),
    (Setting::LICENSE.0, "-L, --license"),
]);

/// What `--help` says below the native options.
pub(super) const VARIABLES: Text =
    text!("Variables: TINI_GRACE_PERIOD=5s, TINI_VERBOSITY=2, TINI_KILL_PROCESS_GROUP=0 ...");

/// The options of the pid1 binary, some of whose letters mean other things.
pub(super) const PID1: Table = table!(&[
    (Setting::WORKDIR.0, "-w, --workdir DIR"),
    (Setting::GRACE_PERIOD.0, "-t, --timeout TIMEOUT"),
    (Setting::VERBOSE.0, "-v, --verbose"),
    (Setting::ENV.0, "-e, --env NAME=VALUE"),
    (Setting::USER.0, "-u, --user-id UID"),
    (Setting::GROUP.0, "-g, --group-id GID\t", "run the program as this group"),
    (Setting::VERSION.0, "-V, --version"),
    (Setting::HELP.0, "-h, --help"),
]);

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn long_names(table: Table) -> Vec<&'static [u8]> {
        let name = |row| Opt(row).long().bytes().split(|byte| *byte <= b' ').next().unwrap_or_default();
        table.map(name).collect()
    }

    /// So the first that is found for a whole name is the only one.
    #[test]
    fn no_long_name_is_the_beginning_of_another_ones() {
        for table in [NATIVE, PID1] {
            for one in long_names(table) {
                assert!(!one.is_empty());
                for other in long_names(table) {
                    assert!(one == other || !other.starts_with(one), "{one:?} {other:?}");
                }
            }
        }
    }

    #[test]
    fn each_letter_is_one_options_and_each_option_says_what_it_does() {
        for table in [NATIVE, PID1] {
            let options: Vec<Opt> = table.map(Opt).filter(|option| option.does().is_some()).collect();
            assert!(options.len() >= 8);
            let letters = options.iter().map(|option| option.letter()).filter(|letter| *letter != b' ');
            let mut letters: Vec<u8> = letters.collect();
            letters.sort_unstable();
            let all = letters.len();
            letters.dedup();
            assert_eq!(letters.len(), all);
        }
    }

    /// What takes a value says which, and nothing else does.
    #[test]
    fn what_is_accepted_is_said_of_options_with_a_value() {
        for table in [NATIVE, PID1] {
            for option in table.map(Opt) {
                let says = ACCEPTED.row(option.setting().0).is_some();
                assert_eq!(option.takes_value(), says, "{:?}", option.line().bytes());
            }
        }
    }

    #[test]
    fn what_is_for_a_variable_alone_is_no_option() {
        for (word, option) in [(c"-verb", Some(Setting::VERBOSE)), (c"-kill", None), (c"-verbosity=3", None)]
        {
            let mut found = NATIVE.map(Opt).filter(|option| option.after(Text::from(word)).is_some());
            assert_eq!((found.next().map(Opt::setting), found.count()), (option, 0), "{word:?}");
        }
        for variable in [c"VERBOSITY=3", c"KILL_PROCESS_GROUP="] {
            assert!(NATIVE.map(Opt).any(|option| option.value_of(Text::from(variable)).is_some()));
        }
    }

    #[test]
    fn an_option_is_found_by_letter_name_or_the_beginning_of_that() {
        let mut options = NATIVE.map(Opt);
        let option = options.find(|option| option.setting() == Setting::GRACE_PERIOD).unwrap();
        for (word, rest) in [
            (c"t", Some(c"")),
            (c"t5s", Some(c"5s")),
            (c"-grace-period", Some(c"")),
            (c"-grace-period=5s", Some(c"=5s")),
            (c"-gr=5s", Some(c"=5s")),
            (c"v", None),
            (c"-grace-periods", None),
            (c"-grace-period DURATION", None),
            (c"grace-period", None),
            (c" ", None),
        ] {
            let rest = rest.map(core::ffi::CStr::to_bytes);
            assert_eq!(option.after(Text::from(word)).map(Text::bytes), rest, "{word:?}");
        }
    }
}
