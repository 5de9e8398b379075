//! `become_init`: called first in `main`, in what state it returns, when it refuses.
//!
//! No libtest, which would have threads: this binary calls itself, a case at a time.

use std::fmt::Debug;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use tini_embed::{Asked, Config, ExitCode, Reach, Signal, become_init};

/// How long a case may take, on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A case: its name, what is done to the process before, what it does, what comes of it.
type Case = (&'static str, fn(&mut Command), fn(), fn(ExitStatus));

const CASES: [Case; 12] = [
    ("nothing happens to who is not PID 1", |_| {}, not_pid_1, expect_success),
    ("with threads it refuses, and says so", |_| {}, with_threads, expect_success),
    ("the same without /proc", without_proc, with_threads, expect_success),
    ("without /proc it works", without_proc, goes_on_with_7, |status| assert_eq!(status.code(), Some(7))),
    ("as PID 1", as_pid_1, as_pid_1_goes_on, |status| assert_eq!(status.code(), Some(8))),
    ("a death by any signal is told", |_| {}, dies_of_35, |status| assert_eq!(status.code(), Some(163))),
    ("codes are remapped", |_| {}, remapped, expect_success),
    ("mask and dispositions", peculiar_signals, has_peculiar_signals, expect_success),
    ("an error leaves no signal blocked", |_| {}, nowhere, expect_success),
    ("the parent-death signal", with_parent_death_signal, has_parent_death_signal, expect_success),
    ("what is announced to the process", announced, is_announced, expect_success),
    ("where it belongs", |_| {}, places, expect_success),
];

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if let Some((_, _, case, _)) = words.get(1).and_then(|name| CASES.iter().find(|case| case.0 == name)) {
        return case();
    }
    for (name, prepare, _, expect) in &CASES {
        // SAFETY: no memory is involved.
        if unsafe { libc::geteuid() } != 0 && (name.contains("PID 1") || name.contains("/proc")) {
            println!("{name}: skipped: not root");
            continue;
        }
        let mut command = Command::new("/proc/self/exe");
        prepare(command.arg(name));
        expect(status_in_time(&mut command, name));
        println!("{name}: ok");
    }
}

