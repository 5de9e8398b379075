//! What the init prints about itself, a piece at a time.

use super::Personality;
use super::options::VARIABLES;
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
    print(personality.usage.as_bytes());
    personality.options().for_each(|option| {
        let (written, does) = option.columns();
        let mut line = Line::new();
        line.push(written);
        line.pad(33);
        line.push(does);
        print(line.finish());
    });
    print(VARIABLES.as_bytes());
}
