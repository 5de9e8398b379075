//! bubblewrap, as root and, with a user namespace, as nobody.

use std::fs;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::cases::{Container, Engine, Init};
use crate::files::Place;
use crate::process::{Running, command};

pub struct Bubblewrap {
    place: Place,
    unprivileged: bool,
}

pub fn as_root(place: Place) -> Result<Bubblewrap, String> {
    start(place, false)
}

pub fn as_nobody(place: Place) -> Result<Bubblewrap, String> {
    start(place, true)
}

fn start(place: Place, unprivileged: bool) -> Result<Bubblewrap, String> {
    place.root("ours", Some(Init::Ours))?;
    place.root("control", Some(Init::Control))?;
    Ok(Bubblewrap { place, unprivileged })
}

impl Engine for Bubblewrap {
    fn run(&self, container: &Container) -> Result<Command, String> {
        let root = match container.init {
            Init::Ours => "ours",
            Init::Control => "control",
        };
        let mut words = Vec::new();
        if self.unprivileged {
            words.extend(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"].map(str::to_owned));
        }
        words.extend(["bwrap", "--ro-bind", &self.place.word(root), "/"].map(str::to_owned));
        words.extend(["--proc", "/proc", "--dev", "/dev", "--unshare-pid", "--as-pid-1"].map(str::to_owned));
        words.extend(["/init", "--", "/guest"].iter().chain(container.words).map(|&word| word.to_owned()));
        Ok(command(words))
    }

    fn stop(&self, _: &str, running: &mut Running) -> Result<(), String> {
        let init = init_below(running.pid())?;
        kill(init, Signal::SIGTERM).map_err(|error| format!("SIGTERM to the init: {error}"))
    }
}

/// The process below this one that is PID 1 in its own namespace. bubblewrap has one child.
fn init_below(parent: Pid) -> Result<Pid, String> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let children = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let child = children.split_whitespace().next().and_then(|pid| pid.parse().ok());
    child.map(Pid::from_raw).ok_or_else(|| format!("{path}: nobody there"))
}
