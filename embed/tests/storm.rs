//! The Reaper under all that a host can do at once: 100,000 short-lived children from
//! eight threads, by std, by tokio and as a C library starts them, beside a storm of
//! orphans. Every status is right, and in the end no zombie is left.
//!
//! Each way to have a Reaper is tried in a process of its own. `STORM=n` starts that
//! many children instead.

use std::collections::HashSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tini_embed::{Config, Event, Reaper};

const LIMIT: Duration = Duration::from_secs(30);
/// What each way may take in seconds, for timeout(1): a hang is a failure. 100,000 children take a
/// busy machine some minutes.
const PATIENCE: &str = "600";

fn main() {
    let words: Vec<String> = std::env::args().collect();
    match words.get(1).map(String::as_str) {
        Some(way @ ("above" | "within")) => storm(way, words[2].parse().unwrap()),
        Some("thief") => thief(),
        _ => {
            let count = std::env::var("STORM").unwrap_or_else(|_| "100000".into());
            for way in ["above", "within"] {
                let began = Instant::now();
                let status = itself().args([way, &count]).status().unwrap();
                assert!(status.success(), "{way}: {status}");
                println!("{way}: {count} children in {:.1} s", began.elapsed().as_secs_f64());
            }
            // The test can fail: a reaper that takes whatever has ended is found out.
            let thief = itself().arg("thief").stderr(Stdio::null()).status().unwrap();
            assert_eq!(thief.code(), Some(101), "somebody missed the stolen statuses, by a panic");
        }
    }
}

/// This program once more, in bounds.
fn itself() -> Command {
    let mut command = Command::new("timeout");
    command.args(["-k", "5", PATIENCE]).arg(std::env::current_exe().unwrap());
    command
}

struct Tally {
    collected: AtomicU64,
    loops: AtomicU64,
    over: AtomicBool,
}

fn storm(way: &str, count: usize) {
    let tally = Arc::new(Tally { collected: 0.into(), loops: 0.into(), over: AtomicBool::new(false) });
    let counter = Arc::clone(&tally);
    let on_event = move |event| {
        if let Event::Reaped { .. } = event {
            counter.collected.fetch_add(1, Ordering::Relaxed);
        }
    };
    let reaper = match way {
        "above" => Reaper::above(&Config::new(), on_event),
        _ => Reaper::within(on_event),
    };
    work(&Arc::new(reaper.unwrap()), &tally, count);
}

fn work(reaper: &Arc<Reaper>, tally: &Arc<Tally>, count: usize) {
    let each = count / 8;
    // Two whose children leave orphans, some of which have orphans in turn.
    let storms: Vec<_> = (0..2)
        .map(|_| {
            thread::spawn({
                let tally = Arc::clone(tally);
                move || orphans(&tally)
            })
        })
        .collect();
    let mut threads: Vec<_> = (0..3).map(|seed| thread::spawn(move || by_std(each, seed))).collect();
    threads.push(thread::spawn(move || by_c_library(each)));
    threads.push({
        let reaper = Arc::clone(reaper);
        thread::spawn(move || by_threads_that_end(&reaper, each))
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let tasks: Vec<_> = (0..2).map(|seed| runtime.spawn(by_tokio(each, seed))).collect();
    // The main thread is the eighth.
    for number in 0..each {
        let code = (number % 251) as i32;
        let mut child = reaper.spawn(&mut exit_with(code)).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "of the main thread");
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    drop(runtime);
    tally.over.store(true, Ordering::Relaxed);
    storms.into_iter().for_each(|thread| thread.join().unwrap());

    let deadline = Instant::now() + LIMIT;
    loop {
        let left = left();
        if left.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "left: {left:?}");
        thread::yield_now();
    }
    // Orphans and nobody else. The shell may have collected the first of each four.
    let (loops, mut collected) = (tally.loops.load(Ordering::Relaxed), 0);
    while collected < 3 * loops {
        assert!(Instant::now() < deadline, "of {loops} times four orphans {collected} were collected");
        collected = tally.collected.load(Ordering::Relaxed);
    }
    assert!((1..=4 * loops).contains(&collected), "of {loops} times four orphans {collected} were collected");
    println!("{collected} orphans");
}

fn exit_with(code: i32) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(format!("exit {code}"));
    command
}

