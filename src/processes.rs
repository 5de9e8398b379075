//! Who is left: the processes below the init, found through /proc, and what there is
//! to say about each.
//!
//! To reach them only an init that is not PID 1 needs this: PID 1 reaches everybody
//! with one `kill(-1)`. A process is recognised by its chain of parents, so it does not
//! matter how it made itself a daemon: without a parent it comes to the init.
//!
//! What /proc tells may be gone a moment later, and a name may hold anything.

use core::mem::MaybeUninit;

use log::Level;

use crate::kernel::Kernel;
use crate::log::{Sink, Word, say, tell};
use crate::packed::text;
use crate::sys::{Contents, Errno, Pid, Text};
use crate::text::{Line, Piece, after_field, take_number};

/// Room for the start of /proc/PID/stat, with pid, name (at most 64 bytes), state and
/// parent.
type StatRoom = Contents<[MaybeUninit<u8>; 128]>;

/// What /proc/PID/stat tells of a process (`proc_pid_stat(5)`).
#[derive(Clone, Copy)]
struct Stat<'a> {
    text: Text<'a>,
    /// What follows the name and a blank.
    fields: Text<'a>,
}

impl<'a> Stat<'a> {
    /// Reads `PID (NAME) STATE PPID ...`, where the name may hold anything, and so
    /// ends at the last parenthesis.
    fn parse(text: Text<'a>) -> Option<Stat<'a>> {
        let (mut rest, mut fields) = (text, None);
        while !rest.is_empty() {
            if rest.next() == b')' {
                fields = Some(rest.rest());
            }
        }
        Some(Stat { text, fields: fields? })
    }

    fn read(kernel: &impl Kernel, process: Pid, room: &'a mut StatRoom) -> Option<Stat<'a>> {
        let _ = kernel.read_process(Some(process), Text::from(c"stat"), room);
        Stat::parse(room.text())
    }

    /// Writes `12 (nginx)`: its number and what it calls itself.
    fn write_name(&self, line: &mut Line) {
        line.quote(self.text, self.text.distance(self.fields).wrapping_sub(1));
    }

    /// `R`, `S`, `D`, `T`, `Z` and so on.
    fn state(&self) -> u8 {
        self.fields.first()
    }

    /// 0 if the parent is outside this PID namespace.
    fn parent(&self) -> i32 {
        take_number(&mut self.fields.skip(2)).unwrap_or(0) as i32
    }

    /// Whether it has ended and waits for its parent to collect it.
    fn is_zombie(&self) -> bool {
        matches!(self.state(), b'Z' | b'X')
    }
}

/// `12 (nginx)`, or only the number of a process that has gone.
pub(crate) struct Named<'k, K>(pub(crate) &'k K, pub(crate) Pid);

impl<K: Kernel> Piece for Named<'_, K> {
    fn write(&self, line: &mut Line) {
        let Named(kernel, process) = *self;
        match Stat::read(kernel, process, &mut StatRoom::empty()) {
            Some(stat) => stat.write_name(line),
            None => process.write(line),
        }
    }
}

/// Why a process is still there.
struct StillThere<'k, K>(&'k K, Pid, Stat<'k>);

impl<K: Kernel> Piece for StillThere<'_, K> {
    fn write(&self, line: &mut Line) {
        let StillThere(kernel, process, stat) = *self;
        line.add(text!("process "));
        stat.write_name(line);
        if !stat.is_zombie() {
            line.add(text!(" is still there"));
        }
        let (why, whose) = match stat.state() {
            b'Z' | b'X' => {
                (text!(" has ended, but is not collected by its parent "), Pid::new(stat.parent()))
            }
            b't' => (text!(", held by its tracer "), tracer(kernel, process)),
            b'T' => (text!(", stopped until it gets SIGCONT"), None),
            b'D' => (text!(", in a system call that can't be interrupted"), None),
            _ if ignores_term(kernel, process) => (text!(", ignoring SIGTERM"), None),
            _ => (Text::EMPTY, None),
        };
        line.add(why);
        match whose {
            Some(whose) => Named(kernel, whose).write(line),
            None if stat.is_zombie() => line.add(text!("outside")),
            None => {}
        }
    }
}

/// /proc/PID/status, of which a kilobyte and a half are usual (`proc_pid_status(5)`).
type Status = Contents<[MaybeUninit<u8>; 4096]>;

