//! docker: the init as `docker run --init` takes it, and as an image's ENTRYPOINT.

use std::process::Command;

use crate::cases::{Container, Engine, Init};
use crate::containerd::{log, start_daemon};
use crate::example;
use crate::files::Place;
use crate::process::{LIMIT, Running, command, run, until};
use crate::table::Cell;

pub struct Docker {
    _daemon: Running,
    place: Place,
    way: Way,
}

/// How the init gets into the container.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Init,
    Entrypoint,
}

/// The image with the guest alone.
const IMAGE: &str = "guest";

pub fn with_init(place: Place) -> Result<Docker, String> {
    let docker = start(place, Way::Init)?;
    let archive = docker.place.archive(&docker.place.root("image", None)?)?;
    run(docker.command(&["import", &archive, IMAGE]))?;
    Ok(docker)
}

pub fn with_entrypoint(place: Place) -> Result<Docker, String> {
    let docker = start(place, Way::Entrypoint)?;
    let toolchain = example::stand_in(&docker.place)?;
    run(docker.command(&["import", &toolchain, &example::toolchain_image()?]))?;
    let context = example::context(&docker.place)?;
    let file = format!("{context}/{}", example::FILE);
    let group = &docker.place.control_group;
    let words = [
        "build",
        "--network=none",
        "--cgroup-parent",
        group,
        "--file",
        &file,
        "--tag",
        example::IMAGE,
        &context,
    ];
    let mut build = docker.command(&words);
    // The other builder is not in Debian's daemon.
    build.env("DOCKER_BUILDKIT", "0");
    run(build)?;
    Ok(docker)
}

fn start(place: Place, way: Way) -> Result<Docker, String> {
    let init = place.install(place.init(Init::Ours), "tini-rs")?;
    let configuration = place.write("daemon.json", "{}")?;
    let mut daemon = command(["dockerd", "--bridge=none", "--iptables=false", "--ip6tables=false"]);
    daemon.args(["--ip-forward=false", "--ip-masq=false", "--storage-driver=overlay2"]);
    daemon.arg("--config-file").arg(configuration).arg("--init-path").arg(init);
    daemon.arg("--data-root").arg(place.join("data")).arg("--exec-root").arg(place.join("exec"));
    daemon.arg("--pidfile").arg(place.join("pid")).arg("--host").arg(address(&place));
    let daemon = start_daemon(&place, daemon)?;
    let docker = Docker { _daemon: daemon, place, way };
    until(LIMIT, || run(docker.command(&["version"])))
        .map_err(|error| format!("{error}\n{}", docker.log()))?;
    Ok(docker)
}

fn address(place: &Place) -> String {
    format!("unix://{}", place.word("docker.sock"))
}

impl Docker {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = command(["docker", "--host", &address(&self.place)]);
        command.args(words);
        command
    }

    /// Whether `docker info` and `docker version` understand what the init says of itself.
    fn shown_version(&self) -> Result<Cell, String> {
        let said = run(command([self.place.init(Init::Ours).as_os_str(), "--version".as_ref()]))?;
        let (version, commit) =
            parse_version(&said).ok_or_else(|| format!("docker cannot understand {said:?}"))?;
        let components = "{{range .Server.Components}}{{.Name}}={{.Version}}={{.Details.GitCommit}}\n{{end}}";
        let shown = run(self.command(&["version", "--format", components]))?;
        // Docker shows the file's name.
        let expected = format!("tini-rs={version}={commit}");
        if !shown.lines().any(|line| line == expected) {
            return Err(format!("docker version: {expected:?} is not in {shown:?}"));
        }
        let shown = run(self.command(&["info", "--format", "{{.InitBinary}} {{.InitCommit.ID}}"]))?;
        let expected = format!("{} {commit}", self.place.word("tini-rs"));
        if shown.trim() != expected.trim() {
            return Err(format!("docker info: {shown:?} instead of {expected:?}"));
        }
        let commit = if commit.is_empty() { "no commit" } else { commit };
        Ok(Cell::said(format!("ok version {version}, {commit}")))
    }
}

impl Engine for Docker {
    fn run(&self, container: &Container) -> Result<Command, String> {
        let group = &self.place.control_group;
        let mut run = self.command(&["run", "--rm", "--network=none", "--cgroup-parent", group]);
        run.args(["--name", container.name]);
        if container.terminal {
            run.arg("-it");
        }
        match self.way {
            Way::Init => {
                // The daemon takes whatever is there when a container is started.
                self.place.install(self.place.init(container.init), "tini-rs")?;
                // Docker calls it docker-init, a name of tini, which exits at once unless told
                // how long to wait; no option can be passed.
                run.args(["--init", "--env", "TINI_GRACE_PERIOD=8s", IMAGE, "/guest"]);
            }
            Way::Entrypoint => {
                run.arg("--volume").arg(format!("{}:/guest:ro", self.place.programs.guest.display()));
                match container.init {
                    Init::Ours => run.args([example::IMAGE, "/guest"]),
                    Init::Control => run.args(["--entrypoint", "/guest", example::IMAGE, "--", "/guest"]),
                };
            }
        }
        run.args(container.words);
        Ok(run)
    }

    fn exec(&self, name: &str, words: &[&str]) -> Option<Command> {
        let words = [&["exec", name, "/guest"], words].concat();
        Some(self.command(&words))
    }

    fn stop(&self, name: &str, _: &mut Running) -> Result<(), String> {
        run(self.command(&["stop", "--time", "10", name])).map(drop)
    }

    fn besides(&self) -> Result<Cell, String> {
        match self.way {
            Way::Init => {
                self.place.install(self.place.init(Init::Ours), "tini-rs")?;
                self.shown_version()
            }
            Way::Entrypoint => {
                let words = [
                    "run",
                    "--rm",
                    "--network=none",
                    "--cgroup-parent",
                    &self.place.control_group,
                    example::IMAGE,
                ];
                let said = run(self.command(&words))?;
                let version = run(command([self.place.init(Init::Ours).as_os_str(), "--version".as_ref()]))?;
                example::check_output(&said, &version)?;
                Ok(Cell::said(format!("ok {} built, cargo a stand-in", example::FILE)))
            }
        }
    }

    fn log(&self) -> String {
        log(&self.place)
    }
}

/// What docker makes of a version: `tini version VERSION[ - git.COMMIT]`.
fn parse_version(said: &str) -> Option<(&str, &str)> {
    let (version, rest) = said.trim_end().split_once(" - ").unwrap_or((said.trim_end(), ""));
    let commit = rest.strip_prefix("git.").filter(|commit| !commit.contains('.')).unwrap_or_default();
    Some((version.strip_prefix("tini version ")?, commit))
}
