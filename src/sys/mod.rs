//! Typed system calls: all of the library's `unsafe` code.
//!
//! Each function is one system call, or one call and its older equivalent. Nothing
//! here decides what an error means, and nothing allocates or keeps state. The
//! instruction itself is in one small file per architecture; on the others the
//! calls go through the C library ([`libc`](https://docs.rs/libc)'s `syscall`).

#![allow(unsafe_code)]

use core::ffi::CStr;
use core::mem::{MaybeUninit, size_of};
use core::num::NonZeroI32;

use crate::exit::{Ended, ExitCode};
use crate::signal::{Signal, SignalSet};
use crate::supervisor::{Instant, Span};
use crate::text::{Line, Piece, cut, digits, display, number};

mod errno;
mod spawn;
mod strings;

#[cfg_attr(all(freestanding, target_arch = "x86_64"), path = "x86_64.rs")]
#[cfg_attr(all(freestanding, target_arch = "aarch64"), path = "aarch64.rs")]
#[cfg_attr(all(freestanding, target_arch = "riscv64"), path = "riscv64.rs")]
#[cfg_attr(not(freestanding), path = "libc.rs")]
mod arch;

pub use errno::Errno;
pub use spawn::{Spawned, spawn};
pub(crate) use strings::{Room, add_variable};
pub use strings::{Strings, Text};

/// A system call; what is not given is 0. Gives `Result<usize, Errno>`.
macro_rules! syscall {
    ($number:expr $(, $argument:expr)* ; $($pad:literal)*) => {
        check(arch::syscall($number as usize, [$($argument as usize,)* $($pad),*]))
    };
    ($number:expr) => { syscall!($number; 0 0 0 0 0 0) };
    ($number:expr, $a:expr) => { syscall!($number, $a; 0 0 0 0 0) };
    ($number:expr, $a:expr, $b:expr) => { syscall!($number, $a, $b; 0 0 0 0) };
    ($number:expr, $a:expr, $b:expr, $c:expr) => { syscall!($number, $a, $b, $c; 0 0 0) };
    ($number:expr, $a:expr, $b:expr, $c:expr, $d:expr) => { syscall!($number, $a, $b, $c, $d; 0 0) };
    ($number:expr, $a:expr, $b:expr, $c:expr, $d:expr, $e:expr) => { syscall!($number, $a, $b, $c, $d, $e; 0) };
    ($number:expr, $a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $f:expr) => {
        syscall!($number, $a, $b, $c, $d, $e, $f;)
    };
}
#[cfg(not(freestanding))]
use syscall;

/// The kernel's convention: -4095..=-1 is an error (`syscall(2)`).
#[inline(always)]
fn check(result: isize) -> Result<usize, Errno> {
    if (-4095..0).contains(&result) { Err(Errno(result.wrapping_neg() as i32)) } else { Ok(result as usize) }
}

/// Size of the kernel's signal set, in bytes: 64 signals.
const SIGSET_SIZE: usize = size_of::<SignalSet>();

/// A process, by its number in the init's PID namespace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Pid(NonZeroI32);

impl Pid {
    /// The init of a PID namespace.
    pub const INIT: Pid = Pid(NonZeroI32::new(1).unwrap());

    /// The process with this number, if it can be one.
    #[must_use]
    pub fn new(pid: i32) -> Option<Pid> {
        NonZeroI32::new(pid).filter(|pid| pid.get() > 0).map(Pid)
    }

    /// As a number, 1 at the least.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0.get()
    }
}

impl Piece for Pid {
    fn write(&self, line: &mut Line) {
        self.get().unsigned_abs().write(line);
    }
}

impl core::fmt::Display for Pid {
    fn fmt(&self, f: &mut core::fmt::Formatter) -> core::fmt::Result {
        display(self, f)
    }
}

fn pid(result: usize) -> Result<Pid, Errno> {
    Pid::new(result as i32).ok_or(Errno::ESRCH)
}

// ---------------------------------------------------------------- processes

