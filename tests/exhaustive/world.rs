//! A kernel made up: processes with parents, zombies, signals, time, and whatever may
//! happen between two system calls.
//!
//! It knows the truth, and so checks at each call what the init must not do. What a call
//! does is written from the manual pages.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tini_rs::exit::Ended;
use tini_rs::kernel::Kernel;
use tini_rs::signal::{Signal, SignalSet};
use tini_rs::supervisor::{Clock, Instant, Span};
use tini_rs::sys::{
    ChildSignal, Contents, Errno, Handle, Modes, Pid, Reaped, Received, Sender, Target, Text,
};

use crate::choices::Choices;

/// What a process does when it gets SIGTERM.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnTerm {
    /// It dies of it.
    Dies,
    /// It cleans up for so many milliseconds and exits with this code.
    Exits(u64, u8),
    Ignores,
}

/// Something that happens once, at any moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happening {
    /// The init is sent a signal, by a process outside.
    Signal(i32),
    /// This process ends.
    Ends(i32, Ended),
    /// This process starts another one.
    Forks(i32, OnTerm),
    /// This process is stopped by its terminal.
    Stops(i32),
    /// A system call fails, once or for the next three seconds.
    Fails(Errno, bool),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Life {
    Runs,
    Stopped(Signal),
    Zombie(Ended),
    /// The kernel collects it by itself, and has not done so before this call: it is still there,
    /// but no child for `wait4` any more, and its pidfd does not tell yet how it ended.
    Leaves(Ended, u32),
    Collected(Ended),
}

#[derive(Clone, Debug)]
struct Process {
    parent: i32,
    group: i32,
    life: Life,
    on_term: OnTerm,
    born: u64,
    /// When it ends by itself, and how.
    ends: Option<(u64, Ended)>,
    /// It was sent SIGTERM.
    asked: bool,
    /// Not even SIGKILL ends it.
    unkillable: bool,
    /// SIGTERM that came while it was stopped.
    waits: bool,
}

impl Process {
    fn lives(&self) -> bool {
        matches!(self.life, Life::Runs | Life::Stopped(_))
    }
}

/// What a pidfd tells of a process that the kernel collected itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pidfds {
    /// There are none.
    Missing,
    /// That it dumped core, as nobody here does.
    Wrong,
    /// How it ended.
    Right,
}

/// What is so in a world from the start.
#[derive(Clone, Debug)]
pub struct Start {
    pub is_pid_1: bool,
    /// What the program does at SIGTERM; no program in a pause.
    pub program: Option<OnTerm>,
    /// The program's children.
    pub children: Vec<OnTerm>,
    /// Orphans that are the init's already.
    pub orphans: Vec<OnTerm>,
    /// Nobody can be killed.
    pub unkillable: bool,
    pub pidfds: Pidfds,
    pub has_proc: bool,
    /// What may happen, each once, in any order.
    pub happenings: Vec<Happening>,
    /// Before so many of the first system calls; what has not happened by then happens when
    /// there is nothing else to wait for.
    pub moments: u32,
}

struct State {
    choices: Choices,
    now: u64,
    processes: BTreeMap<i32, Process>,
    next_pid: i32,
    /// Signals that wait for the init.
    waiting: Vec<Received>,
    child_signal: ChildSignal,
    happenings: Vec<Happening>,
    /// Until when calls fail, and with what.
    failing: Option<(Errno, u64)>,
    calls: u32,
    handles: BTreeMap<u32, Option<i32>>,
    next_handle: u32,
    /// All that happened, if somebody wants to know.
    events: Option<Vec<String>>,
    seen: Seen,
}

impl State {
    fn note(&mut self, what: std::fmt::Arguments) {
        if let Some(events) = &mut self.events {
            events.push(format!("{:>6} {what}", self.now));
        }
    }
}

