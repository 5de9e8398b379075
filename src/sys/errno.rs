//! Errors of system calls, in words.

use core::fmt::{self, Display, Formatter};

use crate::text::{Decimal, Name, cut};

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
    fn words(self) -> Option<&'static [u8]> {
        let place = KNOWN.iter().position(|known| *known == self.0)?;
        let mut rest = WORDS.as_bytes();
        for _ in 0..place {
            rest = cut(rest, b'\n').1?;
        }
        Some(cut(rest, b'\n').0)
    }
}

/// The errors with words, and their words in the same order: one string, since each
/// pointer to one is as long as the words.
#[rustfmt::skip]
const KNOWN: [i32; 18] = [
    libc::EPERM, libc::ENOENT, libc::ESRCH, libc::EIO, libc::E2BIG, libc::ENOEXEC, libc::EAGAIN,
    libc::ENOMEM, libc::EACCES, libc::ENOTDIR, libc::EISDIR, libc::EINVAL, libc::EMFILE,
    libc::ETXTBSY, libc::ENAMETOOLONG, libc::ENOSYS, libc::ELOOP, libc::ELIBBAD,
];
const WORDS: &str = "\
operation not permitted
no such file or directory
no such process
input/output error
argument list too long
not an executable that this machine understands
out of processes (a limit of the user or of the container)
out of memory
permission denied
not a directory
is a directory
invalid argument
too many open files
the file is being written to
name too long
not known to this kernel
too many symbolic links
its interpreter is corrupted";

impl Display for Errno {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        if let Some(words) = self.words() {
            return Name(words).fmt(f);
        }
        write!(f, "error {}", Decimal::from(self.0.unsigned_abs()))
    }
}
