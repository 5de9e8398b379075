//! Small pieces of text: numbers in and out, lines under construction, names that
//! nobody vouches for.
//!
//! Messages are built here, byte by byte into a line, and handed to `core::fmt` as a
//! whole: its own formatting of numbers and padding would be a few kilobytes.

use core::fmt::{self, Display, Formatter, Write};

use crate::packed::{pair, text};
use crate::sys::{Nulls, Table, Text};

/// Reads a number in decimal digits from the front of `text`, up to what is no digit.
#[inline(never)]
pub(crate) fn take_number(text: &mut Text) -> Option<u32> {
    u32::try_from(take_large_number(text)?).ok()
}

/// The same for as much as 60 bits hold; a larger number is read as one that they don't.
pub(crate) fn take_large_number(text: &mut Text) -> Option<u64> {
    let mut rest = *text;
    let mut number = 0u64;
    loop {
        let digit = rest.first().wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        if number >> 60 == 0 {
            number = number.wrapping_mul(10).wrapping_add(digit.into());
        }
        rest = rest.rest();
    }
    let found = rest.distance(*text) != 0;
    *text = rest;
    found.then_some(number)
}

/// Looks for a line that begins with `field`, and gives what follows that there and
/// in all the lines after it.
pub(crate) fn after_field<'a>(text: Text<'a>, field: Text) -> Option<Text<'a>> {
    let mut line = Some(text);
    while let Some(text) = line {
        if let value @ Some(_) = text.strip_prefix(field) {
            return value;
        }
        line = after(text, b'\n');
    }
    None
}

/// What follows the first `separator`, if it is there.
pub(crate) fn after(mut text: Text, separator: u8) -> Option<Text> {
    while !text.is_empty() {
        if text.next() == separator {
            return Some(text);
        }
    }
    None
}

/// Reads a word from the front of `text`, up to what is neither letter nor digit: the row
/// of `words` that is the same but for the case of its letters. Gives its tag.
pub(crate) fn take_word(text: &mut Text, mut words: Table) -> Option<u8> {
    words.find_map(|row| {
        let rest = without_prefix(*text, row.rest())?;
        if rest.first().is_ascii_alphanumeric() {
            return None;
        }
        *text = rest;
        Some(row.first())
    })
}

/// What follows `prefix`, which has no small letters, in a text that begins with it in
/// letters of either size.
pub(crate) fn without_prefix<'a>(mut text: Text<'a>, mut prefix: Text) -> Option<Text<'a>> {
    while !prefix.is_empty() {
        if text.next().to_ascii_uppercase() != prefix.next() {
            return None;
        }
    }
    Some(text)
}

/// A piece of a message.
pub trait Piece {
    /// Writes itself at the end of `line`.
    fn write(&self, line: &mut Line);
}

/// Shows a piece where `core::fmt` asks for it.
pub(crate) fn display(piece: &dyn Piece, f: &mut Formatter) -> fmt::Result {
    let mut line = Line::new();
    piece.write(&mut line);
    line.fmt(f)
}

impl Piece for u32 {
    fn write(&self, line: &mut Line) {
        line.number(u64::from(*self));
    }
}

/// What comes from outside (an argument, a process's name), fit for a line of a log: not
/// too much of it, and nothing that a terminal would obey.
impl Piece for Text<'_> {
    fn write(&self, line: &mut Line) {
        if !line.quote(*self, NAME_SHOWN).is_empty() {
            line.add(text!("..."));
        }
    }
}

/// How much of a name is shown. Enough for any sensible one, and short enough that
/// what follows it still fits into the line.
const NAME_SHOWN: usize = 160;

/// A line under construction, in a buffer of its own. What does not fit is left
/// out, and dots at the end say so.
#[repr(C)]
pub struct Line {
    length: usize,
    bytes: Nulls<{ Line::SIZE + 1 }>,
}

impl Line {
    const SIZE: usize = 512;
    const CUT: &str = "...\n";

    pub(crate) const fn new() -> Line {
        Line { length: 0, bytes: Nulls::new() }
    }

    /// Writes `text` at the end.
    pub(crate) fn add(&mut self, text: Text) {
        self.add_up_to(text, 0);
    }

