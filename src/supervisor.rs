//! The policy of a run: what is done when a signal comes, when the program ends,
//! when time is up. A pure state machine: events in, actions out.
//!
//! ```text
//! Running --stop signal--> Stopping --program ends--> Draining --nobody left--> exit
//!    | |                       \----------deadline-------- \----deadline--> Killing --> exit
//!    | \-------------------program ends-----------------> Draining
//!    \--program ends, but all are waited for--> Lingering --nobody left--> exit
//!                                                   \--stop signal--> Stopping
//! ```
//!
//! It knows no system call, no process and no clock but the one handed in, so that
//! every run that can happen can also be tried in a test. What it must never do:
//! kill those that an ended program left without asking them first, put a deadline off
//! once it is set, exit with another code than the program's.

use core::num::NonZeroU64;

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
///
/// Its lowest bit is always set, at the price of single nanoseconds: never zero, an
/// `Option` of it fits one register, which is 264 bytes less.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Span(NonZeroU64);

impl Span {
    /// No time.
    pub const ZERO: Span = Span::from_nanos(0);

    /// That many nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanoseconds: u64) -> Span {
        match NonZeroU64::new(nanoseconds | 1) {
            Some(odd) => Span(odd),
            None => Span(NonZeroU64::MIN),
        }
    }

    /// That many milliseconds.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Span {
        Span::from_nanos(milliseconds.saturating_mul(1_000_000))
    }

    /// In nanoseconds.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0.get() & !1
    }
}

impl From<core::time::Duration> for Span {
    fn from(duration: core::time::Duration) -> Span {
        Span::from_nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
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
        // Odd and even: with both even there would be two bits to take away.
        Instant(Span::from_nanos(self.0.0.get().saturating_add(span.as_nanos())))
    }

    /// The time from here to `later`; none if that is past.
    #[must_use]
    pub const fn until(self, later: Instant) -> Span {
        Span::from_nanos(later.0.0.get().saturating_sub(self.0.0.get()))
    }
}

/// Where the time comes from. Asked only when it matters, since asking costs.
pub trait Clock {
    /// The present.
    fn now(&self) -> Instant;
}

/// What the supervisor is set up with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[repr(C)]
pub struct Policy {
    /// How long a shutdown may take (`-t`). `None`: no limit for the program, and
    /// [`DRAIN_LIMIT`] for the rest. Zero: the rest is not waited for.
    pub grace_period: Option<Span>,
    /// There is no program: TERM or INT is as if it had ended with 0 (`-P`).
    pub pause: bool,
    /// The program's end is no shutdown: everybody else goes on (`-W`).
    pub wait_all: bool,
    /// Which signals are passed on as others (`-r`). The large one, so that the others
    /// are near.
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
    /// Send this signal to the program or, if it has ended, to all processes that are left.
    Forward(Signal),
    /// The same, and continue whoever of them is stopped, so that he can act on it.
    Stop(Signal),
    /// Find out if any process is left, and tell.
    Look,
    /// Send SIGTERM and SIGCONT to all processes that are left, and tell if there
    /// were any.
    AskTheRest,
    /// Send SIGKILL to all processes that are left, the program included.
    KillTheRest,
    /// Exit with this code.
    Exit(ExitCode),
}

/// What the run has come to, in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
enum Phase {
    /// The program runs and nobody wants it to end.
    Running,
    /// The program has ended, and nobody wants the others to end.
    Lingering,
    /// The program was asked to end, or all others if it has ended, with a grace period by
    /// the deadline.
    Stopping,
    /// The program has ended. The deadline stands from the stop signal or is set
    /// when it turns out that somebody is left.
    Draining,
    /// Everybody was sent SIGKILL.
    Killing,
}

/// The state of one run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(C)]
pub struct Supervisor {
    phase: Phase,
    /// The program's, once it has ended.
    code: Option<ExitCode>,
    deadline: Option<Instant>,
    policy: Policy,
}