/// What the world has seen of the init.
#[derive(Clone, Default, Debug)]
pub struct Seen {
    /// The signals that came to the init.
    pub came: Vec<i32>,
    /// Those that the program was sent by it.
    pub forwarded: Vec<i32>,
    /// When it was asked to stop first.
    pub asked_to_stop: Option<u64>,
    /// When the program ended, and how.
    pub program_ended: Option<(u64, Ended)>,
    /// Since when nobody is left.
    pub alone: Option<u64>,
    /// When the rest was asked first, and when it was first killed.
    pub asked_the_rest: Option<u64>,
    pub killed: Option<u64>,
    pub tried_to_kill: Option<u64>,
    /// System calls that failed.
    pub failed: Vec<&'static str>,
    pub open_handles: usize,
}

pub struct World {
    pub start: Start,
    state: RefCell<State>,
    init: i32,
    program: i32,
}

/// The init when it is not PID 1.
const ELSEWHERE: i32 = 100;
/// More calls than any run has that does not turn in circles.
const PATIENCE: u32 = 20_000;
/// How long a failure for some time lasts.
const BAD_TIMES: u64 = 3_000;

/// By then whatever still goes on would go on for ever.
const FOR_EVER: u64 = 20_000;

const NANOS: u64 = 1_000_000;

impl World {
    pub fn new(start: Start, choices: Choices, is_told: bool) -> World {
        let init = if start.is_pid_1 { 1 } else { ELSEWHERE };
        let program = init + 1;
        let mut processes = BTreeMap::new();
        let process = |parent: i32, pid: i32, on_term: OnTerm| {
            let unkillable = start.unkillable;
            let group = if parent == program || pid == program { program } else { pid };
            let life = Life::Runs;
            Process {
                parent,
                group,
                life,
                on_term,
                born: 0,
                ends: None,
                asked: false,
                unkillable,
                waits: false,
            }
        };
        let mut next_pid = program;
        let all = start.program.iter().map(|it| (init, it));
        let all = all.chain(start.children.iter().map(|it| (program, it)));
        for (parent, on_term) in all.chain(start.orphans.iter().map(|it| (init, it))) {
            if start.program.is_none() && next_pid == program {
                next_pid += 1;
            }
            processes.insert(next_pid, process(parent, next_pid, *on_term));
            next_pid += 1;
        }
        let state = State {
            choices,
            now: 0,
            processes,
            next_pid,
            waiting: Vec::new(),
            child_signal: ChildSignal::Default,
            happenings: start.happenings.clone(),
            failing: None,
            calls: 0,
            handles: BTreeMap::new(),
            next_handle: 3,
            events: is_told.then(Vec::new),
            seen: Seen::default(),
        };
        World { start, state: RefCell::new(state), init, program }
    }

    pub fn init(&self) -> Pid {
        Pid::new(self.init).expect("a pid")
    }

    pub fn program(&self) -> Option<Pid> {
        self.start.program.and(Pid::new(self.program))
    }

    pub fn milliseconds(&self) -> u64 {
        self.state.borrow().now
    }

    /// All that the init and the world did, for who has to find out.
    pub fn history(&self) -> String {
        self.state.borrow().events.as_ref().map_or_else(String::new, |events| events.join("\n"))
    }

    pub fn seen(&self) -> Seen {
        let state = self.state.borrow();
        Seen { open_handles: state.handles.len(), ..state.seen.clone() }
    }

    /// Whether anybody lives, and who has ended without being collected by the init.
    pub fn left(&self) -> (usize, Vec<i32>) {
        let state = self.state.borrow();
        let lives = state.processes.values().filter(|it| it.lives()).count();
        let zombies = state.processes.iter();
        let zombies = zombies.filter(|(_, it)| matches!(it.life, Life::Zombie(_)) && it.parent == self.init);
        (lives, zombies.map(|(pid, _)| *pid).collect())
    }

    pub fn take_choices(&self) -> Choices {
        std::mem::replace(&mut self.state.borrow_mut().choices, Choices::all())
    }

    fn broken(&self, state: &State, promise: &str) -> ! {
        panic!("{promise} at {}", state.now);
    }

    /// Each call begins here: something may happen before it, and it may fail.
    fn enter(&self, call: &'static str, can_fail: bool) -> Result<(), Errno> {
        self.enter_unless(false, call, can_fail)
    }

