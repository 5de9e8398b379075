//! The machine: one CPU of it, no terminal, and what it is.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, setsid};

use crate::launch::{Command, launch, wait};
use crate::subjects::Subject;

/// Processes that others may start meanwhile.
const SPARE: usize = 1000;

/// Goes on in a session of its own, where no init finds a terminal, which some would take
/// over; in the process that was started, returns the other one's exit code.
pub fn leave_the_terminal() -> Result<Option<i32>, String> {
    // SAFETY: there is one thread yet.
    match unsafe { fork() }.map_err(|error| format!("fork: {error}"))? {
        ForkResult::Parent { child } => match waitpid(child, None) {
            Ok(WaitStatus::Exited(_, code)) => Ok(Some(code)),
            other => Err(format!("the benchmark ended: {other:?}")),
        },
        ForkResult::Child => {
            // Ctrl-C reaches the parent alone.
            // SAFETY: takes numbers.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
            setsid().map_err(|error| format!("setsid: {error}"))?;
            // Rust ignores it, and who is started would inherit that.
            // SAFETY: no handler.
            unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) }
                .map_err(|error| format!("signal: {error}"))?;
            let null = std::fs::File::open("/dev/null").map_err(|error| format!("/dev/null: {error}"))?;
            nix::unistd::dup2_stdin(&null).map_err(|error| format!("dup2: {error}"))?;
            Ok(None)
        }
    }
}

/// Everything runs on this CPU from now on. Returns its number.
pub fn pin(wanted: Option<usize>) -> Result<usize, String> {
    let own = Pid::from_raw(0);
    let allowed = sched_getaffinity(own).map_err(|error| format!("sched_getaffinity: {error}"))?;
    let last = (0..CpuSet::count()).rev().find(|&cpu| allowed.is_set(cpu) == Ok(true));
    let cpu = wanted.or(last).ok_or("no CPU")?;
    let mut one = CpuSet::new();
    one.set(cpu)
        .and_then(|()| sched_setaffinity(own, &one))
        .map_err(|error| format!("CPU {cpu}: {error}"))?;
    Ok(cpu)
}

/// What it takes to have a PID namespace: nothing more, or a user namespace.
pub fn namespaces(alone: &Subject, nothing: &Path) -> Result<libc::c_int, String> {
    let command = Command::new(alone.command_line(nothing, &[]));
    let mut reason = String::new();
    for flags in [libc::CLONE_NEWPID, libc::CLONE_NEWPID | libc::CLONE_NEWUSER] {
        match launch(&command, flags, [None, None], false) {
            Ok(pid) => return wait(pid, Duration::from_secs(5)).map(|_| flags),
            Err(error) => reason = error,
        }
    }
    Err(format!("no PID namespace can be made: {reason}"))
}

/// Waits, for two minutes in all of the run, until the machine has room for so many processes more:
/// others may use up its numbers for a while, and nothing tells when they are free again.
pub fn room_for(processes: usize) -> Result<(), String> {
    let number = |file: &str, read: fn(&str) -> Option<&str>| {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
        read(&text)
            .and_then(|word| word.trim().parse::<usize>().ok())
            .ok_or_else(|| format!("{file}: no number"))
    };
    static WAITED: AtomicU64 = AtomicU64::new(0);
    let pause = Duration::from_millis(100);
    let most = number("/proc/sys/kernel/pid_max", |text| Some(text))?
        .min(number("/proc/sys/kernel/threads-max", |text| Some(text))?);
    loop {
        // proc_loadavg(5): the fourth field is RUNNABLE/ALL.
        let all = number("/proc/loadavg", |text| text.split(' ').nth(3)?.split('/').nth(1))?;
        if all + processes + SPARE < most {
            return Ok(());
        }
        if WAITED.fetch_add(1, Relaxed) > 1200 {
            return Err(format!("the machine has {all} processes and no room for {processes} more"));
        }
        std::thread::sleep(pause);
    }
}

pub struct Machine {
    pub processor: String,
    pub processors: usize,
    pub pinned_to: usize,
    pub kernel: String,
    pub date: String,
}

pub fn describe(pinned_to: usize) -> Machine {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |line: &str| line.split_once(':').map(|(_, value)| value.trim().to_owned());
    let processor = info.lines().find(|line| line.starts_with("model name")).and_then(field);
    let kernel = nix::sys::utsname::uname().map(|name| {
        [name.sysname(), name.release(), name.machine()]
            .map(|part| part.to_string_lossy().into_owned())
            .join(" ")
    });
    Machine {
        processor: processor.unwrap_or_else(|| "an unnamed processor".to_owned()),
        processors: info.lines().filter(|line| line.starts_with("processor")).count(),
        pinned_to,
        kernel: kernel.unwrap_or_default(),
        date: today(),
    }
}

fn today() -> String {
    // SAFETY: numbers, for which zeros are as good as any, and structures that live on.
    let date = unsafe {
        let mut date: libc::tm = std::mem::zeroed();
        let now = libc::time(std::ptr::null_mut());
        libc::gmtime_r(&now, &mut date);
        date
    };
    format!("{}-{:02}-{:02}", 1900 + date.tm_year, date.tm_mon + 1, date.tm_mday)
}
