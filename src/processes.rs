//! Who is left: the processes below the init, found through /proc, and what there is
//! to say about each.
//!
//! To reach them only an init that is not PID 1 needs this: PID 1 reaches everybody
//! with one `kill(-1)`. A process is recognised by its chain of parents, so it does not
//! matter how it made itself a daemon: without a parent it comes to the init.
//!
//! What /proc tells may be gone a moment later, and a name may hold anything.

use log::Level;

use crate::kernel::Kernel;
use crate::log::{Sink, Word, say, tell};
use crate::sys::{Errno, Pid, Text};
use crate::text::{Line, Piece, cut, number};

/// What /proc/PID/stat tells of a process (`proc_pid_stat(5)`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stat<'a> {
    /// What it calls itself.
    pub name: &'a [u8],
    /// `R`, `S`, `D`, `T`, `Z` and so on.
    pub state: u8,
    /// 0 if the parent is outside this PID namespace.
    pub parent: i32,
}

/// Room for the start of /proc/PID/stat, with pid, name (at most 64 bytes), state and
/// parent.
const STAT_SIZE: usize = 128;

impl Stat<'_> {
    /// Reads `PID (NAME) STATE PPID ...`, where the name may hold anything, and so
    /// ends at the last parenthesis.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Stat<'_>> {
        let (_, rest) = cut(text, b'(');
        let rest = rest?;
        let (name, fields) = rest.split_at_checked(rest.iter().rposition(|byte| *byte == b')')?)?;
        let (_, fields) = cut(fields, b' ');
        let (state, fields) = cut(fields?, b' ');
        let (parent, _) = cut(fields?, b' ');
        Some(Stat { name, state: *state.first()?, parent: i32::try_from(number(parent)?).ok()? })
    }

    fn read<'b>(kernel: &impl Kernel, process: Pid, buffer: &'b mut [u8; STAT_SIZE]) -> Option<Stat<'b>> {
        Stat::parse(kernel.read_process(Some(process), "stat", buffer).ok()?)
    }

    /// Whether it has ended and waits for its parent to collect it.
    fn is_zombie(&self) -> bool {
        matches!(self.state, b'Z' | b'X')
    }
}

/// `12 (nginx)`, or only the number of a process that has gone.
pub(crate) struct Named<'k, K>(pub(crate) &'k K, pub(crate) Pid);

impl<K: Kernel> Piece for Named<'_, K> {
    fn write(&self, line: &mut Line) {
        let Named(kernel, process) = *self;
        process.write(line);
        if let Some(stat) = Stat::read(kernel, process, &mut [0; STAT_SIZE]) {
            line.push(b" (");
            stat.name.write(line);
            line.push(b")");
        }
    }
}

/// Why a process is still there.
struct StillThere<'k, K>(&'k K, Pid, Stat<'k>);

impl<K: Kernel> Piece for StillThere<'_, K> {
    fn write(&self, line: &mut Line) {
        let StillThere(kernel, process, stat) = *self;
        line.push(b"process ");
        process.write(line);
        line.push(b" (");
        stat.name.write(line);
        let (why, whose): (&[u8], _) = match stat.state {
            b'Z' | b'X' => (b") has ended, but is not collected by its parent ", Pid::new(stat.parent)),
            b't' => (b") is still there, held by its tracer ", tracer(kernel, process)),
            b'T' => (b") is still there, stopped until it gets SIGCONT", None),
            b'D' => (b") is still there, in a system call that can't be interrupted", None),
            _ => (b") is still there", None),
        };
        line.push(why);
        if let Some(whose) = whose {
            Named(kernel, whose).write(line);
        }
    }
}

/// The process that traces this one (`proc_pid_status(5)`, TracerPid).
fn tracer(kernel: &impl Kernel, process: Pid) -> Option<Pid> {
    let mut buffer = [0; 512];
    let mut status = kernel.read_process(Some(process), "status", &mut buffer).ok()?;
    loop {
        let (field, rest) = cut(status, b'\n');
        if let Some(tracer) = field.strip_prefix(b"TracerPid:\t") {
            return Pid::new(i32::try_from(number(tracer)?).ok()?);
        }
        status = rest?;
    }
}

/// Whether /proc shows the caller as `init`. Otherwise it is missing, or its numbers
/// are those of another PID namespace, and stand for strangers here.
pub(crate) fn check_proc(kernel: &impl Kernel, init: Pid) -> Result<(), Errno> {
    let mut buffer = [0; STAT_SIZE];
    let own_stat = kernel.read_process(None, "stat", &mut buffer)?;
    let shown = number(cut(own_stat, b' ').0);
    if shown == Some(init.get().unsigned_abs()) { Ok(()) } else { Err(Errno::ENOENT) }
}

