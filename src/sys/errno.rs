//! Errors of system calls, in words.

use core::fmt::{self, Display, Formatter};
use core::num::NonZeroI32;

use super::strings::{Table, table};
use crate::packed::text;
use crate::text::{Line, Piece, display};

/// The error of a system call (`errno(3)`), negative as the kernel gives it: negated by
/// all who check a result it would be 40 bytes more. Never zero, so that a result without
/// a value fits one register: 120 bytes less.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(NonZeroI32);

#[allow(missing_docs, reason = "they are named as errno(3) names them")]
impl Errno {
    pub const EPERM: Errno = Errno::constant(libc::EPERM);
    pub const ENOENT: Errno = Errno::constant(libc::ENOENT);
    pub const ESRCH: Errno = Errno::constant(libc::ESRCH);
    pub const EPIPE: Errno = Errno::constant(libc::EPIPE);
    pub const EBADF: Errno = Errno::constant(libc::EBADF);
    pub const EIO: Errno = Errno::constant(libc::EIO);
    pub const EINTR: Errno = Errno::constant(libc::EINTR);
    pub const ENOEXEC: Errno = Errno::constant(libc::ENOEXEC);
    pub const ECHILD: Errno = Errno::constant(libc::ECHILD);
    pub const EAGAIN: Errno = Errno::constant(libc::EAGAIN);
    pub const EACCES: Errno = Errno::constant(libc::EACCES);
    pub const ENODEV: Errno = Errno::constant(libc::ENODEV);
    pub const ENOTDIR: Errno = Errno::constant(libc::ENOTDIR);
    pub const ENAMETOOLONG: Errno = Errno::constant(libc::ENAMETOOLONG);
    pub const ENOSYS: Errno = Errno::constant(libc::ENOSYS);
    pub const ESTALE: Errno = Errno::constant(libc::ESTALE);
    pub const ETIMEDOUT: Errno = Errno::constant(libc::ETIMEDOUT);
}

impl Errno {
    /// The error with this number, a positive one.
    pub(crate) const fn new(number: i32) -> Option<Errno> {
        Errno::from_kernel(number.wrapping_neg())
    }

    /// The error that a system call gave as this number, a negative one.
    pub(super) const fn from_kernel(number: i32) -> Option<Errno> {
        match NonZeroI32::new(number) {
            Some(number) => Some(Errno(number)),
            None => None,
        }
    }

    const fn constant(number: i32) -> Errno {
        Errno::new(number).unwrap()
    }

    /// As a number, a positive one.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0.get().wrapping_neg()
    }
}

/// The words of `strerror(3)` for the errors that starting a program and running it
/// can meet.
const WORDS: Table = table!(&[
    (libc::EPERM as u8, "", "Operation not permitted"),
    (libc::ENOENT as u8, "", "No such file or directory"),
    (libc::ESRCH as u8, "", "No such process"),
    (libc::EIO as u8, "", "Input/output error"),
    (libc::E2BIG as u8, "", "Argument list too long"),
    (libc::ENOEXEC as u8, "", "Exec format error"),
    (libc::EAGAIN as u8, "", "Resource temporarily unavailable"),
    (libc::ENOMEM as u8, "", "Cannot allocate memory"),
    (libc::EACCES as u8, "", "Permission denied"),
    (libc::ENOTDIR as u8, "", "Not a directory"),
    (libc::EISDIR as u8, "", "Is a directory"),
    (libc::EINVAL as u8, "", "Invalid argument"),
    (libc::ETXTBSY as u8, "", "Text file busy"),
    (libc::ENAMETOOLONG as u8, "", "File name too long"),
    (libc::ENOSYS as u8, "", "Function not implemented"),
    (libc::ELOOP as u8, "", "Too many levels of symbolic links"),
]);

impl Piece for Errno {
    fn write(&self, line: &mut Line) {
        match u8::try_from(self.number()).ok().and_then(|number| WORDS.row(number)) {
            Some(words) => line.add(words),
            None => {
                line.add(text!("error "));
                (self.number() as u32).write(line);
            }
        }
    }
}

impl Display for Errno {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        display(self, f)
    }
}
