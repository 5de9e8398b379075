//! Builds the floor and the programs that the inits are given to run: freestanding, so
//! that they cost next to nothing themselves, and never installed.

use std::path::{Path, PathBuf};
use std::process::Command;

pub struct Programs {
    pub floor: PathBuf,
    pub nothing: PathBuf,
    pub workload: PathBuf,
}

impl Programs {
    pub fn build() -> Result<Self, String> {
        if !cfg!(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")) {
            return Err("the floor is written for x86_64, aarch64 and riscv64".to_owned());
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("side_by_side");
        std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/side_by_side/programs");
        let build = |name: &str, one_segment: bool| {
            let program = folder.join(name);
            let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
            rustc.args(["--edition", "2024", "--crate-type", "bin"]);
            for option in [
                "opt-level=s",
                "panic=abort",
                "force-unwind-tables=no",
                "relocation-model=static",
                "strip=symbols",
            ] {
                rustc.args(["-C", option]);
            }
            for argument in ["-nostartfiles", "-nostdlib", "-static", "-Wl,--build-id=none"] {
                rustc.args(["-C", &format!("link-arg={argument}")]);
            }
            if one_segment {
                let script = sources.join("one_segment.ld");
                rustc.args(["-C", &format!("link-arg=-Wl,-T,{}", script.display())]);
            }
            let source = sources.join(name).with_extension("rs");
            let output = rustc.arg(source).arg("-o").arg(&program).output();
            match output {
                Ok(output) if output.status.success() => Ok(program),
                Ok(output) => {
                    Err(format!("rustc cannot build {name}: {}", String::from_utf8_lossy(&output.stderr)))
                }
                Err(error) => Err(format!("rustc: {error}")),
            }
        };
        Ok(Self {
            floor: build("floor", true)?,
            nothing: build("nothing", true)?,
            workload: build("workload", false)?,
        })
    }
}
