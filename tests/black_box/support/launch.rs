//! From the test process to the init's first instruction.
//!
//! The test process has threads, so its child may do nothing between `clone` and `execve` but plain
//! system calls: everything it needs is prepared beforehand in a [`Plan`].

use std::ffi::{CString, c_char};
use std::fs::File;
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use libc::{c_int, c_long, c_ulong, pid_t};

use super::scratch::writing_or_forking;
use super::sys;

/// Descriptors of the child while it shuffles them; the test process must have fewer.
const ASIDE: RawFd = 600;
/// How many descriptors a child can be given.
const MAX_FDS: usize = 16;

/// What is seen in `/proc` of a new mount namespace.
#[derive(Default)]
pub enum Proc {
    #[default]
    AsItIs,
    /// The processes of the new PID namespace.
    Fresh,
    Empty,
}

/// Everything that happens between `clone` and `execve`.
#[derive(Default)]
pub struct Plan {
    /// A new PID and mount namespace.
    pub namespaces: bool,
    pub proc: Proc,
    /// The root directory; and whether it is read-only.
    pub root: Option<CString>,
    pub read_only: bool,
    pub directory: Option<CString>,
    /// Descriptors of the test process, and as what the child gets them; all others are closed.
    pub descriptors: Vec<(RawFd, RawFd)>,
    pub new_session: bool,
    /// Descriptor 0 becomes the controlling terminal of the new session.
    pub controlling_terminal: bool,
    pub new_group: bool,
    /// Resource, soft and hard limit.
    pub limits: Vec<(u32, u64, u64)>,
    pub no_new_privileges: bool,
    pub no_capabilities: bool,
    /// What a seccomp profile refuses.
    pub refused: Option<Vec<libc::sock_filter>>,
    /// User and group id.
    pub user: Option<(u32, u32)>,
    pub mask: u64,
    pub ignored: u64,
    pub executable: CString,
    pub arguments: Vec<CString>,
    pub environment: Vec<CString>,
}

/// What the child does, for telling where it failed.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Step {
    AtTheGate,
    Descriptors,
    Session,
    Terminal,
    Group,
    PrivateMounts,
    BindRoot,
    ReadOnlyRoot,
    MountProc,
    Root,
    Directory,
    Limits,
    Privileges,
    Capabilities,
    User,
    Filter,
    Execute,
}

const STEPS: [&str; 17] = [
    "wait at the gate",
    "arrange descriptors",
    "make a session",
    "take the terminal",
    "make a process group",
    "make mounts private",
    "bind the root",
    "make the root read-only",
    "mount /proc",
    "change the root",
    "change the directory",
    "set limits",
    "set no_new_privs",
    "drop capabilities",
    "change the user",
    "install a seccomp filter",
    "execute",
];

/// A child that has done everything but `execve`.
pub struct AtTheGate {
    pub pid: pid_t,
    reports: PipeReader,
    gate: io::PipeWriter,
}

impl AtTheGate {
    /// Lets it execute the init; returns when that has happened.
    pub fn open(mut self) -> Result<pid_t, String> {
        self.gate.write_all(b"!").map_err(|e| e.to_string())?;
        match read_report(&mut self.reports)? {
            None => Ok(self.pid),
            Some(report) => Err(self.failure(report)),
        }
    }

    fn failure(&self, (step, error): (usize, i32)) -> String {
        let _ = sys::kill(self.pid, libc::SIGKILL);
        while matches!(sys::try_wait(self.pid), Ok(None)) {
            std::thread::yield_now();
        }
        let step = STEPS.get(step).copied().unwrap_or("?");
        format!("cannot {step}: {}", io::Error::from_raw_os_error(error))
    }
}

