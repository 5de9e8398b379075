//! The real loop in made-up worlds: each way that a small one can go, and many that a
//! larger one can.

use std::panic::{AssertUnwindSafe, catch_unwind};

use log::{Level, Log, Metadata, Record};
use tini_rs::cli::{Personality, Reach};
use tini_rs::exit::Ended;
use tini_rs::init::{self, Setup};
use tini_rs::log::Facade;
use tini_rs::signal::Signal;
use tini_rs::supervisor::{DRAIN_LIMIT, KILL_LIMIT, Policy, Span};
use tini_rs::sys::{Errno, Text};

use crate::choices::Choices;
use crate::world::{Happening, OnTerm, Pidfds, Seen, Start, World};

/// Takes messages of this level, so that they are made, and keeps none.
struct Listener(Level);

impl Log for Listener {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= self.0
    }

    fn log(&self, record: &Record) {
        assert!(!record.args().to_string().is_empty());
    }

    fn flush(&self) {}
}

/// A world and what the init is told to do in it.
#[derive(Clone, Debug)]
struct Case {
    start: Start,
    policy: Policy,
    reach: Reach,
    warn_on_reap: bool,
    has_terminal: bool,
}

const MILLISECOND: u64 = 1_000_000;
/// Between two looks, see [`init`].
const LOOK_AGAIN: u64 = 20;
const LOOK_AGAIN_IDLE: u64 = 1000;

fn milliseconds(span: Span) -> u64 {
    span.as_nanos() / MILLISECOND
}

impl Case {
    fn run(&self, world: &World) -> u8 {
        let setup = Setup {
            init: world.init(),
            program: world.program(),
            reach: self.reach,
            texts: Personality::of(Text::from(c"")).texts,
            warn_on_reap: self.warn_on_reap,
            children_are_lost: false,
            has_terminal: self.has_terminal,
            terminal_is_lent: false,
            received: [None; 3],
            policy: self.policy,
            modes: None,
        };
        // Who wants to hear of each orphan has none of them left to the kernel.
        let listener = Listener(if self.start.pidfds == Pidfds::Missing { Level::Info } else { Level::Warn });
        init::run(world, &Facade(&listener), &setup).get()
    }

    /// The promises that hold at the end.
    fn check(&self, world: &World, code: u8) {
        let seen = world.seen();
        let now = world.milliseconds();
        let failed = !seen.failed.is_empty();
        self.check_code(&seen, now, code);
        self.check_time(&seen, now, failed);
        assert!(seen.open_handles <= 2, "descriptors are left open: {}", seen.open_handles);

        let mut sent = seen.forwarded.clone();
        for came in &seen.came {
            if let Some(place) = sent.iter().position(|it| it == came) {
                sent.remove(place);
            }
        }
        assert!(sent.is_empty(), "signals that never came: {sent:?}");

        let (alive, zombies) = world.left();
        let waits = self.policy.grace_period != Some(Span::ZERO);
        // When PID 1 ends the kernel kills all others.
        let sees_them_off = self.start.is_pid_1 || self.start.has_proc || failed;
        if waits && !self.start.unkillable && seen.killed.is_none() && !failed && sees_them_off {
            assert_eq!((alive, &zombies[..]), (0, &[][..]), "left behind");
        }
    }

    fn check_code(&self, seen: &Seen, now: u64, code: u8) {
        let lost = |call| seen.failed.contains(&call);
        // PID 1 does not wait for whom it can't kill, since the kernel can.
        let gives_up = self.start.is_pid_1 && lost("kill");
        // The limit is set before the first try, and looks that fail take time.
        let out_of_time = seen
            .tried_to_kill
            .is_some_and(|then| gives_up || now + 2 * LOOK_AGAIN >= then + milliseconds(KILL_LIMIT));
        let expected = match seen.program_ended {
            _ if self.start.program.is_none() => 0,
            Some((_, ended)) => ended.code().get(),
            None => 137,
        };
        if seen.program_ended.is_none() && self.start.program.is_some() {
            assert!(out_of_time, "it exits before the program");
        }
        // What can't be known is told: that the code is lost, or that all were killed.
        // So is one that ended after the last look.
        let unseen = lost("reap") || seen.program_ended.is_some_and(|(at, _)| at == now);
        let excused = (code == 1 && lost("exit_of")) || (code == 137 && out_of_time && unseen);
        assert!(code == expected || excused, "exits with {code}, not with {expected}");
    }

