//! Signals: blocked, received, sent.

use core::mem::{MaybeUninit, size_of};

use super::time::{TIMED_WAIT, with_limit};
use super::{Errno, Pid, command, syscall};
use crate::signal::{Signal, SignalSet};
use crate::supervisor::Span;

/// Size of the kernel's signal set, in bytes: 64 signals.
pub(super) const SIGSET_SIZE: usize = size_of::<SignalSet>();

/// Blocks every signal that can be blocked; gives the mask before
/// (`rt_sigprocmask(2)`).
///
/// # Errors
/// Whatever a seccomp profile answers.
pub fn block_all_signals() -> Result<SignalSet, Errno> {
    let mut before = SignalSet::EMPTY;
    let all = SignalSet::ALL;
    // SAFETY: both are signal sets as the kernel's, of the size given.
    unsafe {
        command!(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const all, &raw mut before, SIGSET_SIZE)
    }?;
    Ok(before)
}

/// Sets the mask of blocked signals (`rt_sigprocmask(2)`).
///
/// # Errors
/// Whatever a seccomp profile answers.
pub fn set_blocked_signals(mask: SignalSet) -> Result<(), Errno> {
    // SAFETY: `mask` is a signal set as the kernel's, of the size given.
    unsafe { command!(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const mask, 0, SIGSET_SIZE) }
}

/// `struct sigaction` as the kernel has it. Without a handler to call, its tail
/// (a restorer on some architectures, then the mask) is all zeroes.
#[repr(C)]
struct KernelAction {
    handler: usize,
    flags: usize,
    tail: [usize; 4],
}

/// What SIGCHLD does: the default, which keeps zombies for `wait4`, or being
/// ignored, which makes the kernel reap them (`sigaction(2)`). As wide as an error, so
/// that a result of both needs no packing: 19 bytes less.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum ChildSignal {
    /// Children that have ended wait to be collected.
    Default,
    /// They don't.
    Ignored,
}

/// Sets the disposition of SIGCHLD and gives the one before. Children that are stopped
/// are told of as well, see [`stopped_by`](super::stopped_by) and
/// [`Reaped::LetGo`](super::Reaped::LetGo).
///
/// # Errors
/// Whatever a seccomp profile answers.
pub fn set_child_signal(to: ChildSignal) -> Result<ChildSignal, Errno> {
    let handler = if to == ChildSignal::Ignored { libc::SIG_IGN } else { libc::SIG_DFL };
    let new = KernelAction { handler, flags: 0, tail: [0; 4] };
    let mut old = MaybeUninit::<KernelAction>::uninit();
    // SAFETY: both are at least as large as the kernel's struct, whose first field
    // is the handler on every architecture but MIPS (see lib.rs).
    unsafe {
        command!(libc::SYS_rt_sigaction, libc::SIGCHLD, &raw const new, old.as_mut_ptr(), SIGSET_SIZE)?;
        let handler = (*old.as_ptr()).handler;
        Ok(if handler == libc::SIG_IGN { ChildSignal::Ignored } else { ChildSignal::Default })
    }
}

/// Stops the caller and all of its process group with `signal`, which is blocked and
/// whose disposition is the default; returns when they go on. Gives whether the caller
/// was sent SIGCONT. Otherwise the kernel has not stopped it: PID 1 never is, and a
/// process group that no shell looks after is not stopped by TSTP, TTIN and TTOU
/// (`setpgid(2)`).
#[must_use]
pub fn stop_own_group(signal: Signal) -> bool {
    // SAFETY: no memory is involved.
    let _ = unsafe { command!(libc::SYS_kill, 0, signal.number()) };
    let _ = set_blocked_signals(SignalSet::ALL.without(signal));
    let _ = set_blocked_signals(SignalSet::ALL);
    let mut pending = SignalSet::EMPTY;
    // SAFETY: `pending` is a signal set as the kernel's, of the size given.
    let asked = unsafe { command!(libc::SYS_rt_sigpending, &raw mut pending, SIGSET_SIZE) };
    // A stop takes back the SIGCONT of before, so this one came after it (`signal(7)`).
    asked.is_ok() && pending.contains(Signal::CONT)
}

/// Whom a signal is for (`kill(2)`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// This process.
    Process(Pid),
    /// The process group with this leader; not 1, which would mean everybody.
    Group(Pid),
    /// As PID 1: every other process of the namespace.
    Everybody,
}

/// Sends `signal`, or with `None` only asks whether it could be sent (`kill(2)`).
///
/// # Errors
/// ESRCH if there is nobody, EPERM if it may be sent to none of them.
pub fn kill(target: Target, signal: Option<Signal>) -> Result<(), Errno> {
    let pid = match target {
        Target::Process(pid) => pid.get(),
        Target::Group(Pid::INIT) => return Err(Errno::ESRCH),
        Target::Group(leader) => leader.get().wrapping_neg(),
        Target::Everybody => -1,
    };
    // SAFETY: no memory is involved.
    unsafe { command!(libc::SYS_kill, pid, signal.map_or(0, Signal::number)) }
}

/// Who sent a signal (`sigaction(2)`, "The siginfo_t argument").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sender {
    /// A process of this PID namespace, and its real user id.
    Process(Pid, u32),
    /// A process outside this PID namespace.
    Outside,
    /// The kernel: a terminal, a timer, a limit.
    Kernel,
    /// The kernel, telling of this child.
    Child(Pid),
}

/// A signal that was waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Received {
    /// Which.
    pub signal: Signal,
    /// From whom.
    pub sender: Sender,
}

/// Takes a pending signal of `set`; waits for one, with a `limit` no longer than
/// that (`rt_sigtimedwait(2)`). `None`: the time is up.
///
/// # Errors
/// EINTR, or whatever a seccomp profile answers.
pub fn wait_for_signal(set: SignalSet, limit: Option<Span>) -> Result<Option<Received>, Errno> {
    let mut info = MaybeUninit::<libc::siginfo_t>::uninit();
    // SAFETY: `set` and its size go together, `info` is what the kernel writes.
    let taken = with_limit(limit, TIMED_WAIT, |number, limit| unsafe {
        syscall!(number, &raw const set, info.as_mut_ptr(), limit, SIGSET_SIZE)
    });
    match taken {
        Ok(number) => {
            let Some(signal) = Signal::new(number as i32) else { return Ok(None) };
            // SAFETY: the call succeeded, so the kernel has written `info`.
            Ok(Some(Received { signal, sender: sender(unsafe { info.assume_init_ref() }) }))
        }
        Err(Errno::EAGAIN) => Ok(None),
        Err(error) => Err(error),
    }
}

fn sender(info: &libc::siginfo_t) -> Sender {
    // From <asm-generic/siginfo.h>; every code above 0 is the kernel's.
    const SI_MESGQ: i32 = -3;
    match info.si_code {
        // SAFETY: for SIGCHLD the kernel fills it in, and its codes are small.
        1..=6 if info.si_signo == libc::SIGCHLD => {
            Pid::new(unsafe { info.si_pid() }).map_or(Sender::Kernel, Sender::Child)
        }
        libc::SI_USER | libc::SI_QUEUE | libc::SI_TKILL | SI_MESGQ => {
            // SAFETY: with these codes the kernel fills in both.
            let (pid, uid) = unsafe { (info.si_pid(), info.si_uid()) };
            Pid::new(pid).map_or(Sender::Outside, |pid| Sender::Process(pid, uid))
        }
        _ => Sender::Kernel,
    }
}
