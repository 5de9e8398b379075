//! Somebody at a terminal, with an init or a shell on it.

use std::ffi::OsString;
use std::fmt::Debug;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::bench::{Bench, Kind, PEERS, Verdict, need_namespaces};
use crate::probe;
use crate::reports::Reports;
use crate::support::{Container, Process, Run, Scratch, probe_path, sys};
use crate::tty::Tty;

/// How often a condition is looked at that tells nothing when it changes.
const GLANCE: Duration = Duration::from_millis(2);
/// Passed on by every init after all other signals that are used here, since it has the highest
/// number; what has not come before it does not come.
const FENCE: &str = "PWR";

/// A probe that has reported `ready`, with its pids on the host.
#[derive(Clone, Debug)]
pub struct Program {
    pub pid: i32,
    /// Its process group.
    pub group: i32,
    /// To whom signals for it are sent: the outermost init above it, or itself if there is none.
    pub init: i32,
    pub has_terminal: bool,
}

pub struct Session {
    pub run: Run,
    pub tty: Option<Tty>,
    pub reports: Reports,
    pub files: Scratch,
    pub bench: Bench,
    /// The number in the shell's next prompt.
    prompt: u32,
}

/// The words that start a probe.
pub fn probe_words(script: &str) -> Vec<OsString> {
    vec![probe_path().into_os_string(), script.into()]
}

/// A line for the shell.
pub fn quoted(words: &[OsString]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{}'", word.to_string_lossy())).collect();
    quoted.join(" ")
}

fn bash() -> [OsString; 5] {
    // Its own line editor changes the modes of the terminal for each line; without it they are the
    // ones that it was given, so that they can be compared. In tmux it has its editor.
    ["bash", "--norc", "--noprofile", "--noediting", "-i"].map(OsString::from)
}

impl Session {
    fn start(bench: &Bench, container: Container, words: Vec<OsString>) -> Verdict<Self> {
        let files = Scratch::new();
        let reports = Reports::new(&files, bench.limit);
        let (init, arguments) = words.split_first().ok_or_else(|| "nothing to start".to_owned())?;
        let mut run = container
            .init(if init == "bash" { PathBuf::from("/bin/bash") } else { init.into() })
            .name(&init.to_string_lossy())
            .arguments(arguments.iter().cloned())
            .env(probe::VARIABLE, reports.path())
            .env("PS1", "@\\#> ")
            .env("TERM", "vt100")
            .env("HOME", files.path())
            .try_start()?;
        let tty = run.terminal.take().map(|master| Tty::new(master, bench.limit));
        Ok(Session { run, tty, reports, files, bench: *bench, prompt: 0 })
    }

    /// The init as PID 1 that leads the session of a terminal, as engines start it.
    pub fn as_pid_1(bench: &Bench, program: &[OsString]) -> Verdict<Self> {
        need_namespaces()?;
        let container = Container::as_pid_1().interactive();
        Self::start(bench, container, [bench.words(true)?, program.to_vec()].concat())
    }

    /// These words as PID 1 in surroundings that `arrange` makes.
    pub fn in_namespace(
        bench: &Bench,
        arrange: impl FnOnce(Container) -> Container,
        words: Vec<OsString>,
    ) -> Verdict<Self> {
        need_namespaces()?;
        Self::start(bench, arrange(Container::as_pid_1()), words)
    }

    /// An interactive bash on a terminal of its own; it shows its prompt.
    pub fn shell(bench: &Bench) -> Verdict<Self> {
        bench.words(false)?;
        let mut session = Self::start(bench, Container::as_subreaper().interactive(), bash().to_vec())?;
        session.prompt()?;
        Ok(session)
    }

    /// The same below the init as PID 1.
    pub fn shell_below_pid_1(bench: &Bench) -> Verdict<Self> {
        let mut session = Self::as_pid_1(bench, &bash())?;
        let said = session.prompt()?;
        // "cannot set terminal process group", "no job control in this shell"
        if said.is_empty() { Ok(session) } else { Err(format!("before its first prompt: {said:?}").into()) }
    }

    /// The line that starts a program below the init, from a shell.
    pub fn line(&self, script: &str) -> Verdict<String> {
        Ok(quoted(&[self.bench.words(false)?, probe_words(script)].concat()))
    }

    pub fn tty(&mut self) -> &mut Tty {
        self.tty.as_mut().expect("a terminal that was not closed")
    }

    pub fn press(&mut self, keys: &str) -> Result<(), String> {
        self.tty().press(keys)
    }

    pub fn enter(&mut self, line: &str) -> Result<(), String> {
        self.press(&format!("{line}\n"))
    }

    /// Waits for a report that begins like this; gives the rest.
    pub fn told(&mut self, start: &str) -> Result<String, String> {
        self.reports.expect(start).map_err(|why| {
            let screen = self.tty.as_mut().map(Tty::text).unwrap_or_default();
            format!("{why}\non the terminal: {screen:?}\n{}", self.run.evidence())
        })
    }

    /// Waits for the next prompt; gives what was written before it.
    pub fn prompt(&mut self) -> Result<String, String> {
        self.prompt += 1;
        let prompt = format!("@{}> ", self.prompt);
        self.tty().expect(&prompt).map_err(|why| format!("the shell has no prompt: {why}"))
    }

