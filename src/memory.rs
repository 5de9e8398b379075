//! Out of memory: what the init's control group tells of processes that the kernel
//! killed for want of memory.
//!
//! Read only when the program was killed and nobody says by whom. A container's group
//! is as old as its PID 1, so its counter begins with it; elsewhere an older group may
//! have counted others, and what is said is said with care.

use crate::kernel::Kernel;
use crate::text::{Line, Piece, cut, large_number, number, parts};

/// What the control group tells.
pub(crate) struct OutOfMemory {
    /// How many of its processes were killed for it.
    pub(crate) killed: u32,
    /// How much memory they could use, in bytes.
    pub(crate) limit: Option<u64>,
}

/// The control groups of a process are told in one line each (`cgroups(7)`,
/// /proc/PID/cgroup): `0::/path`, or `4:cpu,memory:/path` in version 1.
const ROOT: &[u8] = b"/sys/fs/cgroup";

/// What there is to say, if any process was killed for want of memory.
pub(crate) fn evidence(kernel: &impl Kernel) -> Option<OutOfMemory> {
    let mut buffer = [0; 1024];
    let groups = kernel.read_process(None, "cgroup", &mut buffer).unwrap_or_default();
    // A container sees its own group as the root, with or without its path.
    let found = parts(groups, b'\n').find_map(|line| group(kernel, line));
    let roots = [&b"0::"[..], b"1:memory:"];
    let found = found.or_else(|| roots.into_iter().find_map(|line| group(kernel, line)));
    found.filter(|found| found.killed > 0)
}

fn group(kernel: &impl Kernel, line: &[u8]) -> Option<OutOfMemory> {
    let (_, rest) = cut(line, b':');
    let (controllers, path) = cut(rest?, b':');
    let path = path?;
    if controllers.is_empty() {
        // Beside version 1, version 2 is in a folder of its own.
        [&b""[..], b"/unified"]
            .into_iter()
            .find_map(|mount| counted(kernel, &[ROOT, mount, path], b"/memory.events", b"/memory.max"))
    } else if parts(controllers, b',').any(|controller| controller == b"memory") {
        counted(kernel, &[ROOT, b"/memory", path], b"/memory.oom_control", b"/memory.limit_in_bytes")
    } else {
        None
    }
}

/// The line `oom_kill N` of the file `events` in the folder `path` (cgroup-v2.rst,
/// "memory.events"; cgroup-v1/memory.rst, "OOM Control").
fn counted(kernel: &impl Kernel, path: &[&[u8]; 3], events: &[u8], limit: &[u8]) -> Option<OutOfMemory> {
    let [root, mount, path] = *path;
    let mut buffer = [0; 256];
    let events = kernel.read_file(&[root, mount, path, events], &mut buffer).ok()?;
    let killed = parts(events, b'\n').find_map(|line| number(line.strip_prefix(b"oom_kill ")?))?;
    let mut buffer = [0; 32];
    let limit = kernel.read_file(&[root, mount, path, limit], &mut buffer).unwrap_or_default();
    // Where there is no limit the file says `max`, or a number that nobody has.
    let limit = large_number(cut(limit, b'\n').0).filter(|bytes| *bytes < 1 << 60);
    Some(OutOfMemory { killed, limit })
}

/// `64 MiB`
pub(crate) struct Size(pub(crate) u64);

impl Piece for Size {
    fn write(&self, line: &mut Line) {
        let kibibytes = self.0 >> 10;
        let (number, unit): (_, &[u8]) =
            if kibibytes & 1023 == 0 { (kibibytes >> 10, b" MiB") } else { (kibibytes, b" KiB") };
        u32::try_from(number).unwrap_or(u32::MAX).write(line);
        line.push(unit);
    }
}
