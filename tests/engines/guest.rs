//! What runs inside the containers: one static program without need of a file, compiled by the suite
//! with `rustc` (see `files`), so that an image holds the init, this, and nothing else.
//!
//! | call | what it does |
//! | --- | --- |
//! | `exit N` | exits with N |
//! | `serve` | says `ready`; at SIGTERM says `stopping` and then dies of it |
//! | `serve-console` | the same, sent by a line on standard input, for want of another way in |
//! | `pause` | says `ready` and stays, with every signal as it was given |
//! | `orphans N` | leaves N processes to the init; exits with 0 when all are collected, else [`ZOMBIES`] |
//! | `straggler` | exits with 7, and leaves one that needs [`CLEAN_UP`] to say `clean` at SIGTERM |
//! | `-P`, `-- PROGRAM ...`, `/PROGRAM ...` | **is** a bad init: the negative control of the suite |
//!
//! The bad init waits for its own child alone, so what is orphaned stays a zombie. It takes its
//! place under any name and command line that an engine has for an init.
//!
//! It is compiled by itself, hence without crates. As a module of the suite it is only read by the
//! compiler and its lints.

use std::env;
use std::io::{self, Read, Write};
use std::process::{self, Command};
use std::thread;
use std::time::{Duration, Instant};

const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;
const SIG_DFL: usize = 0;

/// The exit code of `orphans` when some are still there.
pub const ZOMBIES: i32 = 9;
/// How long the straggler takes.
pub const CLEAN_UP: Duration = Duration::from_millis(500);
/// How long an init may take to collect what has ended, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(5);
/// The time between two looks at what cannot be waited for.
const GLANCE: Duration = Duration::from_millis(5);

// Of the C library: what std does not have.
unsafe extern "C" {
    safe fn fork() -> i32;
    safe fn getpid() -> i32;
    safe fn kill(pid: i32, signal: i32) -> i32;
    safe fn pause() -> i32;
    safe fn raise(signal: i32) -> i32;
    safe fn setsid() -> i32;
    safe fn signal(signal: i32, handler: usize) -> usize;
    fn write(fd: i32, text: *const u8, length: usize) -> isize;
    fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32;
}

/// The start of the program.
pub fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["exit", code] => process::exit(number(code)),
        ["serve"] => serve(),
        ["serve-console"] => {
            child(|| {
                let _ = io::stdin().read_line(&mut String::new());
                kill(1, SIGTERM);
            });
            serve()
        }
        ["pause"] => stay(),
        ["orphans", count] => orphans(number(count)),
        ["straggler"] => straggler(),
        ["-P"] => loop {
            pause();
        },
        ["--", program, ref arguments @ ..] => bad_init(program, arguments),
        [program, ref arguments @ ..] if program.starts_with('/') => bad_init(program, arguments),
        _ => panic!("not a thing to do: {words:?}"),
    }
}

fn number(word: &str) -> i32 {
    word.parse().expect("a number")
}

/// A line at once and as a whole, also in the middle of another: signal handlers say something.
fn say(line: &str) {
    let line = format!("{line}\n");
    // SAFETY: writes from a string of this length.
    unsafe { write(1, line.as_ptr(), line.len()) };
}

/// A child that does `work` and exits with 0.
fn child(work: impl FnOnce()) -> i32 {
    match fork() {
        0 => {
            work();
            process::exit(0)
        }
        pid if pid > 0 => pid,
        _ => panic!("fork: {}", io::Error::last_os_error()),
    }
}

/// Says that it is there, and stays.
fn stay() -> ! {
    say("ready");
    loop {
        pause();
    }
}

/// Shuts down in an orderly way, and ends as one who was asked to.
fn serve() -> ! {
    extern "C" fn stop(number: i32) {
        say("stopping");
        signal(number, SIG_DFL);
        raise(number);
    }
    signal(SIGTERM, stop as *const () as usize);
    stay()
}

/// Processes whose parent ends without waiting for them, each second one in a session of its own.
fn orphans(count: i32) -> ! {
    let (mut ended, alive) = io::pipe().expect("a pipe");
    let (mut numbers, writer) = io::pipe().expect("a pipe");
    for index in 0..count {
        let middle = child(|| {
            let orphan = child(|| {
                if index % 2 == 1 {
                    setsid();
                }
            });
            let _ = (&writer).write_all(&orphan.to_ne_bytes());
        });
        // SAFETY: no status is asked for.
        unsafe { waitpid(middle, std::ptr::null_mut(), 0) };
    }
    // What comes after these has no writer left: every child has ended.
    drop((alive, writer));
    let mut pids = Vec::new();
    let _ = (ended.read(&mut [0]), numbers.read_to_end(&mut pids));
    let mut left: Vec<i32> =
        pids.chunks_exact(4).map(|pid| i32::from_ne_bytes([pid[0], pid[1], pid[2], pid[3]])).collect();
    assert_eq!(left.len(), count as usize, "every orphan is known");

    let patience = Instant::now() + PATIENCE;
    loop {
        // A zombie can be sent signals; one that was collected is not there.
        left.retain(|pid| kill(*pid, 0) == 0);
        if left.is_empty() {
            say("no zombies");
            process::exit(0);
        }
        if Instant::now() > patience {
            say(&format!("{} zombies", left.len()));
            process::exit(ZOMBIES);
        }
        thread::sleep(GLANCE);
    }
}

/// Ends before one of its processes has put things in order.
fn straggler() -> ! {
    extern "C" fn clean_up(_: i32) {
        thread::sleep(CLEAN_UP);
        say("clean");
        process::exit(0);
    }
    let (mut reader, writer) = io::pipe().expect("a pipe");
    child(|| {
        setsid();
        signal(SIGTERM, clean_up as *const () as usize);
        let _ = (&writer).write_all(b"!");
        loop {
            pause();
        }
    });
    let _ = reader.read(&mut [0]);
    process::exit(7)
}

/// Starts the program and waits for it, and for nobody else.
fn bad_init(program: &str, arguments: &[&str]) -> ! {
    let status = Command::new(program).args(arguments).status().expect("a program");
    let code = status.code().unwrap_or(1);
    if getpid() != 1 {
        say("the bad init is not PID 1");
        kill(getpid(), SIGKILL);
    }
    process::exit(code)
}