impl Supervisor {
    /// The program has just been started.
    #[must_use]
    pub const fn new(policy: Policy) -> Supervisor {
        Supervisor { phase: Phase::Running, code: None, deadline: None, policy }
    }

    /// When [`Event::Deadline`] is due, if ever.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether nothing but the program matters, and no shutdown is going on: whoever else
    /// ends may be collected by anybody.
    #[must_use]
    pub fn minds_program_alone(&self) -> bool {
        self.phase == Phase::Running && !self.policy.wait_all
    }

    /// Whether it matters if anybody is left: the program has ended, or a pause is over.
    #[must_use]
    pub fn minds_the_last(&self) -> bool {
        self.code.is_some()
    }

    /// Whether a shutdown is going on.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.phase >= Phase::Stopping
    }

    /// Whether those that are left were asked to end, and whether they were killed.
    #[must_use]
    pub fn asked_and_killed(&self) -> (bool, bool) {
        (self.is_stopping() && self.code.is_some(), self.phase == Phase::Killing)
    }

    /// A shutdown is to be over at `until`: of the next one that is the grace period,
    /// one that goes on gets no more time than that. A deadline is never put off.
    pub fn limit(&mut self, until: Instant, clock: &impl Clock) {
        match self.phase {
            Phase::Running | Phase::Lingering => {
                // Zero would mean that nobody is waited for, nor killed.
                let left = clock.now().until(until).max(Span::from_millis(1));
                self.policy.grace_period = Some(left);
            }
            Phase::Stopping | Phase::Draining => {
                self.deadline = Some(self.deadline.map_or(until, |deadline| deadline.min(until)));
            }
            Phase::Killing => {}
        }
    }

    /// Takes in what happened and says what to do about it.
    pub fn on(&mut self, event: Event, clock: &impl Clock) -> Action {
        match event {
            Event::Signal(signal) => self.on_signal(signal, clock),
            Event::ProgramEnded(code) => self.on_program_ended(code),
            Event::SomebodyLeft => self.on_somebody_left(clock),
            // If the program is still to be collected, its end will be told.
            Event::NobodyLeft => self.code.map_or(Action::Wait, Action::Exit),
            Event::Deadline => self.on_deadline(clock),
        }
    }

    #[inline(never)]
    fn on_signal(&mut self, received: Signal, clock: &impl Clock) -> Action {
        let Some(signal) = self.policy.rewrite.apply(received) else { return Action::Wait };
        match self.phase {
            Phase::Running if self.policy.pause => match (received, signal) {
                // Others may be here all the same: the orphans, the containers of a pod.
                (Signal::TERM | Signal::INT, _) | (_, Signal::TERM | Signal::INT) => {
                    self.shut_down(ExitCode::SUCCESS)
                }
                _ => Action::Wait,
            },
            Phase::Running | Phase::Lingering | Phase::Stopping => {
                if !asks_to_stop(received, signal) {
                    return Action::Forward(signal);
                }
                if self.phase != Phase::Stopping {
                    self.phase = Phase::Stopping;
                    if let Some(limit) = self.policy.grace_period.filter(|grace| *grace != Span::ZERO) {
                        self.set_deadline(limit, clock);
                    }
                }
                Action::Stop(signal)
            }
            // All that are left were sent SIGTERM or SIGKILL.
            Phase::Draining | Phase::Killing => Action::Wait,
        }
    }

    fn on_program_ended(&mut self, code: ExitCode) -> Action {
        match self.phase {
            Phase::Running if self.policy.wait_all => {
                self.code = Some(code);
                self.phase = Phase::Lingering;
                Action::Look
            }
            Phase::Running | Phase::Stopping => self.shut_down(code),
            Phase::Killing => {
                self.code = Some(code);
                Action::Wait
            }
            Phase::Lingering | Phase::Draining => Action::Wait,
        }
    }

    /// The program has ended with `code`, and so shall everybody else.
    fn shut_down(&mut self, code: ExitCode) -> Action {
        if self.policy.grace_period == Some(Span::ZERO) {
            return Action::Exit(code);
        }
        self.code = Some(code);
        self.phase = Phase::Draining;
        Action::AskTheRest
    }

    fn on_somebody_left(&mut self, clock: &impl Clock) -> Action {
        match self.phase {
            Phase::Draining if self.deadline.is_none() => {
                self.set_deadline(self.policy.grace_period.unwrap_or(DRAIN_LIMIT), clock);
                Action::Wait
            }
            // Whoever was started by one that was killed, before it died.
            Phase::Killing => Action::KillTheRest,
            _ => Action::Wait,
        }
    }

    fn on_deadline(&mut self, clock: &impl Clock) -> Action {
        if self.deadline.is_none() {
            return Action::Wait;
        }
        if self.phase == Phase::Killing {
            // Not even SIGKILL ended them; whoever is still the program was killed.
            return Action::Exit(self.code.unwrap_or(KILLED));
        }
        self.phase = Phase::Killing;
        self.set_deadline(KILL_LIMIT, clock);
        Action::KillTheRest
    }

    fn set_deadline(&mut self, limit: Span, clock: &impl Clock) {
        self.deadline = Some(clock.now().after(limit));
    }
}

