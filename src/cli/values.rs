//! The values that options and variables take: durations, rules, booleans.

use crate::exit::ExitCode;
use crate::signal::Signal;
use crate::supervisor::Span;
use crate::text::{cut, number, same};

/// `0`, `false`, `no` and `off` are off; anything else, and nothing, is on.
pub(super) fn boolean(text: &[u8]) -> bool {
    ![&b"0"[..], b"false", b"no", b"off"].iter().any(|off| same(text, off))
}

/// `10s`, `500ms`, `1m30s`, `2h`; without a unit, seconds.
pub(super) fn duration(text: &[u8]) -> Option<Span> {
    let mut total = Span::ZERO;
    let mut rest = text;
    loop {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (count, after) = rest.split_at_checked(digits)?;
        let count = u64::from(number(count)?);
        let letters = after.iter().take_while(|byte| !byte.is_ascii_digit()).count();
        let (unit, after) = after.split_at_checked(letters)?;
        let unit: u64 = match unit {
            b"ms" => 1,
            b"s" => 1_000,
            b"m" => 60_000,
            b"h" => 3_600_000,
            b"" if rest.len() == text.len() => 1_000,
            _ => return None,
        };
        let milliseconds = Span::from_millis(count.checked_mul(unit)?);
        total = Span::from_nanos(total.as_nanos().checked_add(milliseconds.as_nanos())?);
        if after.is_empty() {
            return Some(total);
        }
        rest = after;
    }
}

/// `TERM:QUIT`, `15:3`, `HUP:0`, `HUP:none`. KILL and STOP never get here, CHLD is
/// the init's own.
pub(super) fn rewrite(text: &[u8]) -> Option<(Signal, Option<Signal>)> {
    let (from, to) = cut(text, b':');
    let from = Signal::parse(from).filter(|from| from.is_catchable() && *from != Signal::CHLD)?;
    match to? {
        b"0" => Some((from, None)),
        none if same(none, b"none") => Some((from, None)),
        to => Some((from, Some(Signal::parse(to)?))),
    }
}

/// A user or a group by number. The last one means "as it is" to `setresuid(2)`.
pub(super) fn id(text: &[u8]) -> Option<u32> {
    number(text).filter(|id| *id != u32::MAX)
}

/// `143`, `143:0`: the second code is 0 if it is not given.
pub(super) fn remap(text: &[u8]) -> Option<(ExitCode, ExitCode)> {
    let code = |text| u8::try_from(number(text)?).ok().map(ExitCode::new);
    let (from, to) = cut(text, b':');
    Some((code(from)?, to.map_or(Some(ExitCode::SUCCESS), code)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::format;
    use std::vec::Vec;

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
            assert_eq!(duration(text.as_bytes()), Some(Span::from_millis(milliseconds)), "{text}");
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
            assert_eq!(duration(text.as_bytes()), None, "{text:?}");
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
        ] {
            assert_eq!(rewrite(text.as_bytes()), Some((signal(from), to.map(signal))), "{text}");
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
            assert_eq!(rewrite(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_duration_is_the_sum_of_its_parts(h in 0u32..1000, m: u16, s: u16, ms: u16) {
            let text = format!("{h}h{m}m{s}s{ms}ms");
            let seconds = u64::from(h) * 3600 + u64::from(m) * 60 + u64::from(s);
            let expected = Span::from_millis(seconds * 1000 + u64::from(ms));
            prop_assert_eq!(duration(text.as_bytes()), Some(expected));
        }

        #[test]
        fn nothing_that_is_given_panics(text: Vec<u8>) {
            let _ = (duration(&text), rewrite(&text), remap(&text), boolean(&text));
        }

        #[test]
        fn anything_made_of_what_durations_are_made_of_is_read_or_refused(text in "[0-9hms]{0,40}") {
            let _ = duration(text.as_bytes());
        }

        #[test]
        fn codes_from_0_to_255(from in 0u32..1000, to in 0u32..1000) {
            let code = |n: u32| u8::try_from(n).ok().map(ExitCode::new);
            let both = code(from).zip(code(to));
            prop_assert_eq!(remap(format!("{from}:{to}").as_bytes()), both);
            let one = code(from).map(|from| (from, ExitCode::SUCCESS));
            prop_assert_eq!(remap(format!("{from}").as_bytes()), one);
        }
    }
}
