//! The process itself: who it is, what it belongs to, what it becomes.

use super::{Errno, Pid, Strings, Text, command, pid, syscall};
use crate::exit::ExitCode;
use crate::signal::Signal;

/// The caller's own pid (`getpid(2)`).
#[must_use]
pub fn own_pid() -> Pid {
    // SAFETY: no memory is involved.
    unsafe { syscall!(libc::SYS_getpid) }.and_then(pid).unwrap_or(Pid::UNKNOWN)
}

/// The parent's pid, none if it is outside this PID namespace (`getppid(2)`).
#[must_use]
pub fn parent_pid() -> Option<Pid> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(libc::SYS_getppid) }.and_then(pid).ok()
}

/// The process group of `process` (`getpgid(2)`), 0 if its leader is outside this
/// PID namespace.
///
/// # Errors
/// ESRCH if there is no such process.
pub fn group_of(process: Pid) -> Result<i32, Errno> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(libc::SYS_getpgid, process.get()) }.map(|group| group as i32)
}

/// The session of `process` (`getsid(2)`), 0 if its leader is outside this PID
/// namespace or it is a thread of the kernel.
///
/// # Errors
/// ESRCH if there is no such process.
pub fn session_of(process: Pid) -> Result<i32, Errno> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(libc::SYS_getsid, process.get()) }.map(|session| session as i32)
}

/// Makes the caller the leader of a process group of its own (`setpgid(2)`).
///
/// # Errors
/// EPERM for a session leader, which leads a group of its own anyway.
pub fn lead_own_group() -> Result<(), Errno> {
    // SAFETY: no memory is involved.
    unsafe { command!(libc::SYS_setpgid) }
}

/// Makes the caller the leader of a session of its own, without a terminal
/// (`setsid(2)`).
///
/// # Errors
/// EPERM for the leader of a process group.
pub fn lead_own_session() -> Result<(), Errno> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(libc::SYS_setsid) }.map(drop)
}

// Where ids once had 16 bits, the calls with 32 have names of their own.
#[cfg(not(any(target_arch = "x86", target_arch = "arm")))]
use libc::{
    SYS_geteuid as GETEUID, SYS_setgroups as SETGROUPS, SYS_setresgid as SETRESGID,
    SYS_setresuid as SETRESUID,
};
#[cfg(any(target_arch = "x86", target_arch = "arm"))]
use libc::{
    SYS_geteuid32 as GETEUID, SYS_setgroups32 as SETGROUPS, SYS_setresgid32 as SETRESGID,
    SYS_setresuid32 as SETRESUID,
};

/// A user or a group, by number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Id(pub u32);

impl Id {
    /// Whatever it is already (`setresuid(2)`).
    pub const UNCHANGED: Id = Id(u32::MAX);
}

/// Becomes `user` and `group`, for good and without supplementary groups
/// (`setresuid(2)`, `setresgid(2)`, `setgroups(2)`).
///
/// # Errors
/// EPERM without the capabilities CAP_SETUID and CAP_SETGID.
pub fn become_user(user: Id, group: Id) -> Result<(), Errno> {
    // SAFETY: no memory is involved, the list of groups being empty.
    unsafe {
        // Who is that user already may not be allowed to try.
        command!(SETGROUPS).or_else(|error| match syscall!(GETEUID) {
            Ok(own) if user == Id::UNCHANGED || user == Id(own) => Ok(()),
            _ => Err(error),
        })?;
        command!(SETRESGID, group.0, group.0, group.0)?;
        command!(SETRESUID, user.0, user.0, user.0)
    }
}

/// Has orphaned descendants come to the caller (`PR_SET_CHILD_SUBREAPER(2const)`).
///
/// # Errors
/// EINVAL before Linux 3.4; whatever a seccomp profile answers.
pub fn become_subreaper() -> Result<(), Errno> {
    // SAFETY: no memory is involved.
    unsafe { command!(libc::SYS_prctl, libc::PR_SET_CHILD_SUBREAPER, 1) }
}

/// Has the kernel send `signal` when the parent dies (`PR_SET_PDEATHSIG(2const)`).
///
/// # Errors
/// Whatever a seccomp profile answers.
pub fn set_parent_death_signal(signal: Signal) -> Result<(), Errno> {
    // SAFETY: no memory is involved.
    unsafe { command!(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, signal.number()) }
}

/// Ends the process (`exit_group(2)`; `exit(2)`, since it has one thread, where a seccomp
/// profile refuses that).
pub fn exit(code: ExitCode) -> ! {
    let mut call = libc::SYS_exit_group;
    loop {
        // SAFETY: no memory is involved.
        let _ = unsafe { syscall!(call, code.get()) };
        call = libc::SYS_exit;
    }
}

/// Changes to the directory `path` (`chdir(2)`).
///
/// # Errors
/// As the manual page says.
pub fn change_directory(path: Text) -> Result<(), Errno> {
    // SAFETY: `path` is a C string.
    unsafe { command!(libc::SYS_chdir, path.as_ptr()) }
}

/// Replaces the caller by a program (`execve(2)`); returns only the error.
pub fn execute(path: Text, argv: Strings, env: Strings) -> Errno {
    // SAFETY: all three are C strings or null-terminated arrays of them.
    match unsafe { syscall!(libc::SYS_execve, path.as_ptr(), argv.as_ptr(), env.as_ptr()) } {
        Err(error) => error,
        Ok(_) => Errno::ENOSYS,
    }
}
