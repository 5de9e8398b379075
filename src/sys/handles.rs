//! Descriptors that stand for processes and for signals, and waiting for both.

use core::mem::{MaybeUninit, size_of};

use super::signals::SIGSET_SIZE;
use super::time::poll;
use super::{Errno, Pid, command, syscall};
use crate::exit::Ended;
use crate::signal::{Signal, SignalSet};
use crate::supervisor::Span;

/// An open descriptor of a process or of signals. Copied freely, and closed by who
/// knows that nobody needs it any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handle(u32);

impl Handle {
    /// The handle of this descriptor.
    #[must_use]
    pub const fn new(descriptor: u32) -> Handle {
        Handle(descriptor)
    }

    /// Closes it (`close(2)`).
    pub fn close(self) {
        super::files::close(self.0);
    }
}

/// A handle of `process`, which may have ended but must not have been collected
/// (`pidfd_open(2)`, since Linux 5.3).
///
/// # Errors
/// ENOSYS before that; whatever a seccomp profile answers.
pub fn open_process(process: Pid) -> Result<Handle, Errno> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(libc::SYS_pidfd_open, process.get()) }.map(Handle)
}

/// A handle that is readable while any signal waits (`signalfd(2)`).
///
/// # Errors
/// As the manual page says.
pub fn open_signals() -> Result<Handle, Errno> {
    let all = SignalSet::ALL;
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    // SAFETY: `all` is a signal set as the kernel's, of the size given.
    unsafe { syscall!(libc::SYS_signalfd4, -1isize, &raw const all, SIGSET_SIZE, flags) }.map(Handle)
}

/// How the process of `handle` ended, if it has and was collected, be it by the kernel
/// itself (`PIDFD_GET_INFO(2const)` with PIDFD_INFO_EXIT, since Linux 6.15).
///
/// # Errors
/// ENOTTY or EINVAL before that; whatever a seccomp profile answers.
pub fn exit_of(handle: Handle) -> Result<Option<Ended>, Errno> {
    /// `struct pidfd_info` (<linux/pidfd.h>): mask, cgroup, eleven ids, the status.
    #[repr(C)]
    struct Info {
        mask: u64,
        cgroup: u64,
        ids: [u32; 11],
        status: i32,
    }
    const EXIT: u64 = 1 << 3;
    // _IOWR(0xff, 11, struct pidfd_info): PowerPC's own way comes to the same.
    const BOTH_WAYS: u32 = 3 << 30;
    const GET_INFO: u32 = BOTH_WAYS | (size_of::<Info>() as u32) << 16 | 0xff << 8 | 11;
    let mut info = MaybeUninit::<Info>::uninit();
    let place = info.as_mut_ptr();
    // SAFETY: `info` is as large as the number of the request says. Of it the kernel reads the
    // mask, and writes what that tells then.
    unsafe {
        (*place).mask = EXIT;
        command!(libc::SYS_ioctl, handle.0, GET_INFO, place)?;
        Ok(if (*place).mask & EXIT != 0 { Ended::from_wait_status((*place).status) } else { None })
    }
}

/// Waits, no longer than `limit`, until signals wait at `signals` or `process` has ended
/// and was collected; gives whether it has (`poll(2)`).
///
/// # Errors
/// EINTR, or whatever a seccomp profile answers.
pub fn wait_for_either(signals: Handle, process: Handle, limit: Option<Span>) -> Result<bool, Errno> {
    // Of a process POLLHUP is told without being asked for. POLLIN would be its end
    // as a zombie as well.
    let mut watched = [
        libc::pollfd { fd: signals.0 as i32, events: libc::POLLIN, revents: 0 },
        libc::pollfd { fd: process.0 as i32, events: 0, revents: 0 },
    ];
    poll(&mut watched, limit)?;
    let [_, process] = watched;
    Ok(process.revents != 0)
}

/// Sends `signal` to the process of `handle` or to the process group that it leads;
/// with `None` only asks whether it could be sent (`pidfd_send_signal(2)`).
///
/// # Errors
/// ESRCH if it has been collected, EPERM if it may not be sent to.
pub fn signal_process(handle: Handle, to_group: bool, signal: Option<Signal>) -> Result<(), Errno> {
    // PIDFD_SIGNAL_PROCESS_GROUP, since Linux 6.9.
    let flags = if to_group { 1 << 2 } else { 0 };
    let number = signal.map_or(0, Signal::number);
    // SAFETY: without a siginfo no memory is involved.
    unsafe { command!(libc::SYS_pidfd_send_signal, handle.0, number, 0, flags) }
}
