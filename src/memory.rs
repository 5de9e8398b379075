//! Out of memory: what the init's control group tells of processes that the kernel
//! killed for want of memory.
//!
//! Read only when the program was killed and nobody says by whom. A container's group
//! is as old as its PID 1, so its counter begins with it; elsewhere an older group may
//! have counted others, and what is said is said with care.

use crate::kernel::Kernel;
use crate::packed::text;
use crate::sys::{Contents, Text};
use crate::text::{Line, after, after_field, take_large_number, take_number};

/// Where all control groups are, and there the places where they are mounted, each with the
/// file that counts and the one that limits: version 2, version 2 beside version 1, version 1
/// (cgroup-v2.rst, "memory.events"; cgroup-v1/memory.rst, "OOM Control").
const FOLDER: Text = Text::from(c"/sys/fs/cgroup");
const MOUNTS: [[Text; 3]; 3] = [
    [Text::EMPTY, Text::from(c"/memory.events"), Text::from(c"/memory.max")],
    [Text::from(c"/unified"), Text::from(c"/memory.events"), Text::from(c"/memory.max")],
    [Text::from(c"/memory"), Text::from(c"/memory.oom_control"), Text::from(c"/memory.limit_in_bytes")],
];

/// How many processes of the group were killed for want of memory, if any; puts into
/// `limit` how much they could use, `64 MiB`.
pub(crate) fn evidence(kernel: &impl Kernel, limit: &mut Line) -> Option<u32> {
    let mut groups = Contents::<[_; 1024]>::empty();
    let _ = kernel.read_process(None, Text::from(c"cgroup"), &mut groups);
    // A line for each hierarchy (`cgroups(7)`): `0::/path`, `4:memory:/path`.
    let mut line = Some(groups.text());
    loop {
        // A container sees its own group as the root, with or without its path.
        let path = line.map_or(Some(Text::EMPTY), |line| {
            let controller = after(line, b':')?;
            controller
                .strip_prefix(Text::from(c":"))
                .or_else(|| controller.strip_prefix(Text::from(c"memory:")))
        });
        if let Some(killed) = path.and_then(|path| counted(kernel, path, limit)) {
            return Some(killed).filter(|killed| *killed > 0);
        }
        line = after(line?, b'\n');
    }
}

/// The same of the group `path`, wherever it is, also if there were none.
fn counted(kernel: &impl Kernel, path: Text, limit: &mut Line) -> Option<u32> {
    MOUNTS.iter().find_map(|[mount, events, most]| {
        let mut contents = Contents::<[_; 256]>::empty();
        let path = [FOLDER, *mount, path];
        kernel.read_file(&path, *events, &mut contents).ok()?;
        let killed = take_number(&mut after_field(contents.text(), Text::from(c"oom_kill "))?)?;
        let _ = kernel.read_file(&path, *most, &mut contents);
        // Where there is no limit the file says `max`, or a number that nobody has.
        match take_large_number(&mut contents.text()).filter(|bytes| *bytes < 1 << 60) {
            Some(bytes) => write_size(bytes, limit),
            None => limit.add(text!("the machine")),
        }
        Some(killed)
    })
}

/// `64 MiB`
fn write_size(bytes: u64, line: &mut Line) {
    let kibibytes = bytes >> 10;
    let (number, unit) =
        if kibibytes & 1023 == 0 { (kibibytes >> 10, text!(" MiB")) } else { (kibibytes, text!(" KiB")) };
    line.number(number);
    line.add(unit);
}
