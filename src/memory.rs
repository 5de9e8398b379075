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

/// Where control groups are mounted, and in each the file that counts and the one that
/// limits: version 2, version 2 beside version 1, version 1 (cgroup-v2.rst,
/// "memory.events"; cgroup-v1/memory.rst, "OOM Control").
const MOUNTS: [[&[u8]; 3]; 3] = [
    [b"/sys/fs/cgroup", b"/memory.events", b"/memory.max"],
    [b"/sys/fs/cgroup/unified", b"/memory.events", b"/memory.max"],
    [b"/sys/fs/cgroup/memory", b"/memory.oom_control", b"/memory.limit_in_bytes"],
];

/// What there is to say, if any process was killed for want of memory.
pub(crate) fn evidence(kernel: &impl Kernel) -> Option<OutOfMemory> {
    let mut buffer = [0; 1024];
    let groups = kernel.read_process(None, "cgroup", &mut buffer).unwrap_or_default();
    // A line for each hierarchy (`cgroups(7)`): `0::/path`, `4:memory:/path`.
    let found = parts(groups, b'\n').find_map(|line| {
        let (controller, path) = cut(cut(line, b':').1?, b':');
        (controller.is_empty() || controller == b"memory").then(|| counted(kernel, path?)).flatten()
    });
    // A container sees its own group as the root, with or without its path.
    found.or_else(|| counted(kernel, b"")).filter(|found| found.killed > 0)
}

/// What the group `path` tells, wherever it is.
fn counted(kernel: &impl Kernel, path: &[u8]) -> Option<OutOfMemory> {
    MOUNTS.iter().find_map(|[mount, events, limit]| {
        let mut buffer = [0; 256];
        let events = kernel.read_file(&[mount, path, events], &mut buffer).ok()?;
        let killed = parts(events, b'\n').find_map(|line| number(line.strip_prefix(b"oom_kill ")?))?;
        let limit = kernel.read_file(&[mount, path, limit], &mut buffer).unwrap_or_default();
        // Where there is no limit the file says `max`, or a number that nobody has.
        let limit = large_number(cut(limit, b'\n').0).filter(|bytes| *bytes < 1 << 60);
        Some(OutOfMemory { killed, limit })
    })
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
