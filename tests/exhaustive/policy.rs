//! A breadth-first search over everything that can become of a supervisor: all events in
//! all orders, with up to three processes, and time that passes or doesn't.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};

use tini_rs::exit::ExitCode;
use tini_rs::signal::{Rewrite, Signal};
use tini_rs::supervisor::{Action, Clock, DRAIN_LIMIT, Event, Instant, KILL_LIMIT, Policy, Span, Supervisor};

/// Half a second: long enough for few states, and a part of every limit.
const TICK: u64 = 500;
/// A signal that means nothing to the init.
const USR1: i32 = 10;
/// What the program may end with: by itself, or by the last real-time signal.
const CODES: [u8; 2] = [7, 192];
const KILLED: u8 = 137;

struct Watch(Cell<u8>);

impl Clock for Watch {
    fn now(&self) -> Instant {
        at(self.0.get())
    }
}

fn at(tick: u8) -> Instant {
    Instant::new(Span::from_millis(u64::from(tick) * TICK))
}

fn signal(number: i32) -> Signal {
    Signal::new(number).expect("one of 64")
}

/// The supervisor in its world, and what has been seen of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct State {
    supervisor: Supervisor,
    now: u8,
    /// Its code, once the program has ended.
    ended: Option<u8>,
    /// How many others there are, and how many may still come.
    others: u8,
    births: u8,
    /// How many signals may still come.
    signals: u8,
    /// Ticks that may pass while there is no deadline.
    idle: u8,
    /// The rest was asked to end; the program was, or a stop signal was dropped for it.
    rest_asked: bool,
    stop_came: bool,
    /// When everybody was sent SIGKILL first.
    killed_at: Option<u8>,
    exited: bool,
}

/// One world: a policy, and whether the init is PID 1.
struct Search {
    policy: Policy,
    is_pid_1: bool,
}

type Step = (String, State);

impl Search {
    fn start(&self) -> State {
        State {
            supervisor: Supervisor::new(self.policy),
            now: 0,
            ended: None,
            others: 1,
            births: 2,
            signals: 3,
            idle: 1,
            rest_asked: false,
            stop_came: false,
            killed_at: None,
            exited: false,
        }
    }

    /// Hands `event` to the supervisor and does as it says, as the loop would.
    fn tell(&self, mut state: State, event: Event) -> State {
        let watch = Watch(Cell::new(state.now));
        let mut event = event;
        // More rounds than any event takes: each action is answered with one event.
        for _ in 0..8 {
            let before = state;
            let action = state.supervisor.on(event, &watch);
            self.check(&before, event, action, &state);
            state.stop_came |= matches!(event, Event::Signal(_)) && state.supervisor.is_stopping();
            event = match action {
                Action::Wait | Action::Forward(_) => return state,
                Action::Stop(_) => {
                    state.rest_asked |= state.ended.is_some();
                    return state;
                }
                Action::Exit(_) => {
                    state.exited = true;
                    return state;
                }
                Action::Look => self.answer(&state),
                Action::AskTheRest => {
                    state.rest_asked = true;
                    self.answer(&state)
                }
                Action::KillTheRest => {
                    state.killed_at = state.killed_at.or(Some(state.now));
                    // What dies of it is seen later; PID 1 has nothing left to see.
                    if !self.is_pid_1 || (state.ended.is_none() && !self.policy.pause) {
                        return state;
                    }
                    Event::NobodyLeft
                }
            };
        }
        panic!("the supervisor never comes to rest: {state:?}");
    }

    fn answer(&self, state: &State) -> Event {
        if state.others == 0 { Event::NobodyLeft } else { Event::SomebodyLeft }
    }

