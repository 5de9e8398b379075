//! Podman with tini-rs as the init of all containers.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::files::{explain, find_program};
use crate::process::{Running, command, run, until};
use crate::stage::{Stage, expect_straggler, text};

/// How long a stop may take that nobody has to be killed for.
pub const STOP: Duration = Duration::from_secs(5);

/// The configuration of the example, beside what this machine needs to run containers at all.
pub fn configure(stage: &Stage) -> Result<(), String> {
    let write = |path: &str, text: &str| {
        let path = Path::new(path);
        explain(path, fs::create_dir_all(path.parent().expect("a folder")))?;
        explain(path, fs::write(path, text))
    };
    let (data, state) = (stage.place.word("data"), stage.place.word("state"));
    write(
        "/etc/containers/containers.conf",
        "[containers]\nnetns = \"none\"\ndefault_ulimits = [\"nofile=20000:20000\", \"nproc=32768:32768\"]\n\
         [engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n",
    )?;
    write("/etc/containers/containers.conf.d/tini-rs.conf", &text("podman/containers.conf")?)?;
    write(
        "/etc/containers/storage.conf",
        &format!("[storage]\ndriver = \"overlay\"\ngraphroot = {data:?}\nrunroot = {state:?}\n"),
    )?;
    stage.place.create("tmp").map(drop)
}

pub fn podman(stage: &Stage, words: &[&str]) -> Command {
    let mut podman = command(["podman"]);
    podman.args(words).env("TMPDIR", stage.place.join("tmp"));
    podman.env_remove("CONTAINERS_CONF").env_remove("CONTAINERS_STORAGE_CONF");
    podman
}

/// Makes an archive an image, whose containers run `app serve` if nothing else is said.
pub fn import(stage: &Stage, archive: &str, name: &str) -> Result<(), String> {
    let words = ["import", "--quiet", "--change", "CMD [\"/app\", \"serve\"]", archive, name];
    run(podman(stage, &words)).map(drop)
}

/// What the program and the init of a container have said.
pub fn logs(stage: &Stage, container: &str) -> Result<String, String> {
    run(podman(stage, &["logs", container]))
}

/// Waits until the server in a container is there.
pub fn wait_for_server(stage: &Stage, container: &str) -> Result<(), String> {
    until(Duration::from_secs(20), || {
        let said = logs(stage, container)?;
        if said.contains("ready") { Ok(()) } else { Err(format!("{container} says {said:?}")) }
    })
}

/// The code of a container that was stopped, which must have been asked, and not killed.
pub fn expect_stopped(stage: &Stage, container: &str) -> Result<(), String> {
    let code = run(podman(stage, &["inspect", "--format", "{{.State.ExitCode}}", container]))?;
    let said = logs(stage, container)?;
    if code.trim() == "143" && said.contains("stopping") {
        return Ok(());
    }
    Err(format!("{container} ended with {code:?} and said {said:?}"))
}

/// With `--init` alone, a container has the init, which hears whoever is left to the end; and a pod's
/// pause process is it.
pub fn defaults(stage: &Stage) -> Result<String, String> {
    configure(stage)?;
    import(stage, &stage.app()?, "app")?;
    expect_straggler(Running::start(podman(stage, &["run", "--rm", "--init", "app", "/app", "straggler"]))?)?;
    run(podman(stage, &["pod", "create", "--share=pid", "--name=pod"]))?;
    run(podman(stage, &["pod", "start", "pod"]))?;
    let told = Instant::now();
    run(podman(stage, &["pod", "stop", "--time=10", "pod"]))?;
    let took = told.elapsed();
    let infra = run(podman(stage, &["pod", "inspect", "--format={{.InfraContainerID}}", "pod"]))?;
    let code = run(podman(stage, &["inspect", "--format={{.State.ExitCode}}", infra.trim()]))?;
    if code.trim() != "0" || took > STOP {
        return Err(format!("the pause process ended with {code:?} after {took:?}"));
    }
    Ok(format!("ok the rest is heard; a pod stops in {:.2} s", took.as_secs_f32()))
}

/// The unit: by Podman's own generator where there is one, and run as its keys say.
pub fn quadlet(stage: &Stage) -> Result<String, String> {
    configure(stage)?;
    import(stage, &stage.app()?, "localhost/app")?;
    let text = text("podman/app.container")?;
    let section = text.split("[Container]").nth(1).and_then(|rest| rest.split("\n[").next());
    let mut words: Vec<&str> = vec!["run", "--detach", "--name=quadlet"];
    let mut image = None;
    let keys = section.ok_or("no [Container]")?.lines().filter_map(|line| line.split_once('='));
    for (key, value) in keys {
        match (key, value) {
            ("Image", name) => image = Some(name),
            ("RunInit", "true") => words.push("--init"),
            ("Environment", variable) => words.extend(["--env", variable]),
            other => return Err(format!("not known here: {other:?}")),
        }
    }
    words.push(image.ok_or("no image")?);
    run(podman(stage, &words))?;
    wait_for_server(stage, "quadlet")?;
    // TimeoutStopSec is systemd's, the unit's own stop is this one.
    run(podman(stage, &["stop", "--time=15", "quadlet"]))?;
    expect_stopped(stage, "quadlet")?;
    if !text.contains("SuccessExitStatus=143\n") {
        return Err("an end that was asked for would be a failure".to_owned());
    }
    let generator =
        ["/usr/libexec/podman/quadlet", "/usr/lib/systemd/system-generators/podman-system-generator"]
            .into_iter()
            .find(|path| find_program(path).is_some());
    let Some(generator) = generator else {
        return Ok("ok run as its keys say (skipped: the generator, which this Podman has not)".to_owned());
    };
    let folder = Path::new("/etc/containers/systemd");
    explain(folder, fs::create_dir_all(folder))?;
    explain(folder, fs::write(folder.join("app.container"), text))?;
    let unit = run(command([generator, "--dryrun"]))?;
    if unit.contains("--init") && unit.contains("TINI_GRACE_PERIOD=8s") {
        Ok("ok run, and made a unit".to_owned())
    } else {
        Err(format!("the unit: {unit}"))
    }
}
