//! `Dockerfile.example`, built as its reader would build it, but for the registry.
//!
//! Its first stage is an image of the Rust toolchain, which is not to be had here. podman can lend
//! the machine's own toolchain to a build, so there `cargo build --release` really happens. docker
//! can't; there `cargo` is a stand-in that checks how it is called and hands out the binary that was
//! built before. All else in the file is done as it stands, by both.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use crate::files::{PROJECT, Place, copy_folder, explain, find_program};

pub const FILE: &str = "Dockerfile.example";
/// How long its build may take.
pub const LIMIT: Duration = Duration::from_secs(100);
/// What the built image is called.
pub const IMAGE: &str = "localhost/tini-rs-example";

/// What the file starts from.
pub fn toolchain_image() -> Result<String, String> {
    let path = Path::new(PROJECT).join(FILE);
    let text = explain(&path, fs::read_to_string(&path))?;
    let mut words = text.lines().filter_map(|line| line.strip_prefix("FROM ")?.split_whitespace().next());
    words.next().map(str::to_owned).ok_or_else(|| format!("{}: no FROM", path.display()))
}

/// The sources, as from a fresh clone.
pub fn context(place: &Place) -> Result<String, String> {
    let folder = place.join("context");
    copy_folder(Path::new(PROJECT), &folder, &["target", ".git"])?;
    Ok(folder.display().to_string())
}

/// An archive of a toolchain image whose `cargo` hands out what was built before.
pub fn stand_in(place: &Place) -> Result<String, String> {
    let busybox = find_program("busybox").ok_or("busybox not found")?;
    for tool in ["sh", "test", "mkdir", "cp"] {
        place.install(&busybox, &format!("toolchain/bin/{tool}"))?;
    }
    place.install(&place.programs.init, "toolchain/built/tini-rs")?;
    // Called as cargo, and where the sources are.
    let cargo = "#!/bin/sh -e\ntest \"$1 $2\" = 'build --release'\ntest -f Cargo.toml\ntest -f src/main.rs\n\
                 mkdir -p target/release\ncp /built/tini-rs target/release/tini-rs\n";
    let script = place.write("cargo", cargo)?;
    place.install(&script, "toolchain/bin/cargo")?;
    place.archive(&place.join("toolchain"))
}

/// An archive of an image in which there is nothing but places for the machine's own toolchain, and
/// the options that put it there.
pub fn lent(place: &Place) -> Result<(String, Vec<String>), String> {
    let root = place.create("toolchain")?;
    for directory in ["cargo/registry", "dev", "etc/alternatives", "proc", "rust", "sys", "tmp", "usr"] {
        place.create(&format!("toolchain/{directory}"))?;
    }
    for link in ["bin", "lib", "lib64"] {
        let path = root.join(link);
        explain(&path, symlink(format!("usr/{link}"), &path))?;
    }
    let volumes = [
        "/usr:/usr:ro".to_owned(),
        // Where /usr/bin/cc leads to.
        "/etc/alternatives:/etc/alternatives:ro".to_owned(),
        format!("{}:/rust:ro", place.programs.toolchain.display()),
        // Cargo locks it, and unpacks what is packed: not to be read-only, but not the machine's either.
        format!("{}:/cargo/registry:O", place.programs.registry.display()),
    ];
    let options = volumes.into_iter().flat_map(|volume| ["--volume".to_owned(), volume]).collect();
    Ok((place.archive(&root)?, options))
}

/// Checks what the example says without a command of its reader's: its version.
pub fn check_output(said: &str, version: &str) -> Result<(), String> {
    if said.starts_with(version.trim_end()) {
        Ok(())
    } else {
        Err(format!("the example says {said:?}, not {version:?}"))
    }
}
