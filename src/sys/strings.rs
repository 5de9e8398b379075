//! C strings, the null-terminated arrays of them that a process is started with, and tables
//! of the init's own that are made of such strings.

use core::ffi::{CStr, c_char};
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

use crate::packed::Packed;

/// `argv` or `envp`: pointers to C strings, closed by a null pointer (`execve(2)`).
///
/// A thin pointer; nothing is counted or measured before somebody asks.
#[derive(Clone, Copy)]
pub struct Strings<'a> {
    first: NonNull<*const c_char>,
    strings: PhantomData<&'a CStr>,
}

impl<'a> Strings<'a> {
    /// # Safety
    /// `first` points to an array of pointers to C strings that ends with a null
    /// pointer; array and strings live and stay as they are for `'a`, but for
    /// changes made through this type, and nobody else changes them. The place before
    /// `first` is as good to write to (the kernel has argc before argv, and the end of
    /// argv before envp).
    #[must_use]
    pub const unsafe fn new(first: *mut *const c_char) -> Strings<'a> {
        // SAFETY: it points to an array.
        Strings { first: unsafe { NonNull::new_unchecked(first) }, strings: PhantomData }
    }

    /// The array, for `execve(2)`.
    pub(crate) fn as_ptr(self) -> *const *const c_char {
        self.first.as_ptr()
    }

    /// The first string, and the array that begins after it.
    #[must_use]
    pub fn split_first(self) -> Option<(Text<'a>, Strings<'a>)> {
        // SAFETY: `first` is within the array, at its closing null at the latest.
        let string = NonNull::new(unsafe { *self.first.as_ptr() }.cast_mut())?;
        // SAFETY: this was not the closing null, so there is a next place.
        let first = unsafe { self.first.add(1) };
        Some((Text(string, PhantomData), Strings { first, ..self }))
    }

    /// Whether there is no string at all.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.split_first().is_none()
    }

    /// As [`with_first`], with one string more in front: `work` is given the longer array.
    pub(crate) fn with_two_first<R>(self, texts: [Text; 2], work: impl FnOnce(Strings) -> R) -> R {
        // SAFETY: the place before may be written to, see `new`.
        let longer = Strings { first: unsafe { self.first.sub(1) }, ..self };
        let [first, second] = texts;
        with_first(Some((longer, first)), || with_first(Some((self, second)), || work(longer)))
    }
}

/// Calls `work` while `text` stands in the first place of an array, which is not the closing
/// null. What it reads from the array must not outlive that.
pub(crate) fn with_first<R>(text: Option<(Strings, Text)>, work: impl FnOnce() -> R) -> R {
    // SAFETY: `first` is within the array, which only this type changes.
    let before = text.map(|(strings, text)| (strings.first, unsafe { strings.first.replace(text.as_ptr()) }));
    let result = work();
    if let Some((first, before)) = before {
        // SAFETY: as above.
        unsafe { first.write(before) };
    }
    result
}

/// Adds `variable`, NAME=VALUE, to `environment`: in the place of those with that name, or
/// in front.
///
/// There is no memory for one more place, but behind argv the kernel puts envp, and
/// an init with such an option has places of argv that it needs no more: `rest`, what
/// is still needed of `argv`, moves one place down. If the two are not neighbours,
/// nothing is added.
pub(crate) fn add_variable<'a>(
    argv: Strings<'a>,
    rest: &mut Strings<'a>,
    environment: &mut Strings<'a>,
    variable: Text<'a>,
) {
    let mut replaced = false;
    for (other, place) in *environment {
        if other.has_name_of(variable) {
            // SAFETY: `place` is within the array, which only this type changes.
            unsafe { place.first.write(variable.as_ptr()) };
            replaced = true;
        }
    }
    let mut end = *rest;
    while end.next().is_some() {}
    // SAFETY: `rest` is the end of `argv` with its closing null. Beginning behind the
    // start of that, it has a place before, and moves down over it; the place that
    // becomes free is in front of `environment`.
    unsafe {
        if replaced || rest.first <= argv.first || end.first.add(1) != environment.first {
            return;
        }
        let mut place = rest.first;
        while place < environment.first {
            place.sub(1).write(place.read());
            place = place.add(1);
        }
        rest.first = rest.first.sub(1);
        environment.first = environment.first.sub(1);
        environment.first.write(variable.as_ptr());
    }
}

