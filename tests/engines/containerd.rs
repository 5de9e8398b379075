//! containerd, by its own client `ctr`.

use std::fs;
use std::process::Command;

use crate::cases::{Container, Engine, Init};
use crate::files::Place;
use crate::process::{LIMIT, Running, command, run, until};

pub struct Containerd {
    _daemon: Running,
    place: Place,
}

pub fn start(place: Place) -> Result<Containerd, String> {
    place.root("ours", Some(Init::Ours))?;
    place.root("control", Some(Init::Control))?;
    let (root, state, socket) = (place.word("data"), place.word("state"), place.word("containerd.sock"));
    // The plugin for Kubernetes wants a network.
    let text = format!(
        "version = 2\nroot = {root:?}\nstate = {state:?}\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
         [grpc]\naddress = {socket:?}\n"
    );
    let configuration = place.write("containerd.toml", &text)?;
    let daemon =
        start_daemon(&place, command(["containerd", "--config", &configuration.display().to_string()]))?;
    let containerd = Containerd { _daemon: daemon, place };
    until(LIMIT, || run(containerd.command(&["version"])))?;
    Ok(containerd)
}

/// Starts a daemon, whose output goes to the file `log`.
pub fn start_daemon(place: &Place, daemon: Command) -> Result<Running, String> {
    let mut shell = command(["sh", "-c", "exec \"$@\" >\"$0\" 2>&1", &place.word("log")]);
    shell.arg(daemon.get_program()).args(daemon.get_args());
    Running::start(shell)
}

/// What a daemon has said.
pub fn log(place: &Place) -> String {
    fs::read_to_string(place.join("log")).unwrap_or_default()
}

impl Containerd {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = command(["ctr", "--address", &self.place.word("containerd.sock")]);
        command.args(words);
        command
    }
}

impl Engine for Containerd {
    fn run(&self, container: &Container) -> Result<Command, String> {
        let root = match container.init {
            Init::Ours => "ours",
            Init::Control => "control",
        };
        let group = format!("{}/{}", self.place.control_group, container.name);
        let mut run = self.command(&["run", "--rm", "--cgroup", &group, "--rootfs"]);
        if container.terminal {
            run.arg("--tty");
        }
        run.arg(self.place.join(root))
            .arg(container.name)
            .args(["/init", "--", "/guest"])
            .args(container.words);
        Ok(run)
    }

    fn exec(&self, name: &str, words: &[&str]) -> Option<Command> {
        let words = [&["task", "exec", "--exec-id", "visitor", name, "/guest"], words].concat();
        Some(self.command(&words))
    }

    fn stop(&self, name: &str, _: &mut Running) -> Result<(), String> {
        run(self.command(&["task", "kill", "--signal", "SIGTERM", name])).map(drop)
    }

    fn log(&self) -> String {
        log(&self.place)
    }
}