    /// The same, but if it `waits` what may happen before it may as well happen within.
    fn enter_unless(&self, waits: bool, call: &'static str, can_fail: bool) -> Result<(), Errno> {
        let state = &mut *self.state.borrow_mut();
        let may_wait = waits;
        let waits = waits && state.waiting.is_empty();
        state.calls += 1;
        if state.calls > PATIENCE {
            self.broken(state, "it turns in circles");
        }
        self.leave(state, state.calls);
        state.failing = state.failing.filter(|(_, until)| state.now < *until);
        let mut failed = None;
        let possible: Vec<usize> = (0..state.happenings.len())
            .filter(|which| match state.happenings[*which] {
                _ if state.calls > self.start.moments => false,
                Happening::Fails(..) => can_fail,
                happening => !waits && self.is_possible(state, happening),
            })
            .collect();
        if let Some(which) = state.choices.unlikely(possible.len() + 1).checked_sub(1) {
            let which = possible[which];
            if let Happening::Fails(error, once) = state.happenings[which] {
                state.happenings.remove(which);
                if once {
                    failed = Some(error);
                } else {
                    state.failing = Some((error, state.now + BAD_TIMES));
                }
            } else {
                self.happen(state, which);
            }
        }
        let failed = failed.or(state.failing.filter(|_| can_fail).map(|(error, _)| error));
        match failed {
            None => {
                state.note(format_args!("{call}"));
                Ok(())
            }
            Some(error) => {
                state.note(format_args!("{call} fails: {error}"));
                // What is interrupted has waited before.
                if may_wait && error == Errno::EINTR {
                    state.now += 10;
                }
                state.seen.failed.push(call);
                Err(error)
            }
        }
    }

    /// Whether it makes a difference.
    fn is_possible(&self, state: &State, happening: Happening) -> bool {
        match happening {
            Happening::Signal(_) => true,
            Happening::Ends(pid, _) => state.processes.get(&pid).is_some_and(Process::lives),
            Happening::Forks(pid, _) | Happening::Stops(pid) => {
                state.processes.get(&pid).is_some_and(|it| it.life == Life::Runs)
            }
            Happening::Fails(..) => false,
        }
    }

    fn happen(&self, state: &mut State, which: usize) {
        let happening = state.happenings.remove(which);
        state.note(format_args!("     {happening:?}"));
        match happening {
            Happening::Signal(number) => {
                let signal = Signal::new(number).expect("a signal");
                let comes = !state.waiting.iter().any(|it| it.signal == signal);
                if comes {
                    state.waiting.push(Received { signal, sender: Sender::Outside });
                    // The init has SIGCONT for a stopped program, too.
                    if signal != Signal::CONT {
                        state.seen.came.push(number);
                    }
                }
                // A pause is not ended by QUIT.
                let stops = self.start.program.is_some() || signal != Signal::QUIT;
                if signal.asks_to_stop() && stops {
                    state.seen.asked_to_stop.get_or_insert(state.now);
                }
            }
            Happening::Ends(pid, ended) => self.die(state, pid, ended),
            Happening::Forks(parent, on_term) => {
                let pid = state.next_pid;
                state.next_pid += 1;
                let group = state.processes[&parent].group;
                let unkillable = self.start.unkillable;
                let (life, born) = (Life::Runs, state.now);
                state.processes.insert(
                    pid,
                    Process {
                        parent,
                        group,
                        life,
                        on_term,
                        born,
                        ends: None,
                        asked: false,
                        unkillable,
                        waits: false,
                    },
                );
            }
            Happening::Stops(pid) => {
                if let Some(process) = state.processes.get_mut(&pid)
                    && process.life == Life::Runs
                {
                    process.life = Life::Stopped(Signal::TSTP);
                    if process.parent == self.init && state.child_signal == ChildSignal::Default {
                        self.tell_of_child(state, pid);
                    }
                }
            }
            Happening::Fails(..) => {}
        }
    }

    fn tell_of_child(&self, state: &mut State, child: i32) {
        let sender = Pid::new(child).map_or(Sender::Kernel, Sender::Child);
        if !state.waiting.iter().any(|it| it.signal == Signal::CHLD) {
            state.waiting.push(Received { signal: Signal::CHLD, sender });
        }
    }

