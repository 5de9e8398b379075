//! The options as `--help` prints them.

use std::process::Command;
use std::sync::OnceLock;

use crate::BINARY;

/// An option.
#[derive(Debug, PartialEq, Eq)]
pub struct Opt {
    /// Its letter, if it has one.
    pub letter: Option<char>,
    /// Its long name without dashes.
    pub long: String,
    /// What it calls its value, if it takes one.
    pub value: Option<String>,
    /// What it does, in a few words.
    pub does: String,
}

/// What `--help` prints.
pub fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let output = Command::new(BINARY).arg("--help").output().expect("the binary runs");
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    })
}

/// Its options, in groups.
pub fn groups() -> &'static [Vec<Opt>] {
    static GROUPS: OnceLock<Vec<Vec<Opt>>> = OnceLock::new();
    GROUPS.get_or_init(|| {
        let groups = text().split("\n\n").map(|group| group.lines().filter_map(option).collect());
        let groups: Vec<Vec<Opt>> = groups.collect();
        assert!(groups.iter().all(|group| !group.is_empty()), "{groups:#?}");
        groups
    })
}

/// All of them.
pub fn options() -> impl Iterator<Item = &'static Opt> {
    groups().iter().flatten()
}

/// Reads `-x, --long VALUE      what it does`.
fn option(line: &str) -> Option<Opt> {
    let (letter, rest) = match line.strip_prefix("    --") {
        Some(rest) => (None, rest),
        None => {
            let (letter, rest) = line.strip_prefix('-')?.split_once(", --")?;
            (Some(letter.parse().expect("one letter")), rest)
        }
    };
    let (written, does) = rest.split_once("  ").expect("two columns");
    let (long, value) = match written.split_once(' ') {
        Some((long, value)) => (long, Some(value.to_owned())),
        None => (written, None),
    };
    Some(Opt { letter, long: long.to_owned(), value, does: does.trim_start().to_owned() })
}

#[test]
fn help_fits_a_terminal() {
    let text = text();
    // With one line left for the prompt.
    assert!(text.lines().count() < 24, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(groups().len() > 1, "{text}");
}

#[test]
fn lines_of_help_are_understood() {
    let option = |line| option(line).map(|option| (option.letter, option.long, option.value, option.does));
    let found = option("-t, --time SPAN   how long").expect("an option");
    assert_eq!(found, (Some('t'), "time".into(), Some("SPAN".into()), "how long".into()));
    let found = option("    --quick       at once").expect("an option");
    assert_eq!(found, (None, "quick".into(), None, "at once".into()));
    assert_eq!(option("Usage: tini-rs"), None);
}
