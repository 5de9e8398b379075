//! The runtimes below the engines, with a bundle of their common specification: runc, crun, and
//! gVisor's runsc.

use std::fs;
use std::process::Command;

use nix::mount::umount;

use crate::cases::{Container, Engine, Init};
use crate::files::Place;
use crate::process::{Running, command, run};

/// A runtime: its name, and the options that it needs before each of its commands.
pub struct Runtime {
    program: &'static str,
    options: Vec<String>,
    place: Place,
}

pub fn runc(place: Place) -> Result<Runtime, String> {
    Runtime::new("runc", &[], place)
}

pub fn crun(place: Place) -> Result<Runtime, String> {
    // It refuses both versions of control groups side by side.
    let both = "/sys/fs/cgroup/unified";
    if fs::exists(both).unwrap_or(false) {
        umount(both).map_err(|error| format!("{both}: {error}"))?;
    }
    Runtime::new("crun", &[], place)
}

pub fn runsc(place: Place) -> Result<Runtime, String> {
    let options = ["--platform=ptrace", "--network=none", "--ignore-cgroups"];
    Runtime::new("runsc", &options, place)
}

impl Runtime {
    fn new(program: &'static str, options: &[&str], place: Place) -> Result<Self, String> {
        place.root("ours", Some(Init::Ours))?;
        place.root("control", Some(Init::Control))?;
        let mut options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        options.extend(["--root".to_owned(), place.word("state")]);
        Ok(Runtime { program, options, place })
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = command([self.program]);
        command.args(&self.options).args(words);
        command
    }
}

impl Engine for Runtime {
    fn run(&self, container: &Container) -> Result<Command, String> {
        let root = match container.init {
            Init::Ours => "ours",
            Init::Control => "control",
        };
        let bundle = self.place.create(&format!("bundles/{}", container.name))?.display().to_string();
        let text = specification(container, &self.place.word(root), &self.place.control_group);
        self.place.write(&format!("bundles/{}/config.json", container.name), &text)?;
        Ok(self.command(&["run", "--bundle", &bundle, container.name]))
    }

    fn exec(&self, name: &str, words: &[&str]) -> Option<Command> {
        let words = [&["exec", name, "/guest"], words].concat();
        Some(self.command(&words))
    }

    fn stop(&self, name: &str, _: &mut Running) -> Result<(), String> {
        run(self.command(&["kill", name, "TERM"])).map(drop)
    }
}

/// `config.json` (opencontainers/runtime-spec, config.md). Debug's quotes are JSON's for such words.
fn specification(container: &Container, root: &str, control_group: &str) -> String {
    let arguments = [&["/init", "--", "/guest"], container.words].concat();
    let (name, terminal) = (container.name, container.terminal);
    format!(
        r#"{{
    "ociVersion": "1.0.2",
    "process": {{
        "terminal": {terminal}, "user": {{ "uid": 0, "gid": 0 }}, "cwd": "/",
        "args": {arguments:?}, "env": ["PATH=/"], "noNewPrivileges": true
    }},
    "root": {{ "path": {root:?}, "readonly": true }},
    "hostname": "engines",
    "mounts": [
        {{ "destination": "/proc", "type": "proc", "source": "proc" }},
        {{ "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] }},
        {{ "destination": "/dev/pts", "type": "devpts", "source": "devpts",
           "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"] }}
    ],
    "linux": {{
        "cgroupsPath": "{control_group}/{name}",
        "namespaces": [{{ "type": "pid" }}, {{ "type": "ipc" }}, {{ "type": "uts" }}, {{ "type": "mount" }}]
    }}
}}
"#
    )
}