    /// A process ends: its children come to the init, and its parent is told. Parents other
    /// than the init collect at once.
    fn die(&self, state: &mut State, pid: i32, ended: Ended) {
        let Some(process) = state.processes.get_mut(&pid).filter(|it| it.lives()) else { return };
        let parent = process.parent;
        process.life = Life::Zombie(ended);
        process.ends = None;
        state.note(format_args!("     process {pid} {ended}"));
        if pid == self.program && self.start.program.is_some() {
            state.seen.program_ended = Some((state.now, ended));
        }
        let is_orphan = |it: &Process| it.parent == pid && !matches!(it.life, Life::Collected(_));
        let orphans: Vec<i32> =
            state.processes.iter().filter(|(_, it)| is_orphan(it)).map(|(pid, _)| *pid).collect();
        for orphan in orphans {
            let process = state.processes.get_mut(&orphan).expect("it is there");
            process.parent = self.init;
            if matches!(process.life, Life::Zombie(_)) {
                self.tell_of_child(state, orphan);
            }
        }
        if parent == self.init && state.child_signal != ChildSignal::Ignored {
            self.tell_of_child(state, pid);
        } else {
            // Whoever collects his own children does so whenever the init looks.
            let at_once = parent != self.init || state.choices.one_of(2) == 0;
            let life = if at_once { Life::Collected(ended) } else { Life::Leaves(ended, state.calls + 4) };
            state.processes.get_mut(&pid).expect("it is there").life = life;
        }
        if !state.processes.values().any(Process::lives) {
            state.seen.alone.get_or_insert(state.now);
        }
    }

    /// Those that leave are gone before the call with this number; gives whether anybody was there.
    fn leave(&self, state: &mut State, before: u32) -> bool {
        let mut any = false;
        for (pid, process) in &mut state.processes {
            if let Life::Leaves(ended, end) = process.life
                && end <= before
            {
                process.life = Life::Collected(ended);
                if let Some(events) = &mut state.events {
                    events.push(format!("{:>6}      process {pid} is gone", state.now));
                }
                any = true;
            }
        }
        any
    }

    /// The init sends a signal to one process.
    fn send(&self, state: &mut State, pid: i32, signal: Option<Signal>) {
        let Some(signal) = signal else { return };
        let Some(process) = state.processes.get_mut(&pid).filter(|it| it.lives()) else { return };
        match signal {
            Signal::TERM => {
                process.asked = true;
                if let Life::Stopped(_) = process.life {
                    process.waits = true;
                } else {
                    self.obey(state, pid);
                }
            }
            Signal::CONT => {
                if let Life::Stopped(_) = process.life {
                    process.life = Life::Runs;
                    if std::mem::take(&mut process.waits) {
                        self.obey(state, pid);
                    }
                }
            }
            Signal::KILL => {
                let (asked, born, unkillable) = (process.asked, process.born, process.unkillable);
                if state.seen.program_ended.is_some()
                    && let Some(then) = state.seen.asked_the_rest
                    && born < then
                    && !asked
                    && state.seen.failed.is_empty()
                    && self.start.has_proc
                    && state.seen.killed.is_some_and(|killed| then < killed)
                {
                    self.broken(state, &format!("process {pid} is killed, and was never asked to end"));
                }
                if !unkillable {
                    self.die(state, pid, Ended::killed(Signal::KILL, false));
                }
            }
            Signal::STOP => process.life = Life::Stopped(signal),
            _ => {}
        }
    }

    /// Does what the process does at SIGTERM.
    fn obey(&self, state: &mut State, pid: i32) {
        let now = state.now;
        let Some(process) = state.processes.get_mut(&pid) else { return };
        match process.on_term {
            OnTerm::Dies => self.die(state, pid, Ended::killed(Signal::TERM, false)),
            OnTerm::Exits(milliseconds, code) => {
                process.ends.get_or_insert((now + milliseconds, Ended::exited(code)));
            }
            OnTerm::Ignores => {}
        }
    }

