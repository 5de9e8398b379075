//! The examples do what they are there to show.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};

/// Cargo puts examples beside the folder of the test binaries.
fn example(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.ancestors().nth(2).map(|folder| folder.join("examples").join(name));
    path.filter(|path| path.is_file()).expect("cargo has built the example")
}

fn run(name: &str, words: &[&str]) -> (Option<i32>, String, String) {
    // A hang is a failure: timeout(1) is in every system with a shell.
    let output =
        Command::new("timeout").args(["-k", "5", "60"]).arg(example(name)).args(words).output().unwrap();
    let Output { status, stdout, stderr } = output;
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// Says so, where libtest does not capture it.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[test]
fn a_runtime_supervises_a_container_in_a_new_pid_namespace() {
    if !is_root() {
        return skipped("not root");
    }
    let script = "echo process $$; ls -d /proc/[0-9]* | wc -l; exit 5";
    let (code, stdout, stderr) = run("runtime", &["sh", "-c", script]);
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!((code, lines[0]), (Some(5), "process 1"), "{stderr}");
    assert!(lines[1].trim().parse::<u32>().unwrap() <= 4, "it sees its own processes alone: {stdout}");
    let (code, ..) = run("runtime", &["sh", "-c", "kill -40 $$; exit 6"]);
    assert_eq!(code, Some(6), "PID 1 is immune against itself");
}

#[test]
fn a_tokio_service_waits_for_many_without_a_thread_each() {
    let (code, stdout, stderr) = run(
        "tokio_service",
        &["exit 3", "kill -40 $$; sleep 30", "trap '' TERM; while :; do sleep 0.1; done"],
    );
    let mut lines: Vec<_> = stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(code, Some(0), "{stderr}");
    let expected = [
        "exit 3: exit status: 3",
        "kill -40 $$; sleep 30: signal: 40",
        "trap '' TERM; while :; do sleep 0.1; done: signal: 9 (SIGKILL)",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn plain_epoll_does_as_well() {
    let (code, stdout, stderr) = run("epoll", &["exit 3", "sleep 0.2; exit 4"]);
    assert_eq!(
        (code, stdout.as_str()),
        (Some(0), "exit 3: exit status: 3\nsleep 0.2; exit 4: exit status: 4\n"),
        "{stderr}"
    );
}

#[test]
fn an_agent_has_orphans_collected_and_its_own_children_left_alone() {
    for way in ["above", "within"] {
        let (code, stdout, stderr) = run("agent", &[way, "200"]);
        assert_eq!(
            (code, stdout.as_str()),
            (Some(0), "200 children, and as many orphans\n"),
            "{way}: {stderr}"
        );
    }
}

/// The application as a container of scratch has it: PID 1, a root directory with its
/// binary alone, no /proc. Linked statically, as such an image needs it.
#[test]
fn an_application_is_a_whole_image() {
    if !is_root() {
        return skipped("not root");
    }
    let folder = example("application").parent().unwrap().join("image");
    let Some(binary) = linked_statically(&folder) else {
        return skipped("there is no static C library to link with");
    };
    let root = folder.join("root");
    std::fs::create_dir_all(&root).unwrap();
    std::fs::copy(binary, root.join("application")).unwrap();
    let mut command = Command::new("/application");
    let root_in_c = std::ffi::CString::new(root.into_os_string().into_encoded_bytes()).unwrap();
    command.stdout(Stdio::piped()).stderr(Stdio::inherit()).env_clear();
    // SAFETY: system calls and nothing else.
    unsafe {
        command.pre_exec(move || {
            unshare(CloneFlags::CLONE_NEWPID)?;
            match libc::fork() {
                0 => _ = libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL),
                child => {
                    // Whoever waits for what: the one inside goes with this one.
                    libc::alarm(60);
                    libc::syscall(libc::SYS_close_range, 0, u32::MAX, 0);
                    let mut status = 0;
                    libc::waitpid(child, &mut status, 0);
                    libc::_exit(libc::WEXITSTATUS(status))
                }
            }
            libc::chroot(root_in_c.as_ptr());
            libc::chdir(c"/".as_ptr());
            Ok(())
        });
    }
    let mut outside = command.spawn().unwrap();
    let mut lines = BufReader::new(outside.stdout.take().unwrap());
    let mut readable = [PollFd::new(lines.get_ref().as_fd(), PollFlags::POLLIN)];
    let limit = PollTimeout::try_from(Duration::from_secs(30)).unwrap();
    assert_eq!(poll(&mut readable, limit).unwrap(), 1, "it says nothing");
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert!(line.starts_with("serving as process ") && !line.contains("process 1,"), "{line}");
    assert!(line.trim().ends_with("exit status: 0"), "{line}");
    let children = format!("/proc/{0}/task/{0}/children", outside.id());
    let init: i32 = std::fs::read_to_string(children).unwrap().trim().parse().unwrap();
    // SAFETY: no memory is involved.
    unsafe { libc::kill(init, libc::SIGTERM) };
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "ending on signal 15\n");
    assert_eq!(outside.wait().unwrap().code(), Some(0));
}

/// Builds the application with the C library in it, as a package of its own, which has
/// what such an application needs and no more.
fn linked_statically(folder: &Path) -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (source, target) = (own.join("examples/application.rs"), folder.join("target"));
    let manifest = format!(
        "[package]\nname = \"application\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [[bin]]\nname = \"application\"\npath = {source:?}\n\
         [dependencies]\ntini-embed = {{ path = {own:?} }}\nsignal-hook = \"0.4\"\n\
         [workspace]\n",
    );
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    // The versions that are tested here.
    let _ = std::fs::copy(own.join("../Cargo.lock"), folder.join("Cargo.lock"));
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let built = Command::new("timeout")
        .args(["-k", "5", "900", env!("CARGO"), "build", "--quiet", "--target", &triple, "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .status()
        .unwrap();
    built.success().then(|| target.join(triple).join("debug/application"))
}
