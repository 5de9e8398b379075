//! The examples, each as it stands: what their users would do with them, and what they would see.
//!
//! One test per example, in the sandboxes that the tests of engines have (`tests/engines`), with
//! tini-rs where the examples look for it. The programs of the containers are the suite's own: a
//! server that says `stopping` when it is asked to end, and one that leaves a process behind which
//! needs half a second to say `clean`. With an init that does not wait for that it is never said.
//!
//! What an example needs that is not installed makes its test say `skipped: why`.

mod cases;
mod ci;
mod compose;
mod docker;
mod kubernetes;
mod nspawn;
mod podman;
mod stage;
mod vm;

#[path = "../engines/files.rs"]
#[allow(dead_code)]
mod files;
#[path = "../engines/process.rs"]
#[allow(dead_code)]
mod process;
#[path = "../engines/sandbox.rs"]
mod sandbox;
#[path = "../engines/table.rs"]
#[allow(dead_code)]
mod table;

/// One test per example: its name, its file, the programs that it needs, and what is done with it.
macro_rules! examples {
    ($($test:ident: $file:literal, needs $needs:expr, $try:path;)*) => {
        $(
            #[test]
            fn $test() {
                sandbox::test(stringify!($test), $file, &$needs, |place| {
                    let stage = stage::Stage::new(place)?;
                    Ok(Box::new(cases::Example { stage, attempt: $try }) as Box<dyn cases::Engine>)
                });
            }
        )*

        /// Every file in the folder is somebody's.
        #[test]
        fn every_example_is_tried() {
            let tried = [$($file),*];
            let files = stage::example_files();
            assert!(files.len() > 5, "{files:?}");
            for file in files.iter().filter(|file| *file != "README.md") {
                assert!(tried.contains(&file.as_str()), "examples/{file} is not tried");
            }
        }
    };
}

const PODMAN: [&str; 3] = ["podman", "runc", "conmon"];

examples! {
    compose_file: "compose.yaml", needs ["podman-compose", "podman", "runc", "conmon"], compose::up_and_down;
    docker_daemon: "docker/daemon.json", needs ["dockerd", "docker"], docker::daemon;
    devcontainer: "devcontainer/devcontainer.json", needs ["dockerd", "docker", "python3"], docker::devcontainer;
    podman_defaults: "podman/containers.conf", needs PODMAN, podman::defaults;
    podman_quadlet: "podman/app.container", needs PODMAN, podman::quadlet;
    kubernetes_image: "kubernetes/image.yaml", needs PODMAN, kubernetes::image;
    kubernetes_copied: "kubernetes/copied.yaml", needs ["podman", "runc", "conmon", "busybox"], kubernetes::copied;
    kubernetes_shared_processes: "kubernetes/shared-processes.yaml", needs PODMAN, kubernetes::shared_processes;
    nspawn_settings: "nspawn/app.nspawn", needs ["systemd-nspawn"], nspawn::settings;
    virtual_machine: "vm/run", needs ["qemu-system-x86_64", "cpio", sandbox::KERNEL], vm::run_script;
    ci_step: "ci/run", needs [], ci::step;
}
