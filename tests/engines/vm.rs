//! PID 1 of a virtual machine: nothing but a kernel, the init and the guest. The exit code is in
//! the kernel's complaint that its init is gone.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::cases::{Container, Engine, Init};
use crate::files::{Place, initial_file_system};
use crate::process::{Ended, Running, command};

pub struct Machine {
    place: Place,
    kernel: PathBuf,
}

/// The kernel's complaint, up to the wait status.
const LAST_WORDS: &str = "Attempted to kill init! exitcode=0x";

pub fn start(place: Place) -> Result<Machine, String> {
    let kernel = kernel().ok_or("no kernel")?;
    for (name, init) in [("ours.cpio", Init::Ours), ("control.cpio", Init::Control)] {
        let programs = [("init", place.init(init)), ("guest", place.programs.guest.as_path())];
        initial_file_system(&place.join(name), &programs)?;
    }
    Ok(Machine { place, kernel })
}

/// A kernel for a machine that has a serial port and nothing else: the one that `VMLINUZ` names, or
/// Debian's for clouds, or whichever is installed.
pub fn kernel() -> Option<PathBuf> {
    if let Some(path) = env::var_os("VMLINUZ") {
        return Some(path.into());
    }
    let files = fs::read_dir("/boot").ok()?.flatten().map(|entry| entry.path());
    let kernels = files.filter(|path| path.to_string_lossy().contains("/vmlinuz"));
    kernels.max_by_key(|path| path.to_string_lossy().contains("cloud"))
}

impl Engine for Machine {
    fn run(&self, container: &Container) -> Result<Command, String> {
        let files = match container.init {
            Init::Ours => "ours.cpio",
            Init::Control => "control.cpio",
        };
        // The kernel keeps the first `--` for itself, and all before it that it understands.
        let words = [&["console=ttyS0 quiet panic=-1 rdinit=/init --", "/guest"], container.words].concat();
        // Emulated: slower than KVM, but the same wherever it runs.
        let mut machine = command(["qemu-system-x86_64", "-machine", "q35,accel=tcg", "-m", "256"]);
        machine.args(["-nodefaults", "-display", "none", "-serial", "stdio", "-net", "none", "-no-reboot"]);
        machine.arg("-kernel").arg(&self.kernel).arg("-initrd").arg(self.place.join(files));
        machine.arg("-append").arg(words.join(" "));
        Ok(machine)
    }

    fn stop(&self, _: &str, running: &mut Running) -> Result<(), String> {
        running.write(b"stop\n")
    }

    fn server(&self) -> &'static str {
        "serve-console"
    }

    fn last_words(&self) -> Option<&'static str> {
        Some(LAST_WORDS)
    }

    fn code(&self, ended: &Ended) -> i32 {
        // A wait status, waitpid(2).
        let status = ended.output.split(LAST_WORDS).nth(1);
        let status = status.and_then(|rest| i32::from_str_radix(rest.get(..8)?, 16).ok());
        status.map_or(-1, |status| if status & 0x7f == 0 { status >> 8 } else { 128 + (status & 0x7f) })
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn not_here(&self, case: &str) -> Option<&'static str> {
        (case == "terminal").then_some("the console controls nobody")
    }
}
