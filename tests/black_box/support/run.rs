//! The running init, watched from outside.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{PipeReader, PipeWriter, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::container::MARKER;
use super::process::Process;
use super::scratch::writing_or_forking;
use super::turns::Turn;
use super::{Elf, GLANCE, LIMIT, PROBE, Scratch, probe_command, spawn, sys};

/// How many lines of a trace are evidence.
const TRACED: usize = 40;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

impl Exit {
    fn from_status(status: i32) -> Self {
        match status & 0x7f {
            0 => Exit::Code(status >> 8 & 0xff),
            signal => Exit::Signal(signal),
        }
    }
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub exit: Exit,
    pub stdout: String,
    pub stderr: String,
    /// From the init's execution to its end.
    pub elapsed: Duration,
}

impl Outcome {
    /// The exit code; a panic if a signal ended the init.
    #[track_caller]
    pub fn code(&self) -> i32 {
        match self.exit {
            Exit::Code(code) => code,
            Exit::Signal(signal) => panic!("the init was killed by signal {signal}: {self:#?}"),
        }
    }

    /// Requires this exit code.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.exit, Exit::Code(code), "{self:#?}");
        self
    }

    /// Requires that standard error has exactly one line, of this level, that contains these texts
    /// whatever their case; gives what follows the prefix.
    #[track_caller]
    pub fn expect_one_line(&self, level: &str, texts: &[&str]) -> String {
        let mut lines = self.stderr.lines();
        let (Some(line), None) = (lines.next(), lines.next()) else {
            panic!("not exactly one line on standard error: {self:#?}");
        };
        let (found, _, text) =
            log_line(line).unwrap_or_else(|| panic!("not a line of the init's log: {line:?}"));
        assert_eq!(found, level, "the level of {line:?}");
        for expected in texts {
            let is_there = text.to_lowercase().contains(&expected.to_lowercase());
            assert!(is_there, "{expected:?} is missing in {line:?}");
        }
        text.to_owned()
    }

    /// The lines on standard error: level and text of each. All must be the init's.
    #[track_caller]
    pub fn log(&self) -> Vec<(&str, &str)> {
        let split = |line| log_line(line).map(|(level, _, text)| (level, text));
        let lines: Option<_> = self.stderr.lines().map(split).collect();
        lines.unwrap_or_else(|| panic!("not a log of the init: {self:#?}"))
    }

    /// Requires that nothing is said but that the time is up, and then these warnings.
    #[track_caller]
    pub fn expect_killing(&self, warnings: &[String]) {
        let first = "the time is up: killing all processes that are left";
        let expected: Vec<(&str, &str)> =
            [first].into_iter().chain(warnings.iter().map(String::as_str)).map(|it| ("WARN", it)).collect();
        assert_eq!(self.log(), expected, "{self:#?}");
    }

    /// Requires that the init said nothing.
    #[track_caller]
    pub fn expect_silence(self) -> Self {
        assert_eq!(self.stderr, "", "the init is silent in a healthy run: {self:#?}");
        self
    }
}

/// A line of the init's log, `[LEVEL tini-rs (PID)] text`: level, pid and text. The level is padded
/// to five letters.
pub fn log_line(line: &str) -> Option<(&str, i32, &str)> {
    let (prefix, text) = line.strip_prefix('[')?.split_once("] ")?;
    let (level, rest) = prefix.split_at_checked(5)?;
    let pid = rest.strip_prefix(" tini-rs (")?.strip_suffix(')')?;
    Some((level.trim_end(), pid.parse().ok()?, text))
}

/// The test's ends of the init's standard descriptors.
#[derive(Default)]
pub struct Pipes {
    pub stdin: Option<PipeWriter>,
    pub stdout: Option<PipeReader>,
    pub stderr: Option<PipeReader>,
    /// Ends that only have to exist.
    pub kept: Vec<OwnedFd>,
}

/// One of the init's outputs, as far as it has been read.
#[derive(Default)]
struct Capture {
    pipe: Option<PipeReader>,
    bytes: Vec<u8>,
}

impl Capture {
    fn new(pipe: Option<PipeReader>) -> Self {
        if let Some(pipe) = &pipe {
            fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("a pipe that does not block");
        }
        let bytes = Vec::new();
        Capture { pipe, bytes }
    }

