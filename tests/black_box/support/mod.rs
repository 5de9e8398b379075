//! The test bench: starts an init in a container of its own, watches it from outside, and gives it
//! programs to run.
//!
//! - [`Container`] says what to start and in which surroundings, [`Run`] is the running thing,
//!   [`Outcome`] what came of it.
//! - The programs are scripts for the [`probe`], a small language inside this very test binary.
//! - Every wait is bounded: a hang is a panic with all the evidence that can be had.
//! - Nothing here touches the state of the test process (directory, environment, umask, signal
//!   dispositions), since tests run in parallel threads of it.

mod container;
mod control_group;
mod elf;
mod launch;
mod probe;
mod process;
mod run;
mod scratch;
pub mod sys;
mod turns;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::time::Duration;

pub use container::{Container, Stream, fill};
pub use control_group::ControlGroup;
pub use elf::{Elf, Segment};
pub use probe::{Report, VARIABLE as PROBE, leave, recorded, tokens_for};
pub use process::Process;
pub use run::{Exit, Outcome, Run, log_line};
pub use scratch::Scratch;
pub use sys::set_of;

/// How long anything may take that ought to happen at once. Generous, so that a busy machine is no
/// failure; reached only by a hang.
pub const LIMIT: Duration = Duration::from_secs(30);

/// How often a condition is looked at that tells nothing when it changes.
const GLANCE: Duration = Duration::from_millis(2);

/// Both ways to run an init, for what must hold either way.
pub const PLACES: [fn() -> Container; 2] = [Container::as_pid_1, Container::as_subreaper];

/// The init that `INIT` names, wherever a container's directory is.
pub fn given_init() -> Option<PathBuf> {
    let path = std::env::var_os("INIT").filter(|path| !path.is_empty())?;
    Some(std::path::absolute(path).expect("a current directory"))
}

/// The init on the bench: the one that cargo built, or the one that `INIT` names.
pub fn init_path() -> PathBuf {
    given_init().unwrap_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_tini-rs")))
}

/// Whether the init on the bench has a C library linked in, which sets itself up before the first
/// line of the init is run. Without one there is nothing to write to.
pub fn is_linked_with_libc() -> bool {
    let is_written = |it: &Segment| it.kind == libc::PT_LOAD && it.flags & libc::PF_W != 0;
    Elf::of_init().segments().iter().any(is_written)
}

/// The binary that runs probe scripts: this one.
pub fn probe_path() -> PathBuf {
    std::env::current_exe().expect("the test binary knows its own path")
}

/// The words that run a probe script, for a command line or to be passed on. The process needs the
/// variable of [`Container::probing`].
pub fn probe_command(script: &str) -> [OsString; 2] {
    [probe_path().into_os_string(), script.into()]
}

/// Where `tool` is on the `PATH` of the test process.
pub fn find_tool(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(tool))
        .find(|candidate| Path::is_file(candidate))
}

/// Starts an ordinary process beside the init, out of the way of files that are being written.
#[track_caller]
pub fn spawn(command: &mut Command) -> Child {
    let _guard = scratch::writing_or_forking();
    command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"))
}

/// Why no PID namespace can be made here, if so.
pub fn no_containers() -> Option<&'static str> {
    static REASON: OnceLock<Option<&'static str>> = OnceLock::new();
    *REASON.get_or_init(|| {
        if !nix::unistd::geteuid().is_root() {
            Some("not root")
        } else if !launch::namespaces_work() {
            Some("no PID and mount namespaces here")
        } else {
            None
        }
    })
}

/// Whether a test without what it needs has to fail: continuous integration has everything.
pub fn must_not_skip() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty())
}

/// Says that something can't be tried here, where libtest does not capture it (as it does what is
/// printed by macros).
pub fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Ends the test as skipped, or as failed where nothing may be skipped.
macro_rules! skip {
    ($($why:tt)*) => {{
        let why = format!($($why)*);
        assert!(!$crate::support::must_not_skip(), "cannot run here: {why}");
        $crate::support::skipped(&why);
        return;
    }};
}

/// Skips the test where no container can be made.
macro_rules! require_root {
    () => {
        if let Some(why) = $crate::support::no_containers() {
            $crate::support::skip!("{why}");
        }
    };
}

/// Skips the test where one of these programs is not installed.
macro_rules! require {
    ($($tool:expr),+) => {
        $(if $crate::support::find_tool($tool).is_none() {
            $crate::support::skip!("{} is not installed", $tool);
        })+
    };
}

pub(crate) use {require, require_root, skip};
