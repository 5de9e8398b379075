//! Link arguments of the freestanding binary, set here so that a plain
//! `cargo build` or `cargo install` gives the static file.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(freestanding)");

    let architecture = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let through_libc = env::var_os("CARGO_CFG_TINI_LIBC").is_some();
    if through_libc || !["x86_64", "aarch64", "riscv64"].contains(&architecture.as_str()) {
        // The ordinary start-up and system calls of the C library, linked statically.
        println!("cargo::rustc-link-arg-bins=-static");
        return;
    }
    println!("cargo::rustc-cfg=freestanding");
    for argument in ["-nostartfiles", "-nostdlib", "-static", "-no-pie"] {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}
