//! Commands of the engines: what they say, how they end, and never longer than they may take.

use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// For what ought to come at once on an idle machine: starting a container, its end.
pub const LIMIT: Duration = Duration::from_secs(20);
/// How long the rest of the output may take after the end of a command; it has come when nobody has
/// it open any more.
const REST: Duration = Duration::from_secs(5);

/// What has been seen of a running command.
#[derive(Default)]
struct Seen {
    output: Vec<u8>,
    closed: bool,
    status: Option<(ExitStatus, Instant)>,
}

/// A running command. It ends with this value.
pub struct Running {
    pid: Pid,
    line: String,
    input: Box<dyn Write + Send>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

/// A command that has ended.
#[derive(Debug)]
pub struct Ended {
    line: String,
    /// Its exit code; 128 and the signal's number if a signal killed it.
    pub code: i32,
    /// Standard output and error, as they came.
    pub output: String,
    pub at: Instant,
}

impl Running {
    /// Starts a command on pipes.
    pub fn start(command: Command) -> Result<Self, String> {
        let pipes = || -> io::Result<_> {
            let (input, writer) = io::pipe()?;
            let (reader, output) = io::pipe()?;
            let errors = output.try_clone()?;
            Ok((input, writer, reader, output, errors))
        };
        let (input, writer, reader, output, errors) = pipes().map_err(|error| format!("a pipe: {error}"))?;
        Self::start_on(command, [input.into(), output.into(), errors.into()], reader, writer)
    }

    /// Starts a command in a session of its own, with a new terminal as its controlling terminal.
    pub fn start_on_terminal(command: &Command) -> Result<Self, String> {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(&size, None).map_err(|error| format!("a terminal: {error}"))?;
        let clone = |fd: &OwnedFd| fd.try_clone().map_err(|error| format!("a terminal: {error}"));
        let streams = [clone(&pair.slave)?, clone(&pair.slave)?, pair.slave];
        let writer = std::fs::File::from(clone(&pair.master)?);
        let mut session = Command::new("setsid");
        session.args(["--ctty", "--wait"]);
        // Whoever runs the tests may ignore them, as the job of a script does.
        session.args(["env", "--default-signal=INT,QUIT"]);
        session.arg(command.get_program()).args(command.get_args());
        session.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Self::start_on(session, streams, std::fs::File::from(pair.master), writer)
    }

    fn start_on(
        mut command: Command,
        streams: [OwnedFd; 3],
        mut reader: impl Read + Send + 'static,
        writer: impl Write + Send + 'static,
    ) -> Result<Self, String> {
        let line = show(&command);
        let [input, output, errors] = streams;
        command.stdin(Stdio::from(input)).stdout(Stdio::from(output)).stderr(Stdio::from(errors));
        let mut child = command.spawn().map_err(|error| format!("{line}: {error}"))?;
        // The ends that the child has got are closed here with the command.
        drop(command);
        let pid = Pid::from_raw(child.id().cast_signed());

        let seen = Arc::new((Mutex::<Seen>::default(), Condvar::new()));
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            let mut part = [0; 4096];
            // A terminal that nobody has open any more is an error to its reader, not an end.
            while let Ok(count @ 1..) = reader.read(&mut part) {
                lock(&shared.0).output.extend(part.iter().take(count));
                shared.1.notify_all();
            }
            lock(&shared.0).closed = true;
            shared.1.notify_all();
        });
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            let status = child.wait().expect("a child of this process");
            lock(&shared.0).status = Some((status, Instant::now()));
            shared.1.notify_all();
        });
        Ok(Running { pid, line, input: Box::new(writer), seen })
    }

    /// The process of the command.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Writes to its standard input or terminal.
    pub fn write(&mut self, text: &[u8]) -> Result<(), String> {
        self.input.write_all(text).map_err(|error| format!("{}: writing to it: {error}", self.line))
    }

    /// Waits until this text is in its output.
    pub fn wait_for(&self, text: &str, limit: Duration) -> Result<(), String> {
        let found = self.wait_until(limit, |seen| {
            let found = String::from_utf8_lossy(&seen.output).contains(text);
            (found || seen.status.is_some()).then_some(found)
        });
        match found {
            Some(true) => Ok(()),
            Some(false) => Err(self.evidence(&format!("ended without {text:?}"))),
            None => Err(self.evidence(&format!("did not say {text:?} within {limit:?}"))),
        }
    }

    /// Waits for its end.
    pub fn finish(self, limit: Duration) -> Result<Ended, String> {
        let Some((status, at)) = self.wait_until(limit, |seen| seen.status) else {
            return Err(self.evidence(&format!("did not end within {limit:?}")));
        };
        // Somebody that it has started may have its output open for longer.
        self.wait_until(REST, |seen| seen.closed.then_some(()));
        let output = String::from_utf8_lossy(&lock(&self.seen.0).output).into_owned();
        use std::os::unix::process::ExitStatusExt;
        let code = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(-1);
        Ok(Ended { line: self.line.clone(), code, output, at })
    }

    /// Waits until there is something to give, at most so long.
    fn wait_until<T>(&self, limit: Duration, mut look: impl FnMut(&Seen) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + limit;
        let mut seen = lock(&self.seen.0);
        loop {
            if let Some(found) = look(&seen) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            seen = self.seen.1.wait_timeout(seen, left).expect("no panic under the lock").0;
        }
    }

    fn evidence(&self, what: &str) -> String {
        let output = String::from_utf8_lossy(&lock(&self.seen.0).output).into_owned();
        format!("{}\n  {what}; its output:\n{}", self.line, indent(&output))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Until its end is known it has not been collected, and the number is its own.
        let seen = lock(&self.seen.0);
        if seen.status.is_none() {
            let _ = kill(self.pid, Signal::SIGKILL);
        }
    }
}

impl Ended {
    /// Ended with this code, as it should.
    pub fn expect(self, code: i32) -> Result<Self, String> {
        if self.code == code {
            Ok(self)
        } else {
            Err(self.evidence(&format!("exit code {code} was expected")))
        }
    }

    /// Has this as a line of its output, as it should.
    pub fn expect_line(self, text: &str) -> Result<Self, String> {
        if self.output.lines().any(|line| line.trim() == text) {
            Ok(self)
        } else {
            Err(self.evidence(&format!("the line {text:?} was expected")))
        }
    }

    /// All that is known, for somebody who has to find out what went wrong.
    pub fn evidence(&self, what: &str) -> String {
        format!("{}\n  {what}; exit code {}, its output:\n{}", self.line, self.code, indent(&self.output))
    }
}

/// Runs a command that has to succeed; gives its output.
pub fn run(command: Command) -> Result<String, String> {
    Running::start(command)?.finish(LIMIT)?.expect(0).map(|ended| ended.output)
}

/// A command of words.
pub fn command<S: AsRef<std::ffi::OsStr>>(words: impl IntoIterator<Item = S>) -> Command {
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words);
    command
}

/// Repeats an attempt until it succeeds, for what tells nobody that it is ready.
pub fn until<T>(limit: Duration, mut attempt: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    let deadline = Instant::now() + limit;
    loop {
        match attempt() {
            Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(20)),
            result => return result,
        }
    }
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().expect("no panic under the lock")
}

/// A command as one would type it.
fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// The last lines of a text, set off.
pub fn indent(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.len().saturating_sub(25);
    lines.iter().skip(last).map(|line| format!("    | {line}\n")).collect()
}