/// The init's own pid (`getpid(2)`).
#[must_use]
pub fn own_pid() -> Pid {
    // SAFETY: no memory is involved.
    unsafe { syscall!(libc::SYS_getpid) }.and_then(pid).unwrap_or(Pid::INIT)
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
    unsafe { syscall!(libc::SYS_setpgid) }.map(drop)
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
use libc::{SYS_setgroups as SETGROUPS, SYS_setresgid as SETRESGID, SYS_setresuid as SETRESUID};
#[cfg(any(target_arch = "x86", target_arch = "arm"))]
use libc::{SYS_setgroups32 as SETGROUPS, SYS_setresgid32 as SETRESGID, SYS_setresuid32 as SETRESUID};

/// Becomes `user` and `group`, for good and without supplementary groups
/// (`setresuid(2)`, `setresgid(2)`, `setgroups(2)`).
///
/// # Errors
/// EPERM without the capabilities CAP_SETUID and CAP_SETGID.
pub fn become_user(user: Option<u32>, group: Option<u32>) -> Result<(), Errno> {
    // SAFETY: no memory is involved, the list of groups being empty.
    unsafe {
        syscall!(SETGROUPS)?;
        if let Some(group) = group {
            syscall!(SETRESGID, group, group, group)?;
        }
        if let Some(user) = user {
            syscall!(SETRESUID, user, user, user)?;
        }
    }
    Ok(())
}

/// Has orphaned descendants come to the caller (`PR_SET_CHILD_SUBREAPER(2const)`).
///
/// # Errors
/// EINVAL before Linux 3.4; whatever a seccomp profile answers.
pub fn become_subreaper() -> Result<(), Errno> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(libc::SYS_prctl, libc::PR_SET_CHILD_SUBREAPER, 1) }.map(drop)
}

/// Has the kernel send `signal` when the parent dies (`PR_SET_PDEATHSIG(2const)`).
///
/// # Errors
/// Whatever a seccomp profile answers.
pub fn set_parent_death_signal(signal: Signal) -> Result<(), Errno> {
    // SAFETY: no memory is involved.
    unsafe { syscall!(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, signal.number()) }.map(drop)
}

/// Ends the process (`exit_group(2)`).
pub fn exit(code: ExitCode) -> ! {
    loop {
        // SAFETY: no memory is involved.
        let _ = unsafe { syscall!(libc::SYS_exit_group, code.get()) };
    }
}

/// Changes to the directory `path` (`chdir(2)`).
///
/// # Errors
/// As the manual page says.
pub fn change_directory(path: Text) -> Result<(), Errno> {
    // SAFETY: `path` is a C string.
    unsafe { syscall!(libc::SYS_chdir, path.as_ptr()) }.map(drop)
}

/// Replaces the caller by a program (`execve(2)`); returns only the error.
pub fn execute(path: Text, argv: Strings, env: Strings) -> Errno {
    // SAFETY: all three are C strings or null-terminated arrays of them.
    match unsafe { syscall!(libc::SYS_execve, path.as_ptr(), argv.as_ptr(), env.as_ptr()) } {
        Err(error) => error,
        Ok(_) => Errno::ENOSYS,
    }
}

// ------------------------------------------------------------------ waiting

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

// ------------------------------------------------------------------ signals

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
        syscall!(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const all, &raw mut before, SIGSET_SIZE)
    }?;
    Ok(before)
}

/// Sets the mask of blocked signals (`rt_sigprocmask(2)`).
///
/// # Errors
/// Whatever a seccomp profile answers.
pub fn set_blocked_signals(mask: SignalSet) -> Result<(), Errno> {
    // SAFETY: `mask` is a signal set as the kernel's, of the size given.
    unsafe { syscall!(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const mask, 0, SIGSET_SIZE) }
        .map(drop)
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
/// ignored, which makes the kernel reap them (`sigaction(2)`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChildSignal {
    /// Children that have ended wait to be collected.
    Default,
    /// They don't.
    Ignored,
}

