//! Signals by number and by name, and sets of them.
//!
//! Numbers are the kernel's: 1..=64, with the real-time ones from 32 on. The C
//! libraries keep 32 and 33 to themselves and call 34 `SIGRTMIN`; people who write
//! `RTMIN+3` mean the latter, so names count from 34 while numbers reach all 64.
//! Knows nothing of system calls.

use core::fmt::{self, Display, Formatter};

use crate::text::{Line, Piece, cut, display, number, same};

/// One signal, 1..=64 (`signal(7)`; the kernel's `_NSIG` is 64 on every
/// architecture this crate builds for).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Signal(u8);

/// What people call `SIGRTMIN`: the first real-time signal that the C library
/// leaves to programs (`signal(7)`, "Real-time signals").
const RTMIN: u8 = 34;
/// `SIGRTMAX`, the last signal there is.
const RTMAX: u8 = 64;

/// The standard signals' names, without `SIG`. The first name of a number is the
/// one that is printed, later ones are understood.
const NAMES: [(u8, [u8; 6]); 34] = [
    name(libc::SIGHUP, "HUP"),
    name(libc::SIGINT, "INT"),
    name(libc::SIGQUIT, "QUIT"),
    name(libc::SIGILL, "ILL"),
    name(libc::SIGTRAP, "TRAP"),
    name(libc::SIGABRT, "ABRT"),
    name(libc::SIGBUS, "BUS"),
    name(libc::SIGFPE, "FPE"),
    name(libc::SIGKILL, "KILL"),
    name(libc::SIGUSR1, "USR1"),
    name(libc::SIGSEGV, "SEGV"),
    name(libc::SIGUSR2, "USR2"),
    name(libc::SIGPIPE, "PIPE"),
    name(libc::SIGALRM, "ALRM"),
    name(libc::SIGTERM, "TERM"),
    name(libc::SIGSTKFLT, "STKFLT"),
    name(libc::SIGCHLD, "CHLD"),
    name(libc::SIGCONT, "CONT"),
    name(libc::SIGSTOP, "STOP"),
    name(libc::SIGTSTP, "TSTP"),
    name(libc::SIGTTIN, "TTIN"),
    name(libc::SIGTTOU, "TTOU"),
    name(libc::SIGURG, "URG"),
    name(libc::SIGXCPU, "XCPU"),
    name(libc::SIGXFSZ, "XFSZ"),
    name(libc::SIGVTALRM, "VTALRM"),
    name(libc::SIGPROF, "PROF"),
    name(libc::SIGWINCH, "WINCH"),
    name(libc::SIGIO, "IO"),
    name(libc::SIGPWR, "PWR"),
    name(libc::SIGSYS, "SYS"),
    name(libc::SIGABRT, "IOT"),
    name(libc::SIGCHLD, "CLD"),
    name(libc::SIGIO, "POLL"),
];

/// A row of the table: the name in the place of a pointer to it, filled up with nulls.
const fn name(number: i32, name: &str) -> (u8, [u8; 6]) {
    let mut row = [0; 6];
    row.split_at_mut(name.len()).0.copy_from_slice(name.as_bytes());
    (number as u8, row)
}

#[allow(missing_docs, reason = "they are named as signal(7) names them")]
impl Signal {
    pub const HUP: Signal = Signal(libc::SIGHUP as u8);
    pub const INT: Signal = Signal(libc::SIGINT as u8);
    pub const QUIT: Signal = Signal(libc::SIGQUIT as u8);
    pub const KILL: Signal = Signal(libc::SIGKILL as u8);
    pub const TERM: Signal = Signal(libc::SIGTERM as u8);
    pub const CHLD: Signal = Signal(libc::SIGCHLD as u8);
    pub const CONT: Signal = Signal(libc::SIGCONT as u8);
    pub const STOP: Signal = Signal(libc::SIGSTOP as u8);
    pub const TSTP: Signal = Signal(libc::SIGTSTP as u8);
    pub const TTIN: Signal = Signal(libc::SIGTTIN as u8);
    pub const TTOU: Signal = Signal(libc::SIGTTOU as u8);
    pub const WINCH: Signal = Signal(libc::SIGWINCH as u8);
}

impl Signal {
    /// The signal with this number, if it is one of 1..=64.
    #[must_use]
    pub const fn new(number: i32) -> Option<Signal> {
        if number >= 1 && number <= RTMAX as i32 { Some(Signal(number as u8)) } else { None }
    }

