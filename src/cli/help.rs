//! What the init prints about itself, a piece at a time.

use super::Personality;
use crate::text::Line;

const LICENSE: &str = include_str!("../../LICENSE");

/// Takes a text a piece at a time.
pub type Print<'a> = &'a mut dyn FnMut(&[u8]);

/// Hands the licence, MIT, to `print`.
pub fn license(_: &Personality, print: Print) {
    print(LICENSE.as_bytes());
}

/// Hands one line to `print`, natively one that dockerd can read: `tini version X.Y.Z
/// (tini-rs) - git.HASH`.
pub fn version(personality: &Personality, print: Print) {
    print(personality.version.as_bytes());
}

/// Hands the options to `print`, a line at a time.
pub fn help(personality: &Personality, print: Print) {
    const COLUMN: usize = 33;
    print(personality.usage.as_bytes());
    for option in personality.options() {
        if option.help().is_empty() {
            continue;
        }
        let mut line = Line::new();
        if option.letter.is_ascii_digit() {
            line.push(b"     ");
        } else {
            line.push(b"  -");
            line.push(&[option.letter]);
            line.push(b",");
        }
        line.push(b" --");
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
}
