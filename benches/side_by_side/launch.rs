//! Starts an init as PID 1 of a PID namespace of its own, and waits for it, never without
//! a limit. The unsafe calls of the benchmark are here and in `trace`.

use std::ffi::{CString, OsString};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::ptr::null;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::unistd::Pid;

use crate::{machine, proc};

/// The environment of everything that is started; small, as a container's is.
const ENVIRONMENT: [&str; 3] = [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOSTNAME=side-by-side",
    "HOME=/root",
];

/// A command line in the form that the kernel takes, made before the clock runs.
pub struct Command {
    file: CString,
    argv: Vec<*const libc::c_char>,
    envp: Vec<*const libc::c_char>,
    _strings: Vec<CString>,
}

impl Command {
    pub fn new((file, words): (PathBuf, Vec<OsString>)) -> Self {
        let c_string = |word: OsString| CString::new(word.into_vec()).expect("words of a command line");
        let strings: Vec<CString> =
            words.into_iter().chain(ENVIRONMENT.map(OsString::from)).map(c_string).collect();
        let mut pointers: Vec<_> = strings.iter().map(|string| string.as_ptr()).collect();
        let mut envp = pointers.split_off(pointers.len() - ENVIRONMENT.len());
        let mut argv = pointers;
        argv.push(null());
        envp.push(null());
        Self { file: c_string(file.into()), argv, envp, _strings: strings }
    }
}

/// What the process between clone and exec is told, and what it tells.
struct Start<'a> {
    command: &'a Command,
    streams: [Option<RawFd>; 2],
    traced: bool,
    error: i32,
}

/// Starts it with these as standard input and output, in new namespaces. Returns when the
/// init has been executed, or was stopped in it if it is `traced`.
pub fn launch(
    command: &Command,
    namespaces: libc::c_int,
    streams: [Option<RawFd>; 2],
    traced: bool,
) -> Result<Pid, String> {
    static STACK: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    const SIZE: usize = 64 << 10;
    let top =
        *STACK.get_or_init(|| Box::leak(vec![0_u128; SIZE / 16].into_boxed_slice()).as_ptr() as usize + SIZE);

    let mut start = Start { command, streams, traced, error: 0 };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD | namespaces;
    // SAFETY: the child has a stack of its own, this process sleeps until the child has
    // executed the init or ended, and there is one thread.
    let mut clone = || unsafe { libc::clone(execute, top as *mut _, flags, (&raw mut start).cast()) };
    let mut pid = clone();
    if pid < 0 && Errno::last() == Errno::EAGAIN {
        machine::room_for(1)?;
        pid = clone();
    }
    if pid < 0 {
        return Err(format!("clone: {}", Errno::last().desc()));
    }
    // SAFETY: the child wrote it through a pointer, while this process slept.
    let error = unsafe { (&raw const start.error).read_volatile() };
    if error != 0 {
        let _ = wait(Pid::from_raw(pid), Duration::from_secs(5));
        return Err(format!("{}: {}", command.file.to_string_lossy(), Errno::from_raw(error).desc()));
    }
    Ok(Pid::from_raw(pid))
}

extern "C" fn execute(start: *mut libc::c_void) -> libc::c_int {
    // SAFETY: `launch` sleeps meanwhile; plain system calls, no allocation. The signal for
    // the case that the benchmark is killed ends the whole namespace.
    unsafe {
        let start = &mut *start.cast::<Start>();
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        for (number, stream) in start.streams.iter().enumerate() {
            if let Some(fd) = *stream {
                libc::dup2(fd, number as libc::c_int);
            }
        }
        if start.traced {
            libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0);
        }
        libc::execve(start.command.file.as_ptr(), start.command.argv.as_ptr(), start.command.envp.as_ptr());
        (&raw mut start.error).write_volatile(*libc::__errno_location());
        libc::_exit(127)
    }
}

/// While it lives, system calls that block come back with `EINTR` once the time is up.
pub struct Limit;

impl Limit {
    pub fn of(time: Duration) -> Self {
        set_timer(time, Duration::from_millis(50));
        Self
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        set_timer(Duration::ZERO, Duration::ZERO);
    }
}

fn set_timer(first: Duration, then: Duration) {
    let value = |time: Duration| libc::timeval {
        tv_sec: time.as_secs() as libc::time_t,
        tv_usec: time.subsec_micros() as libc::suseconds_t,
    };
    let timer = libc::itimerval { it_interval: value(then), it_value: value(first) };
    // SAFETY: a structure that lives on.
    unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()) };
}

/// The timer of [`Limit`] interrupts and does nothing else.
pub fn arrange_for_limits() -> Result<(), String> {
    extern "C" fn nothing(_: libc::c_int) {}
    let action = SigAction::new(SigHandler::Handler(nothing), SaFlags::empty(), SigSet::empty());
    // SAFETY: a handler that does nothing.
    unsafe { sigaction(Signal::SIGALRM, &action) }.map(drop).map_err(|error| format!("sigaction: {error}"))
}

