//! What the manual page and the README say about each option. Backticks stand around what is
//! typed as it stands.

use crate::help::{self, Opt};

/// What there is to say about one option.
pub struct Words {
    /// Its long name.
    pub long: &'static str,
    /// A second letter that it has.
    pub other_letter: Option<char>,
    /// The variables that say the same.
    pub variables: &'static [&'static str],
    pub text: &'static str,
}

const fn option(long: &'static str, variables: &'static [&'static str], text: &'static str) -> Words {
    Words { long, other_letter: None, variables, text }
}

const WORDS: &[Words] = &[
    option(
        "grace-period",
        &["TINI_GRACE_PERIOD"],
        "How long a shutdown may take: `10s`, `500ms`, `1m30s`, or a number of seconds. It begins with \
         the signal that asks the program to stop, or with the program's end if there was none; when it \
         is over, whoever is left is killed. `0`: exit when the program has ended, without waiting for \
         the rest. Unset, the program may take as long as it likes, and the rest 2 s after it. No \
         number may be above 4294967295.",
    ),
    option(
        "wait-all",
        &["TINI_WAIT_ALL"],
        "The program's end is no shutdown: go on until the last process has ended by itself, for \
         programs that fork away. From then on signals go to all that are left instead, and a grace \
         period begins with one that asks to stop. The exit code is still the program's.",
    ),
    option(
        "pause",
        &["TINI_PAUSE"],
        "Run nothing: collect orphans until `TERM` or `INT`, see off who is left, exit with 0. For the \
         pause process of a pod.",
    ),
    option(
        "remap-exit",
        &["TINI_REMAP_EXIT"],
        "Exit with 0, or with the second code, if the program's is the first. Repeatable, and several \
         are separated by commas: `143,130`, `3:0`.",
    ),
    option(
        "process-group",
        &["TINI_KILL_PROCESS_GROUP"],
        "Signals go to the program's process group (the default). `TINI_KILL_PROCESS_GROUP=0`: to the \
         program alone, which still leads a process group of its own.",
    ),
    option(
        "single-child",
        &["TINI_SINGLE_CHILD", "DUMB_INIT_SETSID=0"],
        "Signals go to the program alone, and it stays in the init's process group.",
    ),
    option(
        "session",
        &["TINI_SESSION"],
        "The program gets a session of its own, with the terminal; signals go to its process group.",
    ),
    option(
        "rewrite",
        &["TINI_REWRITE"],
        "Pass a signal on as another one, by name or number: `TERM:QUIT`, `15:3`, `HUP:RTMIN+3`; `0` \
         or `none` drops it. Repeatable, and several are separated by commas.",
    ),
    option(
        "parent-death-signal",
        &["TINI_PARENT_DEATH_SIGNAL"],
        "Receive this signal when the parent dies, also if it does so while the init starts.",
    ),
    option(
        "subreaper",
        &["TINI_SUBREAPER"],
        "Accepted for the sake of tini's users: not being PID 1, the init is a subreaper anyway.",
    ),
    option(
        "user",
        &[],
        "Run the program as this user and group, by number, without supplementary groups (which who is that \
         user already may have to keep); without a `GID` the group stays as it is. For a name there would have to be a file to look it up in.",
    ),
    option("workdir", &[], "Run the program in this directory."),
    option("env", &[], "Add to the program's environment, in place of a variable of that name. Repeatable."),
    option("warn-on-reap", &["TINI_WARN_ON_REAP"], "Warn of each orphan that is collected."),
    option(
        "verbose",
        &["TINI_VERBOSITY", "DUMB_INIT_DEBUG=1", "CATATONIT_DEBUG"],
        "Say more on standard error: each adds 1 to the verbosity, `TINI_VERBOSITY` sets it. 0: errors, \
         1: warnings (the default), 2: the shutdown and who asked for it, 3: every signal and process, \
         4: everything.",
    ),
    option("quiet", &[], "Say less: the verbosity less 1."),
    Words { other_letter: Some('L'), ..option("license", &[], "Print the licence and exit with 0.") },
    option("version", &[], "Print the version, in the words that dockerd reads, and exit with 0."),
    option("help", &[], "Print the options and exit with 0."),
];

/// What there is to say about `option`.
#[track_caller]
pub fn about(option: &Opt) -> &'static Words {
    WORDS
        .iter()
        .find(|words| words.long == option.long)
        .unwrap_or_else(|| panic!("{}: no words for --{}", file!(), option.long))
}

#[test]
fn every_word_is_about_an_option() {
    for words in WORDS {
        assert!(help::options().any(|option| option.long == words.long), "--{} is no option", words.long);
    }
    assert_eq!(help::options().map(about).count(), WORDS.len(), "an option is there twice");
}

/// A value that nothing takes is refused by its option and by its variable, in the same words but
/// for their names.
#[test]
fn a_variable_is_understood_as_its_option() {
    use std::process::Command;
    let refusal = |command: &mut Command| {
        let output = command.args(["--", "/nonexistent"]).output().expect("the binary runs");
        assert_eq!(output.status.code(), Some(1), "{command:?}: {output:?}");
        let said = String::from_utf8(output.stderr).expect("text");
        said.split_once(": ").map(|(_, said)| said.to_owned()).expect("a reason")
    };
    for option in help::options().filter(|option| option.value.is_some()) {
        for variable in about(option).variables {
            let by_option = refusal(Command::new(crate::BINARY).arg(format!("--{}", option.long)).arg("?"));
            let by_variable = refusal(Command::new(crate::BINARY).env(variable, "?"));
            assert_eq!(by_option, by_variable, "{variable}");
        }
    }
    refusal(Command::new(crate::BINARY).env("TINI_VERBOSITY", "?"));
}
