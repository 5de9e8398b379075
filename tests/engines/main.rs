//! The init in real container engines: what a container's user sees of it, in each of them.
//!
//! One test per engine, or per way to use it; each goes through the same [`cases`], and prints a row
//! of the table that closes the run:
//!
//! | column | promise |
//! | --- | --- |
//! | exit code | the program's exit code is the container's |
//! | stop | the engine's stop reaches the program, which dies of SIGTERM: 143, within a second |
//! | exec | the same with a process in the container that the engine has put there beside the program |
//! | orphans | processes whose parents died are collected while the program runs |
//! | straggler | a process that the program leaves may finish its clean-up of half a second |
//! | terminal | Ctrl-C on the container's terminal: 130 |
//! | control | an init that waits for its own child alone does leave zombies here |
//! | besides | what only this engine has: its version query, a build, a pod |
//!
//! An engine runs with everything that it starts in a [`sandbox`], from which nothing gets out and
//! of which nothing stays. Where an engine is not installed its test is skipped, except in
//! continuous integration (`CI` is set). `INIT=/usr/bin/tini cargo test --test engines` looks at
//! another init; without it, the release build is looked at.
//!
//! - [`files`]: what is put into the containers
//! - [`guest`]: the program in them, and the negative control
//! - [`process`]: commands of the engines, within bounds
//! - the other modules: one engine each

mod bubblewrap;
mod cases;
mod containerd;
mod docker;
mod example;
mod files;
#[allow(dead_code)]
mod guest;
mod nspawn;
mod oci;
mod podman;
mod process;
mod sandbox;
mod table;
mod vm;

/// One test per row: its name, the programs it needs, and how its engine is started.
macro_rules! rows {
    ($($test:ident: $row:literal, needs $needs:expr, $start:expr;)*) => {
        $(
            #[test]
            fn $test() {
                sandbox::test(stringify!($test), $row, &$needs, |place| {
                    $start(place).map(|engine| Box::new(engine) as Box<dyn cases::Engine>)
                });
            }
        )*
    };
}

rows! {
    docker: "docker --init", needs ["dockerd", "docker"], docker::with_init;
    docker_entrypoint: "docker, ENTRYPOINT", needs ["dockerd", "docker", "busybox"], docker::with_entrypoint;
    podman: "podman --init", needs ["podman", "runc", "conmon"], podman::with_init;
    podman_entrypoint: "podman, ENTRYPOINT", needs ["podman", "runc", "conmon"], podman::with_entrypoint;
    podman_pod: "podman, pause of a pod", needs ["podman", "runc", "conmon"], podman::with_pod;
    containerd: "containerd", needs ["containerd", "ctr", "runc"], containerd::start;
    runc: "runc", needs ["runc"], oci::runc;
    crun: "crun", needs ["crun"], oci::crun;
    gvisor: "gVisor", needs ["runsc"], oci::runsc;
    bubblewrap: "bubblewrap", needs ["bwrap"], bubblewrap::as_root;
    bubblewrap_unprivileged: "bubblewrap, not root", needs ["bwrap", "setpriv"], bubblewrap::as_nobody;
    systemd_nspawn: "systemd-nspawn", needs ["systemd-nspawn"], nspawn::start;
    virtual_machine: "VM (qemu)", needs ["qemu-system-x86_64", sandbox::KERNEL], vm::start;
}