    /// The promises that an action can break.
    fn check(&self, before: &State, event: Event, action: Action, after: &State) {
        let grace = self.policy.grace_period;
        match action {
            Action::Forward(_) | Action::Stop(_) => {
                let for_all = before.ended.is_some();
                assert!(!for_all || self.policy.wait_all, "a signal to a program that was collected");
                assert!(before.killed_at.is_none(), "a signal to who was killed");
            }
            Action::KillTheRest => {
                let over = before.supervisor.deadline().is_some_and(|deadline| deadline <= at(before.now));
                assert!(over || before.killed_at.is_some(), "killed before the time is up");
                assert!(before.rest_asked || before.stop_came, "killed without being asked");
                if before.ended.is_some() && before.killed_at.is_none() {
                    assert!(before.rest_asked, "the rest is killed, and nobody asked it to end");
                }
            }
            Action::Exit(code) => {
                let over = before.killed_at.is_some_and(|then| {
                    at(then).after(KILL_LIMIT) <= at(before.now) && event == Event::Deadline
                });
                let expected = match before.ended {
                    Some(code) => Some(code),
                    None if self.policy.pause => Some(0),
                    None => over.then_some(KILLED),
                };
                assert_eq!(Some(code.get()), expected, "the code is the program's");
                let told = event == Event::NobodyLeft;
                assert!(told || over || grace == Some(Span::ZERO), "exits while somebody is left");
            }
            Action::Wait | Action::Look | Action::AskTheRest => {}
        }
        if event == Event::NobodyLeft && before.ended.is_some() {
            assert!(matches!(action, Action::Exit(_)), "nobody is left, and it goes on");
        }
        // A deadline stands until it has come; the one for what was killed, from then on.
        let (old, new) = (before.supervisor.deadline(), after.supervisor.deadline());
        if let Some(old) = old {
            let killing = action == Action::KillTheRest && before.killed_at.is_none();
            let expected = if killing { at(before.now).after(KILL_LIMIT) } else { old };
            assert!(new == Some(expected) || matches!(action, Action::Exit(_)), "a deadline has moved");
        } else if let Some(new) = new {
            assert_eq!(new, at(before.now).after(grace.unwrap_or(DRAIN_LIMIT)), "how long it may take");
        }
    }

