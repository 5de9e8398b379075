//! The policy of a run: what is done when a signal comes, when the program ends,
//! when time is up. A pure state machine: events in, actions out.
//!
//! ```text
//! Running --stop signal--> Stopping --program ends--> Draining --nobody left--> exit
//!    \------------------program ends----------------/        \--deadline--> Killing --> exit
//! ```
//!
//! It knows no system call, no process and no clock but the one handed in, so that
//! every run that can happen can also be tried in a test. What it must never do:
//! have a process killed that was not asked first, put a deadline off once it is
//! set, exit with another code than the program's.

use crate::exit::ExitCode;
use crate::signal::{Rewrite, Signal};

/// How long the rest may take once the program has ended, if no grace period says
/// otherwise. Long enough for a clean-up that was told to hurry, short enough that
/// nobody asks why the container is still there.
pub const DRAIN_LIMIT: Span = Span::from_millis(2_000);

/// How long to wait for the end of what was sent SIGKILL. Only a process in an
/// uninterruptible system call needs more, and that may take for ever.
pub const KILL_LIMIT: Span = Span::from_millis(2_000);

/// A length of time, in nanoseconds. What does not fit, 584 years, is for ever.
///
/// Not `core`'s `Duration`: its two parts are normalised with a division at each
/// step, and that is a good part of a kilobyte in the binary.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Span(u64);

impl Span {
    /// No time.
    pub const ZERO: Span = Span(0);

    /// That many nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanoseconds: u64) -> Span {
        Span(nanoseconds)
    }

    /// That many milliseconds.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Span {
        Span(milliseconds.saturating_mul(1_000_000))
    }

    /// In nanoseconds.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
}

impl From<core::time::Duration> for Span {
    fn from(duration: core::time::Duration) -> Span {
        Span(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

/// A point in monotonic time, as the time since a beginning that never changes
/// (`clock_gettime(2)`, CLOCK_MONOTONIC).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Instant(Span);

impl Instant {
    /// The point that long after the beginning.
    #[must_use]
    pub const fn new(since_beginning: Span) -> Instant {
        Instant(since_beginning)
    }

    /// The point `span` later, or the end of time.
    #[must_use]
    pub const fn after(self, span: Span) -> Instant {
        Instant(Span(self.0.0.saturating_add(span.0)))
    }

    /// The time from here to `later`; none if that is past.
    #[must_use]
    pub const fn until(self, later: Instant) -> Span {
        Span(later.0.0.saturating_sub(self.0.0))
    }
}

/// Where the time comes from. Asked only when it matters, since asking costs.
pub trait Clock {
    /// The present.
    fn now(&self) -> Instant;
}

/// What the supervisor is set up with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policy {
    /// How long a shutdown may take (`-t`). `None`: no limit for the program, and
    /// [`DRAIN_LIMIT`] for the rest. Zero: the rest is not waited for.
    pub grace_period: Option<Span>,
    /// Which signals are passed on as others (`-r`).
    pub rewrite: Rewrite,
}

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// The init received this signal.
    Signal(Signal),
    /// The program ended, with what would be its exit code.
    ProgramEnded(ExitCode),
    /// The rest was told by an action and somebody is left. Also sent whenever it is
    /// found out again; only the first time counts.
    SomebodyLeft,
    /// No process but the init is left.
    NobodyLeft,
    /// The time of [`Supervisor::deadline`] has come.
    Deadline,
}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Wait for the next event.
    Wait,
    /// Send this signal to the program.
    Forward(Signal),
    /// Send SIGTERM and SIGCONT to all processes that are left, and tell if there
    /// were any.
    AskTheRest,
    /// Send SIGKILL to all processes that are left, the program included.
    KillTheRest,
    /// Exit with this code.
    Exit(ExitCode),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
enum State {
    /// The program runs and nobody wants it to end; or no deadline was set for it.
    Running,
    /// The program was asked to end by this time.
    Stopping { deadline: Instant },
    /// The program has ended. The deadline stands from the stop signal or is set
    /// when it turns out that somebody is left.
    Draining { code: u8, deadline: Option<Instant> },
    /// Everybody was sent SIGKILL. The code is the program's, once it has ended.
    Killing { code: Option<u8>, deadline: Instant },
}

/// The state of one run.
#[derive(Clone, Copy, Debug)]
pub struct Supervisor {
    policy: Policy,
    state: State,
}

impl Supervisor {
    /// The program has just been started.
    #[must_use]
    pub const fn new(policy: Policy) -> Supervisor {
        Supervisor { policy, state: State::Running }
    }