    fn note_sent(&self, state: &mut State, to: &Target, signal: Option<Signal>) {
        let Some(signal) = signal else { return };
        let to_program = match to {
            Target::Process(pid) | Target::Group(pid) => pid.get() == self.program,
            Target::Everybody => false,
        };
        let is_collected =
            state.processes.get(&self.program).is_none_or(|it| matches!(it.life, Life::Collected(_)));
        // Without /proc the program's group is all that can be reached of the rest.
        let for_the_rest = matches!(to, Target::Group(_))
            && state.seen.program_ended.is_some()
            && !self.start.is_pid_1
            && (!self.start.has_proc || !state.seen.failed.is_empty());
        let forwarded = signal != Signal::KILL && !for_the_rest;
        if to_program && is_collected && forwarded {
            self.broken(state, &format!("{signal} to the program, which was collected"));
        }
        // Its pid may be another's by now. Who was a child of somebody else may be gone at
        // any moment, and nothing can be done about that.
        if let Target::Process(pid) = to
            && let Some(gone) = state.processes.get(&pid.get())
            && matches!(gone.life, Life::Collected(_))
            && gone.parent == self.init
            // It then goes on collecting, and the init can't help it.
            && !state.seen.failed.contains(&"set_child_signal")
        {
            self.broken(state, &format!("{signal} to process {pid}, which was collected"));
        }
        let for_all = !to_program || for_the_rest;
        if for_all && signal == Signal::TERM {
            state.seen.asked_the_rest.get_or_insert(state.now);
        }
        // The SIGCONT that a stopped program gets has not come from anybody.
        if to_program && !for_the_rest && signal != Signal::KILL && signal != Signal::CONT {
            state.seen.forwarded.push(signal.number().into());
        }
        if signal == Signal::KILL {
            let first = state.seen.killed.is_none();
            let asked = state.seen.asked_the_rest.or(state.seen.asked_to_stop).is_some();
            if first && !asked && state.seen.failed.is_empty() {
                self.broken(state, "SIGKILL without SIGTERM before");
            }
            state.seen.killed.get_or_insert(state.now);
        }
    }

    /// Lets time pass until something happens, at most to `until`; false at the end of it.
    fn pass(&self, state: &mut State, until: Option<u64>) -> bool {
        if self.leave(state, u32::MAX) {
            return true;
        }
        let next = state
            .processes
            .iter()
            .filter_map(|(pid, it)| it.ends.map(|(at, ended)| (at, *pid, ended)))
            .min_by_key(|it| it.0);
        // Something that has not happened yet, rather than that time passes.
        let possible: Vec<usize> = (0..state.happenings.len())
            .filter(|which| self.is_possible(state, state.happenings[*which]))
            .collect();
        // Who looks again from time to time may do so for as long as nothing happens.
        let idle = next.is_none() && (until.is_none() || state.now >= FOR_EVER);
        let ways = match (idle, state.calls > self.start.moments) {
            (true, _) => possible.len(),
            (false, true) => 1,
            (false, false) => possible.len() + 1,
        };
        if idle && possible.is_empty() {
            // Whatever still lives ends some day; if nobody does, nobody ever wakes the init.
            let alive = state.processes.iter().find(|(_, it)| it.lives());
            let Some((&pid, _)) = alive else {
                if self.start.program.is_none() && state.waiting.is_empty() {
                    state.happenings.push(Happening::Signal(libc::SIGTERM));
                    let last = state.happenings.len() - 1;
                    self.happen(state, last);
                    return true;
                }
                if let Some(until) = until {
                    self.set_time(state, until);
                    return false;
                }
                self.broken(state, "it waits for ever");
            };
            self.die(state, pid, Ended::exited(if pid == self.program { 7 } else { 0 }));
            return true;
        }
        let chosen = state.choices.one_of(ways);
        let chosen = if idle { Some(chosen) } else { chosen.checked_sub(1) };
        if let Some(which) = chosen {
            self.happen(state, possible[which]);
            return true;
        }
        match (next, until) {
            (Some((at, pid, ended)), until) if until.is_none_or(|until| at <= until) => {
                self.set_time(state, at);
                self.die(state, pid, ended);
                true
            }
            (_, Some(until)) => {
                self.set_time(state, until);
                false
            }
            (_, None) => unreachable!("there is something that happens"),
        }
    }

