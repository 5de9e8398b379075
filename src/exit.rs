//! How a process ended, and the exit code that tells it.
//!
//! Decides nothing and knows nothing of system calls: the kernel's wait status in,
//! the shells' exit code out.

use core::fmt::{self, Debug, Display, Formatter};
use core::num::NonZeroU32;

use crate::packed::text;
use crate::signal::Signal;
use crate::text::{Line, Piece, display};

/// The exit code of the init, 0..=255 (`_exit(2)`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct ExitCode(u8);

impl ExitCode {
    /// All went well.
    pub const SUCCESS: ExitCode = ExitCode(0);
    /// Bad usage, or the program could not be started for want of a process.
    pub const FAILURE: ExitCode = ExitCode(1);
    /// The program was found but could not be executed (POSIX `sh`, "Exit Status
    /// for Commands").
    pub const CANNOT_EXECUTE: ExitCode = ExitCode(126);
    /// The program was not found (same section).
    pub const NOT_FOUND: ExitCode = ExitCode(127);

    /// This code.
    #[must_use]
    pub const fn new(code: u8) -> ExitCode {
        ExitCode(code)
    }

    /// As a number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// How a process ended: the kernel's wait status of it (`wait(2)`: low seven bits the
/// signal, then the core flag, then the exit code), and a bit that is always set. So an
/// `Option` of it fits one register.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Ended(NonZeroU32);

impl Ended {
    const DUMPED: i32 = 0x80;

    /// Reads the kernel's wait status. Real-time signals are signals like any other here.
    /// `None` if the process has not ended but stopped or gone on.
    #[must_use]
    pub const fn from_wait_status(status: i32) -> Option<Ended> {
        // 0x7f: stopped; 0xffff: continued.
        if status & 0x7f > Signal::LAST.number() as i32 {
            return None;
        }
        match NonZeroU32::new(status as u16 as u32 | 1 << 16) {
            Some(status) => Some(Ended(status)),
            None => None,
        }
    }

    /// It called exit with this code.
    #[must_use]
    pub const fn exited(code: u8) -> Ended {
        Ended::from_wait_status((code as i32) << 8).unwrap()
    }

    /// It was killed by this signal, and did or did not dump core.
    #[must_use]
    pub const fn killed(signal: Signal, dumped: bool) -> Ended {
        let status = signal.number() as i32 | if dumped { Ended::DUMPED } else { 0 };
        Ended::from_wait_status(status).unwrap()
    }

    /// The kernel's wait status.
    #[must_use]
    pub const fn wait_status(self) -> i32 {
        self.0.get() as u16 as i32
    }

    /// The signal that it was killed by.
    #[must_use]
    pub const fn signal(self) -> Option<Signal> {
        Signal::new(self.wait_status() & 0x7f)
    }

    /// Whether it dumped core.
    #[must_use]
    pub const fn dumped_core(self) -> bool {
        self.wait_status() & Ended::DUMPED != 0
    }

    /// The code that a shell would give: the program's own, or 128 + signal.
    #[must_use]
    pub const fn code(self) -> ExitCode {
        match self.wait_status() & 0x7f {
            0 => ExitCode((self.wait_status() >> 8) as u8),
            signal => ExitCode(signal.wrapping_add(128) as u8),
        }
    }
}

/// `exited with 3`, `was killed by SIGSEGV (core dumped)`.
impl Piece for Ended {
    fn write(&self, line: &mut Line) {
        match self.signal() {
            None => {
                line.add(text!("exited with "));
                u32::from(self.code().get()).write(line);
            }
            Some(signal) => {
                line.add(text!("was killed by "));
                signal.write(line);
                if self.dumped_core() {
                    line.add(text!(" (core dumped)"));
                }
            }
        }
    }
}

impl Debug for Ended {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        display(self, f)
    }
}

impl Display for Ended {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        display(self, f)
    }
}

/// Which exit codes are told as others (`-e`): the identity until a rule is set.
#[derive(Clone, Copy, Debug)]
pub struct Remap {
    /// For code n, at n, how the bits of the code to tell differ from those of n.
    rules: [u8; 256],
}

impl Default for Remap {
    fn default() -> Remap {
        Remap { rules: [0; 256] }
    }
}

impl Remap {
    /// From now on `from` is told as `to`. The last rule for a code counts.
    pub fn set(&mut self, from: ExitCode, to: ExitCode) {
        if let Some(rule) = self.rules.get_mut(usize::from(from.0)) {
            *rule = from.0 ^ to.0;
        }
    }

    /// The code to exit with when the program's is `code`. A rule's result is
    /// not looked up again.
    #[must_use]
    pub fn apply(&self, code: ExitCode) -> ExitCode {
        self.rules.get(usize::from(code.0)).map_or(code, |rule| ExitCode(code.0 ^ rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The C library's macros are the reference (`wait(2)`).
        #[test]
        fn a_status_is_decoded_as_the_c_library_does(status in 0i32..=0xffff) {
            let ended = Ended::from_wait_status(status);
            let signal = Signal::new(libc::WTERMSIG(status));
            let is_known = libc::WIFEXITED(status) || libc::WIFSIGNALED(status) && signal.is_some();
            prop_assert_eq!(ended.is_some(), is_known);
            if let Some(ended) = ended {
                prop_assert_eq!(ended.signal(), signal);
                prop_assert_eq!(ended.wait_status(), status);
                if libc::WIFEXITED(status) {
                    prop_assert_eq!(i32::from(ended.code().get()), libc::WEXITSTATUS(status));
                } else {
                    prop_assert_eq!(ended.dumped_core(), libc::WCOREDUMP(status));
                }
            }
        }

        #[test]
        fn any_status_is_decoded_without_a_panic(status: i32) {
            let _ = Ended::from_wait_status(status).map(Ended::code);
        }

        #[test]
        fn the_last_rule_for_a_code_counts(rules: std::vec::Vec<(u8, u8)>) {
            let mut remap = Remap::default();
            let mut expected = std::collections::BTreeMap::new();
            for (from, to) in rules {
                remap.set(ExitCode(from), ExitCode(to));
                expected.insert(from, to);
            }
            for code in 0..=255 {
                prop_assert_eq!(remap.apply(ExitCode(code)).get(), *expected.get(&code).unwrap_or(&code));
            }
        }
    }

    #[test]
    fn death_by_each_signal_is_128_more() {
        for n in 1..=64u8 {
            let ended = Ended::from_wait_status(i32::from(n)).unwrap();
            assert_eq!(ended, Ended::killed(Signal::new(i32::from(n)).unwrap(), false));
            assert_eq!(ended.wait_status(), i32::from(n));
            assert_eq!(ended.code().get(), 128 + n);
        }
    }
}
