//! A tiny init for containers: starts one program, passes signals on to it,
//! collects every process that ends, gives who is left a bounded time to finish, and
//! exits with the program's code.
//!
//! [`run`] is a run from top to bottom. Its modules, those that decide first:
//!
//! | module | is about |
//! | --- | --- |
//! | [`cli`] | what argv and the environment ask for: a [`cli::Config`]; by what name it is called, whom it stands in for: a [`cli::Personality`] |
//! | [`child`] | how the program is started: group, terminal, signals, exec |
//! | [`init`] | how the kernel's news become events, and actions system calls |
//! | [`supervisor`] | what is done when: the policy, a pure state machine |
//! | [`processes`] | who is below an init that is not PID 1 |
//! | [`exit`], [`signal`] | what a status, a signal, a set of them is |
//! | `auto_reap` | whether the kernel collects orphans by itself |
//! | [`terminal`] | who has the controlling terminal |
//! | `memory` | whether a process was killed for want of memory |
//! | [`log`](mod@log) | what a message is made of, and how it gets out without doing harm |
//! | `packed` | how the words for that take up little room |
//! | `text` | how words and numbers are read and written |
//! | [`kernel`], [`sys`] | the system calls, as a trait and for real |
//!
//! The library has no allocator, no `std` and no writable static. It reads
//! `struct sigaction` and sets of signals as every Linux architecture but MIPS and SPARC
//! lays them out.

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

mod auto_reap;
pub mod child;
pub mod cli;
pub mod exit;
pub mod init;
pub mod kernel;
pub mod log;
mod memory;
mod packed;
pub mod processes;
pub mod signal;
pub mod supervisor;
pub mod sys;
pub mod terminal;
mod text;

use ::log::Level;

use child::Inherited;
use cli::{Config, Personality, Reach, Request};
use exit::ExitCode;
use init::Setup;
use kernel::{Kernel, Linux};
use log::{Sink, Stderr, Word, say};
use packed::text;
use signal::{Signal, SignalSet};
use sys::{ChildSignal, Errno, Failure, Pid, Received, Sender, Spawned, Step, Strings, Terminal, Text};
use terminal::Found;

/// A whole run of the init, from argv and environment to the exit code.
pub fn run(argv: Strings, environment: Strings) -> ExitCode {
    // Before anything else: from here on a signal waits until somebody can act on it.
    let blocked = sys::block_all_signals();
    let own_pid = sys::own_pid();

    let called = argv.split_first().map_or(Text::from(c""), |(called, _)| called);
    let personality = Personality::of(called);
    let mut config = Config::new(personality, argv, environment);
    let request = cli::parse(personality, argv, &mut config);
    let log = Stderr::new(personality.prefix, config.verbosity, own_pid);
    match request {
        Ok(Request::Run) => {
            let blocked = match blocked {
                Ok(blocked) => blocked,
                // Then nothing would tell of a signal, nor of the program's end.
                Err(error) => {
                    let template = text!("0rt_sigprocmask: %e");
                    say(&log, template, None, error.into(), Word::NONE, Word::NONE);
                    return ExitCode::FAILURE;
                }
            };
            let start =
                |inherited, terminal: Option<&Found>| child::start(&config, inherited, own_pid, terminal);
            supervise(personality, &config, blocked, own_pid, &Linux, &log, start)
        }
        Ok(request) => print(personality, request),
        Err(error) => {
            log::tell(&log, Level::Error, &error);
            personality.usage_code
        }
    }
}