/// The CPU time of the benchmark itself.
pub fn own_cpu() -> Duration {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID);
    now.map(Duration::from).unwrap_or_default()
}

/// What became of a process.
pub struct End {
    pub status: i32,
    pub page_faults: i64,
    /// Its own, and that of the children that it has waited for.
    pub cpu: Duration,
}

/// Waits for a child's end, for so long.
pub fn wait(pid: Pid, time: Duration) -> Result<End, String> {
    let _limit = Limit::of(time);
    wait_within(pid)
}

/// Waits for a child's end; the caller has set a [`Limit`].
pub fn wait_within(pid: Pid) -> Result<End, String> {
    let mut status = 0;
    // SAFETY: plain numbers, for which zeros are as good as any.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: both live on.
    match unsafe { libc::wait4(pid.as_raw(), &mut status, 0, &mut usage) } {
        -1 if Errno::last() == Errno::EINTR => Err("does not end in time".to_owned()),
        -1 => Err(format!("wait4: {}", Errno::last().desc())),
        _ => {
            let time = |part: libc::timeval| {
                Duration::from_secs(part.tv_sec as u64) + Duration::from_micros(part.tv_usec as u64)
            };
            let cpu = time(usage.ru_utime) + time(usage.ru_stime);
            Ok(End { status, page_faults: usage.ru_minflt, cpu })
        }
    }
}

/// A running init with a program below it.
pub struct Instance {
    pub pid: Pid,
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    ended: bool,
}

impl Instance {
    /// Starts it with pipes as the program's standard input and output.
    pub fn start(command: &Command, namespaces: libc::c_int) -> Result<Self, String> {
        let (their_input, stdin) = pipe()?;
        let (stdout, their_output) = pipe()?;
        let streams = [Some(their_input.as_raw_fd()), Some(their_output.as_raw_fd())];
        let pid = launch(command, namespaces, streams, false)?;
        Ok(Self { pid, stdin: Some(stdin), stdout: Some(stdout), ended: false })
    }

    /// Starts it with this end of a pipe as the program's standard output.
    pub fn writing_to(command: &Command, namespaces: libc::c_int, output: &OwnedFd) -> Result<Self, String> {
        let pid = launch(command, namespaces, [None, Some(output.as_raw_fd())], false)?;
        Ok(Self { pid, stdin: None, stdout: None, ended: false })
    }

    pub fn say(&self) -> Result<(), String> {
        let pipe = self.stdin.as_ref().ok_or("no pipe")?;
        nix::unistd::write(pipe, b"!")
            .map(drop)
            .map_err(|error| format!("cannot write to the program: {error}"))
    }

    /// Reads one byte of the program's; the caller has set a [`Limit`].
    pub fn hear(&self) -> Result<u8, String> {
        hear(self.stdout.as_ref().ok_or("no pipe")?)
    }

    pub fn expect(&self, expected: u8, time: Duration) -> Result<(), String> {
        let _limit = Limit::of(time);
        match self.hear()? {
            byte if byte == expected => Ok(()),
            b'x' => Err("the kernel gives the program no more processes".to_owned()),
            _ => Err("the program answers something else".to_owned()),
        }
    }

    /// Until the init sleeps, that is to say, waits for something to happen.
    pub fn settle(&self) -> Result<(), String> {
        settle(self.pid)
    }

    pub fn kill(&self, signal: Signal) -> Result<(), String> {
        kill(self.pid, signal).map_err(|error| format!("kill: {error}"))
    }

    /// Waits for the end of the init, and with it of its namespace; the caller has set a
    /// [`Limit`].
    pub fn wait_within(&mut self) -> Result<End, String> {
        let end = wait_within(self.pid)?;
        self.ended = true;
        Ok(end)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if !self.ended {
            let _ = kill(self.pid, Signal::SIGKILL);
            if let Err(reason) = wait(self.pid, Duration::from_secs(60)) {
                eprintln!("process {}, killed: {reason}", self.pid);
            }
        }
    }
}

/// One byte; the caller has set a [`Limit`].
pub fn hear(pipe: &OwnedFd) -> Result<u8, String> {
    let mut byte = [0];
    match nix::unistd::read(pipe, &mut byte) {
        Ok(1) => Ok(byte[0]),
        Ok(_) => Err("the program ends before it answers".to_owned()),
        Err(Errno::EINTR) => Err("the program does not answer in time".to_owned()),
        Err(error) => Err(format!("cannot read from the program: {error}")),
    }
}

pub fn settle(pid: Pid) -> Result<(), String> {
    let start = Instant::now();
    while proc::state(pid)? != 'S' {
        if start.elapsed() > Duration::from_secs(10) {
            return Err("never comes to rest".to_owned());
        }
        // Everything runs on one CPU: let the others go on.
        std::thread::yield_now();
    }
    Ok(())
}

pub fn pipe() -> Result<(OwnedFd, OwnedFd), String> {
    nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(|error| format!("pipe: {error}"))
}