    /// Its number, 1..=64.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Whether a process can block, catch or ignore it; if not, the init never
    /// gets to see it either (`signal(7)`: all but KILL and STOP).
    #[must_use]
    pub fn is_catchable(self) -> bool {
        self != Signal::KILL && self != Signal::STOP
    }

    /// Whether a program that is sent it is meant to end: TERM, INT and QUIT.
    #[must_use]
    pub fn asks_to_stop(self) -> bool {
        [Signal::TERM, Signal::INT, Signal::QUIT].contains(&self)
    }

    /// Reads `TERM`, `SIGTERM`, `sigterm`, `15`, `RTMIN`, `RTMIN+3`, `RTMAX-1`.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Signal> {
        if let Some(n) = number(text) {
            return Signal::new(i32::try_from(n).ok()?);
        }
        let name = strip(text, b"SIG").unwrap_or(text);
        if let Some(rest) = strip(name, b"RTMIN") {
            let above = if rest.is_empty() { 0 } else { number(rest.strip_prefix(b"+")?)? };
            return Signal::real_time(u32::from(RTMIN).checked_add(above)?);
        }
        if let Some(rest) = strip(name, b"RTMAX") {
            let below = if rest.is_empty() { 0 } else { number(rest.strip_prefix(b"-")?)? };
            return Signal::real_time(u32::from(RTMAX).checked_sub(below)?);
        }
        let mut names = NAMES.iter();
        let (number, _) = names.find(|(_, known)| same(name, cut(known, 0).0))?;
        Some(Signal(*number))
    }

    fn real_time(number: u32) -> Option<Signal> {
        if number < u32::from(RTMIN) { None } else { Signal::new(i32::try_from(number).ok()?) }
    }
}

/// `text` without `prefix`, in whatever case it is written.
fn strip<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    same(head, prefix).then_some(rest)
}

/// `SIGTERM`, `SIGRTMIN+3`; 32 and 33, which have no name, as `signal 32`.
impl Piece for Signal {
    fn write(&self, line: &mut Line) {
        if let Some((_, name)) = NAMES.iter().find(|(number, _)| *number == self.0) {
            line.push(b"SIG");
            line.push(cut(name, 0).0);
            return;
        }
        let (words, number): (&[u8], _) = match self.0.checked_sub(RTMIN) {
            None => (b"signal ", self.0),
            Some(0) => return line.push(b"SIGRTMIN"),
            Some(above) => (b"SIGRTMIN+", above),
        };
        line.push(words);
        u32::from(number).write(line);
    }
}

impl Display for Signal {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        display(self, f)
    }
}

/// A set of signals, laid out as the kernel's `sigset_t`: signal n is bit n - 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct SignalSet(u64);

impl SignalSet {
    /// No signal.
    pub const EMPTY: SignalSet = SignalSet(0);
    /// All 64.
    pub const ALL: SignalSet = SignalSet(u64::MAX);

    /// The same set without `signal`.
    #[must_use]
    pub const fn without(self, signal: Signal) -> SignalSet {
        SignalSet(self.0 & !bit(signal))
    }

    /// The same set with `signal`.
    #[must_use]
    pub const fn with(self, signal: Signal) -> SignalSet {
        SignalSet(self.0 | bit(signal))
    }

    /// Whether `signal` is in it.
    #[must_use]
    pub const fn contains(self, signal: Signal) -> bool {
        self.0 & bit(signal) != 0
    }
}

const fn bit(signal: Signal) -> u64 {
    // The kernel's set is an array of `unsigned long`, the lowest signals first.
    let halves_swapped = cfg!(all(target_pointer_width = "32", target_endian = "big"));
    let place = signal.0.wrapping_sub(1) as u32;
    1u64.wrapping_shl(if halves_swapped { place ^ 32 } else { place })
}

/// What each signal is replaced by on its way to the program (`-r`).
///
/// Starts as the identity, without a table: most runs never rewrite anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Rewrite {
    /// For signal n, at n - 1: `KEEP`, `DROP`, or the number to send instead.
    rules: Option<[u8; RTMAX as usize]>,
}

const KEEP: u8 = u8::MAX;
const DROP: u8 = 0;

impl Rewrite {
    /// From now on `from` is passed on as `to`, or not at all. The last rule for
    /// a signal counts.
    pub fn set(&mut self, from: Signal, to: Option<Signal>) {
        let rules = self.rules.get_or_insert([KEEP; RTMAX as usize]);
        if let Some(rule) = rules.get_mut(usize::from(from.0).wrapping_sub(1)) {
            *rule = to.map_or(DROP, Signal::number);
        }
    }

