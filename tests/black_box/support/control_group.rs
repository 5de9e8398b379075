//! A control group of a test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::{GLANCE, LIMIT};

/// A control group of version 1 or 2, removed when dropped.
pub struct ControlGroup {
    version: u32,
    folder: PathBuf,
    root: PathBuf,
}

impl ControlGroup {
    /// A group in the hierarchy of this version that has this controller, or why there can be none.
    pub fn new(version: u32, controller: &str, name: &str) -> Result<Self, String> {
        let mounts = fs::read_to_string("/proc/self/mounts").map_err(|error| error.to_string())?;
        let has_it = |words: &[&str]| match version {
            1 => words[2] == "cgroup" && words[3].split(',').any(|option| option == controller),
            _ => {
                let controllers = fs::read_to_string(format!("{}/cgroup.controllers", words[1]));
                let has_it = |text: String| text.split_whitespace().any(|it| it == controller);
                words[2] == "cgroup2" && controllers.is_ok_and(has_it)
            }
        };
        let words = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        // Where the first one of its hierarchy is seen.
        let mount = words.into_iter().find(|words| has_it(words));
        let root = mount.map(|words| PathBuf::from(words[1]));
        let root =
            root.ok_or_else(|| format!("no hierarchy of version {version} has the {controller} controller"))?;
        if version == 2 {
            // May be on already, or may not be wanted here.
            write(&root.join("cgroup.subtree_control"), &format!("+{controller}"))?;
        }
        let folder = root.join(format!("black-box-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(ControlGroup { version, folder, root })
    }

    /// The same in the first hierarchy that has the controller.
    pub fn of_any_version(controller: &str, name: &str) -> Result<Self, String> {
        Self::new(1, controller, name).or_else(|_| Self::new(2, controller, name))
    }

    pub fn version(&self) -> u32 {
        self.version
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where its hierarchy is mounted.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// So much memory for all processes together, and nothing swapped out.
    pub fn limit_memory(&self, mebibytes: u64) -> Result<(), String> {
        let bytes = (mebibytes << 20).to_string();
        let (limit, swap, none) = match self.version {
            1 => ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", bytes.as_str()),
            _ => ("memory.max", "memory.swap.max", "0"),
        };
        write(&self.folder.join(limit), &bytes)?;
        // Not everywhere there.
        let _ = write(&self.folder.join(swap), none);
        Ok(())
    }

    /// How many of its processes were killed for want of memory.
    pub fn killed_for_memory(&self) -> u64 {
        self.counter(if self.version == 1 { "memory.oom_control" } else { "memory.events" }, "oom_kill")
    }

    /// So many processes at the most.
    pub fn limit_processes(&self, count: u32) -> Result<(), String> {
        write(&self.folder.join("pids.max"), &count.to_string())
    }

    /// How many forks failed because there were so many.
    pub fn forks_refused(&self) -> u64 {
        self.counter("pids.events", "max")
    }

    /// The processes in it, without those that have ended.
    pub fn processes(&self) -> Vec<i32> {
        let text = fs::read_to_string(self.folder.join("cgroup.procs")).expect("the processes of the group");
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// The number behind this word in a file of the group.
    fn counter(&self, file: &str, name: &str) -> u64 {
        let text = fs::read_to_string(self.folder.join(file)).expect("a file of the group");
        let of_line = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        text.lines().find_map(of_line).unwrap_or_else(|| panic!("no {name} in {file}: {text}"))
    }
}

fn write(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        // Its last process may have ended just now.
        let deadline = Instant::now() + LIMIT;
        while fs::remove_dir(&self.folder).is_err() && self.folder.exists() && Instant::now() < deadline {
            std::thread::sleep(GLANCE);
        }
    }
}