    fn check_time(&self, seen: &Seen, now: u64, failed: bool) {
        let grace = self.policy.grace_period.map(milliseconds);
        let ended = match seen.program_ended {
            _ if self.start.program.is_none() => seen.asked_to_stop,
            Some((at, _)) => Some(at),
            None => None,
        };
        // Failures may last three seconds, one after the other, and are looked into again from
        // time to time.
        let lasts = |it: &&Happening| matches!(it, Happening::Fails(_, false));
        let failures = self.start.happenings.iter().filter(lasts).count().max(1) as u64;
        let patience = if failed { failures * 3_000 + LOOK_AGAIN_IDLE + LOOK_AGAIN } else { 0 };
        let drain = grace.unwrap_or(milliseconds(DRAIN_LIMIT)) + milliseconds(KILL_LIMIT);
        if let Some(ended) = ended {
            if !self.policy.wait_all {
                assert!(now <= ended + drain + patience, "ended at {ended}, exits at {now}");
            }
            if grace == Some(0) && !self.policy.wait_all {
                assert!(now <= ended + patience, "it was not to wait");
            }
        }
        if let (Some(grace @ 1..), Some(asked), false) = (grace, seen.asked_to_stop, self.policy.pause) {
            let limit = asked + grace + milliseconds(KILL_LIMIT);
            assert!(now <= limit + patience, "asked to stop at {asked}, exits at {now}");
        }
        if let Some(killed) = seen.tried_to_kill {
            let asked = seen.asked_to_stop.filter(|_| grace.is_some());
            let begun = asked.into_iter().chain(ended).min().expect("nothing asks for a shutdown");
            let limit = grace.unwrap_or(milliseconds(DRAIN_LIMIT));
            assert!(killed >= begun + limit, "SIGKILL at {killed}, the shutdown began at {begun}");
        }
        if let (Some(alone), Some(ended)) = (seen.alone, ended) {
            let last = alone.max(ended);
            assert!(now <= last + patience, "alone since {last}, exits at {now}");
        }
    }

    /// One run with these choices; what is broken is told with the whole history.
    fn one(&self, choices: Choices) -> Choices {
        let attempt = |choices, is_told| {
            let world = World::new(self.start.clone(), choices, is_told);
            let found = catch_unwind(AssertUnwindSafe(|| {
                let code = self.run(&world);
                self.check(&world, code);
            }));
            (found.is_ok(), world)
        };
        let (is_kept, world) = attempt(choices, false);
        if !is_kept {
            let (_, world) = attempt(world.take_choices().again(), true);
            panic!("{self:#?}\n{}", world.history());
        }
        world.take_choices()
    }

    /// Every run; gives how many there are.
    fn all(&self) -> usize {
        let mut choices = Choices::all();
        let mut runs = 0;
        loop {
            choices = self.one(choices);
            runs += 1;
            if !choices.next() {
                return runs;
            }
        }
    }
}

/// What the program may do at SIGTERM, how long a shutdown may take, who the init is.
fn worlds(reactions: &[OnTerm], visit: &mut dyn FnMut(Case)) {
    for is_pid_1 in [true, false] {
        for grace_period in [None, Some(Span::ZERO), Some(Span::from_millis(500))] {
            for program in reactions {
                for orphan in [OnTerm::Dies, OnTerm::Ignores] {
                    let start = Start {
                        is_pid_1,
                        program: Some(*program),
                        children: Vec::new(),
                        orphans: vec![orphan],
                        unkillable: false,
                        pidfds: Pidfds::Right,
                        has_proc: true,
                        happenings: Vec::new(),
                        moments: 30,
                    };
                    let policy = Policy { grace_period, ..Policy::default() };
                    let reach = Reach::Group;
                    visit(Case { start, policy, reach, warn_on_reap: false, has_terminal: false });
                }
            }
        }
    }
}