/// Sets the disposition of SIGCHLD and gives the one before. By default stops are
/// not told (SA_NOCLDSTOP).
///
/// # Errors
/// Whatever a seccomp profile answers.
pub fn set_child_signal(to: ChildSignal) -> Result<ChildSignal, Errno> {
    let (handler, flags) = match to {
        ChildSignal::Default => (libc::SIG_DFL, libc::SA_NOCLDSTOP as usize),
        ChildSignal::Ignored => (libc::SIG_IGN, 0),
    };
    let new = KernelAction { handler, flags, tail: [0; 4] };
    let mut old = MaybeUninit::<KernelAction>::uninit();
    // SAFETY: both are at least as large as the kernel's struct, whose first field
    // is the handler on every architecture but MIPS (see lib.rs).
    unsafe {
        syscall!(libc::SYS_rt_sigaction, libc::SIGCHLD, &raw const new, old.as_mut_ptr(), SIGSET_SIZE)?;
        let handler = (*old.as_ptr()).handler;
        Ok(if handler == libc::SIG_IGN { ChildSignal::Ignored } else { ChildSignal::Default })
    }
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
    unsafe { syscall!(libc::SYS_kill, pid, signal.map_or(0, Signal::number)) }.map(drop)
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
    let limit = limit.map(Timespec::from);
    let limit = limit.as_ref();
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
        libc::SI_USER | libc::SI_QUEUE | libc::SI_TKILL | SI_MESGQ => {
            // SAFETY: with these codes the kernel fills in both.
            let (pid, uid) = unsafe { (info.si_pid(), info.si_uid()) };
            Pid::new(pid).map_or(Sender::Outside, |pid| Sender::Process(pid, uid))
        }
        _ => Sender::Kernel,
    }
}

// --------------------------------------------------------------------- time

/// `struct __kernel_timespec`, the same on every architecture.
#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

impl From<Span> for Timespec {
    fn from(span: Span) -> Timespec {
        let nanoseconds = span.as_nanos();
        Timespec {
            seconds: (nanoseconds / 1_000_000_000) as i64,
            nanoseconds: (nanoseconds % 1_000_000_000) as i64,
        }
    }
}

/// The same where `time_t` has 32 bits.
#[repr(C)]
struct Timespec32 {
    seconds: i32,
    nanoseconds: i32,
}

/// A system call that takes a time: its number with 64 bits of time, and on
/// 32-bit architectures the older one.
struct Timed {
    number: usize,
    #[cfg_attr(target_pointer_width = "64", allow(dead_code))]
    with_32_bits: usize,
}

#[cfg(target_pointer_width = "64")]
const fn timed(number: libc::c_long, _: usize) -> Timed {
    Timed { number: number as usize, with_32_bits: number as usize }
}

#[cfg(target_pointer_width = "32")]
const fn timed(with_32_bits: libc::c_long, number: usize) -> Timed {
    Timed { number, with_32_bits: with_32_bits as usize }
}

// The 64-bit calls have the same numbers on all 32-bit architectures.
const CLOCK_GETTIME: Timed = timed(libc::SYS_clock_gettime, 403);
const POLL: Timed = timed(libc::SYS_ppoll, 414);
const TIMED_WAIT: Timed = timed(libc::SYS_rt_sigtimedwait, 421);

/// Makes the call `timed` with `limit`, a null pointer without one. A kernel
/// before Linux 5.1, or a seccomp profile from those days, refuses 64 bits of
/// time on a 32-bit architecture; then with 32.
fn with_limit(
    limit: Option<&Timespec>,
    timed: Timed,
    mut call: impl FnMut(usize, usize) -> Result<usize, Errno>,
) -> Result<usize, Errno> {
    let result = call(timed.number, limit.map_or(0, |limit| &raw const *limit as usize));
    match result {
        Err(Errno::ENOSYS | Errno::EPERM) if cfg!(target_pointer_width = "32") => {
            let limit = limit.map(|limit| Timespec32 {
                seconds: i32::try_from(limit.seconds).unwrap_or(i32::MAX),
                nanoseconds: limit.nanoseconds as i32,
            });
            call(timed.with_32_bits, limit.as_ref().map_or(0, |limit| &raw const *limit as usize))
        }
        result => result,
    }
}

