//! `become_init` beside `relaunch_if_pid1` of the crate `pid1`: the same application as
//! PID 1 of a container, with each of them as the first line of its `main`. What ours is
//! to do is asserted, what the other does is printed.

use std::io::{BufRead, BufReader, Read, Write, stdout};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use signal_hook::iterator::Signals;
use tini_embed::{Config, become_init};

const LIMIT: Duration = Duration::from_secs(10);
/// How many seconds a container lives at the most, whoever waits for what in it.
const LIFE: u32 = 60;

/// Its name, how what comes of it is found out, and what that is to be.
type Case = (&'static str, fn(&mut Container) -> String, &'static str);

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let [_, app, init, case] = &words[..]
        && app == "app"
    {
        return application(init, case);
    }
    // SAFETY: no memory is involved.
    if unsafe { libc::geteuid() } != 0 {
        println!("skipped: not root");
        return;
    }
    let cases: [Case; 5] = [
        ("a death by SIGRTMIN+1 is told", |it| it.code(), "163"),
        ("USR1, HUP, WINCH are passed on", forwarded, "10 1 28, then 0"),
        ("4 s are needed to stop", stopped_slowly, "cleaned, then 0"),
        ("stderr is a broken pipe", |it| it.code(), "5"),
        ("an orphan cleans up", stopped_slowly, "cleaned, then 143"),
    ];
    for (case, watch, expected) in cases {
        let [ours, other] = ["tini-embed", "pid1"].map(|init| watch(&mut Container::start(init, case)));
        println!("{case:32} tini-embed: {ours:20} pid1: {other}");
        assert_eq!(ours, expected, "{case}");
    }
}

fn application(init: &str, case: &str) {
    match init {
        "pid1" => pid1::Pid1Settings::new().enable_log(case.contains("stderr")).launch().unwrap(),
        _ => become_init(&Config::new().verbosity(if case.contains("stderr") { 3 } else { 1 })).unwrap(),
    }
    let say = |word: &str| {
        let _ = writeln!(stdout(), "{word}");
    };
    if case.contains("SIGRTMIN") {
        // SAFETY: no memory is involved.
        unsafe { libc::raise(35) };
    } else if case.contains("stderr") {
        std::process::exit(5);
    } else if case.contains("orphan") {
        let script = "trap 'sleep 0.5; echo cleaned; exit' TERM; echo ready; while :; do sleep 0.02; done";
        Command::new("sh").args(["-c", "setsid sh -c \"$0\" &", script]).status().unwrap();
        // Until it is told to end.
        loop {
            std::thread::park();
        }
    } else {
        let mut signals = Signals::new([libc::SIGUSR1, libc::SIGHUP, libc::SIGWINCH, libc::SIGTERM]).unwrap();
        say("ready");
        for signal in signals.forever() {
            if signal != libc::SIGTERM {
                say(&signal.to_string());
                continue;
            }
            if case.contains("4 s") {
                // The work that its end takes.
                std::thread::sleep(Duration::from_secs(4));
                say("cleaned");
            }
            return;
        }
    }
}

/// PID 1 of a namespace of its own, seen from outside.
struct Container {
    outside: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Container {
    fn start(init: &str, case: &str) -> Container {
        let mut command = Command::new("/proc/self/exe");
        command.args(["app", init, case]).stdout(Stdio::piped()).stderr(Stdio::piped());
        // SAFETY: system calls and nothing else.
        unsafe {
            command.pre_exec(|| {
                unshare(CloneFlags::CLONE_NEWPID)?;
                match libc::fork() {
                    0 => {
                        // It goes with the one outside.
                        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                        Ok(())
                    }
                    child => {
                        libc::alarm(LIFE);
                        libc::syscall(libc::SYS_close_range, 0, u32::MAX, 0);
                        let mut status = 0;
                        libc::waitpid(child, &mut status, 0);
                        let code = libc::WEXITSTATUS(status);
                        libc::_exit(if libc::WIFSIGNALED(status) {
                            128 + libc::WTERMSIG(status)
                        } else {
                            code
                        })
                    }
                }
            });
        }
        let mut outside = command.spawn().unwrap();
        if case.contains("stderr") {
            drop(outside.stderr.take());
        }
        let lines = BufReader::new(outside.stdout.take().unwrap());
        Container { outside, lines }
    }

    fn signal(&self, signal: i32) {
        let outside = self.outside.id();
        let children = std::fs::read_to_string(format!("/proc/{outside}/task/{outside}/children"));
        let children = children.unwrap_or_default();
        if let Ok(init) = children.trim().parse() {
            // SAFETY: no memory is involved.
            unsafe { libc::kill(init, signal) };
        }
    }

    /// The next line, in time; nothing if there is none.
    fn line(&mut self, limit: Duration) -> Option<String> {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        use std::os::fd::AsFd;
        if self.lines.buffer().is_empty() {
            let mut descriptor = [PollFd::new(self.lines.get_ref().as_fd(), PollFlags::POLLIN)];
            if poll(&mut descriptor, PollTimeout::try_from(limit).unwrap()).unwrap() == 0 {
                return None;
            }
        }
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        Some(line.trim().to_owned()).filter(|line| !line.is_empty())
    }

    fn code(&mut self) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.outside.try_wait().unwrap() {
                return status.code().or(status.signal()).unwrap().to_string();
            }
            if Instant::now() > deadline {
                return "it does not end".into();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// What it said last, and its code.
    fn rest_and_code(&mut self) -> String {
        let mut text = String::new();
        self.lines.read_to_string(&mut text).unwrap();
        let said = text.trim();
        format!("{}, then {}", if said.is_empty() { "nothing" } else { said }, self.code())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Whoever is left.
        self.signal(libc::SIGKILL);
        let _ = self.outside.wait();
    }
}

fn forwarded(container: &mut Container) -> String {
    assert_eq!(container.line(LIMIT).as_deref(), Some("ready"));
    let mut got = Vec::new();
    for signal in [libc::SIGUSR1, libc::SIGHUP, libc::SIGWINCH] {
        container.signal(signal);
        // Longer than one that is passed on ever takes.
        got.extend(container.line(Duration::from_secs(2)));
    }
    container.signal(libc::SIGTERM);
    format!("{}, then {}", got.join(" "), container.code())
}

/// Told to end once it is ready.
fn stopped_slowly(container: &mut Container) -> String {
    assert_eq!(container.line(LIMIT).as_deref(), Some("ready"));
    container.signal(libc::SIGTERM);
    container.rest_and_code()
}