    /// Takes all that is there; true if anything was.
    fn read(&mut self) -> bool {
        let before = self.bytes.len();
        if let Some(pipe) = &mut self.pipe
            && pipe.read_to_end(&mut self.bytes).is_ok()
        {
            self.pipe = None;
        }
        self.bytes.len() > before
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// A running init. Dropping it kills it with all that it started.
pub struct Run {
    pid: i32,
    pidfd: OwnedFd,
    started: Instant,
    elapsed: Duration,
    exit: Option<Exit>,
    /// Whether it has a PID namespace of its own, with which all that it started goes.
    namespace: bool,
    marker: String,
    stdout: Capture,
    stderr: Capture,
    /// The writing end of a captured standard input; take and drop it for an end of file.
    pub stdin: Option<PipeWriter>,
    /// The other end of its terminal; drop it to hang up.
    pub terminal: Option<OwnedFd>,
    _kept: Vec<OwnedFd>,
    /// Given back when all that it started has ended.
    pub(super) turn: Option<Turn>,
    tracer: Option<Tracer>,
}

impl Run {
    pub(super) fn new(
        pid: i32,
        started: Instant,
        namespace: bool,
        marker: String,
        pipes: Pipes,
        tracer: Option<Tracer>,
    ) -> Self {
        Run {
            pid,
            pidfd: sys::pidfd_open(pid).expect("a pidfd of a child that is not collected"),
            started,
            elapsed: Duration::ZERO,
            exit: None,
            namespace,
            marker,
            stdout: Capture::new(pipes.stdout),
            stderr: Capture::new(pipes.stderr),
            stdin: pipes.stdin,
            terminal: None,
            _kept: pipes.kept,
            turn: None,
            tracer,
        }
    }

    /// The init's pid on the host.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Whether the init is PID 1 of a namespace of its own.
    pub fn is_pid_1(&self) -> bool {
        self.namespace
    }

    /// Since the init was executed.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Sends a signal to the init.
    #[track_caller]
    pub fn signal(&self, signal: i32) {
        sys::kill(self.pid, signal)
            .unwrap_or_else(|error| panic!("cannot send {signal} to the init: {error}"));
    }

    /// Sends a signal to the program.
    #[track_caller]
    pub fn signal_program(&mut self, signal: i32) {
        let program = self.program();
        sys::kill(program.pid, signal)
            .unwrap_or_else(|error| panic!("cannot send {signal} to the program: {error}"));
    }

    /// Puts a process with this script into the init's container: not its child, in no session that
    /// it knows. What the process says goes into the file `said`; back when that is `ready`.
    #[track_caller]
    pub fn join(&mut self, script: &str, said: &Path) -> Child {
        let mut command = Command::new("nsenter");
        command.args(["-p", "-t", &self.pid.to_string(), "--"]).args(probe_command(script));
        let file = File::create(said).expect("a scratch file");
        let joined = spawn(command.env(PROBE, "1").stdin(Stdio::null()).stdout(file));
        self.wait_until("the other one is ready", |_| {
            fs::read_to_string(said).unwrap_or_default().contains("ready")
        });
        joined
    }

    /// The init as a process; it must not have been collected.
    #[track_caller]
    pub fn init(&self) -> Process {
        Process::read(self.pid).expect("the init is there")
    }

    /// The program: the init's first child, as soon as it has been executed.
    #[track_caller]
    pub fn program(&mut self) -> Process {
        // The first child has the number after the init's; numbers begin anew at the limit.
        let limit = std::fs::read_to_string("/proc/sys/kernel/pid_max").expect("a limit of numbers");
        let limit: i32 = limit.trim().parse().expect("a number");
        let init = self.init();
        let own = init.arguments();
        let mut found = None;
        self.wait_until("the program is executed", |run| {
            found = run
                .processes()
                .into_iter()
                .filter(|it| it.parent == run.pid)
                .min_by_key(|it| (it.inner_pid - init.inner_pid).rem_euclid(limit))
                .filter(|it| it.is_zombie() || it.arguments() != own);
            found.is_some()
        });
        found.expect("the condition was met")
    }

    /// All processes below the init: as PID 1, all of its namespace.
    pub fn processes(&self) -> Vec<Process> {
        Process::descendants(self.pid)
    }

    /// How many of them are zombies.
    pub fn zombies(&self) -> usize {
        self.processes().iter().filter(|it| it.is_zombie()).count()
    }

    /// Everything that this run started, wherever it went: found by its environment.
    pub fn started_processes(&self) -> Vec<Process> {
        let line = format!("{MARKER}={}", self.marker);
        let is_ours = |process: &Process| {
            fs::read(format!("/proc/{}/environ", process.pid))
                .is_ok_and(|all| all.split(|byte| *byte == 0).any(|it| it == line.as_bytes()))
        };
        Process::all().into_iter().filter(is_ours).collect()
    }

    /// Standard output and error so far.
    pub fn stdout(&mut self) -> String {
        self.stdout.read();
        self.stdout.text()
    }

    pub fn stderr(&mut self) -> String {
        self.stderr.read();
        self.stderr.text()
    }

    /// Whether the init has ended.
    pub fn has_ended(&mut self) -> bool {
        self.collect();
        self.exit.is_some()
    }

    /// Waits until `condition` holds.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, condition: impl FnMut(&mut Run) -> bool) {
        self.wait_until_within(LIMIT, what, condition);
    }

    /// Waits until `condition` holds, at most so long.
    #[track_caller]
    pub fn wait_until_within(
        &mut self,
        limit: Duration,
        what: &str,
        mut condition: impl FnMut(&mut Run) -> bool,
    ) {
        let deadline = Instant::now() + limit;
        while !condition(self) {
            if Instant::now() >= deadline {
                panic!("waited {limit:?} in vain until {what}\n{}", self.evidence());
            }
            self.pump(GLANCE);
        }
    }

    /// Waits for this whole line on standard output.
    #[track_caller]
    pub fn wait_for_line(&mut self, line: &str) {
        self.wait_for_lines(line, 1);
    }

    /// Waits until this whole line has come so many times on standard output.
    #[track_caller]
    pub fn wait_for_lines(&mut self, line: &str, count: usize) {
        let what = format!("{count} x {line:?} on standard output");
        self.wait_for_text(&what, |run| run.stdout().lines().filter(|it| *it == line).count() >= count);
    }

    /// Waits for a line on standard error that contains this text, and gives the line.
    #[track_caller]
    pub fn wait_for_log(&mut self, text: &str) -> String {
        let mut found = None;
        self.wait_for_text(&format!("{text:?} on standard error"), |run| {
            let lines = run.stderr();
            found = lines.lines().find(|it| it.contains(text)).map(str::to_owned);
            found.is_some()
        });
        found.expect("the condition was met")
    }

    /// Waits for an output, which cannot come any more when the init has ended.
    #[track_caller]
    fn wait_for_text(&mut self, what: &str, mut condition: impl FnMut(&mut Run) -> bool) {
        self.wait_until(what, |run| {
            let ended = run.has_ended();
            let met = condition(run);
            assert!(met || !ended, "the init ended without {what}\n{}", run.evidence());
            met
        });
    }

    /// Requires that the init comes to wait without a time limit.
    #[track_caller]
    pub fn expect_idle(&mut self, when: &str) {
        // One of 32 bits has numbers of its own.
        let has_other_numbers = !Elf::of_init().is_wide();
        let waits = [libc::SYS_rt_sigtimedwait, libc::SYS_ppoll].map(|number| number.to_string());
        self.wait_until(&format!("nothing but news wakes it up: {when}"), |run| {
            let call = run.init().system_call();
            let words: Vec<&str> = call.split_whitespace().collect();
            let is_wait = words.first().is_some_and(|call| waits.iter().any(|wait| wait == call));
            // The third argument is the time, in either call.
            run.init().state == 'S' && (is_wait || has_other_numbers) && words.get(3) == Some(&"0x0")
        });
    }

    /// Waits for the end of the init.
    #[track_caller]
    pub fn wait(&mut self, limit: Duration) -> Outcome {
        let deadline = Instant::now() + limit;
        while !self.has_ended() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                panic!("the init has not ended within {limit:?}\n{}", self.evidence());
            }
            self.pump(left);
        }
        self.stdout.read();
        self.stderr.read();
        Outcome {
            exit: self.exit.expect("it has ended"),
            stdout: self.stdout.text(),
            stderr: self.stderr.text(),
            elapsed: self.elapsed,
        }
    }

    /// What strace wrote, from the execution of the init on; complete when the init and all that it
    /// started have ended.
    #[track_caller]
    pub fn trace(&mut self) -> Vec<String> {
        let tracer = self.tracer.as_mut().expect("a container with strace");
        tracer.finish();
        let text = fs::read_to_string(&tracer.file).expect("the file of strace");
        text.lines().skip_while(|line| !line.contains("execve(")).map(str::to_owned).collect()
    }

    /// Reads the outputs until something happens, at most so long.
    fn pump(&mut self, limit: Duration) {
        let mut fds = vec![PollFd::new(self.pidfd.as_fd(), PollFlags::POLLIN)];
        let pipes = [&self.stdout.pipe, &self.stderr.pipe];
        fds.extend(pipes.into_iter().flatten().map(|pipe| PollFd::new(pipe.as_fd(), PollFlags::POLLIN)));
        if self.exit.is_some() {
            fds.clear();
        }
        let timeout = PollTimeout::try_from(limit.as_millis().max(1)).unwrap_or(PollTimeout::MAX);
        let _ = poll(&mut fds, timeout);
        self.stdout.read();
        self.stderr.read();
        self.collect();
    }

    /// Takes the wait status if it is there.
    fn collect(&mut self) {
        if self.exit.is_none()
            && let Some(status) = sys::try_wait(self.pid).expect("a child of this process")
        {
            self.elapsed = self.started.elapsed();
            self.exit = Some(Exit::from_status(status));
        }
    }

    /// Kills everything of this run until nothing is left.
    fn kill_what_it_left(&self) {
        loop {
            let left = self.started_processes();
            if left.is_empty() {
                return;
            }
            for process in &left {
                let _ = sys::kill(process.pid, libc::SIGKILL);
            }
            std::thread::sleep(GLANCE);
        }
    }

    /// All that can be told about a run that does not do what it ought to.
    pub fn evidence(&mut self) -> String {
        let mut text = format!("after {:?}, exit: {:?}\n", self.elapsed(), self.exit);
        let _ = writeln!(text, "--- stdout\n{}", self.stdout());
        let _ = writeln!(text, "--- stderr\n{}", self.stderr());
        let _ = writeln!(text, "--- processes");
        let init = Process::read(self.pid).filter(|_| self.exit.is_none());
        for process in init.into_iter().chain(self.processes()).take(50) {
            text.push_str(&process.evidence());
        }
        if let Some(tracer) = &self.tracer {
            let trace = fs::read_to_string(&tracer.file).unwrap_or_default();
            let lines: Vec<&str> = trace.lines().collect();
            let last = &lines[lines.len().saturating_sub(TRACED)..];
            let _ = writeln!(text, "--- the end of the trace\n{}", last.join("\n"));
        }
        text
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let below = match self.exit {
            None if !self.namespace => self.processes(),
            _ => Vec::new(),
        };
        if self.exit.is_none() {
            let _ = sys::kill(self.pid, libc::SIGKILL);
        }
        // As PID 1 it takes its namespace along. Otherwise whatever it leaves has to be found.
        for process in &below {
            let _ = sys::kill(process.pid, libc::SIGKILL);
        }
        if !self.namespace {
            self.kill_what_it_left();
        }
        while self.exit.is_none() {
            self.pump(GLANCE);
        }
    }
}