/// The monotonic clock (`clock_gettime(2)`). Should it fail, time stands still.
#[must_use]
pub fn now() -> Instant {
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: `time` is what the kernel writes.
    let told = unsafe { syscall!(CLOCK_GETTIME.number, libc::CLOCK_MONOTONIC, &raw mut time) };
    #[cfg(target_pointer_width = "32")]
    if told.is_err() {
        let mut short = Timespec32 { seconds: 0, nanoseconds: 0 };
        // SAFETY: `short` is what the kernel writes.
        let _ = unsafe { syscall!(CLOCK_GETTIME.with_32_bits, libc::CLOCK_MONOTONIC, &raw mut short) };
        time = Timespec { seconds: short.seconds.into(), nanoseconds: short.nanoseconds.into() };
    }
    let _ = told;
    let seconds = time.seconds.unsigned_abs().wrapping_mul(1_000_000_000);
    Instant::new(Span::from_nanos(seconds.wrapping_add(time.nanoseconds.unsigned_abs())))
}

/// Lets `span` pass (`poll(2)` of nothing).
pub fn sleep(span: Span) {
    let limit = Timespec::from(span);
    // SAFETY: no descriptors, so the first pointer is not looked at.
    let _ = with_limit(Some(&limit), POLL, |number, limit| unsafe { syscall!(number, 0, 0, limit) });
}

// -------------------------------------------------------------------- files

/// An open file; closed when dropped.
pub struct File(usize);

impl Drop for File {
    fn drop(&mut self) {
        close(self.0);
    }
}

impl File {
    /// Opens `path` for reading (`open(2)`), never as a controlling terminal.
    ///
    /// # Errors
    /// As the manual page says.
    pub fn open(path: Text) -> Result<File, Errno> {
        open(path, 0)
    }

    /// Reads from where the last read ended (`read(2)`); gives what was read.
    ///
    /// # Errors
    /// As the manual page says.
    pub fn read<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
        // SAFETY: the kernel writes at most as many bytes as `buffer` has.
        let count = unsafe { syscall!(libc::SYS_read, self.0, buffer.as_mut_ptr(), buffer.len()) }?;
        Ok(buffer.get(..count).unwrap_or_default())
    }

    pub(crate) fn terminal(&self) -> Terminal {
        Terminal(self.0)
    }
}

fn open(path: Text, flags: i32) -> Result<File, Errno> {
    let flags = flags | libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK;
    // SAFETY: `path` is a C string.
    unsafe { syscall!(libc::SYS_openat, libc::AT_FDCWD as isize, path.as_ptr(), flags) }.map(File)
}

fn close(descriptor: usize) {
    // SAFETY: only descriptors that nobody uses any more are handed in.
    let _ = unsafe { syscall!(libc::SYS_close, descriptor) };
}

/// Closes every descriptor from `first` on (`close_range(2)`, since Linux 5.9).
/// Where that is refused, those in /proc/self/fd, and without /proc those that
/// the limit allows.
pub fn close_from(first: u32) {
    // SAFETY: nothing of the init's own is open.
    if unsafe { syscall!(libc::SYS_close_range, first, u32::MAX) }.is_ok() {
        return;
    }
    let listed = Directory::open(c"/proc/self/fd").map(|directory| {
        let own = directory.0.0;
        directory.each_number(&mut |descriptor| {
            if descriptor >= first && descriptor as usize != own {
                close(descriptor as usize);
            }
        });
    });
    if listed.is_err() {
        // More than anybody opens, and few enough to be done in a moment.
        const MOST: u64 = 65_536;
        let mut limit = [0u64; 2];
        // SAFETY: `limit` is as large as `struct rlimit64`.
        let _ = unsafe { syscall!(libc::SYS_prlimit64, 0, libc::RLIMIT_NOFILE, 0, limit.as_mut_ptr()) };
        let [_, hard] = limit;
        (u64::from(first)..hard.min(MOST)).for_each(|descriptor| close(descriptor as usize));
    }
}

