//! Docker's daemon with tini-rs as its init.

use std::process::Command;

use crate::process::{LIMIT, Running, command, run, until};
use crate::stage::{Stage, example, expect_straggler, start_daemon};

struct Docker<'a> {
    stage: &'a Stage,
    _daemon: Running,
}

impl<'a> Docker<'a> {
    /// A daemon that is told no more than where to keep its files, and to leave the network alone.
    fn start(stage: &'a Stage) -> Result<Self, String> {
        let place = &stage.place;
        let (data, exec, pid) = (place.word("data"), place.word("exec"), place.word("pid"));
        let configuration = example("docker/daemon.json");
        let words = [
            "dockerd",
            "--config-file",
            &configuration,
            "--data-root",
            &data,
            "--exec-root",
            &exec,
            "--pidfile",
            &pid,
            "--host",
            &address(stage),
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            "--ip-forward=false",
            "--ip-masq=false",
            "--storage-driver=overlay2",
        ];
        let daemon = start_daemon(place, &words)?;
        let docker = Docker { stage, _daemon: daemon };
        until(LIMIT, || run(docker.command(&["version"])))
            .map_err(|error| format!("{error}\n{}", stage.log()))?;
        run(docker.command(&["import", &stage.app()?, "localhost/app"]))?;
        Ok(docker)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut docker = command(["docker", "--host", &address(self.stage)]);
        docker.args(words);
        docker
    }
}

fn address(stage: &Stage) -> String {
    format!("unix://{}", stage.place.word("docker.sock"))
}

/// Every container has the init, without `--init`, and the daemon says so.
pub fn daemon(stage: &Stage) -> Result<String, String> {
    let docker = Docker::start(stage)?;
    let shown = run(docker.command(&["info", "--format", "{{.InitBinary}}"]))?;
    if shown.trim() != "/usr/local/bin/tini-rs" {
        return Err(format!("docker info shows {shown:?}"));
    }
    let words =
        ["run", "--rm", "--network=none", "--env=TINI_GRACE_PERIOD=8s", "localhost/app", "/app", "straggler"];
    expect_straggler(Running::start(docker.command(&words))?)?;
    Ok("ok docker info shows it, the rest is heard".to_owned())
}

/// A container is started with the `runArgs`, as it is by the tools that read the file.
pub fn devcontainer(stage: &Stage) -> Result<String, String> {
    let docker = Docker::start(stage)?;
    let script = "import json, sys\nfile = json.load(open(sys.argv[1]))\nprint('\\n'.join(file['runArgs'] + [file['image']]))";
    let said = run(command(["python3", "-c", script, &example("devcontainer/devcontainer.json")]))?;
    let words: Vec<&str> = said.lines().collect();
    if !words.contains(&"--init") {
        return Err(format!("no --init in {words:?}"));
    }
    let words = [&["run", "--rm", "--network=none"][..], &words, &["/app", "straggler"]].concat();
    expect_straggler(Running::start(docker.command(&words))?)?;
    Ok("ok the rest is heard".to_owned())
}
