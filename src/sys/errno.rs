//! Errors of system calls, in words.

use core::fmt::{self, Display, Formatter};

use crate::text::Decimal;

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
    /// The words for the errors that starting a program and running it can meet.
    fn words(self) -> Option<&'static str> {
        Some(match self.0 {
            libc::EPERM => "operation not permitted",
            libc::ENOENT => "no such file or directory",
            libc::ESRCH => "no such process",
            libc::EIO => "input/output error",
            libc::E2BIG => "argument list too long",
            libc::ENOEXEC => "not an executable that this machine understands",
            libc::EAGAIN => "out of processes (a limit of the user or of the container)",
            libc::ENOMEM => "out of memory",
            libc::EACCES => "permission denied",
            libc::ENOTDIR => "a part of the path is not a directory",
            libc::EISDIR => "is a directory",
            libc::EINVAL => "invalid argument",
            libc::ETXTBSY => "the file is being written to",
            libc::ENAMETOOLONG => "name too long",
            libc::ENOSYS => "not known to this kernel",
            libc::ELOOP => "too many symbolic links",
            _ => return None,
        })
    }
}

impl Display for Errno {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        if let Some(words) = self.words() {
            return f.write_str(words);
        }
        write!(f, "error {}", Decimal::from(self.0.unsigned_abs()))
    }
}