/// An open directory of /proc.
struct Directory(File);

impl Directory {
    fn open(path: &CStr) -> Result<Directory, Errno> {
        open(Text::from(path), libc::O_DIRECTORY).map(Directory)
    }

    /// Calls `visit` with each name that is a number.
    fn each_number(&self, visit: &mut dyn FnMut(u32)) {
        // `struct linux_dirent64` (`getdents(2)`): length at 16, name at 19.
        const LENGTH: usize = 16;
        const NAME: usize = 19;
        let mut buffer = [0u64; 256];
        loop {
            let size = size_of_val(&buffer);
            // SAFETY: the kernel writes at most `size` bytes.
            let filled = unsafe { syscall!(libc::SYS_getdents64, self.0.0, buffer.as_mut_ptr(), size) };
            let Ok(filled @ 1..) = filled else { return };
            // SAFETY: bytes of an initialised array of u64.
            let bytes =
                unsafe { core::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), filled.min(size)) };
            let mut rest = bytes;
            while let Some(&[low, high]) = rest.get(LENGTH..LENGTH + 2) {
                let length = usize::from(u16::from_ne_bytes([low, high]));
                let (name, _) = cut(rest.get(NAME..length).unwrap_or_default(), 0);
                if let Some(number) = number(name) {
                    visit(number);
                }
                let Some(next) = rest.get(length.max(NAME)..) else { break };
                rest = next;
            }
        }
    }
}

/// Calls `visit` with each process that /proc shows, in ascending order.
///
/// # Errors
/// As `open(2)` says, ENOENT where /proc is not mounted.
pub fn each_process(visit: &mut dyn FnMut(Pid)) -> Result<(), Errno> {
    let directory = Directory::open(c"/proc")?;
    directory.each_number(&mut |number| {
        if let Some(pid) = i32::try_from(number).ok().and_then(Pid::new) {
            visit(pid);
        }
    });
    Ok(())
}

/// Reads the start of /proc/`process`/`name` (`proc(5)`); without a process, the
/// caller's own, by what /proc takes it for.
///
/// # Errors
/// ENOENT or ESRCH if the process has gone, EACCES or EPERM if it is not shown.
pub fn read_process<'b>(process: Option<Pid>, name: &str, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
    let mut buffer_of_number = [0; 10];
    let process = match process {
        Some(process) => digits(process.get().unsigned_abs(), &mut buffer_of_number),
        None => b"self",
    };
    let mut path = Room::<64>::new();
    let path = path.join(&[b"/proc/", process, b"/", name.as_bytes()]).ok_or(Errno::ENAMETOOLONG)?;
    open(path, 0)?.read(buffer)
}

// ---------------------------------------------------------------- terminals

/// A terminal, by an open descriptor of it.
#[derive(Clone, Copy)]
pub struct Terminal(usize);

impl Terminal {
    /// What standard input is open on, a terminal or not.
    pub const STDIN: Terminal = Terminal(0);

    /// Its foreground process group (`TIOCGPGRP(2const)`).
    ///
    /// # Errors
    /// ENOTTY if it is not the caller's controlling terminal, EBADF if closed.
    pub fn foreground(self) -> Result<i32, Errno> {
        let mut group = 0i32;
        // SAFETY: `group` is the pid_t that the kernel writes.
        unsafe { syscall!(libc::SYS_ioctl, self.0, libc::TIOCGPGRP, &raw mut group) }?;
        Ok(group)
    }