const REACTIONS: [OnTerm; 3] = [OnTerm::Dies, OnTerm::Exits(100, 3), OnTerm::Ignores];
const TERM: Happening = Happening::Signal(libc::SIGTERM);
const USR1: Happening = Happening::Signal(libc::SIGUSR1);

/// The errors that a system call may give when something refuses or disturbs it. Those that
/// say something (ESRCH, ECHILD) would be lies.
const ERRORS: [Errno; 5] = [Errno::EINTR, Errno::EAGAIN, Errno::EPERM, Errno::ENOSYS, Errno::EIO];

impl Case {
    /// The program's pid.
    fn program(&self) -> i32 {
        if self.start.is_pid_1 { 2 } else { 101 }
    }

    /// The program ends as no test of a code would expect it: by a real-time signal.
    fn end_of_program(&self) -> Happening {
        let signal = Signal::new(37).expect("a signal");
        Happening::Ends(self.program(), Ended::killed(signal, false))
    }

    /// Its child or, if it has none, the orphan that was there before.
    fn end_of_other(&self) -> Happening {
        Happening::Ends(self.program() + 1, Ended::exited(0))
    }
}

/// Runs each case in all ways, and says how many there were.
fn go_through(cases: Vec<Case>, at_least: usize) {
    let runs: usize = cases.iter().map(Case::all).sum();
    println!("{} worlds, {runs} runs", cases.len());
    assert!(runs >= at_least, "the search has lost its way: {runs} runs");
}

#[test]
fn whatever_happens_between_any_two_calls() {
    let mut cases = Vec::new();
    worlds(&REACTIONS, &mut |mut case| {
        case.start.happenings = vec![TERM, case.end_of_program(), case.end_of_other()];
        for pidfds in [Pidfds::Right, Pidfds::Wrong, Pidfds::Missing] {
            case.start.pidfds = pidfds;
            cases.push(case.clone());
        }
        case.start.happenings = vec![TERM, USR1, case.end_of_other()];
        cases.push(case.clone());
        // One ends before the program, and another is there to be asked.
        case.start.pidfds = Pidfds::Right;
        case.start.orphans.extend_from_within(..);
        case.start.happenings = vec![case.end_of_program(), case.end_of_other()];
        cases.push(case);
    });
    go_through(cases, 10_000);
}

#[test]
fn whoever_is_started_meanwhile() {
    let mut cases = Vec::new();
    worlds(&REACTIONS, &mut |mut case| {
        let forks = |pid| Happening::Forks(pid, OnTerm::Ignores);
        let program = case.program();
        // The orphan has become the program's child.
        case.start.children = std::mem::take(&mut case.start.orphans);
        case.start.happenings = vec![TERM, forks(program + 1), case.end_of_other()];
        cases.push(case.clone());
        case.start.happenings = vec![forks(program), forks(program + 1), case.end_of_program()];
        cases.push(case);
    });
    go_through(cases, 5_000);
}

#[test]
fn whatever_call_fails() {
    let mut cases = Vec::new();
    worlds(&[OnTerm::Exits(100, 3)], &mut |case| {
        for error in ERRORS {
            for once in [true, false] {
                for other in [TERM, case.end_of_program(), case.end_of_other()] {
                    let mut case = case.clone();
                    case.start.happenings = vec![Happening::Fails(error, once), other];
                    cases.push(case);
                }
            }
        }
    });
    go_through(cases, 10_000);
}

#[test]
fn whatever_the_world_lacks() {
    let mut cases = Vec::new();
    worlds(&REACTIONS[1..], &mut |mut case| {
        case.start.happenings = vec![TERM, case.end_of_program(), case.end_of_other()];
        let mut push = |change: &dyn Fn(&mut Case)| {
            let mut case = case.clone();
            change(&mut case);
            cases.push(case);
        };
        push(&|case| case.start.has_proc = false);
        push(&|case| {
            case.start.unkillable = true;
            case.start.happenings = vec![TERM, case.end_of_program()];
        });
        push(&|case| case.policy.wait_all = true);
        push(&|case| {
            case.policy.pause = true;
            case.start.program = None;
            case.start.happenings = vec![TERM, USR1, case.end_of_other()];
        });
        push(&|case| case.reach = Reach::Program);
        push(&|case| case.warn_on_reap = true);
        push(&|case| {
            case.has_terminal = true;
            case.start.happenings = vec![TERM, Happening::Stops(case.program()), case.end_of_program()];
        });
    });
    go_through(cases, 50_000);
}

