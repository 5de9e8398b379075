//! Counts what an init does from its first instruction to its last, and its child up to
//! the program's first: exactly, by stopping it at each (ptrace(2)).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use libc::{c_int, c_long};
use nix::errno::Errno;
use nix::unistd::Pid;

use crate::launch::{Command, launch};
use crate::proc;

const LIMIT: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stops {
    SystemCalls,
    Instructions,
}

#[derive(Default)]
pub struct Counts {
    pub instructions: u64,
    pub calls: u64,
    /// Of the calls, those of the init until it has made the child, and of the child before
    /// the program's exec. What the init does beside the child is not among them, whoever is
    /// faster.
    pub before: u64,
    /// Of the calls, those of the init after the program's end.
    pub after: u64,
}

/// One that is traced.
struct Tracee {
    /// The stop by which a new one announces itself is still to come.
    new: bool,
    in_call: bool,
    calls: u64,
}

impl Tracee {
    fn new(new: bool) -> Self {
        Self { new, in_call: false, calls: 0 }
    }
}

/// The program that the init runs; nothing of its own is counted.
enum Program {
    NotYet,
    /// Executed, and held until the init waits, so that the counts do not depend on who is
    /// faster.
    Held(c_int),
    Runs(c_int),
}

pub fn count(command: &Command, namespaces: c_int, stops: Stops) -> Result<Counts, String> {
    let init = launch(command, namespaces, [None, None], true)?;
    let result = follow(init.as_raw(), stops);
    if result.is_err() {
        let _ = nix::sys::signal::kill(init, nix::sys::signal::Signal::SIGKILL);
        let start = Instant::now();
        while start.elapsed() < LIMIT && !matches!(next(false), Ok(None)) {
            std::thread::yield_now();
        }
    }
    result
}

fn follow(init: c_int, stops: Stops) -> Result<Counts, String> {
    let go_on = match stops {
        Stops::SystemCalls => libc::PTRACE_SYSCALL,
        Stops::Instructions => libc::PTRACE_SINGLESTEP,
    };
    let options = libc::PTRACE_O_EXITKILL
        | libc::PTRACE_O_TRACESYSGOOD
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK
        | libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_TRACEEXEC;
    let start = Instant::now();
    let mut counts = Counts::default();
    let mut tracees = BTreeMap::new();
    // How many calls there had been when a process was made.
    let mut calls_at_birth = BTreeMap::new();
    let mut program = Program::NotYet;
    let mut prepared = false;

    loop {
        let held = matches!(program, Program::Held(_));
        let Some((pid, status)) = next(!held)? else {
            if start.elapsed() > LIMIT {
                return Err("never comes to rest under a tracer".to_owned());
            }
            if let Program::Held(pid) = program
                && tracees.keys().all(|&other| other == pid || proc::state(Pid::from_raw(other)) == Ok('S'))
            {
                resume(libc::PTRACE_CONT, pid, 0)?;
                program = Program::Runs(pid);
            }
            std::thread::yield_now();
            continue;
        };
        if start.elapsed() > LIMIT {
            return Err("does not end in time under a tracer".to_owned());
        }
        if !libc::WIFSTOPPED(status) {
            tracees.remove(&pid);
            if pid == init {
                return match libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0 {
                    true => Ok(counts),
                    false => Err(format!("fails under a tracer, status {status:#x}")),
                };
            }
            continue;
        }
        let signal = libc::WSTOPSIG(status);
        if !prepared {
            // The stop after its exec, the first of all.
            prepared = true;
            tracees.insert(init, Tracee::new(false));
            // SAFETY: a request that takes numbers.
            check(unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, init, 0, options) })
                .map_err(|error| format!("ptrace: {}", error.desc()))?;
            resume(go_on, init, 0)?;
            continue;
        }
        let tracee = tracees.entry(pid).or_insert_with(|| Tracee::new(true));
        let event = status >> 16;
        if let Program::Runs(running) = program
            && running == pid
        {
            resume(libc::PTRACE_CONT, pid, if event == 0 { signal } else { 0 })?;
            continue;
        }
        if event == libc::PTRACE_EVENT_EXEC && pid != init {
            let own = tracee.calls.saturating_sub(1);
            counts.before = calls_at_birth.get(&c_long::from(pid)).copied().unwrap_or(0) + own;
            program = Program::Held(pid);
            continue;
        }
        let mut deliver = 0;
        if event != 0 {
            // A new process or thread, which reports itself.
            let mut new: c_long = 0;
            // SAFETY: the kernel writes the number of the new one.
            let _ = check(unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, pid, 0, &raw mut new) });
            calls_at_birth.insert(new, counts.calls);
        } else if signal == libc::SIGTRAP | 0x80 {
            tracee.in_call = !tracee.in_call;
            if tracee.in_call {
                tracee.calls += 1;
                counts.calls += 1;
                counts.after += u64::from(matches!(program, Program::Runs(_)));
            }
        } else if signal == libc::SIGTRAP && stops == Stops::Instructions {
            counts.instructions += 1;
        } else if tracee.new && signal == libc::SIGSTOP {
            tracee.new = false;
        } else {
            deliver = signal;
        }
        resume(go_on, pid, deliver)?;
    }
}

/// Who stopped or ended next, and how; `None` if there is nobody or, without blocking,
/// nothing yet.
fn next(block: bool) -> Result<Option<(c_int, c_int)>, String> {
    let mut status = 0;
    let _limit = block.then(|| crate::launch::Limit::of(LIMIT));
    let options = libc::__WALL | if block { 0 } else { libc::WNOHANG };
    // SAFETY: `status` lives on.
    match unsafe { libc::waitpid(-1, &mut status, options) } {
        0 => Ok(None),
        -1 if Errno::last() == Errno::ECHILD && !block => Ok(None),
        -1 if Errno::last() == Errno::EINTR => Err("does not end in time under a tracer".to_owned()),
        -1 => Err(format!("waitpid under a tracer: {}", Errno::last().desc())),
        pid => Ok(Some((pid, status))),
    }
}

fn resume(request: libc::c_uint, pid: c_int, signal: c_int) -> Result<(), String> {
    // SAFETY: requests that take numbers.
    match check(unsafe { libc::ptrace(request, pid, 0, c_long::from(signal)) }) {
        // It was killed meanwhile, and its end will be told.
        Err(Errno::ESRCH) => Ok(()),
        other => other.map_err(|error| format!("ptrace: {}", error.desc())),
    }
}

fn check(result: c_long) -> Result<(), Errno> {
    if result == -1 { Err(Errno::last()) } else { Ok(()) }
}