    /// When [`Event::Deadline`] is due, if ever.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Running => None,
            State::Draining { deadline, .. } => deadline,
            State::Stopping { deadline } | State::Killing { deadline, .. } => Some(deadline),
        }
    }

    /// Takes in what happened and says what to do about it.
    pub fn on(&mut self, event: Event, clock: &impl Clock) -> Action {
        match event {
            Event::Signal(signal) => self.on_signal(signal, clock),
            Event::ProgramEnded(code) => self.on_program_ended(code),
            Event::SomebodyLeft => self.on_somebody_left(clock),
            Event::NobodyLeft => self.on_nobody_left(),
            Event::Deadline => self.on_deadline(clock),
        }
    }

    fn on_signal(&mut self, received: Signal, clock: &impl Clock) -> Action {
        let Some(signal) = self.policy.rewrite.apply(received) else { return Action::Wait };
        match self.state {
            State::Running => {
                if let Some(grace) = self.policy.grace_period
                    && grace != Span::ZERO
                    && asks_to_stop(received, signal)
                {
                    self.state = State::Stopping { deadline: clock.now().after(grace) };
                }
                Action::Forward(signal)
            }
            State::Stopping { .. } => Action::Forward(signal),
            // The program has ended, or was sent SIGKILL: nobody to pass it on to.
            State::Draining { .. } | State::Killing { .. } => Action::Wait,
        }
    }

    fn on_program_ended(&mut self, code: ExitCode) -> Action {
        let deadline = match self.state {
            State::Running => None,
            State::Stopping { deadline } => Some(deadline),
            State::Killing { deadline, .. } => {
                self.state = State::Killing { code: Some(code.get()), deadline };
                return Action::Wait;
            }
            State::Draining { .. } => return Action::Wait,
        };
        if self.policy.grace_period == Some(Span::ZERO) {
            return Action::Exit(code);
        }
        self.state = State::Draining { code: code.get(), deadline };
        Action::AskTheRest
    }

    fn on_somebody_left(&mut self, clock: &impl Clock) -> Action {
        if let State::Draining { code, deadline: None } = self.state {
            let limit = self.policy.grace_period.unwrap_or(DRAIN_LIMIT);
            self.state = State::Draining { code, deadline: Some(clock.now().after(limit)) };
        }
        Action::Wait
    }

    fn on_nobody_left(&mut self) -> Action {
        match self.state {
            State::Draining { code, .. } => Action::Exit(ExitCode::new(code)),
            State::Killing { code: Some(code), .. } => Action::Exit(ExitCode::new(code)),
            // The program is still to be collected.
            State::Killing { code: None, .. } | State::Running | State::Stopping { .. } => Action::Wait,
        }
    }

    fn on_deadline(&mut self, clock: &impl Clock) -> Action {
        let code = match self.state {
            State::Running => return Action::Wait,
            State::Stopping { .. } => None,
            State::Draining { deadline: None, .. } => return Action::Wait,
            State::Draining { code, .. } => Some(code),
            // Not even SIGKILL ended them; whoever is still the program was killed.
            State::Killing { code, .. } => {
                return Action::Exit(code.map_or(KILLED, ExitCode::new));
            }
        };
        self.state = State::Killing { code, deadline: clock.now().after(KILL_LIMIT) };
        Action::KillTheRest
    }
}

const KILLED: ExitCode = ExitCode::new(128 + Signal::KILL.number());

/// Whether the container was asked to end: the program is given TERM, INT or QUIT,
/// or something else was made of a TERM, which engines send for nothing but that.
fn asks_to_stop(received: Signal, given: Signal) -> bool {
    received == Signal::TERM || given.asks_to_stop()
}
