//! All of this crate's `unsafe` code: what `nix` cannot say, in one place.
//!
//! - It has no name for a real-time signal, and its waits collect a process that was
//!   killed by one and then give EINVAL, the status lost. So statuses come through
//!   [`wait_for`] and signals through `tini_rs::sys`, which know all 64.
//! - What runs in a child of a process with threads may not allocate, lock or unwind
//!   (`signal-safety(7)`): such functions here are plain system calls.

use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString, c_char};
use std::io;
use std::mem::MaybeUninit;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64};

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use tini_rs::exit::ExitCode;
use tini_rs::sys::{Errno, Pid, Strings, Text};

/// The error of a call of `tini_rs` as std's.
pub(crate) fn error(errno: Errno) -> io::Error {
    io::Error::from_raw_os_error(errno.number())
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// argv and envp in one array, one behind the other, as the kernel hands them over:
/// `tini_rs::cli` makes room for variables at the seam.
pub(crate) struct Words {
    _strings: Vec<CString>,
    places: Vec<*const c_char>,
    environment: usize,
}

// SAFETY: the pointers are to strings that it owns.
unsafe impl Send for Words {}
// SAFETY: as above; the array changes only through `strings`, which takes it exclusively.
unsafe impl Sync for Words {}

impl Words {
    pub(crate) fn new(argv: Vec<CString>, environment: Vec<CString>) -> Words {
        let end = [std::ptr::null()];
        let pointers = |strings: &[CString]| strings.iter().map(|s| s.as_ptr()).collect::<Vec<_>>();
        let all = [&end[..], &pointers(&argv), &end, &pointers(&environment), &end];
        let (places, seam) = (all.concat(), argv.len() + 1);
        Words { _strings: argv.into_iter().chain(environment).collect(), places, environment: seam }
    }

    /// argv and envp.
    pub(crate) fn strings(&mut self) -> (Strings<'_>, Strings<'_>) {
        // SAFETY: both are in the array, which begins with a place before the first, close
        // with a null and live as long as `self` is borrowed; nobody else has them.
        unsafe {
            let first = self.places.as_mut_ptr().add(1);
            (Strings::new(first), Strings::new(first.add(self.environment)))
        }
    }
}

/// Whether the caller is the only thread of its process.
///
/// `unshare(2)`: to have memory of one's own is refused with EINVAL to one of several
/// threads, and changes nothing for a single one. That needs no /proc. A container's
/// seccomp profile may refuse the call altogether; then /proc tells.
fn is_single_threaded() -> io::Result<bool> {
    // SAFETY: for a single thread it has no effect.
    match check(unsafe { libc::unshare(libc::CLONE_THREAD | libc::CLONE_SIGHAND | libc::CLONE_VM) }) {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Ok(false),
        Err(_) => Ok(std::fs::read_dir("/proc/self/task")?.count() == 1),
    }
}

/// `fork(2)` of a process with one thread, through the C library, so that its handlers
/// run. `None` in the child. An error if there are more: the child could do nothing
/// that takes a lock.
pub(crate) fn fork() -> io::Result<Option<Pid>> {
    if !is_single_threaded()? {
        return Err(io::Error::other(
            "this process has more than one thread, and a fork would lose all but one: call it first in main",
        ));
    }
    // SAFETY: with one thread the child can do everything that its parent could.
    check(unsafe { libc::fork() }).map(Pid::new)
}

/// The same in a child of a process with threads that is about to exec: without the C
/// library's handlers, which take locks. Both sides may do no more than system calls.
fn fork_bare() -> io::Result<Option<Pid>> {
    // s390x takes the stack first (`clone(2)`).
    let flags = libc::SIGCHLD as libc::c_long;
    let (first, second) = if cfg!(target_arch = "s390x") { (0, flags) } else { (flags, 0) };
    // SAFETY: without CLONE_VM and with a stack of 0 this is a fork.
    let result = unsafe { libc::syscall(libc::SYS_clone, first, second, 0, 0, 0) };
    check(result as i32).map(Pid::new)
}

/// Has the child of `command` divide itself before its exec: `init` is called in the
/// process that the caller of `spawn` sees, with the pid of a child of that process,
/// and never returns; `program` is called in the child, which then execs. Both get the
/// same gate, and what `prepare` gave before the division.
///
/// # Safety
/// Both may do no more than system calls: another thread of the parent may have held
/// any lock at the fork.
pub(crate) unsafe fn divide_before_exec<T>(
    command: &mut Command,
    mut prepare: impl FnMut() -> T + Send + Sync + 'static,
    mut init: impl FnMut(T, Pid, Gate) -> Infallible + Send + Sync + 'static,
    mut program: impl FnMut(T, Gate) -> io::Result<()> + Send + Sync + 'static,
) {
    let divide = move || {
        let before = prepare();
        // Made here, where no other child of the host can get a copy.
        let gate = Gate::new()?;
        match fork_bare()? {
            Some(child) => match init(before, child, gate) {},
            None => program(before, gate),
        }
    };
    // SAFETY: so the caller promised.
    unsafe { command.pre_exec(divide) };
}

/// Puts a copy of `descriptor` in the place of `number`.
pub(crate) fn put(descriptor: RawFd, number: RawFd) {
    // SAFETY: whatever was open there was this process's own, and is its init's no more.
    unsafe { libc::dup2(descriptor, number) };
}

/// Writes `bytes` at once or not at all.
pub(crate) fn write(descriptor: RawFd, bytes: &[u8]) -> bool {
    // SAFETY: the bytes are there to be read.
    unsafe { libc::write(descriptor, bytes.as_ptr().cast(), bytes.len()) == bytes.len() as isize }
}

/// What holds the program up until its init is ready, and the init until the program is
/// where it belongs: a pipe each way. It is made before the two are two, so each side
/// has all ends of it; that one has gone is seen since it gives up those of the other.
pub(crate) struct Gate {
    to_program: (OwnedFd, OwnedFd),
    to_init: (OwnedFd, OwnedFd),
}

impl Gate {
    pub(crate) fn new() -> io::Result<Gate> {
        let pipe = || nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC);
        Ok(Gate { to_program: pipe()?, to_init: pipe()? })
    }

    /// The init's side: lets the program go, and waits until it is in its place, or has
    /// ended.
    pub(crate) fn open(self) {
        drop(self.to_init.1);
        write(self.to_program.1.as_raw_fd(), b"!");
        read_byte(&self.to_init.0);
    }

    /// The program's side: waits for the init, and has it wait until `work` is done. If
    /// the init has gone, so does this process: nobody would ever be told of it.
    pub(crate) fn pass<R>(self, work: impl FnOnce() -> R) -> R {
        drop(self.to_program.1);
        if !read_byte(&self.to_program.0) {
            tini_rs::sys::exit(ExitCode::FAILURE);
        }
        work()
    }
}

