//! What the init prints about itself, a piece at a time.

use super::options::VARIABLES;
use super::{Personality, Request, fill};
use crate::packed::text;
use crate::sys::Text;
use crate::text::Line;

const LICENSE: Text = text!(include_str!("../../LICENSE"));

/// Takes a text a piece at a time.
pub type Print<'a> = &'a mut dyn FnMut(&[u8]);

/// Hands what `request` asks for to `print`, a line at a time: the options; the licence,
/// MIT; one line with the version, natively one that dockerd can read: `tini version
/// X.Y.Z (tini-rs) - git.HASH`.
// Its lines would make the frame of a run larger: 112 bytes.
#[inline(never)]
pub fn print(personality: &Personality, request: Request, print: Print) {
    let mut line = Line::new();
    let mut last = LICENSE;
    if request != Request::License {
        let template = if request == Request::Help { personality.usage } else { text!("%") };
        fill(&mut line, template, personality.version);
        hand_over(&mut line, print);
        if request != Request::Help {
            return;
        }
        for option in personality.options() {
            let Some(does) = option.does() else { break };
            option.write_form(&mut line);
            line.pad(33);
            line.add(does);
            hand_over(&mut line, print);
        }
        last = VARIABLES;
    }
    while !last.is_empty() {
        last = line.add_up_to(last, b'\n');
        hand_over(&mut line, print);
    }
}

/// Hands `line` to `print`, and begins another one.
fn hand_over(line: &mut Line, print: Print) {
    print(line.finish());
    *line = Line::new();
}
