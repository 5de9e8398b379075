//! systemd-nspawn with a file of settings.

use std::fs;
use std::path::Path;

use nix::sys::signal::{Signal, kill};

use crate::files::explain;
use crate::process::{LIMIT, Running, command};
use crate::stage::{Stage, text};

pub fn settings(stage: &Stage) -> Result<String, String> {
    let folder = Path::new("/etc/systemd/nspawn");
    explain(folder, fs::create_dir_all(folder))?;
    explain(folder, fs::write(folder.join("app.nspawn"), text("nspawn/app.nspawn")?))?;
    stage.app_with_init()?;
    // usr is what systemd-nspawn takes a system by.
    stage.place.create("app-with-init/usr")?;
    // Registering and a unit of its own would need systemd.
    let mut nspawn = command(["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--console=pipe"]);
    nspawn.args(["--machine=app", "--directory"]).arg(stage.place.join("app-with-init"));
    let running = Running::start(nspawn)?;
    running.wait_for("ready", LIMIT)?;
    kill(running.pid(), Signal::SIGTERM).map_err(|error| format!("SIGTERM to systemd-nspawn: {error}"))?;
    running.finish(LIMIT)?.expect(143)?.expect_line("stopping")?;
    Ok("ok 143 after its stop".to_owned())
}