/// Runs it to its end, which is not far. Not by timeout(1): who becomes an init is a child of this
/// process, prepared as it is.
fn status_in_time(command: &mut Command, name: &str) -> ExitStatus {
    let mut child = command.spawn().unwrap();
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("{name}: it does not end");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

fn expect_success(status: ExitStatus) {
    assert!(status.success(), "{status}");
}

fn expect_equal<T: PartialEq + Debug>(is: T, expected: T) {
    assert_eq!(is, expected);
}

fn always() -> Config {
    Config::new().always(true)
}

fn not_pid_1() {
    let before = std::process::id();
    become_init(&Config::new()).unwrap();
    expect_equal(std::process::id(), before);
}

fn with_threads() {
    hide_proc_if_asked();
    let before = std::process::id();
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let other = thread::spawn(move || receiver.recv());
    let error = become_init(&always()).unwrap_err().to_string();
    assert!(error.contains("more than one thread"), "{error}");
    expect_equal(std::process::id(), before);
    drop(sender);
    let _ = other.join();
    // What it was refused for is over.
    become_init(&always()).unwrap();
    assert_ne!(std::process::id(), before);
}

fn without_proc(command: &mut Command) {
    // SAFETY: system calls and nothing else.
    unsafe {
        command.pre_exec(|| {
            unshare(CloneFlags::CLONE_NEWNS)?;
            let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
            mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
            Ok(())
        });
    }
    command.env("HIDE_PROC", "1");
}

fn hide_proc_if_asked() {
    if std::env::var_os("HIDE_PROC").is_some() {
        mount(Some("none"), "/proc", Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
        assert!(fs::metadata("/proc/self").is_err());
    }
}

fn goes_on_with_7() {
    hide_proc_if_asked();
    let init = std::process::id();
    become_init(&always()).unwrap();
    expect_equal(std::os::unix::process::parent_id(), init);
    std::process::exit(7);
}

fn as_pid_1(command: &mut Command) {
    // SAFETY: system calls and nothing else.
    unsafe {
        command.pre_exec(|| {
            unshare(CloneFlags::CLONE_NEWPID)?;
            // The next child is PID 1.
            match libc::fork() {
                0 => {
                    libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                    Ok(())
                }
                child => {
                    let mut status = 0;
                    libc::waitpid(child, &mut status, 0);
                    libc::_exit(libc::WEXITSTATUS(status))
                }
            }
        });
    }
}

fn as_pid_1_goes_on() {
    expect_equal(std::process::id(), 1);
    become_init(&Config::new()).unwrap();
    assert_ne!(std::process::id(), 1);
    // Threads, and children of its own, are no matter any more.
    let status =
        thread::spawn(|| Command::new("sh").args(["-c", "sleep 0 & exit 8"]).status()).join().unwrap();
    std::process::exit(status.unwrap().code().unwrap());
}

fn dies_of_35() {
    become_init(&always()).unwrap();
    let _ = tini_rs::sys::kill(tini_rs::sys::Target::Process(tini_rs::sys::own_pid()), Signal::new(35));
}

fn remapped() {
    become_init(&always().remap_exit(ExitCode::new(9), ExitCode::SUCCESS)).unwrap();
    std::process::exit(9);
}

/// Blocked, ignored, caught, and waiting.
fn signals() -> [String; 4] {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    ["SigBlk:", "SigIgn:", "SigCgt:", "ShdPnd:"]
        .map(|field| status.lines().find(|line| line.starts_with(field)).unwrap().to_owned())
}

fn peculiar_signals(command: &mut Command) {
    // SAFETY: system calls and nothing else.
    unsafe {
        command.pre_exec(|| {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&mut set);
            libc::sigaddset(&mut set, libc::SIGUSR2);
            libc::sigaddset(&mut set, 40);
            libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
            libc::signal(libc::SIGCHLD, libc::SIG_IGN);
            libc::signal(libc::SIGHUP, libc::SIG_IGN);
            Ok(())
        });
    }
}

fn has_peculiar_signals() {
    let before = signals();
    // Others may be ignored by whoever runs the tests: INT and QUIT in a job of a script.
    let has = |set: &str, bits| u64::from_str_radix(set[7..].trim(), 16).unwrap() & bits == bits;
    assert!(has(&before[0], 0x80_0000_0800) && has(&before[1], 0x1_0001), "{before:?}");
    become_init(&always()).unwrap();
    expect_equal(signals(), before);
}

fn nowhere() {
    let before = signals();
    let Ok(Asked::Run(config)) = Config::from_args(["", "--workdir", "/nowhere", "-"]) else {
        unreachable!("these words are understood")
    };
    let error = become_init(&config.always(true)).unwrap_err();
    expect_equal(error.raw_os_error(), Some(libc::ENOENT));
    expect_equal(signals(), before);
}

fn with_parent_death_signal(command: &mut Command) {
    // SAFETY: a system call and nothing else.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, 12);
            Ok(())
        });
    }
}

fn has_parent_death_signal() {
    become_init(&always()).unwrap();
    let mut signal = 0;
    // SAFETY: the int that the kernel writes.
    unsafe { libc::prctl(libc::PR_GET_PDEATHSIG, &mut signal) };
    expect_equal(signal, 12);
}

fn announced(command: &mut Command) {
    command.env("WATCHDOG_PID", "1");
    command.env("LISTEN_PID", "itself");
}

fn is_announced() {
    // SAFETY: there is no other thread.
    unsafe { std::env::set_var("LISTEN_PID", std::process::id().to_string()) };
    become_init(&always()).unwrap();
    expect_equal(std::env::var("LISTEN_PID").unwrap(), std::process::id().to_string());
    expect_equal(std::env::var("WATCHDOG_PID").unwrap(), "1".to_owned());
}

fn places() {
    // SAFETY: no memory is involved.
    let (group, session) = unsafe { (libc::getpgrp(), libc::getsid(0)) };
    // An init of an init: each in its place.
    become_init(&always().reach(Reach::Program)).unwrap();
    // SAFETY: as above.
    expect_equal(unsafe { libc::getpgrp() }, group);
    become_init(&always()).unwrap();
    // SAFETY: as above.
    expect_equal(unsafe { (libc::getpgrp(), libc::getsid(0)) }, (std::process::id() as i32, session));
    become_init(&always().reach(Reach::Session)).unwrap();
    // SAFETY: as above.
    expect_equal(unsafe { libc::getsid(0) }, std::process::id() as i32);
}
