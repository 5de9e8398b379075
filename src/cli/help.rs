//! What the init prints about itself, a piece at a time.

use super::{NATIVE, Opt};
use crate::text::Line;

/// Takes a text a piece at a time.
pub type Print<'a> = &'a mut dyn FnMut(&[u8]);

const LICENSE: &str = include_str!("../../LICENSE");

const VERSION: &str = concat!("tini version ", env!("CARGO_PKG_VERSION"), " (tini-rs)\n");

const USAGE: &str = "Usage: tini-rs [OPTIONS] [--] PROGRAM [ARGS...]\n\n\
    Runs PROGRAM as the init of a container: passes signals on, collects orphans,\n\
    sees everybody off, exits with PROGRAM's code.\n\n";

/// Hands the licence, MIT, to `print`.
pub fn license(print: Print) {
    print(LICENSE.as_bytes());
}

/// Hands one line that dockerd can read to `print`: `tini version X.Y.Z (tini-rs)`.
pub fn version(print: Print) {
    print(VERSION.as_bytes());
}

/// Hands the table of options to `print`, a line at a time.
pub fn help(print: Print) {
    print(USAGE.as_bytes());
    let shown = NATIVE.iter().filter(|option| !option.help().is_empty());
    shown.for_each(|option| print_option(option, print));
}

/// `  -t, --grace-period DURATION  what it does`, and below it the variable.
fn print_option(option: &Opt, print: Print) {
    const COLUMN: usize = 33;
    let mut line = Line::new();
    line.push(b"  -");
    line.push(&[option.short]);
    line.push(b", --");
    line.push(option.long());
    line.push(b" ");
    line.push(option.value());
    line.pad(COLUMN);
    line.push(option.help());
    print(line.finish());
    if !option.variable().is_empty() {
        let mut line = Line::new();
        line.pad(COLUMN);
        line.push(b"$");
        line.push(option.variable());
        print(line.finish());
    }
}