/// Waits for a byte; false if none will come.
fn read_byte(from: &OwnedFd) -> bool {
    loop {
        match nix::unistd::read(from, &mut [0]) {
            Err(nix::errno::Errno::EINTR) => {}
            result => return result == Ok(1),
        }
    }
}

/// Sets `added`, and those of `announced`, which end with `=`, that named the process
/// `from` to name this one.
///
/// Only for a process with one thread, as [`fork`] is.
pub(crate) fn set_variables(added: &[(OsString, OsString)], announced: &[Text], from: Pid) {
    let set = |name: &OsStr, value: &OsStr| {
        // SAFETY: there is no other thread that could read the environment meanwhile.
        unsafe { std::env::set_var(name, value) }
    };
    for name in announced {
        let name = OsStr::from_bytes(name.bytes().strip_suffix(b"=").unwrap_or(name.bytes()));
        if std::env::var(name).is_ok_and(|value| value == from.to_string()) {
            set(name, OsStr::new(&std::process::id().to_string()));
        }
    }
    added.iter().for_each(|(name, value)| set(name, value));
}

/// The signal that the kernel sends when the parent dies, 0 for none.
pub(crate) fn parent_death_signal() -> i32 {
    let mut signal = 0i32;
    // SAFETY: the int that the kernel writes.
    unsafe { libc::prctl(libc::PR_GET_PDEATHSIG, &raw mut signal) };
    signal
}

/// Memory that a process shares with those that it forks.
pub(crate) struct Shared(NonNull<Page>);

