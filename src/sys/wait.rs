//! Children that have ended, or stopped.

use core::mem::MaybeUninit;

use super::{Errno, Pid, arch, check, syscall};
use crate::exit::Ended;

/// What a look at the children gave (`wait4(2)` with WNOHANG).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reaped {
    /// This one had ended and is collected.
    Child(Pid, Ended),
    /// There are children, but none has ended.
    Nothing,
    /// There are no children at all.
    NoChildren,
}

/// Collects one child that has ended, if any.
///
/// # Errors
/// Whatever a seccomp profile answers; ECHILD is [`Reaped::NoChildren`].
pub fn reap() -> Result<Reaped, Errno> {
    let mut status = 0i32;
    // SAFETY: `status` is the int that the kernel writes.
    let found = unsafe { syscall!(libc::SYS_wait4, -1isize, &raw mut status, libc::WNOHANG) };
    match found {
        // It is collected and will not be told of again, whatever its status means:
        // qemu-user makes a signal 65 of the one that it keeps for itself.
        Ok(child) => Ok(Pid::new(child as i32).map_or(Reaped::Nothing, |child| {
            Reaped::Child(child, Ended::from_wait_status(status).unwrap_or(Ended::Exited(1)))
        })),
        Err(Errno::ECHILD) => Ok(Reaped::NoChildren),
        Err(error) => Err(error),
    }
}

/// Waits for the child `process`, which is about to end, and collects it.
pub fn collect(process: Pid) {
    // SAFETY: a null status is allowed.
    while unsafe { syscall!(libc::SYS_wait4, process.get()) } == Err(Errno::EINTR) {}
}

/// Whether the child `process` is stopped and nobody has been told (`waitid(2)`
/// with WSTOPPED and WNOWAIT, so that it can be asked again).
#[must_use]
pub fn is_stopped(process: Pid) -> bool {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let options = libc::WSTOPPED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: `info` is the siginfo that the kernel writes; zeroes are one too.
    unsafe {
        let asked = syscall!(libc::SYS_waitid, libc::P_PID, process.get(), info.as_mut_ptr(), options);
        asked.is_ok() && info.assume_init_ref().si_pid() != 0
    }
}
