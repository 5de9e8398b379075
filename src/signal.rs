//! Signals by number and by name, and sets of them.
//!
//! Numbers are the kernel's: 1..=64, with the real-time ones from 32 on. The C
//! libraries keep 32 and 33 to themselves and call 34 `SIGRTMIN`; people who write
//! `RTMIN+3` mean the latter, so names count from 34 while numbers reach all 64.
//! Knows nothing of system calls.

use core::fmt::{self, Display, Formatter};
use core::num::NonZeroU8;

use crate::packed::text;
use crate::sys::{Table, Text, table};
use crate::text::{Line, Piece, display, take_number, take_word, without_prefix};

/// One signal, 1..=64 (`signal(7)`; the kernel's `_NSIG` is 64 on every
/// architecture this crate builds for).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Signal(NonZeroU8);

/// What people call `SIGRTMIN`: the first real-time signal that the C library
/// leaves to programs (`signal(7)`, "Real-time signals").
const RTMIN: u8 = 34;
/// `SIGRTMAX`, the last signal there is.
const RTMAX: u8 = 64;

/// The names, without `SIG`. The first name of a number is the one that is printed,
/// later ones are understood.
const NAMES: Table = table!(&[
    (libc::SIGHUP as u8, "HUP"),
    (libc::SIGINT as u8, "INT"),
    (libc::SIGQUIT as u8, "QUIT"),
    (libc::SIGILL as u8, "ILL"),
    (libc::SIGTRAP as u8, "TRAP"),
    (libc::SIGABRT as u8, "ABRT"),
    (libc::SIGBUS as u8, "BUS"),
    (libc::SIGFPE as u8, "FPE"),
    (libc::SIGKILL as u8, "KILL"),
    (libc::SIGUSR1 as u8, "USR1"),
    (libc::SIGSEGV as u8, "SEGV"),
    (libc::SIGUSR2 as u8, "USR2"),
    (libc::SIGPIPE as u8, "PIPE"),
    (libc::SIGALRM as u8, "ALRM"),
    (libc::SIGTERM as u8, "TERM"),
    (libc::SIGSTKFLT as u8, "STKFLT"),
    (libc::SIGCHLD as u8, "CHLD"),
    (libc::SIGCONT as u8, "CONT"),
    (libc::SIGSTOP as u8, "STOP"),
    (libc::SIGTSTP as u8, "TSTP"),
    (libc::SIGTTIN as u8, "TTIN"),
    (libc::SIGTTOU as u8, "TTOU"),
    (libc::SIGURG as u8, "URG"),
    (libc::SIGXCPU as u8, "XCPU"),
    (libc::SIGXFSZ as u8, "XFSZ"),
    (libc::SIGVTALRM as u8, "VTALRM"),
    (libc::SIGPROF as u8, "PROF"),
    (libc::SIGWINCH as u8, "WINCH"),
    (libc::SIGIO as u8, "IO"),
    (libc::SIGPWR as u8, "PWR"),
    (libc::SIGSYS as u8, "SYS"),
    (libc::SIGABRT as u8, "IOT"),
    (libc::SIGCHLD as u8, "CLD"),
    (libc::SIGIO as u8, "POLL"),
    (RTMIN, "RTMIN"),
    (RTMAX, "RTMAX"),
]);

#[allow(missing_docs, reason = "they are named as signal(7) names them")]
impl Signal {
    pub const HUP: Signal = Signal::constant(libc::SIGHUP);
    pub const INT: Signal = Signal::constant(libc::SIGINT);
    pub const QUIT: Signal = Signal::constant(libc::SIGQUIT);
    pub const KILL: Signal = Signal::constant(libc::SIGKILL);
    pub const TERM: Signal = Signal::constant(libc::SIGTERM);
    pub const CHLD: Signal = Signal::constant(libc::SIGCHLD);
    pub const CONT: Signal = Signal::constant(libc::SIGCONT);
    pub const STOP: Signal = Signal::constant(libc::SIGSTOP);
    pub const TSTP: Signal = Signal::constant(libc::SIGTSTP);
    pub const TTIN: Signal = Signal::constant(libc::SIGTTIN);
    pub const TTOU: Signal = Signal::constant(libc::SIGTTOU);
    pub const WINCH: Signal = Signal::constant(libc::SIGWINCH);
    pub const LAST: Signal = Signal::constant(RTMAX as i32);
}

impl Signal {
    /// The signal with this number, if it is one of 1..=64.
    #[must_use]
    pub const fn new(number: i32) -> Option<Signal> {
        match NonZeroU8::new(number as u8) {
            Some(small) if number >= 1 && number <= RTMAX as i32 => Some(Signal(small)),
            _ => None,
        }
    }

    const fn constant(number: i32) -> Signal {
        Signal::new(number).unwrap()
    }

    /// Its number, 1..=64.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0.get()
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
    pub fn parse(mut text: Text) -> Option<Signal> {
        Signal::take(&mut text).filter(|_| text.is_empty())
    }

