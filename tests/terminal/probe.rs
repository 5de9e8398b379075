//! The program on the terminal: this test binary, told by a script what to do.
//!
//! It reports to a FIFO, not to the terminal, so that a report also comes when the terminal is gone,
//! belongs to others, or is in whatever mode. Each line of the FIFO is the probe's name and a report.
//!
//! | statement | what it does |
//! | --- | --- |
//! | `name WORD` | what its reports begin with from now on, at first `p` |
//! | `ready` | reports `ready PID PARENT` |
//! | `report WORDS` | reports them |
//! | `record SIG...` | reports each such signal as `got SIG`, for ever; others do what they do by default |
//! | `block SIG...`, `await SIG`, `unblock SIG...` | holds signals back; waits for one and reports it |
//! | `ignore SIG...`, `default SIG...` | dispositions |
//! | `read` | a line from standard input: `read TEXT`, `read end`, `read error ERRNO` |
//! | `write WORDS` | a line to standard output |
//! | `raw` | makes standard input raw and silent |
//! | `set` | sets the terminal's modes as they are, reports `set`: stops who may not (SIGTTOU) |
//! | `modes` | reports them |
//! | `tty` | reports `tty yes` or `tty no`: whether it has a controlling terminal |
//! | `child { ... }` | a child in a group of its own, which is given the foreground, runs the block |
//! | `fork { ... }`, `wait` | a child runs the block; waits until no child is left |
//! | `kill SIG`, `pause`, `exit N` | to itself; for ever; ends |

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::os::unix::fs::OpenOptionsExt;

use libc::c_int;
use nix::sys::signal::Signal;
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid, setpgid, tcsetpgrp};

use crate::support::{leave, sys, tokens_for};

/// Names the FIFO; a process that has it is a probe.
pub const VARIABLE: &str = "TERMINAL_REPORTS";
/// The exit code of a probe that was told nonsense, or whose terminal refuses something.
const NONSENSE: i32 = 99;

/// Runs before `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = become_probe;

extern "C" fn become_probe() {
    if let Some(script) = tokens_for(VARIABLE) {
        let words: Vec<&str> = script.iter().map(String::as_str).collect();
        Probe { name: "p".to_owned() }.run(&words);
        leave(0);
    }
}

struct Probe {
    name: String,
}

impl Probe {
    fn run(&mut self, mut words: &[&str]) {
        while !words.is_empty() {
            let end = words.iter().position(|word| [";", "{"].contains(word)).unwrap_or(words.len());
            let (statement, rest) = words.split_at(end);
            let (block, after) = split_block(rest);
            self.statement(statement, block);
            words = after;
        }
    }

