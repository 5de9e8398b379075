//! The pods, as Podman plays them; and as kubectl reads them, where it is installed.

use std::time::Instant;

use crate::files::find_program;
use crate::podman::{STOP, configure, expect_stopped, import, podman, wait_for_server};
use crate::process::{command, run};
use crate::stage::{Stage, example};

pub fn image(stage: &Stage) -> Result<String, String> {
    play(stage, "kubernetes/image.yaml", "app", &["app-app"])
}

pub fn copied(stage: &Stage) -> Result<String, String> {
    play(stage, "kubernetes/copied.yaml", "copied", &["copied-app"])
}

pub fn shared_processes(stage: &Stage) -> Result<String, String> {
    play(stage, "kubernetes/shared-processes.yaml", "shared", &["shared-app", "shared-beside"])
}

/// Plays a pod and stops it: each of its programs must have been asked.
fn play(stage: &Stage, file: &str, pod: &str, containers: &[&str]) -> Result<String, String> {
    configure(stage)?;
    import(stage, &stage.app()?, "localhost/app")?;
    import(stage, &stage.app_with_init()?, "localhost/app-with-init")?;
    if file.contains("copied") {
        import(stage, &stage.init_with_cp()?, "localhost/tini-rs-with-cp")?;
    }
    run(podman(stage, &["kube", "play", &example(file)]))?;
    for container in containers {
        wait_for_server(stage, container)?;
    }
    let told = Instant::now();
    run(podman(stage, &["pod", "stop", "--time=10", pod]))?;
    let took = told.elapsed();
    for container in containers {
        expect_stopped(stage, container)?;
    }
    if took > STOP {
        return Err(format!("the pod took {took:?} to stop"));
    }
    let read = if read_by_kubectl(file)? { "" } else { " (skipped: kubectl not found)" };
    Ok(format!("ok stopped in {:.2} s{read}", took.as_secs_f32()))
}

/// Whether all keys of a file are known to Kubernetes: what is not gets lost when kubectl reads it
/// into its types and writes it again.
fn read_by_kubectl(file: &str) -> Result<bool, String> {
    if find_program("kubectl").is_none() {
        return Ok(false);
    }
    let path = example(file);
    let mut kubectl =
        command(["kubectl", "set", "env", "--local", "--output=yaml", "--filename", &path, "TRIED=yes"]);
    kubectl.env("KUBECONFIG", "/dev/null");
    let written = run(kubectl)?;
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let keys = text.lines().filter(|line| !line.trim_start().starts_with('#')).filter_map(|line| {
        let (key, _) = line.trim_start_matches([' ', '-']).split_once(':')?;
        key.chars().all(char::is_alphanumeric).then_some(key)
    });
    for key in keys {
        if !written.contains(&format!("{key}:")) {
            return Err(format!("kubectl does not know {key:?} in {file}:\n{written}"));
        }
    }
    Ok(true)
}
