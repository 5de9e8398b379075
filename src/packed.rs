//! The init's own words, packed at compile time to two thirds of their length: a byte that is
//! not ASCII stands for a pair of others. [`Line::put`](crate::text::Line::put) unpacks them.
//!
//! Packed is what is only ever shown. What is compared with something that comes from
//! outside (an option, a signal's name, a field of /proc) stays as it is.

mod pairs;

use pairs::PAIRS;

/// The pair that `byte` stands for, if it stands for one.
pub(crate) fn pair(byte: u8) -> Option<[u8; 2]> {
    PAIRS.get(usize::from(byte ^ 0x80)).copied()
}

/// Bytes under construction, at most `ROOM` of them.
pub(crate) struct Packed<const ROOM: usize> {
    bytes: [u8; ROOM],
    pub(crate) length: usize,
}

impl<const ROOM: usize> Packed<ROOM> {
    pub(crate) const fn new() -> Packed<ROOM> {
        Packed { bytes: [0; ROOM], length: 0 }
    }

    /// The same with `byte` behind them.
    pub(crate) const fn with(mut self, byte: u8) -> Packed<ROOM> {
        self.bytes[self.length] = byte;
        self.length += 1;
        self
    }

    /// The same with `text` behind them, as it is.
    pub(crate) const fn plain(mut self, text: &str) -> Packed<ROOM> {
        assert!(text.is_ascii(), "what is not ASCII would be taken for pairs");
        self.bytes.split_at_mut(self.length).1.split_at_mut(text.len()).0.copy_from_slice(text.as_bytes());
        self.length += text.len();
        self
    }

    /// The same with `text` behind them, packed. What follows a `%` stays as it is.
    pub(crate) const fn packed(self, text: &str) -> Packed<ROOM> {
        let start = self.length;
        let mut packed = self.plain(text);
        let mut code = 0;
        while code < PAIRS.len() {
            let [first, second] = PAIRS[code];
            let (mut from, mut to) = (start, start);
            while from < packed.length {
                let mut byte = packed.bytes[from];
                let is_pair = byte == first && from + 1 < packed.length && packed.bytes[from + 1] == second;
                if is_pair && (to == start || packed.bytes[to - 1] != b'%') {
                    byte = 0x80 | code as u8;
                    from += 1;
                }
                packed.bytes[to] = byte;
                from += 1;
                to += 1;
            }
            packed.length = to;
            code += 1;
        }
        packed
    }

    /// Them alone; `SIZE` is how many they are.
    pub(crate) const fn bytes<const SIZE: usize>(&self) -> [u8; SIZE] {
        assert!(SIZE == self.length);
        let mut bytes = [0; SIZE];
        bytes.copy_from_slice(self.bytes.split_at(SIZE).0);
        bytes
    }
}

/// A [`Text`](crate::sys::Text) of the init's own, packed.
macro_rules! text {
    ($text:expr) => {
        const {
            const TEXT: &str = $text;
            const PACKED: $crate::packed::Packed<{ TEXT.len() + 1 }> =
                $crate::packed::Packed::new().packed(TEXT).with(0);
            const BYTES: [u8; PACKED.length] = PACKED.bytes();
            $crate::sys::Text::within(&BYTES)
        }
    };
}
pub(crate) use text;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Line;
    use proptest::prelude::*;
    use std::string::ToString;

    #[test]
    fn no_pair_stands_for_itself_or_holds_what_has_a_meaning() {
        for (place, pair) in PAIRS.iter().enumerate() {
            for byte in *pair {
                let earlier = byte >= 0x80 && usize::from(byte ^ 0x80) < place;
                let plain = matches!(byte, b' '..=b'~') && byte != b'%' && !byte.is_ascii_digit();
                assert!(earlier || plain, "{place}: {byte:#x}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_ascii_is_given_back(text in "[\\x01-\\x7f]{0,40}|[a-z %0-9]{0,80}") {
            let packed = Packed::<80>::new().packed(&text);
            let bytes = &packed.bytes[..packed.length];
            let mut line = Line::new();
            bytes.iter().for_each(|byte| line.put(*byte));
            prop_assert_eq!(line.to_string(), text.clone());
            for pair in text.as_bytes().windows(2).filter(|pair| pair[0] == b'%') {
                prop_assert!(bytes.windows(2).any(|packed| packed == pair));
            }
        }
    }

    #[test]
    fn what_is_said_is_packed() {
        let text = text!("the program was not found");
        assert!(text.bytes().len() < 20);
        let mut line = Line::new();
        line.add(text);
        assert_eq!(line.to_string(), "the program was not found");
    }
}
