//! The supervisor, told anything in any order, also that nobody is left while somebody is.

use std::cell::Cell;

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};

use tini_rs::exit::ExitCode;
use tini_rs::signal::{Rewrite, Signal};
use tini_rs::supervisor::{Action, Clock, Event, Instant, Policy, Span, Supervisor};

use crate::driver::{Input, fuzz};

struct Watch(Cell<u64>);

impl Clock for Watch {
    fn now(&self) -> Instant {
        Instant::new(Span::from_millis(self.0.get()))
    }
}

fn signal(byte: u8) -> Signal {
    Signal::new(i32::from(byte % 64) + 1).expect("one of 64")
}

/// `policy` is the grace period in two bytes, and flags; each of `rewrite` a signal and what is
/// made of it; each of `event` its kind, a value, and how much time passes before in two bytes.
fn input() -> impl Strategy<Value = Input> {
    let of = |name, size| prop::collection::vec(any::<u8>(), size).prop_map(move |bytes| (name, bytes));
    let event = prop_oneof![of("event", 4), Just(("event", vec![0, 14, 0, 0]))];
    let rewrites = prop::collection::vec(of("rewrite", 2), 0..4);
    (of("policy", 3), rewrites, prop::collection::vec(event, 0..40))
        .prop_map(|(policy, rewrites, events)| Input([vec![policy], rewrites, events].concat()))
}

fn number(low: u8, high: u8) -> u64 {
    u64::from(u16::from_le_bytes([low, high]))
}

fn check(input: &Input) {
    let &[low, high, flags] = input.first("policy") else { panic!("three bytes") };
    let mut rewrite = Rewrite::default();
    for rule in input.all("rewrite") {
        let &[from, to] = rule else { panic!("two bytes") };
        rewrite.set(signal(from), Signal::new(i32::from(to % 65)));
    }
    let grace_period = (flags & 1 != 0).then_some(Span::from_millis(number(low, high)));
    let (pause, wait_all) = (flags & 2 != 0, flags & 4 != 0);
    let mut supervisor = Supervisor::new(Policy { grace_period, pause, wait_all, rewrite });
    let watch = Watch(Cell::new(1));
    let (mut ended, mut killing) = (pause.then_some(0), false);
    for event in input.all("event") {
        let &[kind, value, low, high] = event else { panic!("four bytes") };
        watch.0.set(watch.0.get() + number(low, high));
        let before = supervisor;
        let event = match kind % 6 {
            0 => Event::Signal(signal(value)),
            // It ends once, and in a pause there is none.
            1 if ended.is_some() => continue,
            1 => Event::ProgramEnded(ExitCode::new(value)),
            2 => Event::SomebodyLeft,
            3 => Event::NobodyLeft,
            4 => Event::Deadline,
            _ => {
                let until = watch.now().after(Span::from_millis(u64::from(value) * 50));
                supervisor.limit(until, &watch);
                check_deadline(&before, &supervisor, false);
                continue;
            }
        };
        if let Event::ProgramEnded(code) = event {
            ended = Some(code.get());
        }
        let action = supervisor.on(event, &watch);
        let begins_to_kill = action == Action::KillTheRest && !killing;
        check_deadline(&before, &supervisor, begins_to_kill);
        match action {
            Action::Forward(_) | Action::Stop(_) => {
                assert!(ended.is_none() || wait_all, "to a program that has ended");
                assert!(!killing, "to a program that was killed");
                let Event::Signal(received) = event else { panic!("it was no signal") };
                let (Action::Forward(given) | Action::Stop(given)) = action else { unreachable!() };
                assert_eq!(rewrite.apply(received), Some(given));
            }
            Action::KillTheRest => {
                assert!(killing || event == Event::Deadline, "before the time is up");
                assert!(before.deadline().is_some(), "without a deadline");
                killing = true;
            }
            Action::Exit(code) => {
                let killed = killing && event == Event::Deadline;
                let expected = ended.or(killed.then_some(128 + 9));
                assert_eq!(Some(code.get()), expected, "another code than the program's");
                return;
            }
            Action::Look => assert!(wait_all && ended.is_some()),
            Action::Wait | Action::AskTheRest => {}
        }
        assert!(supervisor.is_stopping() || !before.is_stopping(), "a shutdown is taken back");
        assert!(supervisor.deadline().is_none() || supervisor.is_stopping(), "a deadline of nothing");
    }
}

/// A deadline is never put off, but for what was killed, which has a time of its own.
fn check_deadline(before: &Supervisor, after: &Supervisor, begins_to_kill: bool) {
    if let (Some(old), false) = (before.deadline(), begins_to_kill) {
        assert!(after.deadline().is_some_and(|new| new <= old), "a deadline was put off");
    }
}

#[test]
fn no_event_at_any_time_breaks_the_supervisor() {
    fuzz("events", &["policy", "rewrite", "event"], input(), check);
}
