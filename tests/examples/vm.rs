//! A virtual machine by the script.

use std::path::PathBuf;
use std::time::Duration;

use crate::cases::Init;
use crate::process::{Running, command};
use crate::stage::{Stage, example};

/// A kernel for a machine that has a serial port and nothing else: the one that `VMLINUZ` names, or
/// Debian's for clouds, or whichever is installed.
pub fn kernel() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("VMLINUZ") {
        return Some(path.into());
    }
    let files = std::fs::read_dir("/boot").ok()?.flatten().map(|entry| entry.path());
    let kernels = files.filter(|path| path.to_string_lossy().contains("/vmlinuz"));
    kernels.max_by_key(|path| path.to_string_lossy().contains("cloud"))
}

pub fn run_script(stage: &Stage) -> Result<String, String> {
    let mut script = command([example("vm/run")]);
    script.arg(kernel().ok_or("no kernel")?).arg(stage.place.init(Init::Ours));
    script.arg(&stage.place.programs.guest).arg("straggler");
    // Emulated: slower than KVM, but the same wherever it runs.
    script.env("ACCEL", "tcg").env("TMPDIR", &stage.place.directory);
    let ended = Running::start(script)?.finish(Duration::from_secs(90))?;
    let code = "Attempted to kill init! exitcode=0x00000700";
    if ended.output.contains(code) && ended.output.contains("clean") {
        Ok("ok code 7, the rest is heard".to_owned())
    } else {
        Err(ended.evidence(&format!("{code:?} and \"clean\" were expected")))
    }
}