    /// Time passes only while the init waits, and then it has passed on whatever came.
    fn set_time(&self, state: &mut State, now: u64) {
        if now > state.now {
            state.now = now;
            let seen = &state.seen;
            let late = seen.came.len() > seen.forwarded.len();
            if late
                && seen.program_ended.is_none()
                && seen.killed.is_none()
                && seen.failed.is_empty()
                && self.start.program.is_some()
            {
                self.broken(state, "a signal has not been passed on");
            }
        }
    }

    /// Takes the lowest of the waiting signals, as the kernel does.
    fn take(&self, state: &mut State, set: SignalSet) -> Option<Received> {
        let (place, _) = state
            .waiting
            .iter()
            .enumerate()
            .filter(|(_, it)| set.contains(it.signal))
            .min_by_key(|(_, it)| it.signal)?;
        let taken = state.waiting.remove(place);
        state.note(format_args!("     it receives {}", taken.signal));
        Some(taken)
    }

    fn handle(&self, state: &mut State, what: Option<i32>) -> Handle {
        let number = state.next_handle;
        state.next_handle += 1;
        state.handles.insert(number, what);
        Handle::new(number)
    }

    /// The process of a handle.
    fn of(&self, state: &State, handle: Handle) -> Option<i32> {
        let found = state.handles.iter().find(|(number, _)| Handle::new(**number) == handle);
        match found {
            Some((_, what)) => *what,
            None => self.broken(state, "a descriptor that was closed"),
        }
    }
}

fn until(state: &State, limit: Option<Span>) -> Option<u64> {
    // Rounded up: a wait never ends before its time.
    limit.map(|limit| state.now.saturating_add(limit.as_nanos().div_ceil(NANOS)))
}

impl Clock for World {
    fn now(&self) -> Instant {
        // A clock that shows nothing is one that can't be read.
        Instant::new(Span::from_millis(1 + self.state.borrow().now))
    }
}

impl Kernel for World {
    fn wait_for_signal(&self, set: SignalSet, limit: Option<Span>) -> Result<Option<Received>, Errno> {
        self.enter_unless(limit != Some(Span::ZERO), "wait_for_signal", true)?;
        let state = &mut *self.state.borrow_mut();
        let until = until(state, limit);
        loop {
            if let Some(taken) = self.take(state, set) {
                return Ok(Some(taken));
            }
            if until.is_some_and(|until| until <= state.now) || !self.pass(state, until) {
                return Ok(None);
            }
        }
    }

    fn reap(&self, process: Option<Pid>) -> Result<Reaped, Errno> {
        self.enter("reap", true)?;
        let state = &mut *self.state.borrow_mut();
        let which = process.map(Pid::get);
        let mut children = state
            .processes
            .iter_mut()
            .filter(|(pid, it)| it.parent == self.init && which.is_none_or(|which| which == **pid))
            .filter(|(_, it)| !matches!(it.life, Life::Collected(_) | Life::Leaves(..)))
            .peekable();
        if children.peek().is_none() {
            return Ok(Reaped::NoChildren);
        }
        let ended = children.find_map(|(pid, child)| match child.life {
            Life::Zombie(ended) => {
                child.life = Life::Collected(ended);
                Some((*pid, ended))
            }
            _ => None,
        });
        if let Some((pid, ended)) = ended {
            state.note(format_args!("     {pid} is collected"));
            return Ok(Reaped::Child(Pid::new(pid).expect("a pid"), ended));
        }
        Ok(Reaped::Nothing)
    }

