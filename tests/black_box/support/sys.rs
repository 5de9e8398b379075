//! The few system calls that the standard library, libc's wrappers and nix do not give as they are:
//! signals 32, 33 and real-time ones included, no thread broadcast, nothing cached.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use libc::{c_int, c_long, pid_t};

/// Bytes of the kernel's signal set.
const SET_BYTES: usize = 8;
/// The highest signal number.
pub const LAST_SIGNAL: c_int = 64;
/// Every signal, as a set.
pub const ALL_SIGNALS: u64 = u64::MAX;

/// The set of these signals, in the form of `/proc/PID/status`: bit n-1 is signal n.
pub fn set_of(signals: &[c_int]) -> u64 {
    signals.iter().fold(0, |set, signal| set | 1 << (signal - 1))
}

/// A system call's result, or its error.
fn checked(result: c_long) -> io::Result<c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// `kill(2)`, for any signal number.
pub fn kill(pid: pid_t, signal: c_int) -> io::Result<()> {
    // SAFETY: no memory is involved.
    checked(unsafe { libc::syscall(libc::SYS_kill, pid, signal) }).map(drop)
}

/// `pidfd_open(2)`.
pub fn pidfd_open(pid: pid_t) -> io::Result<OwnedFd> {
    // SAFETY: no memory is involved.
    let fd = checked(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    // SAFETY: the descriptor is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// `pidfd_send_signal(2)`: whatever has become of the process, nobody else gets the signal.
pub fn pidfd_kill(process: &OwnedFd, signal: c_int) -> io::Result<()> {
    let none = std::ptr::null::<libc::siginfo_t>();
    let number = libc::SYS_pidfd_send_signal;
    // SAFETY: without more information than the number, as kill(2) sends it.
    checked(unsafe { libc::syscall(number, process.as_raw_fd(), signal, none, 0) }).map(drop)
}

/// Collects `pid`: its wait status, or `None` if it still runs.
pub fn try_wait(pid: pid_t) -> io::Result<Option<c_int>> {
    let mut status: c_int = 0;
    // SAFETY: the status outlives the call; no usage is asked for.
    let collected = checked(unsafe {
        libc::syscall(
            libc::SYS_wait4,
            pid,
            &raw mut status,
            libc::WNOHANG,
            std::ptr::null_mut::<libc::rusage>(),
        )
    })?;
    Ok((collected != 0).then_some(status))
}

/// The caller's signal mask, changed as `how` and `set` say; gives the old one.
fn change_mask(how: c_int, set: Option<u64>) -> u64 {
    let mut old: u64 = 0;
    let new = set.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: both sets have the size that is told, or are null.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, new, &raw mut old, SET_BYTES) };
    old
}

/// The caller's signal mask.
pub fn mask() -> u64 {
    change_mask(libc::SIG_BLOCK, None)
}

/// Replaces the caller's signal mask.
pub fn set_mask(set: u64) {
    change_mask(libc::SIG_SETMASK, Some(set));
}

/// Adds to the caller's signal mask.
pub fn block(set: u64) {
    change_mask(libc::SIG_BLOCK, Some(set));
}

/// Takes from the caller's signal mask.
pub fn unblock(set: u64) {
    change_mask(libc::SIG_UNBLOCK, Some(set));
}

/// The signals that wait for the caller.
pub fn pending() -> u64 {
    let mut set: u64 = 0;
    // SAFETY: the set has the size that is told.
    unsafe { libc::syscall(libc::SYS_rt_sigpending, &raw mut set, SET_BYTES) };
    set
}

/// The kernel's `struct sigaction` with room to spare: the handler comes first, all else is zero
/// for the two dispositions used here.
type KernelAction = [usize; 6];

/// Sets a signal's disposition to `SIG_DFL` or `SIG_IGN`.
pub fn set_disposition(signal: c_int, disposition: libc::sighandler_t) {
    let action: KernelAction = [disposition, 0, 0, 0, 0, 0];
    // SAFETY: the action is larger than the kernel's; nothing is written back.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigaction,
            signal,
            action.as_ptr(),
            std::ptr::null_mut::<usize>(),
            SET_BYTES,
        )
    };
}

/// The signals that the caller ignores.
pub fn ignored() -> u64 {
    (1..=LAST_SIGNAL).fold(0, |set, signal| {
        let mut action: KernelAction = [0; 6];
        // SAFETY: the action is larger than the kernel's.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                std::ptr::null::<usize>(),
                action.as_mut_ptr(),
                SET_BYTES,
            )
        };
        let is_ignored = action[0] == libc::SIG_IGN;
        set | u64::from(is_ignored) << (signal - 1)
    })
}

/// A signal taken from the queue.
pub struct Received {
    pub signal: c_int,
    pub code: c_int,
    pub pid: pid_t,
    pub uid: libc::uid_t,
}

/// Waits for one of `set`, all of which must be blocked; `None` when `limit` has passed.
pub fn wait_for_signal(set: u64, limit: Option<Duration>) -> Option<Received> {
    let timeout = limit.map(|limit| libc::timespec {
        tv_sec: limit.as_secs() as libc::time_t,
        tv_nsec: limit.subsec_nanos().into(),
    });
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    loop {
        // SAFETY: all zeroes is a valid siginfo_t.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: set, info and timeout outlive the call and have the sizes that it expects.
        let signal = unsafe {
            libc::syscall(libc::SYS_rt_sigtimedwait, &raw const set, &raw mut info, timeout, SET_BYTES)
        };
        if signal > 0 {
            return Some(Received {
                signal: info.si_signo,
                code: info.si_code,
                // SAFETY: the fields are plain numbers, zero if the signal has none.
                pid: unsafe { info.si_pid() },
                // SAFETY: as above.
                uid: unsafe { info.si_uid() },
            });
        }
        if io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
            return None;
        }
    }
}

/// Whether the kernel tells how a process ended that has been collected, by its pidfd
/// (`PIDFD_GET_INFO(2const)` with `PIDFD_INFO_EXIT`, since Linux 6.15).
pub fn tells_of_the_collected() -> bool {
    const EXIT: u64 = 1 << 3;
    /// `struct pidfd_info`.
    #[repr(C)]
    struct Info {
        mask: u64,
        rest: [u64; 7],
    }
    let request = libc::_IOWR::<Info>(0xff, 11);
    let mut child = super::spawn(&mut std::process::Command::new("true"));
    let handle = pidfd_open(child.id() as pid_t);
    let collected = child.wait().is_ok();
    let mut info = Info { mask: EXIT, rest: [0; 7] };
    handle.is_ok_and(|handle| {
        // SAFETY: the structure is as large as the request says.
        let told = unsafe { libc::ioctl(handle.as_raw_fd(), request, &raw mut info) } == 0;
        collected && told && info.mask & EXIT != 0
    })
}