/// Has `start` start the program, and stays with it until everybody has ended. All
/// signals are blocked; `blocked` were before.
pub fn supervise(
    personality: &Personality,
    config: &Config,
    blocked: SignalSet,
    own_pid: Pid,
    kernel: &impl Kernel,
    log: &impl Sink,
    start: impl FnOnce(Inherited, Option<&Found>) -> Result<Spawned, Errno>,
) -> ExitCode {
    // From here, since the program may have changed argv for itself, see `child`.
    let name = config.name();
    let warn = |template, error: Errno| {
        say(log, template, name, error.into(), Word::NONE, Word::NONE);
    };
    // Filled in where it is, since it is large: as much as 300 bytes less.
    let mut setup = Setup {
        policy: config.policy,
        init: own_pid,
        program: None,
        reach: config.reach,
        texts: personality.texts,
        warn_on_reap: config.warn_on_reap,
        children_are_lost: false,
        has_terminal: false,
        terminal_is_lent: false,
        modes: None,
        received: [None, None, None],
    };
    if own_pid != Pid::INIT {
        if personality.ways_of_pid1 {
            let inherited = Inherited { blocked, child_signal: ChildSignal::Default };
            let failure = child::become_program(config, inherited, own_pid);
            return not_executed(personality, name, failure, log);
        }
        if let Err(error) = sys::become_subreaper() {
            warn(text!("1orphans will not come to this init: %e"), error);
        }
    }
    let [of_parent, of_terminal @ ..] = &mut setup.received;
    if let Some(signal) = config.parent_death_signal {
        let parent = sys::parent_pid();
        if let Err(error) = sys::set_parent_death_signal(signal) {
            warn(text!("1the parent's death will not be told: %e"), error);
        }
        // If it has died before, the kernel will not tell. It would in the parent's name.
        if sys::parent_pid() != parent {
            *of_parent = Some(Received { signal, sender: Sender::Outside });
        }
    }
    // Who does not lead the session can't give its terminal to another one.
    if config.reach == Reach::Session && sys::session_of(own_pid) == Ok(own_pid.get()) {
        give_terminal_up(of_terminal);
    }
    let terminal = terminal::find(own_pid);
    // Ignored, it would have the kernel throw away the program's status.
    let child_signal = sys::set_child_signal(ChildSignal::Default);
    setup.children_are_lost = child_signal.is_err();
    let inherited = Inherited { blocked, child_signal: child_signal.unwrap_or(ChildSignal::Default) };
    if let Some(terminal) = &terminal {
        setup.has_terminal = true;
        setup.terminal_is_lent = terminal.is_ours;
        terminal.keep_modes(own_pid, &mut setup.modes);
    }

    if !config.policy.pause {
        match start(inherited, terminal.as_ref()) {
            Ok(Spawned::Running(started)) => setup.program = Some(started),
            Ok(Spawned::Failed(child, failure)) => {
                sys::collect(child);
                if setup.terminal_is_lent && own_pid != Pid::INIT {
                    kernel.take_terminal_back(own_pid, None);
                }
                return not_executed(personality, name, failure, log);
            }
            Err(error) => {
                warn(text!("0%n could not be started: %e"), error);
                return ExitCode::FAILURE;
            }
        }
    }
    if let Some(program) = setup.program {
        say(log, personality.texts.started, name, program.into(), Word::NONE, Word::NONE);
        if config.reach == Reach::Session {
            say(log, personality.texts.session, name, Word::NONE, Word::NONE, Word::NONE);
        }
    }

    // The init keeps nothing busy that the program may want to be rid of. Should the
    // first fail, it keeps a directory busy.
    let _ = sys::change_directory(Text::from(c"/"));
    sys::close_from(3);

    let code = init::run(kernel, log, &setup);
    let told = config.remap.apply(code);
    if told != code {
        let (told, code) = (u32::from(told.get()).into(), u32::from(code.get()).into());
        let template = text!("2exits with %d in place of the program's code %d");
        say(log, template, None, told, code, Word::NONE);
    }
    told
}

/// Gives up the terminal of the session that the init leads, so that the program's can
/// have it. The kernel sends SIGHUP and SIGCONT to those in the foreground, the init
/// among them; these are taken back, others that were waiting are put into `received`.
fn give_terminal_up(received: &mut [Option<Received>]) {
    if Terminal::STDIN.give_up().is_err() {
        return;
    }
    let set = SignalSet::EMPTY.with(Signal::HUP).with(Signal::CONT);
    for place in received {
        if let Ok(Some(taken)) = sys::wait_for_signal(set, Some(supervisor::Span::ZERO))
            && taken.sender != Sender::Kernel
        {
            *place = Some(taken);
        }
    }
}

/// Tells why the program `name` does not run, and gives the code for that.
fn not_executed(
    personality: &Personality,
    name: Option<Text>,
    failure: Failure,
    log: &impl Sink,
) -> ExitCode {
    let template = match failure.step {
        Step::Exec => personality.texts.exec_failed,
        Step::User => text!("0%n could not be given its user: %e"),
        Step::Directory => text!("0%n could not be given its directory: %e"),
    };
    say(log, template, name, failure.error.into(), Word::NONE, Word::NONE);
    match personality.exec_code {
        Some(code) if failure.step == Step::Exec => ExitCode::new(code.get()),
        _ => failure.code(),
    }
}

/// Prints what is asked for; a text that could not be printed is a failure.
fn print(personality: &Personality, request: Request) -> ExitCode {
    let on_stderr = personality.stderr_from.is_some_and(|first| request >= first);
    let mut outcome = ExitCode::SUCCESS;
    cli::print(personality, request, &mut |piece| {
        if sys::write_all(piece, on_stderr).is_err() {
            outcome = ExitCode::FAILURE;
        }
    });
    outcome
}