    /// Makes it the controlling terminal of the caller, a session leader without one
    /// (`TIOCSCTTY(2const)`).
    ///
    /// # Errors
    /// EPERM if it is another session's, ENOTTY if it is none.
    pub fn make_controlling(self) -> Result<(), Errno> {
        // SAFETY: no memory is involved.
        unsafe { syscall!(libc::SYS_ioctl, self.0, libc::TIOCSCTTY, 0) }.map(drop)
    }

    /// Gives it up as the caller's controlling terminal; a session leader's whole
    /// session loses it, and SIGHUP and SIGCONT go to its foreground group
    /// (`TIOCNOTTY(2const)`).
    ///
    /// # Errors
    /// ENOTTY if it is none, or not the caller's.
    pub fn give_up(self) -> Result<(), Errno> {
        // SAFETY: no memory is involved.
        unsafe { syscall!(libc::SYS_ioctl, self.0, libc::TIOCNOTTY) }.map(drop)
    }

    /// Makes `group` its foreground process group (`TIOCSPGRP(2const)`).
    ///
    /// # Errors
    /// ENOTTY, EPERM, EIO: none of them worth ending anything.
    pub fn set_foreground(self, group: Pid) -> Result<(), Errno> {
        let group = group.get();
        // SAFETY: `group` is the pid_t that the kernel reads.
        unsafe { syscall!(libc::SYS_ioctl, self.0, libc::TIOCSPGRP, &raw const group) }.map(drop)
    }
}

// ------------------------------------------------------------------ writing

const STDOUT: usize = 1;
const STDERR: usize = 2;

/// Writes `line` to standard error if that can be done without waiting for a
/// reader longer than `patience`. Part of it may be lost, never the caller.
///
/// # Errors
/// EAGAIN if nobody reads, otherwise as `write(2)` says.
pub fn write_error(line: &[u8], patience: Span) -> Result<(), Errno> {
    // The kernel's name for the offset of a stream, in both halves.
    const CURRENT: isize = -1;
    let write_now = || {
        let part = libc::iovec { iov_base: line.as_ptr().cast_mut().cast(), iov_len: line.len() };
        // SAFETY: `part` describes `line`, which the kernel only reads.
        unsafe {
            syscall!(libc::SYS_pwritev2, STDERR, &raw const part, 1, CURRENT, CURRENT, libc::RWF_NOWAIT)
        }
    };
    match write_now() {
        Ok(_) => return Ok(()),
        Err(Errno(libc::EPIPE | libc::EBADF)) => return Err(Errno(libc::EPIPE)),
        // Full, or a file that would have to wait for its disk.
        Err(Errno::EAGAIN) if !is_seekable(STDERR) => {
            wait_until_writable(STDERR, patience)?;
            return write_now().map(drop);
        }
        // RWF_NOWAIT is refused by terminals, by pipes before Linux 6.4, and by
        // old seccomp profiles. Room for one page is what POLLOUT promises.
        Err(_) => wait_until_writable(STDERR, patience)?,
    }
    // SAFETY: the kernel only reads `line`.
    unsafe { syscall!(libc::SYS_write, STDERR, line.as_ptr(), line.len()) }.map(drop)
}

/// Regular files can be sought; pipes, sockets and terminals can't (`lseek(2)`).
fn is_seekable(descriptor: usize) -> bool {
    // SAFETY: no memory is involved; the offset stays where it is.
    unsafe { syscall!(libc::SYS_lseek, descriptor, 0, libc::SEEK_CUR) }.is_ok()
}

fn wait_until_writable(descriptor: usize, patience: Span) -> Result<(), Errno> {
    let mut watched = libc::pollfd { fd: descriptor as i32, events: libc::POLLOUT, revents: 0 };
    let limit = Timespec::from(patience);
    // SAFETY: `watched` is the one pollfd announced.
    let ready = with_limit(Some(&limit), POLL, |number, limit| unsafe {
        syscall!(number, &raw mut watched, 1, limit, 0, SIGSET_SIZE)
    })?;
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
            Ok(count) => text = text.get(count..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
