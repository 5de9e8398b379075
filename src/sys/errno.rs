//! Errors of system calls, in words.

use core::fmt::{self, Display, Formatter};

use super::strings::{Table, table};
use crate::text::{Line, Piece, display};

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
}

/// The words of `strerror(3)` for the errors that starting a program and running it
/// can meet.
const WORDS: Table = table!(&[
    (libc::EPERM as u8, "Operation not permitted"),
    (libc::ENOENT as u8, "No such file or directory"),
    (libc::ESRCH as u8, "No such process"),
    (libc::EIO as u8, "Input/output error"),
    (libc::E2BIG as u8, "Argument list too long"),
    (libc::ENOEXEC as u8, "Exec format error"),
    (libc::EAGAIN as u8, "Resource temporarily unavailable"),
    (libc::ENOMEM as u8, "Cannot allocate memory"),
    (libc::EACCES as u8, "Permission denied"),
    (libc::ENOTDIR as u8, "Not a directory"),
    (libc::EISDIR as u8, "Is a directory"),
    (libc::EINVAL as u8, "Invalid argument"),
    (libc::ETXTBSY as u8, "Text file busy"),
    (libc::ENAMETOOLONG as u8, "File name too long"),
    (libc::ENOSYS as u8, "Function not implemented"),
    (libc::ELOOP as u8, "Too many levels of symbolic links"),
]);

impl Piece for Errno {
    fn write(&self, line: &mut Line) {
        match u8::try_from(self.0).ok().and_then(|number| WORDS.row(number)) {
            Some(words) => line.push(words.bytes()),
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
