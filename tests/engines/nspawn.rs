//! systemd-nspawn, without a systemd outside.

use std::process::Command;

use nix::sys::signal::{Signal, kill};

use crate::cases::{Container, Engine, Init};
use crate::files::Place;
use crate::process::{Running, command};

pub struct Nspawn {
    place: Place,
}

pub fn start(place: Place) -> Result<Nspawn, String> {
    place.root("ours", Some(Init::Ours))?;
    place.root("control", Some(Init::Control))?;
    Ok(Nspawn { place })
}

impl Engine for Nspawn {
    fn run(&self, container: &Container) -> Result<Command, String> {
        let root = match container.init {
            Init::Ours => "ours",
            Init::Control => "control",
        };
        let console = if container.terminal { "--console=interactive" } else { "--console=pipe" };
        // Registering and a unit of its own would need systemd.
        let mut nspawn = command(["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", console]);
        nspawn.args(["--kill-signal=SIGTERM", "--machine", container.name, "--directory"]);
        nspawn.arg(self.place.join(root)).args(["/init", "--", "/guest"]).args(container.words);
        Ok(nspawn)
    }

    fn stop(&self, _: &str, running: &mut Running) -> Result<(), String> {
        // It passes on what `--kill-signal` says.
        kill(running.pid(), Signal::SIGTERM).map_err(|error| format!("SIGTERM to systemd-nspawn: {error}"))
    }
}