fn by_std(count: usize, seed: usize) {
    for number in 0..count {
        let number = number + seed;
        // Signals beyond the C library's names too.
        if number.is_multiple_of(50) {
            let signal = [9, 15, 34, 64][number / 50 % 4];
            let script = format!("kill -{signal} $$; sleep 30");
            let status = Command::new("/bin/sh").args(["-c", &script]).status().unwrap();
            assert_eq!(status.signal(), Some(signal), "by std: {status}");
        } else {
            let code = (number % 256) as i32;
            assert_eq!(exit_with(code).status().unwrap().code(), Some(code), "by std");
        }
    }
}

async fn by_tokio(count: usize, seed: usize) {
    for number in 0..count {
        let code = ((number + seed) % 256) as i32;
        let script = format!("exit {code}");
        let mut child = tokio::process::Command::new("/bin/sh").args(["-c", &script]).spawn().unwrap();
        if number.is_multiple_of(2) {
            tokio::task::yield_now().await;
        }
        assert_eq!(child.wait().await.unwrap().code(), Some(code), "by tokio");
    }
}

/// `fork(2)` and `waitpid(2)`: it ends within microseconds, and is waited for later.
fn by_c_library(count: usize) {
    for number in 0..count {
        let code = (number % 256) as i32;
        // SAFETY: the child does nothing but end.
        let child = match unsafe { libc::fork() } {
            0 => unsafe { libc::_exit(code) },
            child => child,
        };
        assert!(child > 0, "{}", std::io::Error::last_os_error());
        if number.is_multiple_of(3) {
            thread::yield_now();
        }
        let mut status = 0;
        // SAFETY: the int that the kernel writes.
        let waited = unsafe { libc::waitpid(child, &mut status, 0) };
        assert_eq!((waited, libc::WEXITSTATUS(status)), (child, code), "as a C library does");
    }
}

/// Children that outlive the thread which started them, and so come to the main thread.
fn by_threads_that_end(reaper: &Arc<Reaper>, count: usize) {
    let (sender, receiver) = mpsc::sync_channel(4);
    let starter = {
        let reaper = Arc::clone(reaper);
        thread::spawn(move || {
            for number in 0..count {
                let code = (number % 256) as i32;
                let (reaper, sender) = (Arc::clone(&reaper), sender.clone());
                let one = thread::spawn(move || {
                    let child = reaper.spawn(&mut exit_with(code)).unwrap();
                    sender.send((child, code)).unwrap();
                });
                one.join().unwrap();
            }
        })
    };
    for (mut child, code) in receiver {
        assert_eq!(child.wait().unwrap().code(), Some(code), "of a thread that has ended");
    }
    starter.join().unwrap();
}

/// Each child leaves three orphans: one that has ended, one that ends later, and one
/// that leaves another behind.
fn orphans(tally: &Tally) {
    while !tally.over.load(Ordering::Relaxed) {
        let script = "/bin/true & sleep 0.01 & (sleep 0.02 & exit 1) & exit 3";
        let status = Command::new("/bin/sh").args(["-c", script]).status().unwrap();
        assert_eq!(status.code(), Some(3), "of who leaves orphans");
        tally.loops.fetch_add(1, Ordering::Relaxed);
    }
}

/// The children of this process and of who collects above it, but for this process.
fn left() -> Vec<String> {
    let own = std::process::id();
    let family: HashSet<u32> = match std::env::args().nth(1).as_deref() {
        Some("above") => [own, std::os::unix::process::parent_id()].into(),
        _ => [own].into(),
    };
    let stats = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let process = entry.file_name().to_str()?.parse::<u32>().ok()?;
        fs::read_to_string(entry.path().join("stat")).ok().filter(|_| process != own)
    });
    stats
        .filter(|stat| {
            let parent = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().nth(1);
            family.contains(&parent.unwrap().parse().unwrap())
        })
        .collect()
}

/// What the Reaper is not.
fn thief() {
    thread::spawn(|| {
        loop {
            // SAFETY: a null status is allowed.
            unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) };
        }
    });
    by_std(200, 1);
}