    /// All that can happen next.
    fn next(&self, state: &State) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut step = |what: String, state: State| steps.push((what, state));
        if state.signals > 0 {
            for number in [libc::SIGTERM, libc::SIGINT, USR1] {
                let fewer = State { signals: state.signals - 1, ..*state };
                step(format!("signal {number}"), self.tell(fewer, Event::Signal(signal(number))));
            }
        }
        if state.ended.is_none() && !self.policy.pause {
            let killed = state.killed_at.is_some();
            for code in CODES.into_iter().chain(killed.then_some(KILLED)) {
                step(format!("the program ends with {code}"), self.end(*state, code));
            }
        }
        if state.others > 0 {
            step("another one ends".into(), self.one_less(*state));
        }
        let has_parent = state.others > 0 || (state.ended.is_none() && !self.policy.pause);
        if state.births > 0 && state.others < 2 && has_parent {
            let born = State { others: state.others + 1, births: state.births - 1, ..*state };
            step("another one is started".into(), born);
        }
        let no_program = state.ended.is_some() || (self.policy.pause && state.rest_asked);
        if no_program && state.others > 0 {
            step("somebody is left".into(), self.tell(*state, Event::SomebodyLeft));
        }
        match state.supervisor.deadline() {
            Some(deadline) => {
                if deadline <= at(state.now) {
                    step("the deadline".into(), self.tell(*state, Event::Deadline));
                }
                // It may be told a tick late.
                if at(state.now) <= deadline {
                    step("time passes".into(), State { now: state.now + 1, ..*state });
                }
            }
            None if state.idle > 0 => {
                step("time passes".into(), State { now: state.now + 1, idle: state.idle - 1, ..*state });
            }
            None => {}
        }
        steps
    }

    /// The program ends, and is told of as the loop does: with who is left, if nothing else
    /// comes of it.
    fn end(&self, state: State, code: u8) -> State {
        let state = State { ended: Some(code), ..state };
        let after = self.tell(state, Event::ProgramEnded(ExitCode::new(code)));
        if !after.exited && after.others == 0 { self.tell(after, Event::NobodyLeft) } else { after }
    }

    fn one_less(&self, state: State) -> State {
        let state = State { others: state.others - 1, ..state };
        let no_program = state.ended.is_some() || (self.policy.pause && state.rest_asked);
        if no_program && state.others == 0 { self.tell(state, Event::NobodyLeft) } else { state }
    }

    /// From `state` on nothing happens but that time passes and, unless they can't, those
    /// die that were killed. If a shutdown goes on it has to end within its limits.
    fn ends(&self, mut state: State, can_be_killed: bool) -> Result<(), String> {
        let grace = self.policy.grace_period.unwrap_or(DRAIN_LIMIT).max(DRAIN_LIMIT);
        let limit = at(state.now + 2).after(grace).after(KILL_LIMIT);
        while !state.exited {
            if at(state.now) > limit {
                return Err(format!("still there at {}: {state:?}", state.now));
            }
            if state.killed_at.is_some() && can_be_killed {
                if state.ended.is_none() && !self.policy.pause {
                    state = self.end(state, KILLED);
                } else if state.others > 0 {
                    state = self.one_less(state);
                }
                continue;
            }
            match state.supervisor.deadline() {
                Some(deadline) if deadline <= at(state.now) => state = self.tell(state, Event::Deadline),
                _ => state.now += 1,
            }
        }
        Ok(())
    }

    /// Whether the end is in sight: there is a deadline, or the program has ended.
    fn must_end(&self, state: &State) -> bool {
        state.supervisor.deadline().is_some()
    }

    /// Searches; gives how many states there are, and how many steps between them.
    fn run(&self) -> (usize, usize) {
        let start = self.start();
        let mut ways: HashMap<State, Option<(State, String)>> = HashMap::from([(start, None)]);
        let mut queue = VecDeque::from([start]);
        let mut steps = 0;
        while let Some(state) = queue.pop_front() {
            let found = std::panic::catch_unwind(|| {
                if self.must_end(&state) {
                    for can_be_killed in [true, false] {
                        self.ends(state, can_be_killed).unwrap();
                    }
                }
                self.next(&state)
            });
            let Ok(found) = found else {
                let mut way = Vec::new();
                let mut link = Some(state);
                while let Some(state) = link {
                    link = ways[&state].as_ref().map(|(before, what)| {
                        way.push(what.clone());
                        *before
                    });
                }
                way.reverse();
                panic!("PID 1: {}, {:?}\nafter: {way:#?}\nin: {state:#?}", self.is_pid_1, self.policy);
            };
            for (what, next) in found {
                steps += 1;
                if next.exited || ways.contains_key(&next) {
                    continue;
                }
                ways.insert(next, Some((state, what)));
                queue.push_back(next);
            }
        }
        (ways.len(), steps)
    }
}

/// The rules for rewriting that make a difference.
fn rewrites() -> Vec<Rewrite> {
    let rule = |from, to| {
        let mut rewrite = Rewrite::default();
        rewrite.set(from, to);
        rewrite
    };
    let usr1 = signal(USR1);
    vec![
        Rewrite::default(),
        rule(Signal::TERM, Some(usr1)),
        rule(Signal::TERM, Some(Signal::INT)),
        rule(Signal::TERM, None),
        rule(usr1, Some(Signal::QUIT)),
    ]
}

#[test]
fn no_order_of_events_breaks_a_promise_of_the_supervisor() {
    let (mut worlds, mut states, mut steps) = (0, 0, 0);
    for grace in [None, Some(0), Some(TICK), Some(2 * TICK)] {
        for rewrite in rewrites() {
            for (pause, wait_all) in [(false, false), (false, true), (true, false)] {
                for is_pid_1 in [false, true] {
                    let grace_period = grace.map(Span::from_millis);
                    let policy = Policy { grace_period, rewrite, pause, wait_all };
                    let (more_states, more_steps) = Search { policy, is_pid_1 }.run();
                    worlds += 1;
                    states += more_states;
                    steps += more_steps;
                }
            }
        }
    }
    println!("{worlds} worlds, {states} states of the supervisor, {steps} steps between them");
    // Fewer would mean that the search has lost its way.
    assert!(states > 100_000, "{states} states");
}
