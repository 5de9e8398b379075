//! podman: the init as `podman run --init` takes it, as an image's ENTRYPOINT, and as the process
//! that holds a pod together. The image is built from the sources as they are, whatever `INIT` says.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::cases::{Container, Engine, Init};
use crate::example;
use crate::files::Place;
use crate::process::{Running, command, run};
use crate::table::Cell;

pub struct Podman {
    place: Place,
    way: Way,
}

/// How the init gets into the container, or beside it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Init,
    Entrypoint,
    Pod,
}

/// The image with the guest alone.
const IMAGE: &str = "localhost/guest";

/// How long the end of a pod may take, podman's own work included; one that has to be killed takes
/// ten seconds.
const POD_STOP: Duration = Duration::from_secs(3);

pub fn with_init(place: Place) -> Result<Podman, String> {
    let podman = start(place, Way::Init)?;
    podman.import_guest()?;
    Ok(podman)
}

pub fn with_entrypoint(place: Place) -> Result<Podman, String> {
    let podman = start(place, Way::Entrypoint)?;
    let (toolchain, lent) = example::lent(&podman.place)?;
    let name = format!("docker.io/library/{}", example::toolchain_image()?);
    let mut import = podman.command(&["import", "--quiet"]);
    for variable in ["PATH=/rust/bin:/usr/bin", "CARGO_HOME=/cargo", "CARGO_NET_OFFLINE=true"] {
        import.args(["--change", &format!("ENV {variable}")]);
    }
    import.args([&toolchain, &name]);
    run(import)?;
    let context = example::context(&podman.place)?;
    let file = format!("{context}/{}", example::FILE);
    let mut build = podman.command(&["build", "--runtime=runc", "--network=none", "--pull=never"]);
    build.args(["--cgroup-parent", &podman.place.control_group]).args(lent);
    build.args(["--file", &file, "--tag", example::IMAGE, &context]);
    Running::start(build)?.finish(example::LIMIT)?.expect(0)?;
    Ok(podman)
}

pub fn with_pod(place: Place) -> Result<Podman, String> {
    let podman = start(place, Way::Pod)?;
    podman.import_guest()?;
    Ok(podman)
}

fn start(place: Place, way: Way) -> Result<Podman, String> {
    let (helpers, data, state) = (place.word("helpers"), place.word("data"), place.word("state"));
    place.create("helpers")?;
    place.create("tmp")?;
    place.write(
        "containers.conf",
        &format!(
            "[containers]\nnetns = \"none\"\ndefault_ulimits = [\"nofile=20000:20000\", \"nproc=32768:32768\"]\n\
             [engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n\
             helper_binaries_dir = [{helpers:?}, \"/usr/libexec/podman\", \"/usr/lib/podman\"]\n"
        ),
    )?;
    place.write(
        "storage.conf",
        &format!("[storage]\ndriver = \"overlay\"\ngraphroot = {data:?}\nrunroot = {state:?}\n"),
    )?;
    Ok(Podman { place, way })
}

impl Podman {
    fn command(&self, words: &[&str]) -> Command {
        let mut command = command(["podman"]);
        command.args(words);
        command.env("CONTAINERS_CONF", self.place.join("containers.conf"));
        command.env("CONTAINERS_STORAGE_CONF", self.place.join("storage.conf"));
        command.env("TMPDIR", self.place.join("tmp"));
        command
    }

    fn import_guest(&self) -> Result<(), String> {
        let archive = self.place.archive(&self.place.root("image", None)?)?;
        run(self.command(&["import", "--quiet", &archive, IMAGE])).map(drop)
    }

    /// Makes a pod, which this init holds together.
    fn create_pod(&self, pod: &str, init: Init) -> Result<(), String> {
        self.place.install(self.place.init(init), "helpers/catatonit")?;
        // podman makes an image of it once, and keeps that.
        let images =
            run(self.command(&["images", "--quiet", "--filter", "reference=localhost/podman-pause"]))?;
        for image in images.split_whitespace() {
            run(self.command(&["rmi", "--force", image]))?;
        }
        let group = &self.place.control_group;
        run(self.command(&["pod", "create", "--share=pid", "--cgroup-parent", group, "--name", pod]))
            .map(drop)
    }

    /// How the init ended that held a pod together.
    fn end_of_pause(&self, pod: &str) -> Result<String, String> {
        let infra = run(self.command(&["pod", "inspect", "--format", "{{.InfraContainerID}}", pod]))?;
        let end = run(self.command(&[
            "inspect",
            "--format",
            "{{.State.Status}} {{.State.ExitCode}}",
            infra.trim(),
        ]))?;
        Ok(end.trim().to_owned())
    }
}

impl Engine for Podman {
    fn run(&self, container: &Container) -> Result<Command, String> {
        let group = &self.place.control_group;
        let mut run = self.command(&["run", "--rm", "--cgroup-parent", group, "--name", container.name]);
        if container.terminal {
            run.arg("-it");
        }
        let guest = format!("{}:/guest:ro", self.place.programs.guest.display());
        match (self.way, container.init) {
            (Way::Init, init) => {
                run.args(["--init", "--init-path"]).arg(self.place.init(init)).args([IMAGE, "/guest"]);
            }
            (Way::Entrypoint, Init::Ours) => {
                run.args(["--volume", &guest, example::IMAGE, "/guest"]);
            }
            (Way::Entrypoint, Init::Control) => {
                run.args(["--volume", &guest, "--entrypoint", "/guest", example::IMAGE, "--", "/guest"]);
            }
            (Way::Pod, init) => {
                let pod = pod_of(container.name);
                self.create_pod(&pod, init)?;
                run.args(["--pod", &pod, IMAGE, "/guest"]);
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
        let stop = match self.way {
            Way::Pod => self.command(&["pod", "stop", "--time", "10", &pod_of(name)]),
            Way::Init | Way::Entrypoint => self.command(&["stop", "--time", "10", name]),
        };
        run(stop).map(drop)
    }

    fn not_here(&self, case: &str) -> Option<&'static str> {
        if self.way != Way::Pod {
            return None;
        }
        match case {
            // Not PID 1's doing: the runtime kills what is left, podman what it has put there.
            "straggler" | "exec" => Some("podman's"),
            "terminal" => Some("the program's"),
            _ => None,
        }
    }

    fn besides(&self) -> Result<Cell, String> {
        match self.way {
            Way::Init => Ok(Cell::none()),
            Way::Entrypoint => {
                let words = ["run", "--rm", "--cgroup-parent", &self.place.control_group, example::IMAGE];
                let version = concat!("tini version ", env!("CARGO_PKG_VERSION"));
                example::check_output(&run(self.command(&words))?, version)?;
                Ok(Cell::said(format!("ok {} built", example::FILE)))
            }
            Way::Pod => {
                self.create_pod("pause", Init::Ours)?;
                run(self.command(&["pod", "start", "pause"]))?;
                let told = Instant::now();
                run(self.command(&["pod", "stop", "--time", "10", "pause"]))?;
                let (took, end) = (told.elapsed(), self.end_of_pause("pause")?);
                if end != "exited 0" || took > POD_STOP {
                    return Err(format!("the pod's init after {took:?}: {end:?}"));
                }
                Ok(Cell::said(format!("ok stopped {:.2} s", took.as_secs_f32())))
            }
        }
    }
}

fn pod_of(container: &str) -> String {
    format!("pod-{container}")
}
