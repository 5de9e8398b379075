//! Who is left: the processes below the init, found through /proc.
//!
//! Only an init that is not PID 1 needs this: PID 1 reaches everybody with one
//! `kill(-1)`. A process is recognised by its chain of parents, so it does not
//! matter how it made itself a daemon: without a parent it comes to the init.

use crate::kernel::Kernel;
use crate::sys::{Errno, Pid};
use crate::text::{cut, number};

/// What /proc/PID/stat tells of a process (`proc_pid_stat(5)`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stat {
    /// `R`, `S`, `D`, `T`, `Z` and so on.
    pub state: u8,
    /// 0 if the parent is outside this PID namespace.
    pub parent: i32,
}

impl Stat {
    /// Reads `PID (NAME) STATE PPID ...`, where the name may hold anything, and so
    /// ends at the last parenthesis.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Stat> {
        let name_end = text.iter().rposition(|byte| *byte == b')')?;
        let (_, fields) = cut(text.get(name_end..)?, b' ');
        let (state, fields) = cut(fields?, b' ');
        let (parent, _) = cut(fields?, b' ');
        Some(Stat { state: *state.first()?, parent: i32::try_from(number(parent)?).ok()? })
    }

    fn read(kernel: &impl Kernel, process: Pid) -> Option<Stat> {
        // The fields wanted stand in front: pid, name (at most 64 bytes), state, parent.
        Stat::parse(kernel.read_process(Some(process), "stat", &mut [0; 128]).ok()?)
    }

    /// Whether it has ended and waits for its parent to collect it.
    fn is_zombie(self) -> bool {
        matches!(self.state, b'Z' | b'X')
    }
}

/// The descendants found so far. Bounded: with more than it holds, some count as
/// new again.
pub(crate) struct Descendants {
    init: Pid,
    /// Each at the place that its pid says.
    known: [i32; Descendants::PLACES],
}

impl Descendants {
    const PLACES: usize = 4096;
    /// The longest chain of parents that is followed, and how often anew when a
    /// link of it has gone meanwhile.
    const GENERATIONS: u32 = 1 << 16;
    const ATTEMPTS: u32 = 4;

    pub(crate) fn of(init: Pid) -> Descendants {
        Descendants { init, known: [0; Descendants::PLACES] }
    }

    /// Calls `visit` with each descendant that lives and is not known yet.
    ///
    /// ENOENT if /proc does not show the init as this process: then it is missing, or
    /// its numbers are those of another PID namespace, and stand for strangers here.
    pub(crate) fn visit_new(
        &mut self,
        kernel: &impl Kernel,
        visit: &mut dyn FnMut(Pid),
    ) -> Result<(), Errno> {
        let mut buffer = [0; 128];
        let own_stat = kernel.read_process(None, "stat", &mut buffer)?;
        if number(cut(own_stat, b' ').0) != Some(self.init.get().unsigned_abs()) {
            return Err(Errno::ENOENT);
        }
        kernel.each_process(&mut |process| {
            if self.is_known(process.get()) || process == self.init {
                return;
            }
            let lives = Stat::read(kernel, process).is_some_and(|stat| !stat.is_zombie());
            if lives && self.descends(kernel, process) {
                self.remember(process);
                visit(process);
            }
        })
    }

    fn descends(&self, kernel: &impl Kernel, process: Pid) -> bool {
        for _ in 0..Descendants::ATTEMPTS {
            let mut link = process;
            for _ in 0..Descendants::GENERATIONS {
                let Some(Stat { parent, .. }) = Stat::read(kernel, link) else { break };
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
            prop_assert_eq!(Stat::parse(&text), Some(Stat { state, parent }));
        }

        #[test]
        fn any_text_is_read_or_refused(text: Vec<u8>) {
            let _ = Stat::parse(&text);
        }
    }
}
