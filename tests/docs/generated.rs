//! Parts of documents that are made from the table of options.

use std::fmt::Write;
use std::path::Path;

use crate::help::{self, Opt};
use crate::words::about;
use crate::{PROJECT, read};

/// Requires that the whole file is `text`, or writes it.
#[track_caller]
pub fn whole(path: &str, text: &str) {
    let file = Path::new(PROJECT).join(path);
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        return std::fs::write(&file, text).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = found.lines().zip(text.lines()).find(|(found, text)| found != text);
    assert!(
        found == text,
        "{path} is not up to date: UPDATE=1 cargo test --test docs; the first difference: {differs:?}"
    );
}

/// The same for what stands between the line that contains `begin` and the one that contains `end`.
#[track_caller]
pub fn part(path: &str, [begin, end]: [&str; 2], text: &str) {
    // Several tests write into one file.
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let old = read(path);
    let place = |mark: &str| {
        let place = old.find(mark).unwrap_or_else(|| panic!("{path}: no {mark}"));
        assert_eq!(old.matches(mark).count(), 1, "{path}: {mark}");
        place
    };
    let first = place(begin) + old[place(begin)..].find('\n').expect("a line") + 1;
    let last = old[..place(end)].rfind('\n').expect("a line") + 1;
    whole(path, &format!("{}{text}{}", &old[..first], &old[last..]));
}

/// `-t DURATION`, `--grace-period DURATION`; each with marks around what is typed as it stands and
/// around what stands for something else.
fn forms(option: &Opt, literal: [&str; 2], variable: [&str; 2]) -> Vec<String> {
    let [bold, roman] = literal;
    let value = option.value.as_ref().map(|value| format!(" {}{value}{}", variable[0], variable[1]));
    let value = value.unwrap_or_default();
    let letters = option.letter.into_iter().chain(about(option).other_letter);
    let names = letters.map(|letter| format!("-{letter}")).chain([format!("--{}", option.long)]);
    let mut names: Vec<String> = names.map(|name| format!("{bold}{name}{roman}")).collect();
    if let Some(long) = names.last_mut() {
        *long += &value;
    }
    names
}

/// The README's table.
fn markdown() -> String {
    let mut text = "| option | variable | meaning |\n| --- | --- | --- |\n".to_owned();
    for option in help::options() {
        let words = about(option);
        let names = forms(option, ["", ""], ["", ""]);
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let variables: Vec<String> = words.variables.iter().map(|name| format!("`{name}`")).collect();
        let (names, variables) = (names.join(", "), variables.join(", "));
        writeln!(text, "| {names} | {variables} | {} |", words.text).expect("a string");
    }
    text
}

/// A text for groff_man(7): what stands in backticks becomes bold, dashes are those that are typed.
fn roff(text: &str) -> String {
    let mut result = String::new();
    for (index, piece) in text.split('`').enumerate() {
        let piece = piece.replace('\\', "\\e").replace('-', "\\-");
        if index % 2 == 1 {
            write!(result, "\\fB{piece}\\fR").expect("a string");
        } else {
            result += &piece;
        }
    }
    result
}

/// One sentence to a line, and no line that begins with what would be a request.
fn sentences(text: &str) -> String {
    roff(text).replace(". ", ".\n").lines().fold(String::new(), |text, line| {
        let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
        text + guard + line + "\n"
    })
}

/// What the manual page says about the options.
fn manual_options() -> String {
    const HEADS: [&str; 3] = ["Shutdown and signals", "The program", "The init itself"];
    assert_eq!(help::groups().len(), HEADS.len(), "a head for each group of --help");
    let mut text = String::new();
    for (head, group) in HEADS.iter().zip(help::groups()) {
        writeln!(text, ".SS {head}").expect("a string");
        for option in group {
            let forms = forms(option, ["\\fB", "\\fR"], ["\\fI", "\\fR"]).join(", ").replace('-', "\\-");
            write!(text, ".TP\n{forms}\n{}", sentences(about(option).text)).expect("a string");
        }
    }
    text
}

/// What it says about variables.
fn manual_variables() -> String {
    let mut text = String::new();
    for option in help::options() {
        for variable in about(option).variables {
            let value = match *variable {
                "TINI_VERBOSITY" => Some("NUMBER"),
                _ => option.value.as_deref(),
            };
            let value = value.map(|value| format!("\\fB=\\fI{value}\\fR")).unwrap_or_default();
            let long = option.long.replace('-', "\\-");
            writeln!(text, ".TP\n\\fB{variable}\\fR{value}\nAs \\fB\\-\\-{long}\\fR.").expect("a string");
        }
    }
    text
}

#[test]
fn the_readme_has_all_options() {
    part("README.md", ["<!-- options -->", "<!-- /options -->"], &markdown());
}

#[test]
fn the_manual_page_has_all_options() {
    part("man/tini-rs.1", ["\\\" options", "\\\" end of options"], &manual_options());
}

#[test]
fn the_manual_page_has_all_variables() {
    part("man/tini-rs.1", ["\\\" variables", "\\\" end of variables"], &manual_variables());
}

#[test]
fn the_manual_page_is_of_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let line = format!(".TH TINI\\-RS 1 \"\" \"tini\\-rs {version}\" \"User Commands\"\n");
    assert!(read("man/tini-rs.1").contains(&line), "{line}");
}

#[test]
fn the_changes_name_this_version() {
    let head = format!("\n## {}\n", env!("CARGO_PKG_VERSION"));
    assert!(read("CHANGELOG.md").contains(&head), "{head}");
}
