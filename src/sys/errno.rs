//! Errors of system calls, in words.

use core::fmt::{self, Display, Formatter};

use crate::text::{Line, Piece, display};

/// The error of a system call (`errno(3)`): a positive number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(pub(super) i32);

#[allow(missing_docs, reason = "they are named as errno(3) names them")]
impl Errno {
    pub const EPERM: Errno = Errno(libc::EPERM);
    pub const ENOENT: Errno = Errno(libc::ENOENT);
    pub const ESRCH: Errno = Errno(libc::ESRCH);
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
    /// The words of `strerror(3)` for the errors that starting a program and running
    /// it can meet.
    fn words(self) -> Option<&'static str> {
        Some(match self.0 {
            libc::EPERM => "Operation not permitted",
            libc::ENOENT => "No such file or directory",
            libc::EIO => "Input/output error",
            libc::E2BIG => "Argument list too long",
            libc::ENOEXEC => "Exec format error",
            libc::EAGAIN => "Resource temporarily unavailable",
            libc::ENOMEM => "Cannot allocate memory",
            libc::EACCES => "Permission denied",
            libc::ENOTDIR => "Not a directory",
            libc::EISDIR => "Is a directory",
            libc::EINVAL => "Invalid argument",
            libc::ETXTBSY => "Text file busy",
            libc::ENAMETOOLONG => "File name too long",
            libc::ENOSYS => "Function not implemented",
            libc::ELOOP => "Too many levels of symbolic links",
            _ => return None,
        })
    }
}

impl Piece for Errno {
    fn write(&self, line: &mut Line) {
        match self.words() {
            Some(words) => line.push(words.as_bytes()),
            None => line.fill("error %", &[&self.0.unsigned_abs()]),
        }
    }
}

impl Display for Errno {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        display(self, f)
    }
}
