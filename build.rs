//! Link arguments of the freestanding binary, set here so that a plain
//! `cargo build` or `cargo install` gives the static file.

use std::path::Path;
use std::process::Command;
use std::{env, fs, io};

/// The architectures that have a file of their own in src/sys.
const FREESTANDING: [&str; 7] = ["x86_64", "x86", "aarch64", "arm", "riscv64", "powerpc64", "s390x"];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/tini-rs.ld");
    println!("cargo::rustc-check-cfg=cfg(freestanding)");

    println!("cargo::rustc-env=TINI_RS_COMMIT={}", commit());

    let variable = |name| env::var(name).unwrap_or_default();
    let forced_through_libc = env::var_os("CARGO_CFG_TINI_LIBC").is_some();
    // Some have relatives with other rules: registers of Thumb, calls on big-endian PowerPC,
    // addresses of 32 bits on 64-bit machines.
    let has_other_rules = variable("CARGO_CFG_TARGET_FEATURE").contains("thumb-mode")
        || variable("TARGET").starts_with("powerpc64-")
        || ["x32", "ilp32"].contains(&variable("CARGO_CFG_TARGET_ABI").as_str());
    let freestanding = FREESTANDING.contains(&variable("CARGO_CFG_TARGET_ARCH").as_str())
        && variable("CARGO_CFG_TARGET_ENV") == "gnu"
        && !has_other_rules
        && !forced_through_libc;
    // rustc asks the linker for the shared C library, since the libc crate does. It
    // finds ours first (`ld(1)`: -L counts for every -l, wherever it stands): a line
    // that names the static one, or nothing at all, so that nothing of it can come in.
    let libc = if freestanding { "/* nothing */" } else { "GROUP(-l:libc.a -l:libgcc.a -l:libgcc_eh.a)" };
    let folder = variable("OUT_DIR");
    // A sanitizer brings a run-time that needs the shared one.
    if variable("CARGO_CFG_TARGET_ENV") == "gnu" && variable("CARGO_CFG_SANITIZE").is_empty() {
        for part in ["c", "m", "rt", "pthread", "util", "dl"] {
            fs::write(Path::new(&folder).join(format!("lib{part}.so")), libc)?;
        }
        println!("cargo::rustc-link-arg-bins=-L{folder}");
        println!("cargo::rustc-link-arg-bins=-static");
        println!("cargo::rustc-link-arg-bins=-no-pie");
    } else {
        // musl: rustc links the start-up objects by itself, and leaves the library to std.
        println!("cargo::rustc-link-arg-bins=-lc");
    }
    if !freestanding {
        return Ok(());
    }
    println!("cargo::rustc-cfg=freestanding");

    let script = Path::new(&variable("CARGO_MANIFEST_DIR")).join("src/tini-rs.ld");
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", script.display());
    for argument in
        ["-nostartfiles", "-nostdlib", "-Wl,--build-id=none", "-Wl,--no-eh-frame-hdr", "-Wl,-z,norelro"]
    {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
    Ok(())
}

/// ` - git.HASH` of the commit that is built, nothing outside a clone of this
/// repository.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output =
            Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
        Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
    };
    let Some(folder) = git(&["rev-parse", "--absolute-git-dir"]) else { return String::new() };
    // A package unpacked inside somebody else's clone is not that clone's commit.
    let own = git(&["ls-files", "--error-unmatch", "src/tini-rs.ld"]).is_some();
    for file in ["HEAD", "logs/HEAD"] {
        println!("cargo::rerun-if-changed={folder}/{file}");
    }
    git(&["rev-parse", "--short", "HEAD"])
        .filter(|_| own)
        .map(|hash| format!(" - git.{hash}"))
        .unwrap_or_default()
}