    fn kill(&self, target: Target, signal: Option<Signal>) -> Result<(), Errno> {
        if signal == Some(Signal::KILL) {
            // Tried, whether or not it can be done.
            let mut state = self.state.borrow_mut();
            let now = state.now;
            state.seen.tried_to_kill.get_or_insert(now);
        }
        self.enter("kill", true)?;
        let state = &mut *self.state.borrow_mut();
        state.note(format_args!("     {signal:?} to {target:?}"));
        self.note_sent(state, &target, signal);
        let there = |it: &Process| !matches!(it.life, Life::Collected(_));
        let pids: Vec<i32> = match target {
            Target::Everybody if !self.start.is_pid_1 => {
                self.broken(state, "kill(-1) by one that is not PID 1")
            }
            Target::Everybody => {
                state.processes.iter().filter(|(_, it)| there(it)).map(|(pid, _)| *pid).collect()
            }
            Target::Group(leader) => {
                let members = state.processes.iter().filter(|(_, it)| there(it) && it.group == leader.get());
                members.map(|(pid, _)| *pid).collect()
            }
            Target::Process(pid) if pid.get() == self.init => return Ok(()),
            Target::Process(pid)
                if state.child_signal == ChildSignal::Ignored
                    && !state.seen.failed.contains(&"set_child_signal") =>
            {
                self.broken(state, &format!("{pid} is signalled by its number, which may be another's"));
            }
            Target::Process(pid) => state
                .processes
                .get(&pid.get())
                .filter(|it| there(it))
                .map(|_| pid.get())
                .into_iter()
                .collect(),
        };
        if pids.is_empty() {
            return Err(Errno::ESRCH);
        }
        pids.into_iter().for_each(|pid| self.send(state, pid, signal));
        Ok(())
    }

    fn group_of(&self, process: Pid) -> Result<i32, Errno> {
        self.enter("group_of", true)?;
        let state = self.state.borrow();
        if process.get() == self.init {
            return Ok(self.init);
        }
        let process = state.processes.get(&process.get()).filter(|it| !matches!(it.life, Life::Collected(_)));
        process.map(|it| it.group).ok_or(Errno::ESRCH)
    }

    fn session_of(&self, _: Pid) -> Result<i32, Errno> {
        self.enter("session_of", true)?;
        Ok(self.init)
    }

    fn stopped_by(&self, process: Pid) -> Option<Signal> {
        self.enter("stopped_by", true).ok()?;
        match self.state.borrow().processes.get(&process.get())?.life {
            Life::Stopped(signal) => Some(signal),
            _ => None,
        }
    }

    fn set_child_signal(&self, to: ChildSignal) -> Result<ChildSignal, Errno> {
        self.enter("set_child_signal", true)?;
        let state = &mut *self.state.borrow_mut();
        // Zombies stay, whatever it is set to (`wait(2)`, NOTES), what waits does not
        // (`sigaction(2)`, POSIX: "any pending signal shall be discarded").
        if to == ChildSignal::Ignored {
            state.waiting.retain(|it| it.signal != Signal::CHLD);
        }
        Ok(std::mem::replace(&mut state.child_signal, to))
    }

    fn stop_own_group(&self, _: Signal) -> bool {
        false
    }

    fn hand_terminal_over(&self, _: Pid, _: Option<Pid>) -> bool {
        false
    }

    fn take_terminal_back(&self, _: Pid, _: Option<&Modes>) {}

    fn open_process(&self, process: Pid) -> Result<Handle, Errno> {
        self.enter("open_process", true)?;
        let state = &mut *self.state.borrow_mut();
        if self.start.pidfds == Pidfds::Missing {
            return Err(Errno::ENOSYS);
        }
        match state.processes.get(&process.get()).map(|it| it.life) {
            None | Some(Life::Collected(_)) => {
                if process.get() == self.program {
                    self.broken(state, "a descriptor of the program, which was collected");
                }
                Err(Errno::ESRCH)
            }
            Some(_) => Ok(self.handle(state, Some(process.get()))),
        }
    }

    fn open_signals(&self) -> Result<Handle, Errno> {
        self.enter("open_signals", true)?;
        let state = &mut *self.state.borrow_mut();
        Ok(self.handle(state, None))
    }

    fn exit_of(&self, process: Handle) -> Result<Option<Ended>, Errno> {
        self.enter("exit_of", true)?;
        let state = self.state.borrow();
        let Some(pid) = self.of(&state, process) else { return Err(Errno::EIO) };
        Ok(match state.processes[&pid].life {
            Life::Collected(_) if self.start.pidfds == Pidfds::Wrong => {
                Some(Ended::killed(Signal::QUIT, true))
            }
            Life::Collected(ended) => Some(ended),
            _ => None,
        })
    }

