//! Children that have ended, or stopped.

use core::mem::MaybeUninit;

use super::{Errno, Pid, syscall};
use crate::exit::Ended;
use crate::signal::Signal;

/// What a look at the children gave (`wait4(2)` with WNOHANG).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reaped {
    /// This one had ended and is collected.
    Child(Pid, Ended),
    /// One that had made the caller its tracer (`ptrace(2)`, PTRACE_TRACEME) was stopped by
    /// a signal. It goes on with that, traced no longer, if a seccomp profile lets it. Where
    /// the kernel collects orphans nobody is told of it before a shutdown begins.
    LetGo,
    /// There are children, but none has ended.
    Nothing,
    /// There are no children at all.
    NoChildren,
}

/// The lower half of the status of a process that is stopped; the upper is the signal.
const STOPPED: i32 = 0x7f;

/// Collects a child that has ended, this one or any.
///
/// # Errors
/// Whatever a seccomp profile answers; ECHILD is [`Reaped::NoChildren`].
// Where it is wanted, since to hand it back it would be put together: 32 bytes.
#[inline(always)]
pub fn reap(process: Option<Pid>) -> Result<Reaped, Errno> {
    match wait(process.map_or(-1, Pid::get)) {
        (Ok(child), status) if status & 0xff == STOPPED => {
            // An exec has a SIGTRAP for the tracer, which is not the program's.
            let signal = if status >> 8 == libc::SIGTRAP { 0 } else { status >> 8 };
            // SAFETY: no memory is involved.
            let _ = unsafe { syscall!(libc::SYS_ptrace, libc::PTRACE_DETACH, child, 0, signal) };
            Ok(Reaped::LetGo)
        }
        // It is collected and will not be told of again, whatever its status means:
        // qemu-user makes a signal 65 of the one that it keeps for itself.
        (Ok(child), status) => Ok(Pid::new(child as i32).map_or(Reaped::Nothing, |child| {
            Reaped::Child(child, Ended::from_wait_status(status).unwrap_or(Ended::exited(1)))
        })),
        (Err(Errno::ECHILD), _) => Ok(Reaped::NoChildren),
        (Err(error), _) => Err(error),
    }
}

/// What the kernel gives, and the status that it writes.
#[inline(never)]
fn wait(which: i32) -> (Result<u32, Errno>, i32) {
    let mut status = 0i32;
    // SAFETY: `status` is the int that the kernel writes.
    let found = unsafe { syscall!(libc::SYS_wait4, which as isize, &raw mut status, libc::WNOHANG) };
    (found, status)
}

/// Waits for the child `process`, which is about to end, and collects it.
pub fn collect(process: Pid) {
    // SAFETY: a null status is allowed.
    let _ = unsafe { syscall!(libc::SYS_wait4, process.get()) };
}

/// The signal that has stopped the child `process`, if it is stopped (`waitid(2)` with
/// WSTOPPED and WNOWAIT, so that it can be asked again).
#[must_use]
pub fn stopped_by(process: Pid) -> Option<Signal> {
    let mut info = MaybeUninit::<libc::siginfo_t>::uninit();
    let options = libc::WSTOPPED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: `info` is the siginfo that the kernel writes, the whole of it if there is
    // a child to tell of; if not, its signal may stay as it was.
    unsafe {
        (*info.as_mut_ptr()).si_signo = 0;
        syscall!(libc::SYS_waitid, libc::P_PID, process.get(), info.as_mut_ptr(), options).ok()?;
        if (*info.as_ptr()).si_signo == 0 {
            return None;
        }
        Signal::new((*info.as_ptr()).si_status())
    }
}
