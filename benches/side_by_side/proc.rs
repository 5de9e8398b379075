//! What `/proc` tells about a process (proc(5)).

use std::fs;

use nix::unistd::Pid;

fn read(pid: Pid, file: &str) -> Result<String, String> {
    fs::read_to_string(format!("/proc/{pid}/{file}")).map_err(|error| format!("/proc/PID/{file}: {error}"))
}

/// `S` for one that sleeps.
pub fn state(pid: Pid) -> Result<char, String> {
    // The name stands in parentheses and may hold anything, parentheses too.
    let stat = read(pid, "stat")?;
    let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
    state.ok_or_else(|| "/proc/PID/stat has no state".to_owned())
}

/// What its threads did, all together.
#[derive(Clone, Copy, Default)]
pub struct Activity {
    pub cpu_nanoseconds: f64,
    /// How often one went to sleep, and so was woken.
    pub sleeps: f64,
}

pub fn activity(pid: Pid) -> Result<Activity, String> {
    let mut sum = Activity::default();
    let threads =
        fs::read_dir(format!("/proc/{pid}/task")).map_err(|error| format!("/proc/PID/task: {error}"))?;
    for thread in threads.flatten() {
        let thread = thread.file_name();
        let thread = thread.to_string_lossy();
        let schedstat = read(pid, &format!("task/{thread}/schedstat"))?;
        sum.cpu_nanoseconds +=
            number(schedstat.split_whitespace().next()).ok_or("no CPU time in schedstat")?;
        let status = read(pid, &format!("task/{thread}/status"))?;
        sum.sleeps += field(&status, "voluntary_ctxt_switches:").ok_or("no context switches in status")?;
    }
    Ok(sum)
}

/// KiB of memory that nobody shares with it.
pub fn private_kib(pid: Pid) -> Result<f64, String> {
    let rollup = read(pid, "smaps_rollup")?;
    let part = |name| field(&rollup, name).ok_or_else(|| format!("smaps_rollup has no {name}"));
    Ok(part("Private_Clean:")? + part("Private_Dirty:")?)
}

fn field(text: &str, name: &str) -> Option<f64> {
    number(text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next())
}

fn number(word: Option<&str>) -> Option<f64> {
    word?.parse().ok()
}
