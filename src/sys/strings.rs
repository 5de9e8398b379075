//! The null-terminated arrays of C strings that a process is started with.

use core::ffi::{CStr, c_char};
use core::marker::PhantomData;
use core::mem::MaybeUninit;

use crate::text::cut;

/// `argv` or `envp`: pointers to C strings, closed by a null pointer (`execve(2)`).
///
/// A thin pointer; nothing is counted or measured before somebody asks.
#[derive(Clone, Copy)]
pub struct Strings<'a> {
    first: *mut *const c_char,
    /// How many places of the array are before `first`.
    before: usize,
    strings: PhantomData<&'a CStr>,
}

impl<'a> Strings<'a> {
    /// # Safety
    /// `first` points to an array of pointers to C strings that ends with a null
    /// pointer; array and strings live and stay as they are for `'a`, but for
    /// changes made through this type, and nobody else changes them.
    #[must_use]
    pub const unsafe fn new(first: *mut *const c_char) -> Strings<'a> {
        Strings { first, before: 0, strings: PhantomData }
    }

    /// The array, for `execve(2)`.
    pub(crate) fn as_ptr(self) -> *const *const c_char {
        self.first
    }

    /// The first string, and the array that begins after it.
    #[must_use]
    pub fn split_first(self) -> Option<(Text<'a>, Strings<'a>)> {
        // SAFETY: `first` is within the array, at its closing null at the latest.
        let string = unsafe { *self.first };
        if string.is_null() {
            return None;
        }
        // SAFETY: this was not the closing null, so there is a next place.
        let first = unsafe { self.first.add(1) };
        Some((Text::new(string), Strings { first, before: self.before.wrapping_add(1), ..self }))
    }

    /// Whether there is no string at all.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.split_first().is_none()
    }

    /// Puts `text` in the first place, which is not the closing null or no longer
    /// needed as one.
    pub(crate) fn put(self, text: Text<'a>) {
        // SAFETY: `first` is within the array, which only this type changes.
        unsafe { *self.first = text.0 };
    }

    /// Calls `work` while `text` stands in the first place, which is not the
    /// closing null. What it reads from the array must not outlive that.
    pub(crate) fn with_first<R>(self, text: Text, work: impl FnOnce() -> R) -> R {
        // SAFETY: `first` is within the array, which only this type changes.
        let before = unsafe { self.first.replace(text.0) };
        let result = work();
        // SAFETY: as above.
        unsafe { *self.first = before };
        result
    }

    /// The array that begins one place earlier, if this one came from
    /// [`Strings::split_first`] of a longer one.
    pub(crate) fn with_place_before(self) -> Option<Strings<'a>> {
        let before = self.before.checked_sub(1)?;
        // SAFETY: the place before belongs to the same array.
        Some(Strings { first: unsafe { self.first.sub(1) }, before, ..self })
    }
}

/// Adds `variable`, NAME=VALUE, to `environment`, in front of it. The first `added` of
/// it were added so before and are not replaced; another one of that name is.
///
/// There is no memory for one more place, but behind argv the kernel puts envp, and
/// an init with such an option has places of argv that it needs no more: `program`,
/// the end of argv, moves one place down. If the two are not neighbours, nothing is
/// added. Gives whether it was.
pub(crate) fn add_variable<'a>(
    program: &mut Strings<'a>,
    environment: &mut Strings<'a>,
    added: usize,
    variable: Text<'a>,
) -> bool {
    let (name, _) = cut(variable.bytes(), b'=');
    let named = |other: Text| other.strip_prefix(name).is_some_and(|rest| rest.first() == b'=');
    let mut gap = None;
    for (index, (other, place)) in (*environment).enumerate() {
        if named(other) {
            if index < added {
                return false;
            }
            gap = Some(place.first);
        }
    }
    // SAFETY: all places are within the two arrays: `gap` is one of `environment`, and
    // those between its first and that one move up over it; `program` has a place
    // before, and moves down over that with its closing null.
    unsafe {
        match gap {
            Some(gap) => {
                let before = gap.offset_from_unsigned(environment.first);
                environment.first.copy_to(environment.first.add(1), before);
            }
            None => {
                let places = (*program).count().wrapping_add(1);
                if program.before == 0 || program.first.add(places) != environment.first {
                    return false;
                }
                program.first.copy_to(program.first.sub(1), places);
                program.first = program.first.sub(1);
                program.before = program.before.wrapping_sub(1);
                environment.first = environment.first.sub(1);
            }
        }
    }
    environment.put(variable);
    true
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

/// Room for one C string of at most `N` bytes, its closing null included.
pub(crate) struct Room<const N: usize>([MaybeUninit<u8>; N]);

impl<const N: usize> Room<N> {
    pub(crate) const fn new() -> Room<N> {
        Room([const { MaybeUninit::uninit() }; N])
    }

    /// The C string made of `parts`, which hold no null; none if it is too long.
    pub(crate) fn join(&mut self, parts: &[&[u8]]) -> Option<Text<'_>> {
        let mut rest = &mut self.0[..];
        for part in parts.iter().chain([&&b"\0"[..]]) {
            let (places, after) = rest.split_at_mut_checked(part.len())?;
            places.iter_mut().zip(*part).for_each(|(place, byte)| {
                place.write(*byte);
            });
            rest = after;
        }
        Some(Text::new(self.0.as_ptr().cast()))
    }
}

/// One C string of such an array, not measured yet.
#[derive(Clone, Copy)]
pub struct Text<'a>(*const c_char, PhantomData<&'a CStr>);

// SAFETY: as a `&CStr`, it only reads.
unsafe impl Sync for Text<'_> {}
// SAFETY: the same.
unsafe impl Send for Text<'_> {}

/// Over its bytes.
impl Iterator for Text<'_> {
    type Item = u8;

    #[inline(never)]
    fn next(&mut self) -> Option<u8> {
        let (byte, rest) = self.split_first()?;
        *self = rest;
        Some(byte)
    }
}

impl<'a> Text<'a> {
    fn new(string: *const c_char) -> Text<'a> {
        Text(string, PhantomData)
    }

    /// A string of the program's own.
    #[must_use]
    pub const fn from(string: &'a CStr) -> Text<'a> {
        Text(string.as_ptr(), PhantomData)
    }

    pub(crate) fn as_ptr(self) -> *const c_char {
        self.0
    }

    /// What follows `prefix`, if the string begins with it.
    #[must_use]
    pub fn strip_prefix(self, prefix: &[u8]) -> Option<Text<'a>> {
        let mut rest = self.0;
        for byte in prefix {
            // SAFETY: all bytes before were equal to bytes of `prefix`, which are
            // not null, so the string has not ended before this place.
            if *byte == 0 || unsafe { *rest.cast::<u8>() } != *byte {
                return None;
            }
            // SAFETY: as above, and this byte was not its end either.
            rest = unsafe { rest.add(1) };
        }
        Some(Text::new(rest))
    }

    /// Its first byte, null if it is empty.
    #[must_use]
    pub fn first(self) -> u8 {
        // SAFETY: a C string has at least its closing null.
        unsafe { *self.0.cast::<u8>() }
    }

    /// Its first byte and the rest, if it is not empty.
    #[must_use]
    pub fn split_first(self) -> Option<(u8, Text<'a>)> {
        // SAFETY: the first byte is not the closing null, so there is a next.
        (!self.is_empty()).then(|| (self.first(), Text::new(unsafe { self.0.add(1) })))
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
        unsafe { CStr::from_ptr(self.0) }.to_bytes()
    }
}
