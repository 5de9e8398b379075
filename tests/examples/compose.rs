//! A compose file, by podman-compose.

use std::process::Command;
use std::time::Instant;

use crate::podman::{configure, expect_stopped, import, podman, wait_for_server};
use crate::process::{command, run};
use crate::stage::{Stage, example};

pub fn up_and_down(stage: &Stage) -> Result<String, String> {
    configure(stage)?;
    import(stage, &stage.app()?, "docker.io/library/app")?;
    let file = example("compose.yaml");
    let compose = |words: &[&str]| -> Command {
        let mut compose = command(["podman-compose", "--project-name=tried", "--file", &file]);
        compose.args(words).env("TMPDIR", stage.place.join("tmp"));
        compose.env_remove("CONTAINERS_CONF").env_remove("CONTAINERS_STORAGE_CONF");
        compose
    };
    let said = run(compose(&["up", "--detach"]))?;
    eprintln!("{said}");
    println!("{}", run(podman(stage, &["ps", "-a"]))?);
    let containers = run(podman(stage, &["ps", "--format={{.Names}}"]))?;
    let container = containers.trim();
    wait_for_server(stage, container)?;
    let init =
        run(podman(stage, &["inspect", "--format={{.HostConfig.Init}} {{.Config.StopTimeout}}", container]))?;
    let variables = run(podman(stage, &["inspect", "--format={{.Config.Env}}", container]))?;
    if !init.starts_with("true") || !variables.contains("TINI_GRACE_PERIOD=8s") {
        return Err(format!("{container}: {init:?} {variables:?}"));
    }
    let told = Instant::now();
    run(compose(&["stop"]))?;
    let took = told.elapsed();
    expect_stopped(stage, container)?;
    Ok(format!("ok up, and stopped in {:.2} s", took.as_secs_f32()))
}
