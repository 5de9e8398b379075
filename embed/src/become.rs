//! Both sides of a fork whose parent becomes the init of the child.
//!
//! In a child of a process with threads neither side may do more than system calls
//! until the exec, and both are written so; only [`become_init`], which is for a
//! process with one thread, does more.

use std::ffi::CStr;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use tini_rs::cli::{self, Reach, VARIABLES};
use tini_rs::kernel::{Kernel, Linux};
use tini_rs::log::{Facade, Sink, Stderr};
use tini_rs::signal::{Signal, SignalSet};
use tini_rs::supervisor::Span;
use tini_rs::sys::{Errno, Id, Pid, Received, Sender, Spawned, Target, Text};

use crate::config::{Config, personality};
use crate::sys::{self, Gate, Shared, Words};
use crate::watched::{ToHost, Watched, level};

/// The program's side: waits until its init is ready, goes where signals for it are
/// sent, and gets its signals back.
pub(crate) struct Program {
    pub(crate) reach: Reach,
    pub(crate) user: Id,
    pub(crate) group: Id,
    pub(crate) blocked: SignalSet,
    pub(crate) init: Pid,
}

impl Program {
    pub(crate) fn of(config: &cli::Config, blocked: SignalSet, init: Pid) -> Program {
        let cli::Config { reach, user, group, .. } = *config;
        Program { reach, user, group, blocked, init }
    }

    pub(crate) fn take_place(&self, directory: Option<&CStr>, gate: Gate) -> io::Result<()> {
        gate.pass(|| {
            if self.reach == Reach::Session {
                take_back_hangup(self.init);
            }
            tini_rs::child::take_place(self.reach, self.init);
        });
        let changed = self.change_user_and(directory);
        // Whatever came of that: who goes on all the same is to hear signals.
        let unblocked = tini_rs::sys::set_blocked_signals(self.blocked);
        changed.and(unblocked).map_err(sys::error)
    }

    fn change_user_and(&self, directory: Option<&CStr>) -> Result<(), Errno> {
        if (self.user, self.group) != (Id::UNCHANGED, Id::UNCHANGED) {
            tini_rs::sys::become_user(self.user, self.group)?;
        }
        directory.map_or(Ok(()), |directory| tini_rs::sys::change_directory(Text::from(directory)))
    }
}

/// The init has given its terminal up for the program's session. If it led the session
/// that had it, the kernel has sent SIGHUP and SIGCONT to the foreground, where this
/// process was as well, in the init's name. Those of anybody else are sent again; the
/// init itself passes none on before it sees that this one is in its place.
fn take_back_hangup(init: Pid) {
    for signal in [Signal::HUP, Signal::CONT] {
        let taken = tini_rs::sys::wait_for_signal(SignalSet::EMPTY.with(signal), Some(Span::ZERO));
        if let Ok(Some(Received { sender, .. })) = taken
            && !matches!(sender, Sender::Kernel)
            && !matches!(sender, Sender::Process(sender, _) if sender == init)
        {
            let _ = tini_rs::sys::kill(Target::Process(tini_rs::sys::own_pid()), Some(signal));
        }
    }
}

/// The init's side: exactly the binary's run, for a program that is there already.
pub(crate) fn be_init(
    config: &cli::Config,
    blocked: SignalSet,
    kernel: &impl Kernel,
    log: &impl Sink,
    program: Pid,
    gate: Gate,
) -> ! {
    let own_pid = tini_rs::sys::own_pid();
    let code = tini_rs::supervise(personality(), config, blocked, own_pid, kernel, log, |_, _| {
        gate.open();
        Ok(Spawned::Running(program))
    });
    tini_rs::sys::exit(code)
}

/// Puts an init between this process and its parent: to be called first in `main`.
///
/// If the process is PID 1, or [`Config::always`] says so, it forks. The parent becomes
/// the init: it does everything that the `tini-rs` binary does and never returns. The
/// child returns and goes on as the application, with the signal mask, dispositions,
/// terminal and parent-death signal that it would have had, as the leader of a process
/// group of its own unless [`Config::reach`] says otherwise. Nothing is executed anew
/// and nothing of the image is needed, not even /proc.
///
/// Otherwise nothing happens.
///
/// # Errors
/// More than one thread is alive: a fork would lose all but one. Or the fork failed, or
/// in the child the user or the directory of `config` can't be had.
pub fn become_init(config: &Config) -> io::Result<()> {
    if tini_rs::sys::own_pid() != Pid::INIT && !config.is_for_everybody() {
        return Ok(());
    }
    divide(config, None)
}

/// Forks for [`become_init`]; what the init does is told through `events`, if given.
pub(crate) fn divide(config: &Config, events: Option<(io::PipeWriter, Arc<Shared>)>) -> io::Result<()> {
    let mut words = Words::new(name_of_this_process(), Vec::new());
    let lent = config.lend(&mut words);
    let init = tini_rs::sys::own_pid();
    let parent_death_signal = sys::parent_death_signal();
    let gate = Gate::new()?;
    let blocked = tini_rs::sys::block_all_signals().map_err(sys::error)?;
    let child = match sys::fork() {
        Ok(child) => child,
        Err(error) => {
            let _ = tini_rs::sys::set_blocked_signals(blocked);
            return Err(error);
        }
    };
    if let Some(child) = child {
        match &events {
            None => {
                let log = Stderr::new(personality().prefix, lent.verbosity, init);
                be_init(&lent, blocked, &Linux, &log, child, gate)
            }
            Some((pipe, page)) => {
                page.program.store(child.get(), std::sync::atomic::Ordering::Relaxed);
                // The one place that the init leaves open and has no use for.
                sys::put(pipe.as_raw_fd(), 1);
                let kernel = Watched { page, events: 1 };
                let log = ToHost { kernel: &kernel, level: level(lent.verbosity) };
                be_init(&lent, blocked, &kernel, &Facade(&log), child, gate)
            }
        }
    }
    // A parent-death signal is not inherited (`PR_SET_PDEATHSIG(2const)`).
    if let Some(signal) = Signal::new(parent_death_signal) {
        let _ = tini_rs::sys::set_parent_death_signal(signal);
        if tini_rs::sys::parent_pid() != Some(init) {
            let _ = tini_rs::sys::kill(Target::Process(tini_rs::sys::own_pid()), Some(signal));
        }
    }
    sys::set_variables(&config.added_variables, &VARIABLES[..2], init);
    Program::of(&lent, blocked, init).take_place(config.directory(), gate)
}

fn name_of_this_process() -> Vec<std::ffi::CString> {
    let name = std::env::args_os().next().unwrap_or_default();
    let name = std::ffi::CString::new(std::os::unix::ffi::OsStringExt::into_vec(name));
    vec![name.unwrap_or_default()]
}