    /// The same from the front of `text`, up to what is no part of it.
    pub(crate) fn take(text: &mut Text) -> Option<Signal> {
        if text.first().is_ascii_digit() {
            return Signal::new(take_number(text)? as i32);
        }
        if let Some(name) = without_prefix(*text, Text::from(c"SIG")) {
            *text = name;
        }
        let mut number = take_word(text, NAMES)?;
        let sign = if number == RTMIN { b'+' } else { b'-' };
        if (number == RTMIN || number == RTMAX) && text.take(sign) {
            let offset = u8::try_from(take_number(text)?).ok().filter(|offset| *offset <= RTMAX - RTMIN)?;
            number = if number == RTMIN { RTMIN.wrapping_add(offset) } else { RTMAX.wrapping_sub(offset) };
        }
        Signal::new(number.into())
    }
}

/// `SIGTERM`, `SIGRTMIN+3`; 32 and 33, which have no name, as `signal 32`.
impl Piece for Signal {
    fn write(&self, line: &mut Line) {
        let number = self.number();
        let Some(name) = NAMES.row(number.min(RTMIN)) else {
            line.add(text!("signal "));
            return u32::from(number).write(line);
        };
        line.add(text!("SIG"));
        line.add(name);
        if number > RTMIN {
            line.add(text!("+"));
            u32::from(number.wrapping_sub(RTMIN)).write(line);
        }
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
    let place = signal.number().wrapping_sub(1) as u32;
    1u64.wrapping_shl(if halves_swapped { place ^ 32 } else { place })
}

/// What each signal is replaced by on its way to the program (`-r`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Rewrite {
    /// For signal n, at n: how the bits of the number to send instead differ from those
    /// of n. So 0 keeps it, and what makes 0 of it drops it.
    rules: [u8; RTMAX as usize + 1],
}

impl Default for Rewrite {
    fn default() -> Rewrite {
        Rewrite { rules: [0; RTMAX as usize + 1] }
    }
}

impl Rewrite {
    /// From now on `from` is passed on as `to`, or not at all. The last rule for
    /// a signal counts.
    pub fn set(&mut self, from: Signal, to: Option<Signal>) {
        if let Some(rule) = self.rules.get_mut(usize::from(from.number())) {
            *rule = from.number() ^ to.map_or(0, Signal::number);
        }
    }

    /// The terminal's stop signals are passed on as SIGSTOP, unless there is a rule
    /// for them: in a session of its own the program is an orphaned process group, for
    /// which the kernel ignores them (`setpgid(2)`).
    pub fn stop_for_sure(&mut self) {
        for signal in &[Signal::TSTP, Signal::TTIN, Signal::TTOU] {
            if self.apply(*signal) == Some(*signal) {
                self.set(*signal, Some(Signal::STOP));
            }
        }
    }

    /// What to send when `signal` came; `None`: it is dropped.
    #[must_use]
    pub fn apply(&self, signal: Signal) -> Option<Signal> {
        let rule = self.rules.get(usize::from(signal.number()))?;
        NonZeroU8::new(signal.number() ^ rule).map(Signal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::CString;
    use std::format;
    use std::string::ToString;

    fn parsed(text: &str) -> Option<Signal> {
        Signal::parse(Text::from(&CString::new(text).unwrap()))
    }

    #[test]
    fn every_printed_name_is_understood() {
        for n in 1..=64 {
            let signal = Signal::new(n).unwrap();
            let printed = signal.to_string();
            let name = printed.strip_prefix("signal ").unwrap_or(&printed);
            assert_eq!(parsed(name), Some(signal), "{printed}");
            assert_eq!(parsed(&name.to_lowercase()), Some(signal));
            assert_eq!(parsed(name.trim_start_matches("SIG")), Some(signal));
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
            assert_eq!(parsed(text), Signal::new(number), "{text}");
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
            assert_eq!(parsed(text), None, "{text:?}");
        }
    }

    /// The kernel's set is an array of `unsigned long` (`sigset_t` in `<asm/signal.h>`).
    #[test]
    fn a_set_is_laid_out_as_the_kernels() {
        const SIZE: usize = size_of::<libc::c_ulong>();
        for n in 1..=64usize {
            let SignalSet(bits) = SignalSet::EMPTY.with(Signal::new(n as i32).unwrap());
            let (word, bit) = ((n - 1) / (8 * SIZE), (n - 1) % (8 * SIZE));
            let bytes = bits.to_ne_bytes();
            let word = bytes[word * SIZE..][..SIZE].try_into().unwrap();
            assert_eq!(libc::c_ulong::from_ne_bytes(word), 1 << bit, "{n}");
            assert_eq!(bits.count_ones(), 1);
        }
    }

    #[test]
    fn the_terminals_stop_signals_become_stop_unless_there_is_a_rule() {
        let [tstp, ttin, ttou] = [Signal::TSTP, Signal::TTIN, Signal::TTOU];
        let mut rewrite = Rewrite::default();
        rewrite.set(tstp, Some(Signal::HUP));
        rewrite.set(ttin, None);
        rewrite.stop_for_sure();
        let given = [tstp, ttin, ttou, Signal::INT].map(|signal| rewrite.apply(signal));
        assert_eq!(given, [Some(Signal::HUP), None, Some(Signal::STOP), Some(Signal::INT)]);
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_accepts_only_what_it_prints(text in "[^\\x00]*") {
            if let Some(signal) = parsed(&text) {
                prop_assert!((1..=64).contains(&signal.number()));
            }
        }

        #[test]
        fn numbers_1_to_64_and_no_others(n in -1000i32..1000) {
            let parsed = parsed(&format!("{n}"));
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