/// A report of the child: the step and the error; `None` when the pipe was closed by `execve`.
fn read_report(reports: &mut PipeReader) -> Result<Option<(usize, i32)>, String> {
    let mut report = [0; 5];
    match reports.read_exact(&mut report) {
        Ok(()) => {
            let [step, error @ ..] = report;
            Ok(Some((step.into(), i32::from_ne_bytes(error))))
        }
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// Starts the child of a plan, up to the gate.
pub fn launch(mut plan: Plan) -> Result<AtTheGate, String> {
    let pipe = || io::pipe().map_err(|error| error.to_string());
    let (reports, report) = pipe()?;
    let (pass, gate) = pipe()?;
    let keep = |fds: &[RawFd]| fds.iter().all(|fd| *fd < ASIDE);
    let sources: Vec<RawFd> = plan.descriptors.iter().map(|(from, _)| *from).collect();
    assert!(
        keep(&sources) && keep(&[report.as_raw_fd(), pass.as_raw_fd(), gate.as_raw_fd()]),
        "too many open descriptors in the test process"
    );
    assert!(plan.descriptors.len() <= MAX_FDS, "too many descriptors");
    plan.descriptors.sort_by_key(|(_, to)| *to);
    let arguments = pointers(&plan.arguments);
    let environment = pointers(&plan.environment);

    let flags =
        if plan.namespaces { libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::SIGCHLD } else { libc::SIGCHLD };
    let guard = writing_or_forking();
    // SAFETY: like fork: the child goes on with a copy of this stack, and does system calls only.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags as c_ulong, 0, 0, 0, 0) };
    if pid < 0 {
        return Err(format!("cannot clone: {}", io::Error::last_os_error()));
    }
    if pid == 0 {
        // SAFETY: this is the child; the plan and the vectors are its own copies.
        unsafe { become_init(&plan, &arguments, &environment, report.as_raw_fd(), pass.as_raw_fd()) }
    }
    drop((report, pass));
    let mut waiting = AtTheGate { pid: pid as pid_t, reports, gate };
    let first_report = read_report(&mut waiting.reports)?;
    drop(guard);
    match first_report {
        Some((step, 0)) if step == Step::AtTheGate as usize => Ok(waiting),
        Some(report) => Err(waiting.failure(report)),
        None => Err(waiting.failure((Step::AtTheGate as usize, libc::ECHILD))),
    }
}

/// Pointers to strings, with the null at the end that `execve` wants.
fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}

/// Whether a process of its own PID and mount namespace can be started here.
pub fn namespaces_work() -> bool {
    let Ok(null) = File::options().read(true).write(true).open("/dev/null") else {
        return false;
    };
    let null = OwnedFd::from(null);
    let plan = Plan {
        namespaces: true,
        proc: Proc::Fresh,
        descriptors: (0..3).map(|to| (null.as_raw_fd(), to)).collect(),
        executable: c"/proc/self/exe".to_owned(),
        ..Plan::default()
    };
    match launch(plan) {
        Ok(waiting) => {
            let _ = waiting.failure((0, 0));
            true
        }
        Err(_) => false,
    }
}

/// The child: carries the plan out and becomes the init.
///
/// # Safety
///
/// Only in a new process. Nothing here may allocate, lock or unwind, as another thread of the
/// parent may have held any lock when this process was made.
unsafe fn become_init(
    plan: &Plan,
    arguments: &[*const c_char],
    environment: &[*const c_char],
    report: RawFd,
    gate: RawFd,
) -> ! {
    // SAFETY: `fcntl` on descriptors of this process.
    let (report, gate) = unsafe { (set_aside(report), set_aside(gate)) };
    let result = unsafe { carry_out(plan, report, gate) };
    if result.is_ok() {
        tell(report, Step::AtTheGate, 0);
        let mut pass = [0_u8];
        let room = libc::iovec { iov_base: pass.as_mut_ptr().cast(), iov_len: 1 };
        // Not `read`, since that may be what is to fail in the init, and strace is attached by now.
        // SAFETY: one byte into a buffer of one byte.
        while unsafe { libc::readv(gate, &raw const room, 1) } < 0 {}
        // SAFETY: all strings end with a null byte, both vectors with a null pointer.
        unsafe { libc::execve(plan.executable.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    }
    let step = result.err().unwrap_or(Step::Execute);
    // SAFETY: errno belongs to this thread.
    tell(report, step, unsafe { *libc::__errno_location() });
    // SAFETY: ends this process at once.
    unsafe { libc::_exit(255) }
}

/// Reports to the test process.
fn tell(report: RawFd, step: Step, error: c_int) {
    let mut bytes = [step as u8, 0, 0, 0, 0];
    bytes[1..].copy_from_slice(&error.to_ne_bytes());
    // SAFETY: writes from a buffer of its own.
    unsafe { libc::write(report, bytes.as_ptr().cast(), bytes.len()) };
}

/// Duplicates a descriptor out of the way, close-on-exec.
unsafe fn set_aside(fd: RawFd) -> RawFd {
    // SAFETY: no memory is involved.
    unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, ASIDE) }
}

/// All steps before the gate. On failure `errno` tells the reason.
///
/// # Safety
///
/// As [`become_init`].
unsafe fn carry_out(plan: &Plan, report: RawFd, gate: RawFd) -> Result<(), Step> {
    let ok = |result: c_int, step| if result < 0 { Err(step) } else { Ok(()) };
    let raw = |result: c_long, step| if result < 0 { Err(step) } else { Ok(()) };
    // SAFETY: plain system calls; strings end with a null byte and outlive the calls. The raw forms
    // are taken where libc's would broadcast to the threads that this process does not have.
    unsafe {
        let mut aside = [0; MAX_FDS];
        for ((from, _), place) in plan.descriptors.iter().zip(&mut aside) {
            *place = set_aside(*from);
            ok(*place, Step::Descriptors)?;
        }
        let mut next: RawFd = 0;
        for ((_, to), from) in plan.descriptors.iter().zip(&aside) {
            close_between(next, *to);
            ok(libc::dup2(*from, *to), Step::Descriptors)?;
            next = *to + 1;
        }
        close_between(next, report.min(gate));
        for fd in aside.iter().take(plan.descriptors.len()) {
            libc::close(*fd);
        }

        if plan.new_session {
            ok(libc::setsid(), Step::Session)?;
        }
        if plan.controlling_terminal {
            ok(libc::ioctl(0, libc::TIOCSCTTY, 0), Step::Terminal)?;
        }
        if plan.new_group {
            ok(libc::setpgid(0, 0), Step::Group)?;
        }
        if plan.namespaces {
            let flags = libc::MS_REC | libc::MS_PRIVATE;
            ok(mount(c"none", c"/", c"", flags), Step::PrivateMounts)?;
            match plan.proc {
                Proc::AsItIs => {}
                Proc::Fresh => ok(mount(c"proc", c"/proc", c"proc", 0), Step::MountProc)?,
                Proc::Empty => ok(mount(c"none", c"/proc", c"tmpfs", 0), Step::MountProc)?,
            }
        }
        if let Some(root) = &plan.root {
            if plan.read_only {
                ok(mount(root, root, c"", libc::MS_BIND), Step::BindRoot)?;
                let flags = libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY;
                ok(mount(root, root, c"", flags), Step::ReadOnlyRoot)?;
            }
            ok(libc::chroot(root.as_ptr()), Step::Root)?;
            ok(libc::chdir(c"/".as_ptr()), Step::Directory)?;
        }
        if let Some(directory) = &plan.directory {
            ok(libc::chdir(directory.as_ptr()), Step::Directory)?;
        }
        for (resource, soft, hard) in &plan.limits {
            let limit = libc::rlimit64 { rlim_cur: *soft, rlim_max: *hard };
            let none = std::ptr::null_mut::<libc::rlimit64>();
            let number = libc::SYS_prlimit64;
            let result = libc::syscall(number, 0, *resource, &raw const limit, none);
            raw(result, Step::Limits)?;
        }
        if plan.no_new_privileges {
            ok(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), Step::Privileges)?;
        }
        if plan.no_capabilities {
            // The first number that the kernel does not know ends the list.
            let drop = |number: c_ulong| libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0);
            ok(drop(0), Step::Capabilities)?;
            let _ = (1..64).all(|number| drop(number) == 0);
        }
        if let Some((user, group)) = plan.user {
            let none = std::ptr::null::<libc::gid_t>();
            raw(libc::syscall(libc::SYS_setgroups, 0, none), Step::User)?;
            raw(libc::syscall(libc::SYS_setgid, group), Step::User)?;
            raw(libc::syscall(libc::SYS_setuid, user), Step::User)?;
        }
    }
    for signal in 1..=sys::LAST_SIGNAL {
        let is_ignored = plan.ignored & 1 << (signal - 1) != 0;
        let disposition = if is_ignored { libc::SIG_IGN } else { libc::SIG_DFL };
        sys::set_disposition(signal, disposition);
    }
    sys::set_mask(plan.mask);
    if let Some(filter) = &plan.refused {
        let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
        // SAFETY: the filter outlives the call, which copies it.
        ok(
            unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) },
            Step::Filter,
        )?;
    }
    Ok(())
}

/// Closes the descriptors from `first` to before `end`.
unsafe fn close_between(first: RawFd, end: RawFd) {
    for fd in first..end {
        // SAFETY: this process uses none of them.
        unsafe { libc::close(fd) };
    }
}

/// `mount(2)` without data.
unsafe fn mount(
    source: &std::ffi::CStr,
    target: &std::ffi::CStr,
    kind: &std::ffi::CStr,
    flags: c_ulong,
) -> c_int {
    // SAFETY: the strings end with a null byte; no data.
    unsafe { libc::mount(source.as_ptr(), target.as_ptr(), kind.as_ptr(), flags, std::ptr::null()) }
}
