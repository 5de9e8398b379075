//! Errors of system calls, in words.

use core::fmt::{self, Display, Formatter};

use crate::text::{Line, Piece, display, parts};

/// The error of a system call (`errno(3)`): a positive number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(pub(super) i32);

#[allow(missing_docs, reason = "they are named as errno(3) names them")]
impl Errno {
    pub const EPERM: Errno = Errno(libc::EPERM);
    pub const ENOENT: Errno = Errno(libc::ENOENT);
    pub const ESRCH: Errno = Errno(libc::ESRCH);
    pub const EIO: Errno = Errno(libc::EIO);
    pub const EINTR: Errno = Errno(libc::EINTR);
    pub const ENOEXEC: Errno = Errno(libc::ENOEXEC);
    pub const ECHILD: Errno = Errno(libc::ECHILD);
    pub const EAGAIN: Errno = Errno(libc::EAGAIN);
    pub const EACCES: Errno = Errno(libc::EACCES);
    pub const ENODEV: Errno = Errno(libc::ENODEV);
    pub const ENOTDIR: Errno = Errno(libc::ENOTDIR);
    pub const ENAMETOOLONG: Errno = Errno(libc::ENAMETOOLONG);
    pub const ENOSYS: Errno = Errno(libc::ENOSYS);
    pub const ESTALE: Errno = Errno(libc::ESTALE);
    pub const ETIMEDOUT: Errno = Errno(libc::ETIMEDOUT);
}

impl Errno {
    pub(crate) const fn new(number: i32) -> Errno {
        Errno(number)
    }

    pub(crate) const fn number(self) -> i32 {
        self.0
    }

    /// The words of `strerror(3)` for the errors that starting a program and running
    /// it can meet.
    fn words(self) -> Option<&'static [u8]> {
        let place = KNOWN.iter().position(|known| *known == self.0)?;
        parts(WORDS.as_bytes(), b'\n').nth(place)
    }
}

/// The errors with words, and their words in the same order: one string, since each
/// pointer to one is as long as the words.
#[rustfmt::skip]
const KNOWN: [i32; 16] = [
    libc::EPERM, libc::ENOENT, libc::ESRCH, libc::EIO, libc::E2BIG, libc::ENOEXEC, libc::EAGAIN,
    libc::ENOMEM, libc::EACCES, libc::ENOTDIR, libc::EISDIR, libc::EINVAL, libc::ETXTBSY,
    libc::ENAMETOOLONG, libc::ENOSYS, libc::ELOOP,
];
const WORDS: &str = "\
Operation not permitted
No such file or directory
No such process
Input/output error
Argument list too long
Exec format error
Resource temporarily unavailable
Cannot allocate memory
Permission denied
Not a directory
Is a directory
Invalid argument
Text file busy
File name too long
Function not implemented
Too many levels of symbolic links";

impl Piece for Errno {
    fn write(&self, line: &mut Line) {
        match self.words() {
            Some(words) => line.push(words),
            None => {
                line.push(b"error ");
                (self.0 as u32).write(line);
            }
        }
    }
}

impl Display for Errno {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        display(self, f)
    }
}
