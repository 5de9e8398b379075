//! What the init prints about itself, a piece at a time.

use super::options::VARIABLES;
use super::{Personality, Request, fill};
use crate::sys::Text;
use crate::text::Line;

const LICENSE: &str = include_str!("../../LICENSE");

/// Takes a text a piece at a time.
pub type Print<'a> = &'a mut dyn FnMut(&[u8]);

/// Hands what `request` asks for to `print`: the options, a line at a time; the licence,
/// MIT; one line with the version, natively one that dockerd can read: `tini version
/// X.Y.Z (tini-rs) - git.HASH`.
// Its lines would make the frame of a run larger: 112 bytes.
#[inline(never)]
pub fn print(personality: &Personality, request: Request, print: Print) {
    let mut last = LICENSE;
    if request != Request::License {
        let template = if request == Request::Help { personality.usage } else { Text::from(c"%") };
        let mut line = Line::new();
        fill(&mut line, template, personality.version);
        print(line.finish());
        if request != Request::Help {
            return;
        }
        for option in personality.options() {
            let (written, Some(does)) = option.columns() else { break };
            line = Line::new();
            line.push(written);
            line.pad(33);
            line.push(does);
            print(line.finish());
        }
        last = VARIABLES;
    }
    print(last.as_bytes());
}
