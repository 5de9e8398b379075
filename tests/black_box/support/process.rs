//! Processes as the host sees them, through its `/proc`.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

/// One process, as it was when looked at.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its pid on the host.
    pub pid: i32,
    /// Its parent's pid on the host.
    pub parent: i32,
    /// Its pid in its own PID namespace; group and session likewise.
    pub inner_pid: i32,
    pub inner_group: i32,
    pub inner_session: i32,
    /// `R`, `S`, `T`, `Z`, ... as in `ps`.
    pub state: char,
    /// The command name, at most 15 bytes.
    pub name: String,
    /// The whole of `/proc/PID/status`.
    status: String,
}

impl Process {
    /// Looks at a process; `None` if there is no such one.
    pub fn read(pid: i32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let text = |name: &str| field(&status, name);
        let last = |name: &str| text(name)?.split_whitespace().last()?.parse().ok();
        Some(Process {
            pid,
            parent: last("PPid")?,
            inner_pid: last("NSpid")?,
            inner_group: last("NSpgid")?,
            inner_session: last("NSsid")?,
            state: text("State")?.chars().next()?,
            name: text("Name")?.to_owned(),
            status,
        })
    }

    /// Every process of the host.
    pub fn all() -> Vec<Self> {
        let Ok(entries) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(Process::read)
            .collect()
    }

    /// Every descendant of `ancestor`, itself not counted. In a PID namespace the descendants of
    /// its PID 1 are all that is in it.
    pub fn descendants(ancestor: i32) -> Vec<Self> {
        let mut known = HashSet::from([ancestor]);
        let mut rest = Process::all();
        let mut found = Vec::new();
        loop {
            let (near, far): (Vec<_>, Vec<_>) = rest.into_iter().partition(|it| known.contains(&it.parent));
            if near.is_empty() {
                return found;
            }
            known.extend(near.iter().map(|it| it.pid));
            found.extend(near);
            rest = far;
        }
    }

    /// A line of `/proc/PID/status`, e.g. `field("SigBlk")`.
    pub fn field(&self, name: &str) -> &str {
        field(&self.status, name).unwrap_or_default()
    }

    /// A signal set of `/proc/PID/status`: `SigBlk`, `SigIgn`, `SigCgt`, `SigPnd`, `ShdPnd`.
    pub fn signals(&self, name: &str) -> u64 {
        u64::from_str_radix(self.field(name), 16).unwrap_or_default()
    }

    /// `7 (nginx)`, as the init in its namespace names it.
    pub fn named(&self) -> String {
        format!("{} ({})", self.inner_pid, self.name)
    }

    pub fn ignores(&self, signal: i32) -> bool {
        self.signals("SigIgn") & super::set_of(&[signal]) != 0
    }

    pub fn is_zombie(&self) -> bool {
        self.state == 'Z'
    }

    /// Its argument vector; empty for a zombie.
    pub fn arguments(&self) -> Vec<String> {
        let raw = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        raw.split_inclusive(|byte| *byte == 0)
            .map(|argument| String::from_utf8_lossy(argument.trim_ascii_end()))
            .map(|argument| argument.trim_end_matches('\0').to_owned())
            .collect()
    }

    /// Its working directory.
    pub fn directory(&self) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/cwd", self.pid)).ok()
    }

    /// Whether its working directory is its root.
    pub fn is_in_root(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        // Not by name: in a chroot of another mount namespace that is another one.
        let place = |name: &str| {
            let place = fs::metadata(format!("/proc/{}/{name}", self.pid)).ok()?;
            Some((place.dev(), place.ino()))
        };
        place("cwd").is_some_and(|cwd| Some(cwd) == place("root"))
    }

    /// Kibibytes of memory that are no pages of a file.
    pub fn memory(&self) -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid)).ok()?;
        field(&text, "Anonymous")?.strip_suffix("kB")?.trim().parse().ok()
    }

    /// Its open descriptors, in order.
    pub fn descriptors(&self) -> Vec<i32> {
        let mut numbers: Vec<i32> = fs::read_dir(format!("/proc/{}/fd", self.pid))
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect();
        numbers.sort_unstable();
        numbers
    }

    /// The system call that it is in, and its arguments: `/proc/PID/syscall`.
    pub fn system_call(&self) -> String {
        fs::read_to_string(format!("/proc/{}/syscall", self.pid)).unwrap_or_default()
    }

    /// What can be told about where it hangs.
    pub fn evidence(&self) -> String {
        let file = |name: &str| {
            fs::read_to_string(format!("/proc/{}/{name}", self.pid))
                .unwrap_or_else(|error| error.to_string())
                .trim()
                .replace('\n', " | ")
        };
        format!(
            "{} (inside {}) parent {} state {} {:?}\n    wchan {}\n    syscall {}\n    stack {}\n    \
             blocked {} ignored {} caught {} pending {} {}\n",
            self.pid,
            self.inner_pid,
            self.parent,
            self.state,
            self.arguments(),
            file("wchan"),
            file("syscall"),
            file("stack"),
            self.field("SigBlk"),
            self.field("SigIgn"),
            self.field("SigCgt"),
            self.field("SigPnd"),
            self.field("ShdPnd"),
        )
    }
}

/// A line of a status file, by its name.
fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}
