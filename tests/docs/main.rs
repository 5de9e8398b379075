//! What the documents say, held against the program.
//!
//! - [`help`]: the options as `--help` of the binary prints them, which is the table of options itself
//! - [`words`]: what the manual page and the README say about each of them
//! - [`generated`]: the parts of documents that are made of both; `UPDATE=1 cargo test --test docs`
//!   writes them, without it a part that is not up to date fails
//! - [`completions`]: the same for three shells, and what these make of it
//! - [`manual`]: that manual page readers understand the page
//! - [`packed`]: the table that the init's words are packed with, made from these words
//! - [`peers`]: the table of what other inits do
//! - [`readme`]: commands that are shown with their output are run, files that are shown are the
//!   files, links lead somewhere

mod completions;
mod generated;
mod help;
mod manual;
mod packed;
mod peers;
#[path = "../engines/process.rs"]
#[allow(dead_code)]
mod process;
mod readme;
mod words;

use std::path::{Path, PathBuf};

/// The folder of the project.
const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

/// The binary that the documents are about.
const BINARY: &str = env!("CARGO_BIN_EXE_tini-rs");

/// A file of the project.
#[track_caller]
fn read(path: &str) -> String {
    let path = Path::new(PROJECT).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Where a program is on the `PATH`, or where administrators have it. Without it the test is
/// skipped, unless it runs where everything has to be there.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let found = folders.find_map(|folder| Some(folder.join(program)).filter(|path| path.is_file()));
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none_or(|value| value.is_empty()), "{program} not found");
        skipped(&format!("{program} not found"));
    }
    found
}

/// Tells why a test was not run, past the harness, which keeps what tests that pass say.
fn skipped(why: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}