    fn statement(&mut self, words: &[&str], block: &[&str]) {
        match words {
            [] => {}
            ["name", name] => self.name = (*name).to_owned(),
            ["ready"] => self.report(&format!("ready {} {}", getpid(), getppid())),
            ["report", words @ ..] => self.report(&words.join(" ")),
            ["record", names @ ..] => {
                // What it was given blocked its handlers would never see.
                let set = signals(names) & !sys::mask();
                sys::block(set);
                self.report("recording");
                loop {
                    self.got(set);
                }
            }
            ["block", names @ ..] => sys::block(signals(names)),
            ["unblock", names @ ..] => sys::unblock(signals(names)),
            ["await", name] => self.got(signals(&[name])),
            ["ignore", names @ ..] => dispose(names, libc::SIG_IGN),
            ["default", names @ ..] => dispose(names, libc::SIG_DFL),
            ["read"] => self.read(),
            ["write", words @ ..] => {
                self.check(io::stdout().write_all(format!("{}\n", words.join(" ")).as_bytes()));
            }
            ["raw"] => {
                let mut modes = self.check(tcgetattr(io::stdin()));
                cfmakeraw(&mut modes);
                self.check(tcsetattr(io::stdin(), SetArg::TCSANOW, &modes));
            }
            ["set"] => {
                let modes = self.check(tcgetattr(io::stdin()));
                self.check(tcsetattr(io::stdin(), SetArg::TCSANOW, &modes));
                self.report("set");
            }
            ["modes"] => {
                let modes = self.check(tcgetattr(io::stdin()));
                self.report(&format!("modes {modes:?}"));
            }
            ["tty"] => {
                let is_there = File::open("/dev/tty").is_ok();
                self.report(if is_there { "tty yes" } else { "tty no" });
            }
            ["child"] => self.child(block),
            ["fork"] => self.fork(block),
            // SAFETY: no status is asked for.
            ["wait"] => while unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) } > 0 {},
            ["kill", name] => {
                let _ = sys::kill(getpid().as_raw(), number(name));
            }
            ["pause"] => loop {
                nix::unistd::pause();
            },
            ["exit", code] => leave(code.parse().unwrap_or(NONSENSE)),
            _ => self.fail(&format!("not a statement: {words:?}")),
        }
    }

    /// Tells the test; nobody may be there any more.
    fn report(&self, what: &str) {
        let path = std::env::var_os(VARIABLE).unwrap_or_default();
        let fifo = File::options().write(true).custom_flags(libc::O_NONBLOCK).open(path);
        let _ = fifo.and_then(|mut fifo| fifo.write_all(format!("{} {what}\n", self.name).as_bytes()));
    }

    fn fail(&self, what: &str) -> ! {
        self.report(&format!("failed {what}"));
        leave(NONSENSE)
    }

    fn check<T, E: std::fmt::Debug>(&self, result: Result<T, E>) -> T {
        result.unwrap_or_else(|error| self.fail(&format!("{error:?}")))
    }

    /// Waits for a signal and reports it.
    fn got(&self, set: u64) {
        if let Some(received) = sys::wait_for_signal(set, None) {
            self.report(&format!("got {}", name_of(received.signal)));
        }
    }

    fn read(&self) {
        let mut line = String::new();
        let report = match io::stdin().lock().read_line(&mut line) {
            Ok(0) => "read end".to_owned(),
            Ok(_) => format!("read {}", line.trim_end()),
            Err(error) => format!("read error {}", error.raw_os_error().unwrap_or_default()),
        };
        self.report(&report);
    }

    /// A child that leads a group, which has the foreground when this returns.
    fn child(&mut self, block: &[&str]) {
        // Who is not in the foreground may only give it away with SIGTTOU blocked (tcsetpgrp(3)).
        let before = sys::mask();
        sys::block(sys::set_of(&[libc::SIGTTOU]));
        let lead = |pid: Pid| setpgid(pid, pid).and_then(|()| tcsetpgrp(io::stdin(), pid));
        // SAFETY: a probe has one thread.
        match self.check(unsafe { fork() }) {
            ForkResult::Child => {
                self.check(lead(getpid()));
                sys::set_mask(before);
                self.run(block);
                leave(0)
            }
            // The child may have done so already, and have ended.
            ForkResult::Parent { child } => {
                let _ = lead(child);
                sys::set_mask(before);
            }
        }
    }

    fn fork(&mut self, block: &[&str]) {
        // SAFETY: a probe has one thread.
        if let ForkResult::Child = self.check(unsafe { fork() }) {
            self.run(block);
            leave(0)
        }
    }
}

/// What is in the braces with which `words` begin, and what follows them; without braces, what
/// follows the first word.
fn split_block<'a, 'b>(words: &'a [&'b str]) -> (&'a [&'b str], &'a [&'b str]) {
    if words.first() != Some(&"{") {
        return (&[], words.get(1..).unwrap_or_default());
    }
    let mut depth = 0;
    let end = words.iter().position(|word| {
        depth += i32::from(*word == "{") - i32::from(*word == "}");
        depth == 0
    });
    let end = end.expect("a closing brace");
    (&words[1..end], &words[end + 1..])
}

fn number(name: &str) -> c_int {
    format!("SIG{name}").parse::<Signal>().expect("the name of a signal") as c_int
}

fn name_of(signal: c_int) -> String {
    Signal::try_from(signal)
        .map_or_else(|_| signal.to_string(), |signal| signal.as_str().trim_start_matches("SIG").to_owned())
}

fn signals(names: &[&str]) -> u64 {
    sys::set_of(&names.iter().map(|name| number(name)).collect::<Vec<_>>())
}

fn dispose(names: &[&str], disposition: libc::sighandler_t) {
    for name in names {
        sys::set_disposition(number(name), disposition);
    }
}