/// A larger world by chance: who is there, what they do, what happens and fails.
fn by_chance(seed: u64) -> (Case, Choices) {
    let mut choices = Choices::random(seed);
    let is_pid_1 = choices.one_of(2) == 0;
    let program = if is_pid_1 { 2 } else { 101 };
    let mut reaction = || match choices.one_of(3) {
        0 => OnTerm::Dies,
        1 => OnTerm::Ignores,
        _ => OnTerm::Exits(1 + choices.one_of(3000) as u64, choices.one_of(256) as u8),
    };
    let [own, children, orphans] = [1, 4, 4].map(|count| (0..count).map(|_| reaction()).collect::<Vec<_>>());
    let mut happenings = Vec::new();
    for _ in 0..4 + choices.one_of(12) {
        let somebody = program + choices.one_of(12) as i32;
        happenings.push(match choices.one_of(6) {
            0 => Happening::Signal(1 + choices.one_of(64) as i32),
            1 => TERM,
            2 => Happening::Forks(
                somebody,
                if choices.one_of(2) == 0 { OnTerm::Dies } else { OnTerm::Ignores },
            ),
            3 => Happening::Fails(ERRORS[choices.one_of(ERRORS.len())], choices.one_of(2) == 0),
            _ => Happening::Ends(somebody, Ended::exited(choices.one_of(256) as u8)),
        });
    }
    // The init never sees these, and SIGCHLD from a process says nothing.
    let unseen = [libc::SIGKILL, libc::SIGSTOP, libc::SIGCHLD];
    happenings.retain(|it| !matches!(it, Happening::Signal(number) if unseen.contains(number)));
    let pause = choices.one_of(10) == 0;
    let start = Start {
        is_pid_1,
        program: own.first().copied().filter(|_| !pause),
        children: if pause { Vec::new() } else { children },
        orphans,
        unkillable: choices.one_of(10) == 0,
        pidfds: [Pidfds::Right, Pidfds::Wrong, Pidfds::Missing][choices.one_of(3)],
        has_proc: choices.one_of(10) != 0,
        happenings,
        moments: u32::MAX,
    };
    let grace = [None, Some(0), Some(1), Some(500), Some(5000)][choices.one_of(5)];
    let wait_all = !pause && choices.one_of(4) == 0;
    let grace_period = grace.map(Span::from_millis);
    let policy = Policy { grace_period, pause, wait_all, ..Policy::default() };
    let reach = [Reach::Group, Reach::Program, Reach::Leader, Reach::Session][choices.one_of(4)];
    let (warn_on_reap, has_terminal) = (choices.one_of(4) == 0, choices.one_of(4) == 0);
    choices.begin();
    (Case { start, policy, reach, warn_on_reap, has_terminal }, choices)
}

/// More of them, or other ones: `EXHAUSTIVE_RUNS=1000000 EXHAUSTIVE_SEED=7 cargo test --test
/// exhaustive by_chance`.
#[test]
fn large_worlds_by_chance() {
    let set = |name, otherwise| match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name}: not a number: {value}")),
        Err(_) => otherwise,
    };
    let (runs, seed) = (set("EXHAUSTIVE_RUNS", 5_000u64), set("EXHAUSTIVE_SEED", 1));
    for run in seed..seed + runs {
        let (case, choices) = by_chance(run);
        let found = catch_unwind(AssertUnwindSafe(|| case.one(choices)));
        assert!(found.is_ok(), "repeat it with EXHAUSTIVE_RUNS=1 EXHAUSTIVE_SEED={run}");
    }
    println!("{runs} runs from seed {seed} on");
}
