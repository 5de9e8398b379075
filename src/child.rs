//! Starting the program: its process group, the terminal, the signals as the init
//! got them, and the exec with its search of PATH.
//!
//! What the child does here it does in the init's memory while the init is
//! suspended (`clone(2)`, CLONE_VM and CLONE_VFORK), with all signals blocked until
//! the last call before the exec. So no signal meets a half-made child, and a
//! reason why the program could not be run is simply there when the init goes on.

use core::mem::MaybeUninit;

use crate::cli::{Config, Reach, VARIABLES};
use crate::signal::SignalSet;
use crate::sys::{
    self, ChildSignal, Errno, Failure, Id, Pid, Spawned, Step, Strings, Terminal, Text, join, with_first,
};
use crate::terminal::{self, Found};
use crate::text::{Line, Piece, take_number};

mod path;

/// The state in which the init was started, for the program to have it too.
#[derive(Clone, Copy, Debug)]
pub struct Inherited {
    /// The signals that were blocked.
    pub blocked: SignalSet,
    /// The disposition of SIGCHLD, the only one that the init changes.
    pub child_signal: ChildSignal,
}

struct Launch<'c, 'a> {
    config: &'c Config<'a>,
    inherited: Inherited,
    init: Pid,
    /// The terminal whose foreground the program's group is to get.
    terminal: Option<Terminal>,
}

/// Starts the program of `config`; `init` is the caller, `terminal` its controlling one.
///
/// # Errors
/// EAGAIN or ENOMEM if there can't be one more process. That the program could not be
/// executed is in the value.
pub fn start(
    config: &Config,
    inherited: Inherited,
    init: Pid,
    terminal: Option<&Found>,
) -> Result<Spawned, Errno> {
    let terminal = terminal_for(config.reach, terminal);
    sys::spawn(execute, &mut Launch { config, inherited, init, terminal })
}

/// Becomes the program of `config`; returns only why not. For a personality that
/// does so when it is not PID 1.
pub fn become_program(config: &Config, inherited: Inherited, init: Pid) -> Failure {
    execute(&mut Launch { config, inherited, init, terminal: None })
}

/// Puts the caller, a child of `init` with all signals blocked, where `reach` says: for
/// a child that was not made by [`start`]. Inlined like what it calls, so that the binary,
/// which has no use for it, pays nothing for a second caller.
#[inline]
pub fn take_place(reach: Reach, init: Pid) {
    let found = terminal::find(init);
    settle(reach, terminal_for(reach, found.as_ref()));
}

/// The terminal that a child with this `reach` is to have in its foreground.
#[inline(always)]
fn terminal_for(reach: Reach, found: Option<&Found>) -> Option<Terminal> {
    match reach {
        Reach::Program => None,
        Reach::Session => Some(Terminal::STDIN),
        // A terminal that somebody else has is left alone.
        Reach::Group | Reach::Leader => found.filter(|terminal| terminal.is_ours).map(|found| found.terminal),
    }
}

/// In the child. No error here is a reason not to run the program: a new process can
/// lead a group and a session, and a terminal may belong to somebody else.
#[inline(always)]
fn settle(reach: Reach, terminal: Option<Terminal>) {
    match (reach, terminal) {
        (Reach::Program, _) => {}
        (Reach::Session, terminal) => {
            let _ = sys::lead_own_session();
            let _ = terminal.map(Terminal::make_controlling);
        }
        (Reach::Group | Reach::Leader, terminal) => {
            let _ = sys::lead_own_group();
            let _ = terminal.map(|terminal| terminal.set_foreground(sys::own_pid()));
        }
    }
}

/// In the child.
fn execute(launch: &mut Launch) -> Failure {
    let Launch { config, inherited, terminal, .. } = *launch;
    settle(config.reach, terminal);
    if inherited.child_signal == ChildSignal::Ignored {
        let _ = sys::set_child_signal(ChildSignal::Ignored);
    }
    if (config.user, config.group) != (Id::UNCHANGED, Id::UNCHANGED)
        && let Err(error) = sys::become_user(config.user, config.group)
    {
        return Failure { step: Step::User, error };
    }
    if let Some(directory) = config.directory
        && let Err(error) = sys::change_directory(directory)
    {
        return Failure { step: Step::Directory, error };
    }
    Failure { step: Step::Exec, error: execute_named(launch) }
}

/// Executes the program with those of [`VARIABLES`] naming this process that named the init:
/// what they announce is for the program (`sd_listen_fds(3)`). Returns only the error.
fn execute_named(launch: &Launch) -> Errno {
    let Launch { config, inherited, init, .. } = launch;
    let [listen, watchdog, path] = config.places;
    let mut rooms = [[MaybeUninit::uninit(); 40]; 2];
    let [one, other] = &mut rooms;
    let listen = renamed(listen, VARIABLES[0], *init, one);
    let watchdog = renamed(watchdog, VARIABLES[1], *init, other);
    with_first(listen, || {
        with_first(watchdog, || {
            let _ = sys::set_blocked_signals(inherited.blocked);
            path::execute(config.program, config.environment, path)
        })
    })
}

/// If the variable at `place`, with that `name`, names the init: what stands there to name
/// this process, in `room`.
fn renamed<'r>(
    place: Option<Strings<'r>>,
    name: Text,
    init: Pid,
    room: &'r mut [MaybeUninit<u8>],
) -> Option<(Strings<'r>, Text<'r>)> {
    let place = place?;
    let mut value = place.split_first()?.0.strip_prefix(name)?;
    if take_number(&mut value) != Some(init.get() as u32) || !value.is_empty() {
        return None;
    }
    let mut number = Line::new();
    sys::own_pid().write(&mut number);
    Some((place, join(room, &[name], 0, number.text())?))
}