/// Says of each process that is left why it is still there, of those that have ended
/// with a parent that does not collect them or, with `all`, of everybody. More than a
/// screenful is only counted. In a `machine` of its own the kernel's threads, the
/// children of 2, are not the init's to see off.
///
/// # Errors
/// ENOENT if /proc is missing or another PID namespace's.
pub(crate) fn explain(
    kernel: &impl Kernel,
    log: &impl Sink,
    init: Pid,
    all: bool,
    machine: bool,
) -> Result<(), Errno> {
    const SCREENFUL: u32 = 20;
    let mut count = 0u32;
    let mut explain = |process: Pid| {
        if count >= SCREENFUL && all && !machine {
            count = count.wrapping_add(1);
            return;
        }
        let mut buffer = [0; STAT_SIZE];
        let Some(stat) = Stat::read(kernel, process, &mut buffer) else { return };
        if stat.is_zombie() && stat.parent == init.get() || !(all || stat.is_zombie()) {
            return;
        }
        if machine && (process.get() == 2 || stat.parent == 2) {
            return;
        }
        count = count.wrapping_add(1);
        if count <= SCREENFUL {
            tell(log, Level::Warn, &StillThere(kernel, process, stat));
        }
    };
    if init == Pid::INIT {
        check_proc(kernel, init)?;
        kernel.each_process(&mut |process| {
            if process != init {
                explain(process);
            }
        })?;
    } else {
        Descendants::of(init).visit_new(kernel, true, &mut explain)?;
    }
    if let Some(more @ 1..) = count.checked_sub(SCREENFUL) {
        say(log, Text::from(c"1and %d more"), b"", Word::from(more), Word::NONE, Word::NONE);
    }
    Ok(())
}

/// The descendants found so far. Bounded: with more than it holds, some count as
/// new again.
pub(crate) struct Descendants {
    init: Pid,
    /// Each at the place that its pid says.
    known: [i32; Descendants::PLACES],
}

impl Descendants {
    /// As many as there are pids by default (`proc_sys_kernel(5)`, pid_max).
    const PLACES: usize = 32_768;
    /// The longest chain of parents that is followed, and how often anew when a
    /// link of it has gone meanwhile.
    const GENERATIONS: u32 = 1 << 16;
    const ATTEMPTS: u32 = 4;

    pub(crate) fn of(init: Pid) -> Descendants {
        Descendants { init, known: [0; Descendants::PLACES] }
    }

    /// Calls `visit` with each descendant that is not known yet, and that lives or, with
    /// `zombies`, has ended without being collected.
    ///
    /// ENOENT if /proc is missing or another PID namespace's.
    pub(crate) fn visit_new(
        &mut self,
        kernel: &impl Kernel,
        zombies: bool,
        visit: &mut dyn FnMut(Pid),
    ) -> Result<(), Errno> {
        check_proc(kernel, self.init)?;
        kernel.each_process(&mut |process| {
            if self.is_known(process.get()) || process == self.init {
                return;
            }
            let mut buffer = [0; STAT_SIZE];
            let counts =
                Stat::read(kernel, process, &mut buffer).is_some_and(|stat| zombies || !stat.is_zombie());
            if counts && self.descends(kernel, process) {
                self.remember(process);
                visit(process);
            }
        })
    }

    fn descends(&self, kernel: &impl Kernel, process: Pid) -> bool {
        for _ in 0..Descendants::ATTEMPTS {
            let mut link = process;
            for _ in 0..Descendants::GENERATIONS {
                let mut buffer = [0; STAT_SIZE];
                let Some(Stat { parent, .. }) = Stat::read(kernel, link, &mut buffer) else { break };
                if parent == self.init.get() || self.is_known(parent) {
                    return true;
                }
                match Pid::new(parent) {
                    None | Some(Pid::INIT) => return false,
                    Some(parent) => link = parent,
                }
            }
        }
        false
    }

    fn place(pid: i32) -> usize {
        pid.unsigned_abs() as usize % Descendants::PLACES
    }

    fn is_known(&self, pid: i32) -> bool {
        pid != 0 && self.known.get(Descendants::place(pid)) == Some(&pid)
    }

    fn remember(&mut self, process: Pid) {
        if let Some(place) = self.known.get_mut(Descendants::place(process.get())) {
            *place = process.get();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::format;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn whatever_a_process_calls_itself(pid: i32, name: Vec<u8>, state in "[RSDTZX]", parent in 0i32..i32::MAX) {
            let mut text = format!("{pid} (").into_bytes();
            text.extend(&name);
            text.extend(format!(") {state} {parent} 1 1 0 -1 4194560").into_bytes());
            let state = state.as_bytes()[0];
            prop_assert_eq!(Stat::parse(&text), Some(Stat { name: &name, state, parent }));
        }

        #[test]
        fn any_text_is_read_or_refused(text: Vec<u8>) {
            let _ = Stat::parse(&text);
        }
    }
}