/// What the init and its host tell each other besides events. All zeroes at first.
pub(crate) struct Page {
    /// The program.
    pub(crate) program: AtomicI32,
    /// By when a shutdown is to be over, in nanoseconds of the monotonic clock.
    pub(crate) limit: AtomicU64,
    /// The program's wait status and [`Page::HAS_ENDED`], once it has ended.
    pub(crate) status: AtomicU32,
    /// How many events could not be told, since nobody took the earlier ones.
    pub(crate) lost: AtomicU32,
}

impl Page {
    /// Beyond all bits of a wait status.
    pub(crate) const HAS_ENDED: u32 = 1 << 31;
    const SIZE: NonZeroUsize = NonZeroUsize::new(size_of::<Page>()).unwrap();
}

// SAFETY: all that is in it is atomic, and it is unmapped only when dropped.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub(crate) fn new() -> io::Result<Shared> {
        let both = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new mapping, zeroed, which is what a new `Page` is.
        let place = unsafe { mmap_anonymous(None, Page::SIZE, both, MapFlags::MAP_SHARED) }?;
        Ok(Shared(place.cast()))
    }
}

impl std::ops::Deref for Shared {
    type Target = Page;

    fn deref(&self) -> &Page {
        // SAFETY: mapped, zeroed and aligned to a page since `new`.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: nobody has a reference any more.
        let _ = unsafe { munmap(self.0.cast(), Page::SIZE.get()) };
    }
}

/// A descriptor that becomes readable when `process` has ended. `None` before Linux 5.3.
pub(crate) fn pidfd(process: i32) -> Option<OwnedFd> {
    // SAFETY: no memory is involved.
    let descriptor = check(unsafe { libc::syscall(libc::SYS_pidfd_open, process, 0) } as i32).ok()?;
    // SAFETY: it has just been opened, for this.
    Some(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// A child, by its number or held fast.
#[derive(Clone, Copy)]
pub(crate) enum Which<'a> {
    Number(i32),
    Held(BorrowedFd<'a>),
}

/// What a wait gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waited {
    /// It has ended, with this wait status.
    Ended(i32),
    Lives,
    /// It is no child, or somebody has collected it.
    Gone,
}

/// Whether `waitid(2)` can be asked about the process `own`, which is the caller: it is no
/// child of its own, but to a kernel before Linux 5.4 that is not even a question.
pub(crate) fn knows_pidfds(own: BorrowedFd) -> bool {
    // SAFETY: a null `siginfo` is allowed on Linux.
    let result = unsafe {
        let id = own.as_raw_fd() as libc::id_t;
        libc::waitid(libc::P_PIDFD, id, std::ptr::null_mut(), libc::WEXITED | libc::WNOHANG)
    };
    check(result).is_err_and(|error| error.raw_os_error() == Some(libc::ECHILD))
}

/// Waits until the child `process` has ended, and leaves it to be collected.
pub(crate) fn wait_without_collecting(process: i32) {
    // SAFETY: a null `siginfo` is allowed on Linux.
    unsafe {
        libc::waitid(libc::P_PID, process as libc::id_t, std::ptr::null_mut(), libc::WEXITED | libc::WNOWAIT)
    };
}

/// Asks whether a child has ended (`waitid(2)`), without waiting, and collects it if
/// so and `collect`.
pub(crate) fn wait_for(which: Which, collect: bool) -> Waited {
    let (kind, id) = match which {
        Which::Number(process) => (libc::P_PID, process),
        Which::Held(descriptor) => (libc::P_PIDFD, descriptor.as_raw_fd()),
    };
    let keep = if collect { 0 } else { libc::WNOWAIT };
    let options = libc::WEXITED | libc::WNOHANG | keep;
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: `info` is what the kernel writes, and zeroes are one too; for an end it
    // fills in pid and status.
    let (result, process, code, status) = unsafe {
        let result = libc::waitid(kind, id as libc::id_t, info.as_mut_ptr(), options);
        let info = info.assume_init_ref();
        (check(result), info.si_pid(), info.si_code, info.si_status())
    };
    match result {
        Err(_) => Waited::Gone,
        Ok(_) if process == 0 => Waited::Lives,
        Ok(_) => match code {
            libc::CLD_EXITED => Waited::Ended((status & 0xff) << 8),
            libc::CLD_KILLED => Waited::Ended(status),
            libc::CLD_DUMPED => Waited::Ended(status | 0x80),
            // One that has its parent trace it was stopped (`ptrace(2)`, PTRACE_TRACEME).
            _ => Waited::Lives,
        },
    }
}
