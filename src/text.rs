//! Small pieces of text: numbers in and out, names that nobody vouches for.
//!
//! `core`'s own number formatting would bring its padding, and that a few
//! kilobytes; these write their bytes and nothing else.

use core::fmt::{self, Display, Formatter, Write};
use core::ops::ControlFlow;

/// Reads a number written in decimal digits alone: no sign, no blanks.
#[must_use]
pub(crate) fn number(text: &[u8]) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u32, |n, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { n.checked_mul(10)?.checked_add(u32::from(digit)) }
    })
}

/// What stands before the first `separator`, and what after it, if it is there.
#[inline(never)]
pub(crate) fn cut(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    let mut head = 0usize;
    for byte in text {
        if *byte == separator {
            return (text.get(..head).unwrap_or_default(), text.get(head.wrapping_add(1)..));
        }
        head = head.wrapping_add(1);
    }
    (text, None)
}

/// Calls `visit` with each part of `text` between separators, until one is told to
/// be the last.
pub(crate) fn each_part<'a>(
    text: &'a [u8],
    separator: u8,
    visit: &mut dyn FnMut(&'a [u8]) -> ControlFlow<()>,
) {
    let mut rest = Some(text);
    while let Some(text) = rest {
        let (part, after) = cut(text, separator);
        if visit(part).is_break() {
            return;
        }
        rest = after;
    }
}

/// Whether the two are the same but for the case of their letters.
#[inline(never)]
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| a.eq_ignore_ascii_case(b))
}

/// A number in decimal digits.
#[derive(Clone, Copy)]
pub(crate) struct Decimal(u64);

impl<T: Into<u64>> From<T> for Decimal {
    fn from(n: T) -> Decimal {
        Decimal(n.into())
    }
}

impl Decimal {
    /// The digits of `self`, in the end of `buffer`.
    pub(crate) fn digits(self, buffer: &mut [u8; 20]) -> &[u8] {
        let mut rest = self.0;
        let mut start = buffer.len();
        for place in buffer.iter_mut().rev() {
            *place = b'0'.wrapping_add((rest % 10) as u8);
            start = start.wrapping_sub(1);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        buffer.get(start..).unwrap_or_default()
    }
}

impl Display for Decimal {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        self.digits(&mut [0; 20]).iter().try_for_each(|digit| f.write_char(char::from(*digit)))
    }
}

/// Bytes from outside (an argument, a process's name), fit for a line of a log:
/// at most `Name::SHOWN` bytes of them, and nothing that a terminal would obey.
#[derive(Clone, Copy)]
pub(crate) struct Name<'a>(pub &'a [u8]);

impl Name<'_> {
    /// How much of a name is shown. Enough for any sensible one, and short enough
    /// that what follows it still fits into the line.
    pub(crate) const SHOWN: usize = 160;
}

impl Display for Name<'_> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        for byte in self.0.iter().take(Name::SHOWN) {
            match byte {
                b' '..=b'~' => f.write_char(char::from(*byte))?,
                _ => {
                    let digit = |n: u8| char::from(if n < 10 { b'0' + n } else { b'a' - 10 + n });
                    f.write_str("\\x")?;
                    f.write_char(digit(byte >> 4))?;
                    f.write_char(digit(byte & 15))?;
                }
            }
        }
        if self.0.len() > Name::SHOWN { f.write_str("...") } else { Ok(()) }
    }
}

/// A line under construction, in a buffer of its own. What does not fit is left
/// out, and dots at the end say so.
pub(crate) struct Line {
    bytes: [u8; Line::SIZE],
    length: usize,
}

impl Line {
    const SIZE: usize = 512;
    const CUT: &[u8] = b"...\n";

    pub(crate) const fn new() -> Line {
        Line { bytes: [0; Line::SIZE], length: 0 }
    }

    pub(crate) fn push(&mut self, text: &[u8]) {
        let places = self.bytes.get_mut(self.length..).unwrap_or_default();
        places.iter_mut().zip(text).for_each(|(place, byte)| *place = *byte);
        self.length = self.length.saturating_add(text.len());
    }

    /// Fills up with blanks to `column`.
    pub(crate) fn pad(&mut self, column: usize) {
        while self.length < column {
            self.push(b" ");
        }
    }

    /// The line with its line feed.
    pub(crate) fn finish(&mut self) -> &[u8] {
        self.push(b"\n");
        if self.length > Line::SIZE {
            self.length = Line::SIZE.wrapping_sub(Line::CUT.len());
            self.push(Line::CUT);
        }
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }

    /// Only ASCII is ever written by the character.
    fn write_char(&mut self, character: char) -> fmt::Result {
        self.push(&[character as u8]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn numbers_are_written_as_std_writes_them(n: u64) {
            prop_assert_eq!(Decimal::from(n).to_string(), n.to_string());
        }

        #[test]
        fn numbers_are_read_as_std_reads_them(text in "[0-9+ -]{0,12}") {
            let expected = if text.starts_with('+') { None } else { text.parse().ok() };
            prop_assert_eq!(number(text.as_bytes()), expected);
        }

        #[test]
        fn a_name_never_holds_a_control_character_and_is_bounded(name: Vec<u8>) {
            let shown = Name(&name).to_string();
            prop_assert!(shown.bytes().all(|b| (b' '..=b'~').contains(&b)), "{}", shown);
            prop_assert!(shown.len() <= Name::SHOWN * 4 + 3);
        }
    }
}
