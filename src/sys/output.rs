//! Writing, to a reader who may never read.

use core::slice;

use super::time::poll;
use super::{Errno, short, syscall};
use crate::supervisor::Span;

const STDOUT: usize = 1;
const STDERR: usize = 2;

/// Writes `line` to standard error if that can be done without waiting for a
/// reader longer than `patience`. Part of it may be lost. On a terminal, which refuses to be
/// asked so, who fills it between the question and the answer has the caller wait.
///
/// # Errors
/// EAGAIN if nobody reads, otherwise as `write(2)` says.
pub fn write_error(line: &[u8], patience: Span) -> Result<(), Errno> {
    // The kernel's name for the offset of a stream, in both halves.
    const CURRENT: isize = -1;
    let part = libc::iovec { iov_base: line.as_ptr().cast_mut().cast(), iov_len: line.len() };
    let write_now = || {
        // SAFETY: `part` describes `line`, which the kernel only reads.
        unsafe {
            syscall!(libc::SYS_pwritev2, STDERR, &raw const part, 1, CURRENT, CURRENT, libc::RWF_NOWAIT)
        }
    };
    let error = match write_now() {
        Ok(_) => return Ok(()),
        Err(Errno::EPIPE | Errno::EBADF) => return Err(Errno::EPIPE),
        Err(error) => error,
    };
    // Room for one page is what POLLOUT promises.
    wait_until_writable(STDERR, patience)?;
    // Full, or a file that would have to wait for its disk.
    if error == Errno::EAGAIN && !is_seekable(STDERR) {
        return write_now().map(drop);
    }
    // RWF_NOWAIT is refused by terminals, by pipes before Linux 6.4, and by old seccomp
    // profiles. SAFETY: the kernel only reads `line`.
    unsafe { syscall!(libc::SYS_write, STDERR, line.as_ptr(), line.len()) }.map(drop)
}

/// Regular files can be sought; pipes, sockets and terminals can't (`lseek(2)`).
fn is_seekable(descriptor: usize) -> bool {
    // SAFETY: no memory is involved; the offset, which needs all its bits, stays where it is.
    unsafe { short(descriptor, 0, libc::SEEK_CUR as usize, libc::SYS_lseek as usize) >= 0 }
}

fn wait_until_writable(descriptor: usize, patience: Span) -> Result<(), Errno> {
    let mut watched = libc::pollfd { fd: descriptor as i32, events: libc::POLLOUT, revents: 0 };
    let ready = poll(slice::from_mut(&mut watched), Some(patience))?;
    if ready == 0 || watched.revents & libc::POLLOUT == 0 { Err(Errno::EAGAIN) } else { Ok(()) }
}

/// Writes all of `text` to standard output, or to standard error (`write(2)`).
///
/// # Errors
/// As the manual page says.
pub fn write_all(mut text: &[u8], on_stderr: bool) -> Result<(), Errno> {
    let descriptor = if on_stderr { STDERR } else { STDOUT };
    while !text.is_empty() {
        // SAFETY: the kernel only reads `text`.
        match unsafe { syscall!(libc::SYS_write, descriptor, text.as_ptr(), text.len()) } {
            Ok(0) => return Err(Errno::EIO),
            Ok(count) => text = text.get(count as usize..).unwrap_or_default(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
