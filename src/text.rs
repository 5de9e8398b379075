//! Small pieces of text: numbers in and out, lines under construction, names that
//! nobody vouches for.
//!
//! Messages are built here, byte by byte into a line, and handed to `core::fmt` as a
//! whole: its own formatting of numbers and padding would be a few kilobytes.

use core::fmt::{self, Display, Formatter, Write};

use crate::sys::{Table, Text};

/// Reads a number in decimal digits from the front of `text`, up to what is no digit.
#[inline(never)]
pub(crate) fn take_number(text: &mut Text) -> Option<u32> {
    u32::try_from(take_large_number(text)?).ok()
}

/// The same for as much as 64 bits hold.
#[inline(never)]
pub(crate) fn take_large_number(text: &mut Text) -> Option<u64> {
    let mut number = None;
    loop {
        let digit = text.first().wrapping_sub(b'0');
        if digit > 9 {
            return number;
        }
        number = Some(number.unwrap_or(0u64).checked_mul(10)?.checked_add(u64::from(digit))?);
        *text = text.rest();
    }
}

/// Looks for a line that begins with `field`, and gives what follows that there and
/// in all the lines after it.
pub(crate) fn after_field<'a>(mut text: Text<'a>, field: &[u8]) -> Option<Text<'a>> {
    while !text.is_empty() {
        if let Some(value) = text.strip_prefix(field) {
            return Some(value);
        }
        text = after(text, b'\n');
    }
    None
}

/// What follows the first `separator`, nothing if it is not there.
pub(crate) fn after(mut text: Text, separator: u8) -> Text {
    while !text.is_empty() {
        let byte = text.first();
        text = text.rest();
        if byte == separator {
            break;
        }
    }
    text
}

/// Reads a word from the front of `text`, up to what is neither letter nor digit: the
/// row of `words` that is the same but for the case of its letters. Gives its tag.
#[inline(never)]
pub(crate) fn take_word(text: &mut Text, mut words: Table) -> Option<u8> {
    words.find_map(|row| {
        let (mut given, mut known) = (*text, row.rest());
        while !known.is_empty() && known.first() == given.first().to_ascii_uppercase() {
            (given, known) = (given.rest(), known.rest());
        }
        let ends = known.is_empty() && !given.first().is_ascii_alphanumeric();
        ends.then(|| {
            *text = given;
            row.first()
        })
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

/// The parts of a text between separators: one more than there are of those.
pub(crate) struct Parts<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

pub(crate) fn parts(text: &[u8], separator: u8) -> Parts<'_> {
    Parts { rest: Some(text), separator }
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (part, rest) = cut(self.rest?, self.separator);
        self.rest = rest;
        Some(part)
    }
}

/// Room for the digits of a number, as a C string.
pub(crate) const DIGITS: usize = 11;

/// The digits of `number` in decimal, in the end of `buffer`, the last byte of which is
/// the null behind them.
pub(crate) fn digits(number: u32, buffer: &mut [u8; DIGITS]) -> Text<'_> {
    let mut rest = number;
    let [places @ .., end] = buffer;
    *end = 0;
    let mut start = places.len();
    for place in places.iter_mut().rev() {
        *place = b'0'.wrapping_add((rest % 10) as u8);
        start = start.wrapping_sub(1);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    Text::within(buffer.get(start..).unwrap_or_default())
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
        line.add(digits(*self, &mut [0; DIGITS]));
    }
}

/// Bytes from outside (an argument, a process's name), fit for a line of a log: not
/// too many of them, and nothing that a terminal would obey.
impl Piece for &[u8] {
    fn write(&self, line: &mut Line) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |n: u8| DIGITS.get(usize::from(n & 15)).copied().unwrap_or(b'?');
        for byte in self.iter().take(NAME_SHOWN) {
            match byte {
                b' '..=b'~' => line.put(*byte),
                _ => line.push(&[b'\\', b'x', digit(byte >> 4), digit(*byte)]),
            }
        }
        if self.len() > NAME_SHOWN {
            line.add(Text::from(c"..."));
        }
    }
}

impl Piece for Text<'_> {
    fn write(&self, line: &mut Line) {
        self.bytes().write(line);
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
    /// One more than is written, for a closing null.
    bytes: [u8; Line::SIZE + 1],
}

impl Line {
    const SIZE: usize = 512;
    const CUT: &[u8] = b"...\n";

    pub(crate) const fn new() -> Line {
        Line { length: 0, bytes: [0; Line::SIZE + 1] }
    }

    /// Writes `text` at the end.
    #[inline(never)]
    pub(crate) fn push(&mut self, text: &[u8]) {
        text.iter().for_each(|byte| self.put(*byte));
    }

    /// The same of a C string: 65 bytes less where that is at hand.
    #[inline(never)]
    pub(crate) fn add(&mut self, mut text: Text) {
        while !text.is_empty() {
            self.put(text.first());
            text = text.rest();
        }
    }

    /// The same of one byte.
    #[inline(never)]
    pub(crate) fn put(&mut self, byte: u8) {
        let [places @ .., _closing] = &mut self.bytes;
        if let Some(place) = places.get_mut(self.length) {
            *place = byte;
        }
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
            self.push(Line::CUT);
        }
        self.written()
    }

    /// The same as a C string, for a line that is a part of another one.
    pub(crate) fn text(&self) -> Text<'_> {
        Text::within(&self.bytes)
    }

    /// What it holds so far.
    pub(crate) fn written(&self) -> &[u8] {
        self.bytes.get(..self.length.min(Line::SIZE)).unwrap_or_default()
    }
}

/// What is written is ASCII, but for what somebody else's message may hold.
impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }

    fn write_char(&mut self, character: char) -> fmt::Result {
        self.put(character as u8);
        Ok(())
    }
}

/// Only ASCII is ever written, so each byte is a character.
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
    use std::vec::Vec;

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
        fn a_field_is_found_where_its_line_begins(before in "[a-z 1\n]{0,20}", number: u64) {
            let text = CString::new(std::format!("{before}\nfield {number}\nfield 0\n")).unwrap();
            let mut value = after_field(Text::from(&text), b"field ").unwrap();
            prop_assert_eq!(take_large_number(&mut value), Some(number));
            prop_assert!(after_field(Text::from(&text), b"ield ").is_none());
        }

        #[test]
        fn a_name_never_holds_a_control_character_and_is_bounded(name: Vec<u8>) {
            let shown = shown(&&name[..]);
            prop_assert!(shown.bytes().all(|b| (b' '..=b'~').contains(&b)), "{}", shown);
            prop_assert!(shown.len() <= 512);
        }

        #[test]
        fn a_text_is_its_parts_and_separators(text: Vec<u8>, separator: u8) {
            let all: Vec<&[u8]> = parts(&text, separator).collect();
            prop_assert_eq!(all.join(&separator), text);
        }

        #[test]
        fn a_line_ends_with_a_line_feed_and_says_if_it_was_cut(texts: Vec<Vec<u8>>) {
            let mut line = Line::new();
            texts.iter().for_each(|text| line.push(text));
            let whole: Vec<u8> = texts.concat();
            let finished = line.finish();
            if whole.len() < 512 {
                prop_assert_eq!(finished.strip_suffix(b"\n"), Some(&whole[..]));
            } else {
                prop_assert_eq!(finished.len(), 512);
                prop_assert!(finished.ends_with(b"...\n"));
            }
        }
    }
}