    /// Waits for the next prompt, before which there is this text.
    pub fn prompt_after(&mut self, text: &str) -> Result<(), String> {
        let said = self.prompt()?;
        if said.contains(text) { Ok(()) } else { Err(format!("{text:?} is not in {said:?}")) }
    }

    /// Types Ctrl-C where the shell waits for a line, which it answers with the same prompt again.
    pub fn ctrl_c_at_the_prompt(&mut self) -> Result<(), String> {
        self.press("\x03")?;
        let prompt = format!("\n@{}> ", self.prompt);
        self.tty().expect(&prompt).map(drop)
    }

    /// Waits for the program to be ready.
    pub fn ready(&mut self) -> Verdict<Program> {
        let said = self.told("p ready")?;
        let inner: Option<i32> = said.split(' ').next().and_then(|pid| pid.parse().ok());
        let all: Vec<Process> =
            Process::read(self.run.pid()).into_iter().chain(self.run.processes()).collect();
        let find = |pid: i32| all.iter().find(|it| it.pid == pid);
        let process = all
            .iter()
            .find(|it| Some(it.inner_pid) == inner)
            .ok_or_else(|| format!("no process of number {said}"))?;
        let inits: Vec<OsString> =
            PEERS.iter().chain([&Kind::Ours]).filter_map(|it| it.path()).map(OsString::from).collect();
        let is_init = |process: &&Process| {
            process.arguments().first().is_some_and(|name| inits.iter().any(|it| it == name.as_str()))
        };
        let mut init = process;
        while let Some(parent) = find(init.parent).filter(is_init) {
            init = parent;
        }
        // SAFETY: no memory is involved.
        let group = unsafe { libc::getpgid(process.pid) };
        Ok(Program { pid: process.pid, group, init: init.pid, has_terminal: has_terminal(process.pid) })
    }

    /// Waits until `look` gives what is expected.
    pub fn wait_for<T: PartialEq + Debug>(
        &mut self,
        what: &str,
        expected: T,
        mut look: impl FnMut(&mut Self) -> T,
    ) -> Result<(), String> {
        let deadline = Instant::now() + self.bench.limit;
        loop {
            let found = look(self);
            if found == expected {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let evidence = self.run.evidence();
                return Err(format!("{what}: {found:?}, not {expected:?}\n{evidence}"));
            }
            std::thread::sleep(GLANCE);
        }
    }

    /// Waits until a process is stopped.
    pub fn stopped(&mut self, pid: i32) -> Result<(), String> {
        self.wait_for(&format!("the state of {pid}"), Some('T'), |_| state(pid))
    }

    /// Waits until this group has the foreground.
    pub fn foreground(&mut self, group: i32) -> Result<(), String> {
        self.wait_for("the foreground group", group, |it| it.tty().foreground())
    }

    /// The shell's process group, when it has the foreground.
    pub fn shell_group(&mut self) -> i32 {
        self.tty().foreground()
    }

    pub fn signal(&self, pid: i32, signal: i32) -> Result<(), String> {
        sys::kill(pid, signal).map_err(|error| format!("cannot send {signal} to {pid}: {error}"))
    }

    /// Returns when the program, which records the fence, has got all that was on its way to it.
    pub fn fence(&mut self, program: &Program) -> Result<(), String> {
        self.signal(program.init, libc::SIGPWR)?;
        self.told(&format!("p got {FENCE}")).map(drop)
    }

    /// Does something three times, for each of which the program, which records the signal and the
    /// fence, gets this signal once and nothing else. More than once, since two that come at the
    /// same moment are one.
    pub fn each_once(
        &mut self,
        program: &Program,
        signal: &str,
        mut act: impl FnMut(&mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        for _ in 0..3 {
            let mark = self.reports.mark();
            act(self)?;
            self.told(&format!("p got {signal}"))?;
            self.fence(program)?;
            let got = self.reports.since(mark);
            if got != [format!("p got {signal}"), format!("p got {FENCE}")] {
                return Err(format!("not once {signal} and nothing else: {got:?}"));
            }
        }
        Ok(())
    }

    /// Ctrl-C reaches the program; ours sees to it that it does so once.
    pub fn ctrl_c(&mut self, program: &Program) -> Result<(), String> {
        if self.bench.init == Kind::Ours {
            return self.each_once(program, "INT", |it| it.press("\x03"));
        }
        self.press("\x03")?;
        self.told("p got INT")?;
        self.fence(program)
    }

    /// What standard error was, where it is a file of this name.
    pub fn file(&self, name: &str) -> String {
        let bytes = std::fs::read(self.files.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The path of a file of this session, for a line of a shell.
    pub fn path_of(&self, name: &str) -> String {
        String::from_utf8_lossy(self.files.join(name).as_os_str().as_bytes()).into_owned()
    }
}

/// The state of a process, as in `ps`.
pub fn state(pid: i32) -> Option<char> {
    Process::read(pid).map(|process| process.state)
}

/// Whether a process has a controlling terminal: field 7 of `/proc/PID/stat`.
fn has_terminal(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(") ").next().unwrap_or_default();
    after_name.split(' ').nth(4).is_some_and(|number| number != "0")
}

/// Requires that two values are the same.
pub fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?}, not {expected:?}")) }
}