/// Over the strings; each item comes with the array that it begins.
impl<'a> Iterator for Strings<'a> {
    type Item = (Text<'a>, Strings<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let here = *self;
        let (text, rest) = here.split_first()?;
        *self = rest;
        Some((text, here))
    }
}

/// The C string in `room` that is made of `parts`, of each what stands before `stop`, and of
/// `last`; none if it is too long.
pub(crate) fn join<'r>(
    room: &'r mut [MaybeUninit<u8>],
    parts: &[Text],
    stop: u8,
    last: Text,
) -> Option<Text<'r>> {
    let mut places = room.iter_mut();
    for part in parts {
        let mut rest = *part;
        while !rest.is_empty() && rest.first() != stop {
            places.next()?.write(rest.next());
        }
    }
    let mut rest = last;
    while !rest.is_empty() {
        places.next()?.write(rest.next());
    }
    places.next()?.write(0);
    // SAFETY: the null was written just now.
    Some(unsafe { Text::at(NonNull::from(room).cast()) })
}

/// Room for a C string that grows: null bytes, of which all but the last can be set.
pub(crate) struct Nulls<const SIZE: usize>([u8; SIZE]);

impl<const SIZE: usize> Nulls<SIZE> {
    pub(crate) const fn new() -> Nulls<SIZE> {
        const { assert!(SIZE > 0, "no room for the closing null") };
        Nulls([0; SIZE])
    }

    /// All but the last.
    pub(crate) fn places(&self) -> &[u8] {
        self.0.split_last().map_or(&[], |(_closing, places)| places)
    }

    /// Sets the one at `place`, if there is one.
    pub(crate) fn set(&mut self, place: usize, byte: u8) {
        if place < SIZE.wrapping_sub(1)
            && let Some(place) = self.0.get_mut(place)
        {
            *place = byte;
        }
    }

    /// The string.
    pub(crate) fn text(&self) -> Text<'_> {
        // SAFETY: its last byte is null, since nobody can set it.
        unsafe { Text::at(NonNull::from(&self.0).cast()) }
    }
}

/// One C string, not measured yet. Read from its front, it is what is left to read.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a>(NonNull<c_char>, PhantomData<&'a CStr>);

// SAFETY: what it points to stays as it is, as behind a `&CStr`.
unsafe impl Sync for Text<'_> {}
// SAFETY: the same.
unsafe impl Send for Text<'_> {}

impl<'a> Text<'a> {
    pub(crate) const EMPTY: Text<'static> = Text::from(c"");

    /// A string of the program's own.
    #[must_use]
    pub const fn from(string: &'a CStr) -> Text<'a> {
        // SAFETY: it comes from a reference.
        Text(unsafe { NonNull::new_unchecked(string.as_ptr().cast_mut()) }, PhantomData)
    }

    /// The string that begins at `start`.
    ///
    /// # Safety
    /// A byte at or behind `start` is null, and up to that nothing changes for `'a`.
    pub(super) const unsafe fn at(start: NonNull<u8>) -> Text<'a> {
        Text(start.cast(), PhantomData)
    }

    /// The string at the start of `bytes`, if the last of them is null.
    pub(crate) const fn within(bytes: &'a [u8]) -> Text<'a> {
        match bytes {
            // SAFETY: it comes from a reference, and see the pattern.
            [.., 0] => unsafe { Text::at(NonNull::new_unchecked(bytes.as_ptr().cast_mut())) },
            _ => Text::EMPTY,
        }
    }

    /// How many bytes of it stand before `later`, the same string read further.
    pub(crate) fn distance(self, later: Text) -> usize {
        later.as_ptr().addr().wrapping_sub(self.as_ptr().addr())
    }

    pub(crate) fn as_ptr(self) -> *const c_char {
        self.0.as_ptr()
    }

    /// What follows `prefix`, if the string begins with it.
    #[must_use]
    pub fn strip_prefix(mut self, mut prefix: Text) -> Option<Text<'a>> {
        while !prefix.is_empty() {
            if !self.take(prefix.next()) {
                return None;
            }
        }
        Some(self)
    }

    /// Whether it is just `text`.
    #[must_use]
    pub fn is(self, text: Text) -> bool {
        self.strip_prefix(text).is_some_and(Text::is_empty)
    }