/// strace, attached to an init before its first instruction.
pub struct Tracer {
    process: Child,
    file: std::path::PathBuf,
    _directory: Scratch,
}

impl Tracer {
    /// Attaches to `pid`.
    pub(super) fn attach(pid: i32, options: &[OsString]) -> Result<Self, String> {
        let directory = Scratch::new();
        let file = directory.join("trace");
        let said = directory.join("said");
        let errors = fs::File::create(&said).map_err(|error| error.to_string())?;
        let guard = writing_or_forking();
        let process = Command::new("strace")
            .arg("-o")
            .arg(&file)
            .args(options)
            .args(["-p", &pid.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()
            .map_err(|error| format!("strace: {error}"))?;
        drop(guard);
        let mut tracer = Tracer { process, file, _directory: directory };
        let deadline = Instant::now() + LIMIT;
        loop {
            let text = fs::read_to_string(&said).unwrap_or_default();
            if text.contains("attached") {
                return Ok(tracer);
            }
            let ended = tracer.process.try_wait().is_ok_and(|end| end.is_some());
            if ended || Instant::now() > deadline {
                return Err(format!("strace does not attach: {text}"));
            }
            std::thread::sleep(GLANCE);
        }
    }

    /// Waits until it has nothing left to trace.
    #[track_caller]
    fn finish(&mut self) {
        let deadline = Instant::now() + LIMIT;
        while self.process.try_wait().expect("a child of this process").is_none() {
            assert!(Instant::now() < deadline, "strace goes on tracing");
            std::thread::sleep(GLANCE);
        }
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