/// The value of a `field` with its colon, empty if there is none.
fn status<'s>(kernel: &impl Kernel, process: Pid, field: Text, room: &'s mut Status) -> Text<'s> {
    let _ = kernel.read_process(Some(process), Text::from(c"status"), room);
    after_field(room.text(), field).unwrap_or(Text::EMPTY)
}

/// The process that traces this one.
fn tracer(kernel: &impl Kernel, process: Pid) -> Option<Pid> {
    Pid::new(
        take_number(&mut status(kernel, process, Text::from(c"TracerPid:\t"), &mut Status::empty()))? as i32
    )
}

/// Whether signal 15 is in the set of those that it ignores: bit 14 of 64, so bit 2 of
/// the 13th of 16 digits.
fn ignores_term(kernel: &impl Kernel, process: Pid) -> bool {
    let digit = status(kernel, process, Text::from(c"SigIgn:\t"), &mut Status::empty()).skip(12).first();
    // The letters begin with 1, and stand for 10 and more.
    (if digit > b'9' { digit.wrapping_add(9) } else { digit }) & 4 != 0
}

/// Whether /proc shows the caller as `init`. Otherwise it is missing, or its numbers
/// are those of another PID namespace, and stand for strangers here.
pub(crate) fn check_proc(kernel: &impl Kernel, init: Pid) -> Result<(), Errno> {
    let mut own_stat = StatRoom::empty();
    kernel.read_process(None, Text::from(c"stat"), &mut own_stat)?;
    let shown = take_number(&mut own_stat.text());
    if shown == Some(init.get() as u32) { Ok(()) } else { Err(Errno::ENOENT) }
}

/// Says why each process that is left is still there, and gives how many: with `all` of
/// everybody, otherwise of those that have ended and whose parent does not collect them.
/// More than a screenful is only counted. In a `machine` of its own the kernel's threads, the
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
) -> Result<u32, Errno> {
    const SCREENFUL: u32 = 20;
    let mut total = 0u32;
    let count = &mut total;
    let mut explain = move |process: Pid| {
        if process == init {
            return;
        }
        if *count >= SCREENFUL && all && !machine {
            *count = count.wrapping_add(1);
            return;
        }
        let mut room = StatRoom::empty();
        let Some(stat) = Stat::read(kernel, process, &mut room) else { return };
        if stat.is_zombie() && stat.parent() == init.get() || !(all || stat.is_zombie()) {
            return;
        }
        if machine && (process.get() == 2 || stat.parent() == 2) {
            return;
        }
        *count = count.wrapping_add(1);
        if *count <= SCREENFUL {
            tell(log, Level::Warn, &StillThere(kernel, process, stat));
        }
    };
    if init == Pid::INIT {
        check_proc(kernel, init)?;
        kernel.each_process(&mut explain)?;
    } else {
        visit_descendants(kernel, init, 1, true, &mut explain)?;
    }
    if let Some(more @ 1..) = total.checked_sub(SCREENFUL) {
        say(log, text!("1and %d more"), None, Word::from(more), Word::NONE, Word::NONE);
    }
    Ok(total)
}

/// Calls `visit` with each descendant of `init` that lives or, with `zombies`, has ended
/// without being collected. Looks so many times, each time for those that came
/// while looking, as long as there are any.
///
/// # Errors
/// ENOENT if /proc is missing or another PID namespace's.
pub(crate) fn visit_descendants(
    kernel: &impl Kernel,
    init: Pid,
    looks: u32,
    zombies: bool,
    visit: &mut dyn FnMut(Pid),
) -> Result<(), Errno> {
    let mut descendants = Descendants { init, found: true, known: [0; Descendants::PLACES] };
    for _ in 0..looks {
        if descendants.found {
            descendants.found = false;
            descendants.visit_new(kernel, zombies, visit)?;
        }
    }
    Ok(())
}

/// The processes seen so far, descendants and strangers. Bounded: with more than it
/// holds, some count as new again.
struct Descendants {
    init: Pid,
    /// The last look found some.
    found: bool,
    /// Each at the place that its pid says, by how often the places are used up below
    /// it, with STRANGER if it is one: 64 KiB of a stack that may be small.
    known: [u8; Descendants::PLACES],
}

impl Descendants {
    /// Twice as many as there are pids by default (`proc_sys_kernel(5)`, pid_max), and so
    /// many that the 2^22 of the largest system use them up less than 128 times.
    const PLACES: usize = 1 << 16;
    const STRANGER: u8 = 0x80;
    /// The longest chain of parents that is followed, and how often anew when a
    /// link of it has gone meanwhile.
    const GENERATIONS: u32 = 1 << 16;
    const ATTEMPTS: u32 = 4;