    /// Whether both are NAME=VALUE with the same name.
    fn has_name_of(mut self, mut other: Text) -> bool {
        while self.first() == other.first() && !self.is_empty() {
            if self.next() == b'=' {
                return true;
            }
            other.next();
        }
        false
    }

    /// Whether `byte` is in it.
    pub(crate) fn has(mut self, byte: u8) -> bool {
        while !self.is_empty() && self.first() != byte {
            self = self.rest();
        }
        !self.is_empty()
    }

    /// Its first byte, null if it is empty.
    #[must_use]
    pub fn first(self) -> u8 {
        // SAFETY: a C string has at least its closing null.
        unsafe { self.0.cast::<u8>().read() }
    }

    /// What follows its first byte; of an empty one, itself.
    #[must_use]
    pub fn rest(self) -> Text<'a> {
        // SAFETY: if the first byte is not the closing null, there is a next.
        Text(unsafe { self.0.add(usize::from(!self.is_empty())) }, PhantomData)
    }

    /// What follows its first bytes, so many of them; nothing if it has fewer.
    pub(crate) fn skip(self, bytes: usize) -> Text<'a> {
        (0..bytes).fold(self, |text, _| text.rest())
    }

    /// Reads its first byte, if that is `byte` and not the closing null. Gives whether
    /// it is.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let before = *self;
        if before.first() == byte {
            *self = before.rest();
        }
        self.0 != before.0
    }

    /// Reads its first byte, whatever it is; null at the end.
    pub(crate) fn next(&mut self) -> u8 {
        let byte = self.first();
        *self = self.rest();
        byte
    }

    /// Whether it has no bytes.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.first() == 0
    }

    /// Its bytes, without the closing null.
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        // SAFETY: `Strings::new` was promised C strings that live for 'a.
        unsafe { CStr::from_ptr(self.as_ptr()) }.to_bytes()
    }
}

/// A table of texts: rows that are C strings one behind the other, each begun by a
/// byte that tells it from the others, all closed by an empty one. As an array of
/// slices it would be 16 bytes a row longer. See [`table!`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table(Text<'static>);

impl Table {
    /// The rows in `bytes`, as `pack` made them.
    pub(crate) const fn new(bytes: &'static [u8]) -> Table {
        assert!(matches!(bytes, [.., 0, 0]), "it is not closed");
        // SAFETY: it comes from a reference, and its last byte is null.
        Table(Text(unsafe { NonNull::new_unchecked(bytes.as_ptr().cast_mut()).cast() }, PhantomData))
    }

    /// What follows `tag` in the row that it begins.
    pub(crate) fn row(mut self, tag: u8) -> Option<Text<'static>> {
        self.find(|row| row.first() == tag).map(Text::rest)
    }
}

/// Over the rows, with their first bytes.
impl Iterator for Table {
    type Item = Text<'static>;

    #[inline(never)]
    fn next(&mut self) -> Option<Text<'static>> {
        let row = self.0;
        if row.is_empty() {
            return None;
        }
        let mut rest = row;
        while !rest.is_empty() {
            rest = rest.rest();
        }
        // SAFETY: behind a row that is not the empty one there is another, see `new`.
        self.0 = Text(unsafe { rest.0.add(1) }, PhantomData);
        Some(row)
    }
}

/// One row of a table: its first byte, what stays as it is, and what is packed.
pub(crate) type Row = (u8, &'static str, &'static str);

/// How many bytes `pack` makes of `rows` at the most.
pub(crate) const fn unpacked_size(rows: &[Row]) -> usize {
    match rows {
        [] => 1,
        [(_, plain, packed), rest @ ..] => plain.len() + packed.len() + 2 + unpacked_size(rest),
    }
}

/// The bytes of a table of these rows.
pub(crate) const fn pack<const ROOM: usize>(rows: &[Row]) -> Packed<ROOM> {
    let mut bytes = Packed::new();
    let mut row = 0;
    while row < rows.len() {
        let (tag, plain, packed) = rows[row];
        bytes = bytes.with(tag).plain(plain).packed(packed).with(0);
        row += 1;
    }
    bytes.with(0)
}