    /// Writes what stands before the first `stop` in `text`; gives what follows that.
    pub(crate) fn add_up_to<'a>(&mut self, mut text: Text<'a>, stop: u8) -> Text<'a> {
        while !text.is_empty() {
            match text.next() {
                byte if byte == stop => break,
                byte => self.put(byte),
            }
        }
        text
    }

    /// Writes what comes from outside, `most` bytes of it; gives what follows those.
    pub(crate) fn quote<'a>(&mut self, mut text: Text<'a>, most: usize) -> Text<'a> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |n: u8| DIGITS.get(usize::from(n & 15)).copied().unwrap_or(b'?');
        for _ in 0..most {
            if text.is_empty() {
                break;
            }
            match text.next() {
                byte @ b' '..=b'~' => self.put(byte),
                byte => {
                    self.add(text!("\\x"));
                    self.put(digit(byte >> 4));
                    self.put(digit(byte));
                }
            }
        }
        text
    }

    /// Writes `number` in decimal.
    pub(crate) fn number(&mut self, number: u64) {
        if number > 9 {
            self.number(number / 10);
        }
        self.put(b'0'.wrapping_add((number % 10) as u8));
    }

    /// Writes one byte, or the two that it stands for.
    #[inline(never)]
    pub(crate) fn put(&mut self, byte: u8) {
        match pair(byte) {
            Some([first, second]) => {
                self.put(first);
                self.put(second);
            }
            None => self.put_plain(byte),
        }
    }

    /// Writes a byte that stands for nothing but itself.
    fn put_plain(&mut self, byte: u8) {
        self.bytes.set(self.length, byte);
        self.length = self.length.wrapping_add(1);
    }

    /// Fills up with blanks to `column`.
    pub(crate) fn pad(&mut self, column: usize) {
        while self.length < column {
            self.put(b' ');
        }
    }

    /// The line with its line feed.
    pub(crate) fn finish(&mut self) -> &[u8] {
        self.put(b'\n');
        if self.length > Line::SIZE {
            self.length = Line::SIZE.wrapping_sub(Line::CUT.len());
            self.add(text!(Line::CUT));
        }
        self.written()
    }

    /// The same as a C string, for a line that is a part of another one.
    pub(crate) fn text(&self) -> Text<'_> {
        self.bytes.text()
    }

    /// What it holds so far.
    pub(crate) fn written(&self) -> &[u8] {
        self.bytes.places().get(..self.length).unwrap_or(self.bytes.places())
    }
}

/// What is written is ASCII, but for what somebody else's message may hold.
impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.put_plain(byte));
        Ok(())
    }

    fn write_char(&mut self, character: char) -> fmt::Result {
        self.write_str(character.encode_utf8(&mut [0; 4]))
    }
}

/// Each byte is shown as a character, which is right for ASCII.
impl Display for Line {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        self.written().iter().try_for_each(|byte| f.write_char(char::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::CString;
    use std::string::{String, ToString};

    fn shown(piece: &dyn Piece) -> String {
        let mut line = Line::new();
        piece.write(&mut line);
        line.to_string()
    }

    proptest! {
        #[test]
        fn numbers_are_written_as_std_writes_them(n: u32) {
            prop_assert_eq!(shown(&n), n.to_string());
        }

        #[test]
        fn numbers_are_read_as_std_reads_them(text in "[0-9+ -]{0,12}") {
            let expected = if text.starts_with('+') { None } else { text.parse().ok() };
            let text = CString::new(text).unwrap();
            let mut rest = Text::from(&text);
            prop_assert_eq!(take_number(&mut rest).filter(|_| rest.is_empty()), expected);
        }

        #[test]
        fn a_number_that_is_too_large_stays_so(number: u64, more in "[0-9]{0,40}") {
            let text = CString::new(std::format!("{number}{more}")).unwrap();
            let read = take_large_number(&mut Text::from(&text)).unwrap();
            let exact = text.to_str().unwrap().parse::<u64>().unwrap_or(u64::MAX);
            prop_assert_eq!(read.min(1 << 60), exact.min(1 << 60));
        }

        #[test]
        fn a_field_is_found_where_its_line_begins(before in "[a-z 1\n]{0,20}", number in 0u64..1 << 60) {
            let text = CString::new(std::format!("{before}\nfield {number}\nfield 0\n")).unwrap();
            let mut value = after_field(Text::from(&text), Text::from(c"field ")).unwrap();
            prop_assert_eq!(take_large_number(&mut value), Some(number));
            prop_assert!(after_field(Text::from(&text), Text::from(c"ield ")).is_none());
        }

        #[test]
        fn a_name_never_holds_a_control_character_and_is_bounded(name in prop::collection::vec(1u8.., 0..300)) {
            let name = CString::new(name).unwrap();
            let shown = shown(&Text::from(&name));
            prop_assert!(shown.bytes().all(|b| (b' '..=b'~').contains(&b)), "{}", shown);
            prop_assert!(shown.len() <= 512);
        }

        #[test]
        fn what_follows_a_separator_is_found(before in "[a-z]{0,9}", rest in "[a-z:]{0,9}") {
            let text = CString::new(std::format!("{before}:{rest}")).unwrap();
            let found = after(Text::from(&text), b':').map(Text::bytes);
            prop_assert_eq!(found, Some(rest.as_bytes()));
            prop_assert!(after(Text::from(&CString::new(before).unwrap()), b':').is_none());
        }

        #[test]
        fn a_line_ends_with_a_line_feed_and_says_if_it_was_cut(
            texts in prop::collection::vec("[\\x01-\\u{ff}]{0,90}", 0..16),
        ) {
            let mut line = Line::new();
            texts.iter().for_each(|text| line.write_str(text).unwrap());
            let whole = texts.concat();
            let finished = line.finish();
            if whole.len() < 512 {
                prop_assert_eq!(finished.strip_suffix(b"\n"), Some(whole.as_bytes()));
            } else {
                prop_assert_eq!(finished.len(), 512);
                prop_assert!(finished.ends_with(b"...\n"));
            }
        }
    }
}