    fn wait_for_either(&self, signals: Handle, process: Handle, limit: Option<Span>) -> Result<bool, Errno> {
        self.enter_unless(limit != Some(Span::ZERO), "wait_for_either", true)?;
        let state = &mut *self.state.borrow_mut();
        let until = until(state, limit);
        let (None, Some(pid)) = (self.of(state, signals), self.of(state, process)) else {
            self.broken(state, "the descriptors are mixed up");
        };
        loop {
            // Not of one that waits to be collected, since nobody asked for that.
            if matches!(state.processes[&pid].life, Life::Collected(_)) {
                return Ok(true);
            }
            if !state.waiting.is_empty() || until.is_some_and(|until| until <= state.now) {
                return Ok(false);
            }
            self.pass(state, until);
        }
    }

    fn signal_process(&self, process: Handle, to_group: bool, signal: Option<Signal>) -> Result<(), Errno> {
        self.enter("signal_process", true)?;
        let state = &mut *self.state.borrow_mut();
        let Some(pid) = self.of(state, process) else { return Err(Errno::EIO) };
        state.note(format_args!("     {signal:?} to the program's pidfd"));
        if matches!(state.processes[&pid].life, Life::Collected(_)) {
            return Err(Errno::ESRCH);
        }
        let leader = Pid::new(pid).expect("a pid");
        self.note_sent(
            state,
            &if to_group { Target::Group(leader) } else { Target::Process(leader) },
            signal,
        );
        let members: Vec<i32> = state
            .processes
            .iter()
            .filter(|(other, it)| **other == pid || (to_group && it.group == pid))
            .map(|(pid, _)| *pid)
            .collect();
        members.into_iter().for_each(|pid| self.send(state, pid, signal));
        Ok(())
    }

    fn close(&self, handle: Handle) {
        let state = &mut *self.state.borrow_mut();
        self.of(state, handle);
        state.handles.retain(|number, _| Handle::new(*number) != handle);
    }

    fn sleep(&self, span: Span) {
        let _ = self.enter("sleep", false);
        let state = &mut *self.state.borrow_mut();
        let until = until(state, Some(span));
        while until.is_some_and(|until| state.now < until) && self.pass(state, until) {}
    }

    fn each_process(&self, visit: &mut dyn FnMut(Pid)) -> Result<(), Errno> {
        self.enter("each_process", true)?;
        if !self.start.has_proc {
            return Err(Errno::ENOENT);
        }
        let shown: Vec<i32> = {
            let state = self.state.borrow();
            let there = state.processes.iter().filter(|(_, it)| !matches!(it.life, Life::Collected(_)));
            [self.init].into_iter().chain(there.map(|(pid, _)| *pid)).collect()
        };
        shown.into_iter().filter_map(Pid::new).for_each(visit);
        Ok(())
    }

    fn read_process(&self, process: Option<Pid>, name: Text, contents: &mut Contents) -> Result<(), Errno> {
        self.enter("read_process", true)?;
        let state = self.state.borrow();
        if !self.start.has_proc || !name.is(Text::from(c"stat")) {
            return Err(Errno::ENOENT);
        }
        let pid = process.map_or(self.init, Pid::get);
        let (letter, parent) = match state.processes.get(&pid) {
            None if pid == self.init => ('S', 0),
            Some(Process { life: Life::Runs, parent, .. }) => ('S', *parent),
            Some(Process { life: Life::Stopped(_), parent, .. }) => ('T', *parent),
            Some(Process { life: Life::Zombie(_), parent, .. }) => ('Z', *parent),
            Some(Process { life: Life::Leaves(..), parent, .. }) => ('X', *parent),
            _ => return Err(Errno::ESRCH),
        };
        let text = format!("{pid} (some (body)) {letter} {parent} 1 1 0 -1 4194560");
        contents.fill(text.as_bytes());
        Ok(())
    }

    fn read_file(&self, _: &[Text], _: Text, _: &mut Contents) -> Result<(), Errno> {
        self.enter("read_file", true)?;
        Err(Errno::ENOENT)
    }
}