const KILLED: ExitCode = ExitCode::new(128 + Signal::KILL.number());

/// Whether the container was asked to end: the program is given TERM, INT or QUIT,
/// or something else was made of a TERM, which engines send for nothing but that.
fn asks_to_stop(received: Signal, given: Signal) -> bool {
    received == Signal::TERM || given.asks_to_stop()
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;
    use proptest::prelude::*;
    use std::vec::Vec;

    /// A clock that a test sets.
    struct Watch(Cell<u64>);

    impl Watch {
        fn at(milliseconds: u64) -> Watch {
            let watch = Watch(Cell::new(0));
            watch.set(milliseconds);
            watch
        }

        fn set(&self, milliseconds: u64) {
            self.0.set(milliseconds * 1_000_000);
        }
    }

    impl Clock for Watch {
        fn now(&self) -> Instant {
            Instant::new(Span::from_nanos(self.0.get()))
        }
    }

    fn with_grace(milliseconds: Option<u64>) -> Supervisor {
        Supervisor::new(Policy {
            grace_period: milliseconds.map(Span::from_millis),
            rewrite: Rewrite::default(),
            ..Policy::default()
        })
    }

    fn instant(milliseconds: u64) -> Option<Instant> {
        Some(Instant::new(Span::from_millis(milliseconds)))
    }

    const THREE: ExitCode = ExitCode::new(3);

    #[test]
    fn alone_at_the_end_it_exits_at_once() {
        let (mut supervisor, watch) = (with_grace(None), Watch::at(0));
        assert_eq!(supervisor.on(Event::ProgramEnded(THREE), &watch), Action::AskTheRest);
        assert_eq!(supervisor.deadline(), None);
        assert_eq!(supervisor.on(Event::NobodyLeft, &watch), Action::Exit(THREE));
    }

    #[test]
    fn the_rest_has_two_seconds_from_the_programs_end() {
        let (mut supervisor, watch) = (with_grace(None), Watch::at(500));
        assert_eq!(supervisor.on(Event::Signal(Signal::TERM), &watch), Action::Stop(Signal::TERM));
        assert_eq!(supervisor.deadline(), None, "without a grace period the program has no limit");
        watch.set(9000);
        supervisor.on(Event::ProgramEnded(THREE), &watch);
        assert_eq!(supervisor.on(Event::SomebodyLeft, &watch), Action::Wait);
        assert_eq!(supervisor.deadline(), instant(11_000));
        watch.set(11_000);
        assert_eq!(supervisor.on(Event::Deadline, &watch), Action::KillTheRest);
        assert_eq!(supervisor.on(Event::NobodyLeft, &watch), Action::Exit(THREE));
    }

    #[test]
    fn the_grace_period_starts_at_the_stop_signal_and_covers_the_rest() {
        let (mut supervisor, watch) = (with_grace(Some(5000)), Watch::at(1000));
        supervisor.on(Event::Signal(Signal::TERM), &watch);
        assert_eq!(supervisor.deadline(), instant(6000));
        watch.set(4000);
        assert_eq!(supervisor.on(Event::Signal(Signal::TERM), &watch), Action::Stop(Signal::TERM));
        supervisor.on(Event::ProgramEnded(THREE), &watch);
        supervisor.on(Event::SomebodyLeft, &watch);
        assert_eq!(supervisor.deadline(), instant(6000), "neither another signal nor the end puts it off");
    }

    #[test]
    fn a_program_that_does_not_end_in_time_is_killed_and_its_code_told() {
        let (mut supervisor, watch) = (with_grace(Some(5000)), Watch::at(0));
        supervisor.on(Event::Signal(Signal::INT), &watch);
        watch.set(5000);
        assert_eq!(supervisor.on(Event::Deadline, &watch), Action::KillTheRest);
        assert_eq!(
            supervisor.on(Event::SomebodyLeft, &watch),
            Action::KillTheRest,
            "those that forked meanwhile"
        );
        assert_eq!(supervisor.on(Event::ProgramEnded(KILLED), &watch), Action::Wait);
        assert_eq!(supervisor.on(Event::NobodyLeft, &watch), Action::Exit(KILLED));
    }

    #[test]
    fn what_does_not_die_of_sigkill_is_left_to_the_kernel() {
        let (mut supervisor, watch) = (with_grace(Some(5000)), Watch::at(0));
        supervisor.on(Event::Signal(Signal::INT), &watch);
        watch.set(5000);
        supervisor.on(Event::Deadline, &watch);
        assert_eq!(supervisor.deadline(), instant(7000));
        watch.set(7000);
        assert_eq!(supervisor.on(Event::Deadline, &watch), Action::Exit(KILLED));
    }

    #[test]
    fn a_grace_period_of_zero_means_no_waiting_and_no_killing() {
        let (mut supervisor, watch) = (with_grace(Some(0)), Watch::at(0));
        assert_eq!(supervisor.on(Event::Signal(Signal::TERM), &watch), Action::Stop(Signal::TERM));
        assert_eq!(supervisor.deadline(), None);
        assert_eq!(supervisor.on(Event::ProgramEnded(THREE), &watch), Action::Exit(THREE));
    }

    #[test]
    fn a_limit_shortens_a_shutdown_and_never_puts_it_off() {
        for grace in [None, Some(0), Some(5000)] {
            let (mut supervisor, watch) = (with_grace(grace), Watch::at(1000));
            supervisor.limit(instant(1500).unwrap(), &watch);
            assert_eq!(supervisor.deadline(), None, "nobody wants the program to end yet");
            supervisor.on(Event::Signal(Signal::TERM), &watch);
            assert_eq!(supervisor.deadline(), instant(1500), "{grace:?}");
            supervisor.limit(instant(9000).unwrap(), &watch);
            assert_eq!(supervisor.deadline(), instant(1500), "{grace:?}");
            supervisor.limit(instant(1200).unwrap(), &watch);
            supervisor.on(Event::ProgramEnded(THREE), &watch);
            assert_eq!(supervisor.deadline(), instant(1200), "{grace:?}");
            watch.set(1200);
            assert_eq!(supervisor.on(Event::Deadline, &watch), Action::KillTheRest);
        }
        let (mut supervisor, watch) = (with_grace(None), Watch::at(1000));
        supervisor.limit(instant(500).unwrap(), &watch);
        supervisor.on(Event::Signal(Signal::TERM), &watch);
        assert!(supervisor.deadline().is_some(), "over already is not for ever");
    }

    #[test]
    fn what_starts_the_deadline() {
        let usr1 = Signal::new(10).unwrap();
        for (received, rule, starts) in [
            (Signal::TERM, None, true),
            (Signal::INT, None, true),
            (Signal::QUIT, None, true),
            (usr1, None, false),
            (usr1, Some(Some(Signal::QUIT)), true),
            (Signal::TERM, Some(Some(usr1)), true),
            (Signal::INT, Some(Some(usr1)), false),
            (Signal::TERM, Some(None), false),
        ] {
            let mut policy = Policy {
                grace_period: Some(Span::from_millis(1)),
                rewrite: Rewrite::default(),
                ..Policy::default()
            };
            if let Some(to) = rule {
                policy.rewrite.set(received, to);
            }
            let mut supervisor = Supervisor::new(policy);
            supervisor.on(Event::Signal(received), &Watch::at(0));
            assert_eq!(supervisor.deadline().is_some(), starts, "{received} as {rule:?}");
        }
    }

    #[test]
    fn what_asks_to_stop_is_also_for_a_stopped_program() {
        let usr1 = Signal::new(10).unwrap();
        for (received, given, wakes) in [
            (Signal::TERM, Signal::TERM, true),
            (Signal::TERM, usr1, true),
            (usr1, Signal::TERM, true),
            (Signal::QUIT, Signal::QUIT, true),
            (usr1, Signal::INT, true),
            (Signal::INT, usr1, false),
            (usr1, usr1, false),
        ] {
            let mut policy = Policy::default();
            policy.rewrite.set(received, Some(given));
            let action = Supervisor::new(policy).on(Event::Signal(received), &Watch::at(0));
            assert_eq!(action, if wakes { Action::Stop(given) } else { Action::Forward(given) });
        }
    }

    #[test]
    fn others_matter_once_the_program_was_asked_to_end_and_always_if_all_are_waited_for() {
        let mut supervisor = with_grace(None);
        assert!(supervisor.minds_program_alone());
        supervisor.on(Event::Signal(Signal::HUP), &Watch::at(0));
        assert!(supervisor.minds_program_alone());
        supervisor.on(Event::Signal(Signal::TERM), &Watch::at(0));
        assert!(!supervisor.minds_program_alone());
        assert!(!Supervisor::new(Policy { wait_all: true, ..Policy::default() }).minds_program_alone());
    }

    #[test]
    fn a_pause_ends_by_term_or_int_alone() {
        for (signal, action) in [
            (Signal::TERM, Action::AskTheRest),
            (Signal::INT, Action::AskTheRest),
            (Signal::QUIT, Action::Wait),
        ] {
            let mut supervisor = Supervisor::new(Policy { pause: true, ..Policy::default() });
            assert_eq!(supervisor.on(Event::Signal(signal), &Watch::at(0)), action);
            let ended = supervisor.on(Event::NobodyLeft, &Watch::at(0));
            assert_eq!(ended == Action::Exit(ExitCode::SUCCESS), action == Action::AskTheRest);
        }
    }

    #[test]
    fn waiting_for_all_the_programs_end_is_no_shutdown_but_a_stop_signal_is() {
        let policy = Policy { wait_all: true, ..Policy::default() };
        let (mut supervisor, watch) = (Supervisor::new(policy), Watch::at(0));
        assert_eq!(supervisor.on(Event::ProgramEnded(THREE), &watch), Action::Look);
        assert_eq!(supervisor.on(Event::SomebodyLeft, &watch), Action::Wait);
        assert_eq!(supervisor.deadline(), None);
        let mut stopped = supervisor;
        assert_eq!(supervisor.on(Event::NobodyLeft, &watch), Action::Exit(THREE));
        assert_eq!(stopped.on(Event::Signal(Signal::HUP), &watch), Action::Forward(Signal::HUP));
        assert!(!stopped.is_stopping());
        assert_eq!(stopped.on(Event::Signal(Signal::QUIT), &watch), Action::Stop(Signal::QUIT));
        stopped.on(Event::SomebodyLeft, &watch);
        assert_eq!(stopped.deadline(), None, "they have all the time that the program would have");
        assert_eq!(stopped.on(Event::NobodyLeft, &watch), Action::Exit(THREE));

        let policy = Policy { grace_period: Some(Span::from_millis(500)), ..policy };
        let mut bounded = Supervisor::new(policy);
        bounded.on(Event::ProgramEnded(THREE), &watch);
        bounded.on(Event::Signal(Signal::TERM), &watch);
        assert_eq!(bounded.deadline(), instant(500));
        watch.set(500);
        assert_eq!(bounded.on(Event::Deadline, &watch), Action::KillTheRest);
        assert_eq!(bounded.on(Event::NobodyLeft, &watch), Action::Exit(THREE));

        let mut asked_before = Supervisor::new(policy);
        asked_before.on(Event::Signal(Signal::TERM), &watch);
        assert_eq!(asked_before.on(Event::ProgramEnded(THREE), &watch), Action::AskTheRest);
    }

    /// A world for the supervisor: a program and stragglers, whom each event may
    /// change. What it does is checked at every step.
    fn run(grace: Option<u64>, script: Vec<(u8, u64)>) -> Result<(), TestCaseError> {
        let mut supervisor = with_grace(grace);
        let watch = Watch::at(0);
        let (mut time, mut ended, mut asked) = (0u64, None, false);
        let mut deadline: Option<Instant> = None;
        let mut killing = false;
        for (what, wait) in script {
            time += wait % 3000;
            // Time is told before anything else.
            let due = supervisor.deadline().is_some_and(|at| at <= instant(time).unwrap());
            watch.set(time);
            let event = match what % 6 {
                _ if due => Event::Deadline,
                0 => Event::Signal(Signal::TERM),
                1 => Event::Signal(Signal::new(i32::from(what % 64) + 1).unwrap()),
                2 if ended.is_none() => Event::ProgramEnded(ExitCode::new(what)),
                3 if ended.is_some() => Event::NobodyLeft,
                _ if ended.is_some() => Event::SomebodyLeft,
                _ => continue,
            };
            let action = supervisor.on(event, &watch);
            match action {
                Action::Exit(code) => {
                    let unkillable = event == Event::Deadline && killing;
                    prop_assert!(ended.is_some() || matches!(event, Event::ProgramEnded(_)) || unkillable);
                    if let Some(ended) = ended {
                        prop_assert_eq!(code, ended, "the code is the program's");
                    }
                    return Ok(());
                }
                Action::Forward(signal) | Action::Stop(signal) => {
                    prop_assert!(ended.is_none(), "a signal to nobody");
                    asked |= signal.asks_to_stop();
                }
                Action::AskTheRest => asked = true,
                Action::KillTheRest => {
                    prop_assert!(asked, "killed without being asked");
                    if !killing {
                        prop_assert_eq!(event, Event::Deadline, "killed before the time");
                        prop_assert!(deadline.is_some());
                    }
                    killing = true;
                    deadline = None;
                }
                Action::Wait | Action::Look => {}
            }
            if let Event::ProgramEnded(code) = event {
                ended = Some(code);
            }
            if let Some(before) = deadline
                && !killing
            {
                prop_assert_eq!(supervisor.deadline(), Some(before), "a deadline is never changed");
            }
            deadline = supervisor.deadline();
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn no_order_of_events_breaks_a_promise(
            grace in prop::option::of(0u64..10_000),
            script in prop::collection::vec((0u8.., 0u64..), 0..60),
        ) {
            run(grace, script)?;
        }
    }
}