/// The [`Table`] of a constant list of rows: first bytes, what stays as it is, and what
/// is only shown, if there is such.
macro_rules! table {
    (&[$(($tag:expr, $plain:expr $(, $packed:expr)?)),* $(,)?]) => {
        const {
            const ROWS: &[$crate::sys::Row] = &[$(($tag, $plain, concat!($($packed)?))),*];
            const PACKED: $crate::packed::Packed<{ $crate::sys::unpacked_size(ROWS) }> = $crate::sys::pack(ROWS);
            const BYTES: [u8; PACKED.length] = PACKED.bytes();
            $crate::sys::Table::new(&BYTES)
        }
    };
}
pub(crate) use table;

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;
    use std::string::String;
    use std::vec::Vec;

    /// argv and envp in one array, as the kernel makes them, with a place before.
    fn stack(argv: &[CString], environment: &[CString]) -> Vec<*const c_char> {
        let pointers = |strings: &[CString]| strings.iter().map(|text| text.as_ptr()).collect::<Vec<_>>();
        let null = core::ptr::null();
        [&[null], &pointers(argv)[..], &[null], &pointers(environment), &[null]].concat()
    }

    fn shown<'a>(strings: Strings<'a>) -> Vec<&'a str> {
        strings.map(|(text, _)| core::str::from_utf8(text.bytes()).unwrap()).collect()
    }

    /// What is left of `argv` after its first `read` words, and the environment, when
    /// `added` were added to that.
    fn add(argv: &[&str], read: usize, environment: &[&str], added: &[&str]) -> (Vec<String>, Vec<String>) {
        let own = |texts: &[&str]| texts.iter().map(|text| CString::new(*text).unwrap()).collect::<Vec<_>>();
        let (argv, environment, added) = (own(argv), own(environment), own(added));
        let mut places = stack(&argv, &environment);
        let first = places.as_mut_ptr();
        // SAFETY: both arrays are in `places`, closed by null, with a place before.
        let (argv, mut environment) =
            unsafe { (Strings::new(first.add(1)), Strings::new(first.add(argv.len() + 2))) };
        let mut rest = argv;
        assert_eq!(rest.by_ref().take(read).count(), read);
        for variable in &added {
            add_variable(argv, &mut rest, &mut environment, Text::from(variable));
        }
        let owned = |strings| shown(strings).into_iter().map(String::from).collect();
        (owned(rest), owned(environment))
    }

    #[test]
    fn a_variable_is_put_in_front_or_in_the_place_of_its_name() {
        let argv = ["init", "-e", "A=1", "-e", "B=2", "app", "x"];
        let (rest, environment) = add(&argv, 5, &["C=3"], &["A=1", "B=2"]);
        assert_eq!((rest, environment), (own(&["app", "x"]), own(&["B=2", "A=1", "C=3"])));
        let (rest, environment) = add(&argv, 5, &["AB=0", "A=0", "A=", "C=3"], &["A=1", "A=2"]);
        assert_eq!((rest, environment), (own(&["app", "x"]), own(&["AB=0", "A=2", "A=2", "C=3"])));
    }

    #[test]
    fn where_no_word_was_read_there_is_no_place_for_a_variable() {
        let (rest, environment) = add(&["init"], 0, &["C=3"], &["A=1"]);
        assert_eq!((rest, environment), (own(&["init"]), own(&["C=3"])));
    }

    fn own(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| String::from(*text)).collect()
    }

    #[test]
    fn a_table_gives_its_rows_back() {
        let table = table!(&[(1, "one"), (2, ""), (255, "last"), (1, "again")]);
        let rows: Vec<&[u8]> = table.map(Text::bytes).collect();
        assert_eq!(rows, [&b"\x01one"[..], b"\x02", b"\xfflast", b"\x01again"]);
        for (tag, text) in [(1, Some(&b"one"[..])), (2, Some(b"")), (3, None), (255, Some(b"last"))] {
            assert_eq!(table.row(tag).map(Text::bytes), text, "{tag}");
        }
    }

    #[test]
    fn reading_stops_at_the_end_of_a_text() {
        let mut text = Text::from(c"ab");
        assert!(!text.take(b'b') && text.take(b'a') && !text.take(0) && text.take(b'b'));
        assert!(!text.take(0) && text.is_empty() && text.rest().is_empty() && text.skip(9).is_empty());
        assert!(Text::from(c"ab").has(b'b') && !Text::from(c"ab").has(0) && !Text::from(c"ab").has(b'c'));
        let [one, two] = [c"a", c"ab"].map(Text::from);
        assert!(two.is(two) && !two.is(one) && !one.is(two));
    }
}
