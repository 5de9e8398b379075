//! Out of memory: what the init's control group tells of processes that the kernel
//! killed for want of memory.
//!
//! Read only when the program was killed and nobody says by whom. A container's group
//! is as old as its PID 1, so its counter begins with it; elsewhere an older group may
//! have counted others, and what is said is said with care.

use crate::kernel::Kernel;
use crate::sys::{Contents, Text};
use crate::text::{Line, Piece, after, after_field, take_large_number, take_number};

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
const MOUNTS: [[Text; 3]; 3] = [
    [Text::from(c"/sys/fs/cgroup"), Text::from(c"/memory.events"), Text::from(c"/memory.max")],
    [Text::from(c"/sys/fs/cgroup/unified"), Text::from(c"/memory.events"), Text::from(c"/memory.max")],
    [
        Text::from(c"/sys/fs/cgroup/memory"),
        Text::from(c"/memory.oom_control"),
        Text::from(c"/memory.limit_in_bytes"),
    ],
];

/// What there is to say, if any process was killed for want of memory.
pub(crate) fn evidence(kernel: &impl Kernel) -> Option<OutOfMemory> {
    let mut groups = Contents::<[_; 1024]>::empty();
    let _ = kernel.read_process(None, Text::from(c"cgroup"), &mut groups);
    // A line for each hierarchy (`cgroups(7)`): `0::/path`, `4:memory:/path`.
    let mut line = groups.text();
    while !line.is_empty() {
        let controller = after(line, b':');
        let path = controller.strip_prefix(b":").or_else(|| controller.strip_prefix(b"memory:"));
        if let Some(found) = path.and_then(|path| counted(kernel, path)) {
            return Some(found);
        }
        line = after(line, b'\n');
    }
    // A container sees its own group as the root, with or without its path.
    counted(kernel, Text::EMPTY)
}

/// What the group `path` tells, wherever it is.
fn counted(kernel: &impl Kernel, path: Text) -> Option<OutOfMemory> {
    MOUNTS.iter().find_map(|[mount, events, limit]| {
        let mut contents = Contents::<[_; 256]>::empty();
        kernel.read_file(&[*mount, path, *events], &mut contents).ok()?;
        let killed = take_number(&mut after_field(contents.text(), b"oom_kill ")?)?;
        let _ = kernel.read_file(&[*mount, path, *limit], &mut contents);
        // Where there is no limit the file says `max`, or a number that nobody has.
        let limit = take_large_number(&mut contents.text()).filter(|bytes| *bytes < 1 << 60);
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