    /// Calls `visit` with each one that is not known yet.
    fn visit_new(
        &mut self,
        kernel: &impl Kernel,
        zombies: bool,
        visit: &mut dyn FnMut(Pid),
    ) -> Result<(), Errno> {
        check_proc(kernel, self.init)?;
        kernel.each_process(&mut move |process| {
            if process == self.init || self.seen(process.get()).is_some() {
                return;
            }
            let mut room = StatRoom::empty();
            let Some(stat) = Stat::read(kernel, process, &mut room) else { return };
            if stat.is_zombie() && !zombies {
                return;
            }
            let descends = self.descends(kernel, process, stat.parent());
            self.remember(process, descends);
            if descends {
                visit(process);
            }
        })
    }

    /// Whether `process` is below the init, by its parent or a parent of that. Most are
    /// seen before their children, since reading of one costs as much as ten other
    /// system calls.
    fn descends(&self, kernel: &impl Kernel, process: Pid, parent: i32) -> bool {
        let mut parent = Some(parent);
        for _ in 0..Descendants::ATTEMPTS {
            for _ in 0..Descendants::GENERATIONS {
                let Some(link) = parent else { break };
                if let Some(descends) = self.seen(link) {
                    return descends;
                }
                let Some(link) = Pid::new(link).filter(|link| *link != Pid::INIT) else { return false };
                parent = Stat::read(kernel, link, &mut StatRoom::empty()).map(|stat| stat.parent());
            }
            // A link has gone, so that the process has another parent by now.
            parent = Stat::read(kernel, process, &mut StatRoom::empty()).map(|stat| stat.parent());
        }
        false
    }

    /// Where a pid stands, and as what: none is there as 0.
    fn place(pid: i32) -> (usize, u8) {
        let pid = pid as u32 as usize;
        (pid % Descendants::PLACES, (pid / Descendants::PLACES).wrapping_add(1) as u8)
    }

    /// Whether the process `pid` is below the init, if that is known.
    fn seen(&self, pid: i32) -> Option<bool> {
        let (place, mark) = Descendants::place(pid);
        let known = self.known.get(place).copied().unwrap_or(0);
        let is_known = pid == self.init.get() || known & !Descendants::STRANGER == mark;
        is_known.then_some(pid == self.init.get() || known == mark)
    }

    fn remember(&mut self, process: Pid, descends: bool) {
        self.found |= descends;
        let (place, mark) = Descendants::place(process.get());
        if let Some(known) = self.known.get_mut(place) {
            // A stranger is only looked at again, a descendant is asked again.
            if descends {
                *known = mark;
            } else if *known == 0 {
                *known = mark | Descendants::STRANGER;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::CString;
    use std::format;
    use std::string::ToString;

    /// Room for these bytes, which hold no null, with them in it.
    fn room(bytes: &[u8]) -> Contents<[MaybeUninit<u8>; 256]> {
        let mut room = Contents::<[_; 256]>::empty();
        (&mut room as &mut Contents).fill(bytes);
        room
    }

    proptest! {
        #[test]
        fn whatever_a_process_calls_itself(
            pid: u32,
            name in prop::collection::vec(1u8.., 0..64),
            state in "[RSDTZX]",
            parent in 0i32..i32::MAX,
        ) {
            let mut named = format!("{pid} (").into_bytes();
            named.extend(&name);
            named.push(b')');
            let mut stat = named.clone();
            stat.extend(format!(" {state} {parent} 1 1 0 -1 4194560").into_bytes());
            let room = room(&stat);
            let stat = Stat::parse(room.text()).unwrap();
            let mut line = Line::new();
            stat.write_name(&mut line);
            let mut expected = Line::new();
            Text::from(&CString::new(named).unwrap()).write(&mut expected);
            prop_assert_eq!(line.to_string(), expected.to_string());
            prop_assert_eq!((stat.state(), stat.parent()), (state.as_bytes()[0], parent));
        }

        #[test]
        fn any_text_is_read_or_refused(bytes in prop::collection::vec(1u8.., 0..200)) {
            let room = room(&bytes);
            let read = Stat::parse(room.text());
            prop_assert_eq!(read.is_some(), bytes.contains(&b')'));
            let _ = read.map(|stat| (stat.write_name(&mut Line::new()), stat.state(), stat.parent()));
        }
    }
}
