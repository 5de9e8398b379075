//! A tiny init for containers: starts one program, passes signals on to it,
//! collects every process that ends, sees the whole container off within a bounded
//! time, and exits with the program's code.
//!
//! [`run`] is a run from top to bottom. What it calls, in that order:
//!
//! | module | decides |
//! | --- | --- |
//! | [`cli`] | what argv and the environment ask for: a [`cli::Config`] |
//! | [`child`] | how the program is started: group, terminal, signals, exec |
//! | [`init`] | how the kernel's news become events, and actions system calls |
//! | [`supervisor`] | what is done when: the policy, a pure state machine |
//! | [`processes`] | who is below an init that is not PID 1 |
//! | [`exit`], [`signal`] | what a status, a signal, a set of them is |
//! | [`log`](mod@log) | how a message gets out without doing harm |
//! | [`kernel`], [`sys`] | the system calls, as a trait and for real |
//!
//! The library has no allocator, no `std` and no writable static. It reads
//! `struct sigaction` as every Linux architecture but MIPS and SPARC lays it out,
//! and 64 signals as all but those have them.

#![no_std]
#![deny(unsafe_code, missing_docs)]

#[cfg(test)]
extern crate std;

#[cfg(not(target_os = "linux"))]
compile_error!("an init is made of Linux system calls");

#[cfg(any(
    target_arch = "mips",
    target_arch = "mips32r6",
    target_arch = "mips64",
    target_arch = "mips64r6",
    target_arch = "sparc",
    target_arch = "sparc64"
))]
compile_error!("signal sets and actions have another layout on this architecture");

pub mod child;
pub mod cli;
pub mod exit;
pub mod init;
pub mod kernel;
pub mod log;
pub mod processes;
pub mod signal;
pub mod supervisor;
pub mod sys;
mod text;

use child::Inherited;
use cli::{Config, Print, Request};
use exit::ExitCode;
use init::Setup;
use kernel::Linux;
use log::{Stderr, debug, error, warning};
use sys::{ChildSignal, Pid, Spawned, Strings, Text};
use text::Name;

/// A whole run of the init, from argv and environment to the exit code.
pub fn run(argv: Strings, environment: Strings) -> ExitCode {
    // Before anything else: from here on a signal waits until somebody can act on it.
    let blocked = sys::block_all_signals().unwrap_or(signal::SignalSet::EMPTY);
    let own_pid = sys::own_pid();

    let mut config = Config::new(argv, environment);
    let request = cli::parse(argv, &mut config);
    let log = Stderr::new(config.verbosity, own_pid);
    match request {
        Ok(Request::Run) => supervise(&config, blocked, own_pid, &log),
        Ok(Request::Help) => print(cli::help),
        Ok(Request::Version) => print(cli::version),
        Ok(Request::License) => print(cli::license),
        Err(error) => {
            error!(&log, "{error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts the program and stays with it until everybody has ended.
fn supervise(config: &Config, blocked: signal::SignalSet, own_pid: Pid, log: &Stderr) -> ExitCode {
    let mut received = None;
    if own_pid != Pid::INIT
        && let Err(error) = sys::become_subreaper()
    {
        warning!(log, "orphans will not come to this init, which is not PID 1: {error}");
    }
    if let Some(signal) = config.parent_death_signal {
        let parent = sys::parent_pid();
        if let Err(error) = sys::set_parent_death_signal(signal) {
            warning!(log, "the parent's death will not be told: {error}");
        }
        // If it has died before, the kernel will not tell.
        received = (sys::parent_pid() != parent).then_some(signal);
    }
    // Ignored, it would have the kernel throw away the program's status.
    let child_signal = sys::set_child_signal(ChildSignal::Default);
    let inherited = Inherited { blocked, child_signal: child_signal.unwrap_or(ChildSignal::Default) };

    let name = config.program.split_first().map_or(&b""[..], |(name, _)| name.bytes());
    let program = match child::start(config, inherited, own_pid) {
        Ok(Spawned::Running(program)) => program,
        Ok(Spawned::Failed(child, error)) => {
            sys::collect(child);
            error!(log, "{} could not be executed: {error}", Name(name));
            return ExitCode::of_failed_exec(error == sys::Errno::ENOENT);
        }
        Err(error) => {
            error!(log, "{} could not be started: {error}", Name(name));
            return ExitCode::FAILURE;
        }
    };
    debug!(log, "{} is process {program}", Name(name));

    // The init keeps nothing busy that the program may want to be rid of.
    if let Err(error) = sys::change_directory(Text::from(c"/")) {
        debug!(log, "changing to /: {error}");
    }
    sys::close_from(3);

    let setup = Setup {
        policy: config.policy,
        init: own_pid,
        program,
        single_child: config.single_child,
        warn_on_reap: config.warn_on_reap,
        children_are_lost: child_signal.is_err(),
        received,
    };
    config.remap.apply(init::run(&Linux, log, &setup))
}

/// Prints on standard output; a text that could not be printed is a failure.
fn print(text: fn(Print)) -> ExitCode {
    let mut outcome = Ok(());
    text(&mut |piece| outcome = outcome.and_then(|()| sys::write_output(piece)));
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