    /// The terminal's stop signals are passed on as SIGSTOP, unless there is a rule
    /// for them: in a session of its own the program is an orphaned process group, for
    /// which the kernel ignores them (`setpgid(2)`).
    pub fn stop_for_sure(&mut self) {
        for signal in [Signal::TSTP, Signal::TTIN, Signal::TTOU] {
            if self.apply(signal) == Some(signal) {
                self.set(signal, Some(Signal::STOP));
            }
        }
    }

    /// What to send when `signal` came; `None`: it is dropped.
    #[must_use]
    pub fn apply(&self, signal: Signal) -> Option<Signal> {
        let rules = self.rules.as_ref();
        match rules.and_then(|rules| rules.get(usize::from(signal.0).wrapping_sub(1))) {
            None | Some(&KEEP) => Some(signal),
            Some(&rule) => Signal::new(i32::from(rule)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::format;
    use std::string::ToString;

    #[test]
    fn every_printed_name_is_understood() {
        for n in 1..=64 {
            let signal = Signal::new(n).unwrap();
            let printed = signal.to_string();
            let name = printed.strip_prefix("signal ").unwrap_or(&printed);
            assert_eq!(Signal::parse(name.as_bytes()), Some(signal), "{printed}");
            assert_eq!(Signal::parse(name.to_lowercase().as_bytes()), Some(signal));
            assert_eq!(Signal::parse(name.trim_start_matches("SIG").as_bytes()), Some(signal));
        }
    }

    #[test]
    fn aliases_and_both_ends_of_the_real_time_range() {
        for (text, number) in [
            ("IOT", 6),
            ("cld", 17),
            ("SIGPOLL", 29),
            ("RTMIN", 34),
            ("SIGRTMIN+0", 34),
            ("RTMIN+30", 64),
            ("RTMAX", 64),
            ("rtmax-30", 34),
        ] {
            assert_eq!(Signal::parse(text.as_bytes()), Signal::new(number), "{text}");
        }
        for text in [
            "",
            "0",
            "65",
            "-1",
            "+1",
            "SIG",
            "SIGSIGTERM",
            "TERM ",
            " TERM",
            "RTMIN+31",
            "RTMIN-1",
            "RTMAX-31",
            "RTMAX+1",
            "RTMIN+",
            "RTMIN3",
            "4294967297",
            "99999999999999999999",
        ] {
            assert_eq!(Signal::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_accepts_only_what_it_prints(text: std::vec::Vec<u8>) {
            if let Some(signal) = Signal::parse(&text) {
                prop_assert!((1..=64).contains(&signal.number()));
            }
        }

        #[test]
        fn numbers_1_to_64_and_no_others(n in -1000i32..1000) {
            let parsed = Signal::parse(format!("{n}").as_bytes());
            prop_assert_eq!(parsed, Signal::new(n));
            prop_assert_eq!(parsed.is_some(), (1..=64).contains(&n));
        }

        #[test]
        fn the_last_rule_for_a_signal_counts(rules: std::vec::Vec<(u8, u8)>) {
            let mut rewrite = Rewrite::default();
            let mut expected = std::collections::BTreeMap::new();
            for (from, to) in rules {
                let from = Signal::new(i32::from(from % 64) + 1).unwrap();
                let to = Signal::new(i32::from(to % 65));
                rewrite.set(from, to);
                expected.insert(from, to);
            }
            for n in 1..=64 {
                let signal = Signal::new(n).unwrap();
                prop_assert_eq!(rewrite.apply(signal), *expected.get(&signal).unwrap_or(&Some(signal)));
            }
        }

        #[test]
        fn a_set_holds_what_was_put_in(numbers: std::collections::BTreeSet<u8>) {
            let numbers: std::collections::BTreeSet<i32> =
                numbers.into_iter().map(|n| i32::from(n % 64) + 1).collect();
            let set = numbers.iter().fold(SignalSet::EMPTY, |s, n| s.with(Signal::new(*n).unwrap()));
            for n in 1..=64 {
                let signal = Signal::new(n).unwrap();
                prop_assert_eq!(set.contains(signal), numbers.contains(&n));
                prop_assert!(!set.without(signal).contains(signal));
            }
        }
    }
}
