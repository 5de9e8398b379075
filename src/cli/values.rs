//! The values that options and variables take: durations, rules, booleans. Each is read
//! from the front of a text, and the caller sees if something is left.

use crate::exit::ExitCode;
use crate::signal::Signal;
use crate::supervisor::Span;
use crate::sys::{Id, Table, Text, table};
use crate::text::{take_number, take_word};

/// What switches off, and what a signal is rewritten to that is dropped.
const OFF: Table = table!(&[(1, "0"), (1, "FALSE"), (1, "NO"), (1, "OFF")]);
const DROP: Table = table!(&[(1, "0"), (1, "NONE")]);

/// `0`, `false`, `no` and `off` are off; anything else, and nothing, is on.
pub(super) fn boolean(mut text: Text) -> bool {
    take_word(&mut text, OFF).is_none() || !text.is_empty()
}

/// `10s`, `500ms`, `1m30s`, `2h`; without a unit, seconds.
pub(super) fn duration(text: &mut Text) -> Option<Span> {
    let mut milliseconds = 0u64;
    let mut is_first = true;
    loop {
        let count = u64::from(take_number(text)?);
        let unit: u64 = match text.first() {
            0 if is_first => 1_000,
            b'h' => 3_600_000,
            b's' => 1_000,
            b'm' if text.rest().first() == b's' => {
                *text = text.rest();
                1
            }
            b'm' => 60_000,
            _ => return None,
        };
        // No 32 bits of hours are too many for 64 of milliseconds.
        milliseconds = milliseconds.saturating_add(count.wrapping_mul(unit));
        is_first = false;
        *text = text.rest();
        if text.is_empty() {
            return Some(Span::from_millis(milliseconds));
        }
    }
}

/// `TERM:QUIT`, `15:3`, `HUP:0`, `HUP:none`. KILL and STOP never get here, CHLD is
/// the init's own.
pub(super) fn rewrite(text: &mut Text) -> Option<(Signal, Option<Signal>)> {
    let from = Signal::take(text).filter(|from| from.is_catchable() && *from != Signal::CHLD)?;
    if !text.take(b':') {
        return None;
    }
    let to = if take_word(text, DROP).is_some() { None } else { Some(Signal::take(text)?) };
    Some((from, to))
}

/// A user or a group by number.
pub(super) fn id(text: &mut Text) -> Option<Id> {
    take_number(text).map(Id).filter(|id| *id != Id::UNCHANGED)
}

/// `143`, `143:0`: the second code is 0 if it is not given.
pub(super) fn remap(text: &mut Text) -> Option<(ExitCode, ExitCode)> {
    let from = code(text)?;
    Some((from, if text.take(b':') { code(text)? } else { ExitCode::SUCCESS }))
}

fn code(text: &mut Text) -> Option<ExitCode> {
    u8::try_from(take_number(text)?).ok().map(ExitCode::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::CString;
    use std::format;

    /// What `read` makes of all of `text`.
    fn all<T>(read: impl Fn(&mut Text) -> Option<T>, text: &str) -> Option<T> {
        let text = CString::new(text).unwrap();
        let mut rest = Text::from(&text);
        read(&mut rest).filter(|_| rest.is_empty())
    }

    #[test]
    fn durations_as_people_write_them() {
        for (text, milliseconds) in [
            ("0", 0),
            ("10", 10_000),
            ("10s", 10_000),
            ("500ms", 500),
            ("1m30s", 90_000),
            ("2h", 7_200_000),
            ("1h1m1s1ms", 3_661_001),
            ("0s", 0),
            ("4294967295", 4_294_967_295_000),
        ] {
            assert_eq!(all(duration, text), Some(Span::from_millis(milliseconds)), "{text}");
        }
        for text in [
            "",
            "s",
            "10 s",
            " 10",
            "-1",
            "+1",
            "1.5s",
            "10S",
            "10sec",
            "s10",
            "10s5",
            "1m30",
            "ms",
            "4294967296",
            "4294967296s",
            "1d",
            "10s ",
            "1e3",
        ] {
            assert_eq!(all(duration, text), None, "{text:?}");
        }
    }

    #[test]
    fn off_in_any_case_and_on_by_anything_else() {
        for (text, on) in [
            ("0", false),
            ("false", false),
            ("No", false),
            ("OFF", false),
            ("", true),
            ("1", true),
            ("00", true),
            ("off ", true),
            ("of", true),
            ("nope", true),
        ] {
            assert_eq!(
                all(|text| Some(boolean(core::mem::replace(text, Text::EMPTY))), text),
                Some(on),
                "{text}"
            );
        }
    }

    #[test]
    fn rewrite_rules_by_name_and_number() {
        let signal = |n| Signal::new(n).unwrap();
        for (text, from, to) in [
            ("TERM:QUIT", 15, Some(3)),
            ("15:3", 15, Some(3)),
            ("SIGTERM:0", 15, None),
            ("hup:none", 1, None),
            ("HUP:NONE", 1, None),
            ("RTMIN+3:TERM", 37, Some(15)),
            ("TERM:KILL", 15, Some(9)),
            ("32:33", 32, Some(33)),
            ("TERM:015", 15, Some(15)),
        ] {
            assert_eq!(all(rewrite, text), Some((signal(from), to.map(signal))), "{text}");
        }
        for text in [
            "",
            ":",
            "TERM",
            "TERM:",
            ":TERM",
            "KILL:TERM",
            "9:1",
            "STOP:TERM",
            "CHLD:TERM",
            "17:1",
            "TERM:QUIT:HUP",
            "0:1",
            "65:1",
            "TERM:65",
            "TERM: QUIT",
            "TERM:00",
        ] {
            assert_eq!(all(rewrite, text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_duration_is_the_sum_of_its_parts(h in 0u32..1000, m: u16, s: u16, ms: u16) {
            let text = format!("{h}h{m}m{s}s{ms}ms");
            let seconds = u64::from(h) * 3600 + u64::from(m) * 60 + u64::from(s);
            let expected = Span::from_millis(seconds * 1000 + u64::from(ms));
            prop_assert_eq!(all(duration, &text), Some(expected));
        }

        #[test]
        fn nothing_that_is_given_panics(text in "[^\\x00]*") {
            let _ = (all(duration, &text), all(rewrite, &text), all(remap, &text));
            let _ = all(|text| Some(boolean(*text)), &text);
        }

        #[test]
        fn anything_made_of_what_durations_are_made_of_is_read_or_refused(text in "[0-9hms]{0,40}") {
            let _ = all(duration, &text);
        }

        #[test]
        fn codes_from_0_to_255(from in 0u32..1000, to in 0u32..1000) {
            let code = |n: u32| u8::try_from(n).ok().map(ExitCode::new);
            let both = code(from).zip(code(to));
            prop_assert_eq!(all(remap, &format!("{from}:{to}")), both);
            let one = code(from).map(|from| (from, ExitCode::SUCCESS));
            prop_assert_eq!(all(remap, &format!("{from}")), one);
        }
    }
}
