//! How a process ended, and the exit code that tells it.
//!
//! Decides nothing and knows nothing of system calls: the kernel's wait status in,
//! the shells' exit code out.

use core::fmt::{self, Display, Formatter};

use crate::signal::Signal;
use crate::sys::Text;
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

/// How a process ended, as `wait4(2)` tells it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// It called exit with this code.
    Exited(u8),
    /// It was killed by this signal; the second value tells if it dumped core.
    Killed(Signal, bool),
}

impl Ended {
    /// Reads the kernel's wait status (`wait(2)`: low seven bits the signal, then
    /// the core flag, then the exit code). Real-time signals are signals like any
    /// other here. `None` if the process has not ended but stopped or gone on.
    #[must_use]
    pub fn from_wait_status(status: i32) -> Option<Ended> {
        match status & 0x7f {
            0 => Some(Ended::Exited((status >> 8) as u8)),
            // 0x7f: stopped; 0xffff: continued.
            0x7f => None,
            signal => Some(Ended::Killed(Signal::new(signal)?, status & 0x80 != 0)),
        }
    }

    /// The kernel's wait status for it.
    #[must_use]
    pub fn wait_status(self) -> i32 {
        match self {
            Ended::Exited(code) => i32::from(code) << 8,
            Ended::Killed(signal, dumped) => i32::from(signal.number()) | if dumped { 0x80 } else { 0 },
        }
    }

    /// The code that a shell would give: the program's own, or 128 + signal.
    #[must_use]
    pub fn code(self) -> ExitCode {
        match self {
            Ended::Exited(code) => ExitCode(code),
            Ended::Killed(signal, _) => ExitCode(signal.number().wrapping_add(128)),
        }
    }
}

/// `exited with 3`, `was killed by SIGSEGV (core dumped)`.
impl Piece for Ended {
    fn write(&self, line: &mut Line) {
        match *self {
            Ended::Exited(code) => {
                line.add(Text::from(c"exited with "));
                u32::from(code).write(line);
            }
            Ended::Killed(signal, dumped) => {
                line.add(Text::from(c"was killed by "));
                signal.write(line);
                line.add(Text::from(if dumped { c" (core dumped)" } else { c"" }));
            }
        }
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
            let expected = if libc::WIFEXITED(status) {
                Some(Ended::Exited(libc::WEXITSTATUS(status) as u8))
            } else if libc::WIFSIGNALED(status) {
                Signal::new(libc::WTERMSIG(status)).map(|s| Ended::Killed(s, libc::WCOREDUMP(status)))
            } else {
                None
            };
            prop_assert_eq!(Ended::from_wait_status(status), expected);
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
            assert_eq!(ended, Ended::Killed(Signal::new(i32::from(n)).unwrap(), false));
            assert_eq!(ended.code().get(), 128 + n);
        }
    }
}
