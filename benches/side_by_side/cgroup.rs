//! A cgroup of the benchmark's own, to see what the kernel charges for processes: their
//! memory, and what it needs itself to have them (cgroups(7)).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub struct Cgroup {
    folder: PathBuf,
    /// Where the benchmark was before.
    home: PathBuf,
    unified: bool,
}

impl Cgroup {
    pub fn new() -> Result<Self, String> {
        let (home, parent, unified) = place()?;
        let folder = parent.join(format!("tini-rs-side-by-side-{}", std::process::id()));
        fs::create_dir(&folder).map_err(|error| format!("no cgroup: {error}"))?;
        Ok(Self { folder, home, unified })
    }

    /// From now on what is started is charged to this one.
    pub fn enter(&self) -> Result<(), String> {
        move_here(&self.folder)
    }

    pub fn leave(&self) -> Result<(), String> {
        move_here(&self.home)
    }

    /// KiB that are charged, once that has come to rest: much is given back late, after an
    /// RCU grace period. The kernel also charges each CPU a stock in advance, up to
    /// 256 KiB, and takes it back when a limit is set below what is in use; that fails, as
    /// it should, and changes nothing else.
    pub fn charged_kib(&self) -> Result<f64, String> {
        let (limit, none, usage) = match self.unified {
            true => ("memory.high", "max", "memory.current"),
            false => ("memory.limit_in_bytes", "-1", "memory.usage_in_bytes"),
        };
        let once = || {
            let _ = fs::write(self.folder.join(limit), "0");
            fs::write(self.folder.join(limit), none).map_err(|error| format!("{limit}: {error}"))?;
            let usage =
                fs::read_to_string(self.folder.join(usage)).map_err(|error| format!("{usage}: {error}"))?;
            usage.trim().parse::<f64>().map(|bytes| bytes / 1024.0).map_err(|error| error.to_string())
        };
        let start = Instant::now();
        let mut last = once()?;
        loop {
            std::thread::sleep(Duration::from_millis(30));
            let now = once()?;
            if now >= last || start.elapsed() > Duration::from_secs(2) {
                return Ok(now);
            }
            last = now;
        }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = self.leave();
        // Who was killed leaves it a moment after having been waited for.
        let start = Instant::now();
        while let Err(error) = fs::remove_dir(&self.folder) {
            if start.elapsed() > Duration::from_secs(5) {
                eprintln!("{}: {error}", self.folder.display());
                return;
            }
            std::thread::yield_now();
        }
    }
}

fn move_here(folder: &Path) -> Result<(), String> {
    fs::write(folder.join("cgroup.procs"), std::process::id().to_string())
        .map_err(|error| format!("no way into a cgroup: {error}"))
}

/// The cgroup we are in, the one to make ours in, and whether it is of version 2.
fn place() -> Result<(PathBuf, PathBuf, bool), String> {
    let read = |file: &str| fs::read_to_string(file).map_err(|error| format!("{file}: {error}"));
    let mounts = read("/proc/self/mountinfo")?;
    let ours = read("/proc/self/cgroup")?;
    // mountinfo: ID parent device root folder ... - type source options
    let mount = |kind: &str, option: &str| {
        mounts.lines().find_map(|line| {
            let (place, what) = line.split_once(" - ")?;
            let mut what = what.split(' ');
            let fits = what.next() == Some(kind)
                && (option.is_empty() || what.nth(1)?.split(',').any(|given| given == option));
            let mut place = place.split(' ').skip(3);
            fits.then_some((place.next()?.to_owned(), PathBuf::from(place.next()?)))
        })
    };
    let inside = |(root, folder): (String, PathBuf), controller: &str| {
        let path = ours.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            parts.next()?.split(',').any(|name| name == controller).then(|| parts.next())?
        })?;
        let path = path.strip_prefix(root.trim_end_matches('/')).unwrap_or(path);
        Some(folder.join(path.trim_start_matches('/')))
    };
    if let Some(home) = mount("cgroup", "memory").and_then(|found| inside(found, "memory")) {
        return Ok((home.clone(), home, false));
    }
    let home =
        mount("cgroup2", "").and_then(|found| inside(found, "")).ok_or("no memory controller is mounted")?;
    // A cgroup with processes in it has none with controllers below it, but beside it.
    let parent = home.ancestors().find(|folder| {
        fs::read_to_string(folder.join("cgroup.subtree_control"))
            .is_ok_and(|controllers| controllers.split_whitespace().any(|name| name == "memory"))
    });
    let parent = parent.ok_or("no cgroup near this one has the memory controller")?.to_owned();
    Ok((home, parent, true))
}
