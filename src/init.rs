//! The loop of a running init: the kernel's news become events for the supervisor,
//! the supervisor's actions become system calls.
//!
//! After the program is started, no error of a system call ends the loop: each has
//! a decision here, and the worst of them is to look again later.

use core::cell::Cell;

use log::{Level, Log};

use crate::cli::{Reach, Texts};
use crate::exit::{Ended, ExitCode};
use crate::kernel::Kernel;
use crate::log::say;
use crate::processes::Descendants;
use crate::signal::{Signal, SignalSet};
use crate::supervisor::{Action, Event, Policy, Span, Supervisor};
use crate::sys::{Errno, Pid, Reaped, Received, Sender, Target};
use crate::text::{Line, Piece};

/// How many children are collected in a row, and how many signals passed on,
/// before the other of the two gets its turn.
const BATCH: u32 = 64;

/// The time between two looks at what no signal tells of: processes put into the
/// container from outside, and new descendants of those that were killed.
const LOOK_AGAIN: Span = Span::from_millis(20);

/// The same while nobody wants the processes from outside to end.
const LOOK_AGAIN_IDLE: Span = Span::from_millis(1000);

/// What a run needs to know.
#[derive(Clone, Copy)]
pub struct Setup {
    /// What is done when.
    pub policy: Policy,
    /// The init itself.
    pub init: Pid,
    /// The program; none in pause mode.
    pub program: Option<Pid>,
    /// Whom signals go to.
    pub reach: Reach,
    /// The words for what happens.
    pub texts: &'static Texts,
    /// Warn of each orphan collected.
    pub warn_on_reap: bool,
    /// SIGCHLD was inherited as ignored and that could not be changed: the kernel
    /// collects children by itself and says nothing.
    pub children_are_lost: bool,
    /// Signals that were received before.
    pub received: [Option<Received>; 3],
}

/// Runs until everybody has ended or the time is up; gives the program's exit code.
pub fn run(kernel: &impl Kernel, log: &dyn Log, setup: &Setup) -> ExitCode {
    let mut init = Init {
        kernel,
        log,
        setup,
        supervisor: Supervisor::new(setup.policy),
        program_lives: setup.program.is_some(),
        children: Children::Some,
        look_again: setup.children_are_lost,
        proc_is_missing: Cell::new(false),
        signals_in_a_row: 0,
        looks_in_a_row: 0,
    };
    for received in setup.received.into_iter().flatten() {
        if let Some(code) = init.take_in(News::Signal(received)) {
            return code;
        }
    }
    // Of children that ended before signals were blocked nothing else would tell.
    let mut news = News::Children;
    loop {
        if let Some(code) = init.take_in(news) {
            return code;
        }
        news = init.wait();
    }
}

/// What the kernel has to tell.
enum News {
    Signal(Received),
    /// Children may have ended.
    Children,
    /// Nothing by itself, but it is time to look again.
    Again,
    /// The supervisor's deadline has come.
    Deadline,
}

/// What the last look at the children showed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Children {
    /// There may be more that have ended: the batch was full.
    More,
    /// Those that are left have not ended.
    Some,
    None,
}

struct Init<'a, K> {
    kernel: &'a K,
    log: &'a dyn Log,
    setup: &'a Setup,
    supervisor: Supervisor,
    program_lives: bool,
    children: Children,
    /// Something is to be found out that no signal tells.
    look_again: bool,
    /// That /proc is of no use has been said.
    proc_is_missing: Cell<bool>,
    signals_in_a_row: u32,
    looks_in_a_row: u32,
}

impl<K: Kernel> Init<'_, K> {
    /// Waits for news. Signals and children take turns, so that neither a storm of
    /// signals hides a death nor a storm of deaths a signal: the kernel hands out
    /// the lowest number first, with SIGCHLD in the middle.
    fn wait(&mut self) -> News {
        if self.signals_in_a_row >= BATCH {
            self.signals_in_a_row = 0;
            return News::Children;
        }
        let signals_first = self.children == Children::More || self.looks_in_a_row >= BATCH;
        let (set, mut limit) = if signals_first {
            self.looks_in_a_row = 0;
            (SignalSet::ALL.without(Signal::CHLD), Some(Span::ZERO))
        } else {
            let idle = self.supervisor.deadline().is_none() && !self.setup.children_are_lost;
            (SignalSet::ALL, self.look_again.then_some(if idle { LOOK_AGAIN_IDLE } else { LOOK_AGAIN }))
        };
        if let Some(deadline) = self.supervisor.deadline() {
            let left = self.kernel.now().until(deadline);
            if left == Span::ZERO {
                return News::Deadline;
            }
            limit = Some(limit.map_or(left, |limit| limit.min(left)));
        }
        let news = match self.kernel.wait_for_signal(set, limit) {
            Ok(Some(Received { signal: Signal::CHLD, .. })) => News::Children,
            Ok(Some(received)) => News::Signal(received),
            Ok(None) if signals_first => News::Children,
            Ok(None) => News::Again,
            Err(Errno::EINTR) => News::Children,
            Err(error) => {
                // Then signals can't be had at all, but the program's end still can.
                if !self.look_again {
                    self.say(Level::Warn, "signals can't be received: %", &[&error]);
                }
                self.look_again = true;
                self.kernel.sleep(limit.map_or(LOOK_AGAIN, |limit| limit.min(LOOK_AGAIN)));
                News::Again
            }
        };
        match news {
            News::Signal(_) => {
                self.signals_in_a_row = self.signals_in_a_row.saturating_add(1);
                self.looks_in_a_row = 0;
            }
            _ => {
                self.looks_in_a_row = self.looks_in_a_row.saturating_add(1);
                self.signals_in_a_row = 0;
            }
        }
        news
    }

    /// Does what the news ask for; gives the exit code at the end.
    fn take_in(&mut self, news: News) -> Option<ExitCode> {
        let mut action = match news {
            News::Signal(received) => self.on_signal(received),
            News::Children => self.reap(),
            News::Again => match self.reap() {
                Action::Wait => self.tell(Event::SomebodyLeft),
                action => action,
            },
            // What happened before it counts as before it.
            News::Deadline => match self.reap() {
                Action::Wait => self.on_deadline(),
                action => action,
            },
        };
        loop {
            let event = match action {
                Action::Wait => return None,
                Action::Exit(code) => return Some(code),
                Action::Forward(signal) => {
                    let _ = self.forward(signal);
                    return None;
                }
                Action::Stop(signal) => {
                    if let Some((program, target)) = self.forward(signal)
                        && self.kernel.is_stopped(program)
                    {
                        let _ = self.kernel.kill(target, Some(Signal::CONT));
                    }
                    return None;
                }
                Action::ForwardToTheRest(signal) => {
                    self.to_the_rest(&[signal]);
                    return None;
                }
                Action::Look if self.nobody_is_left() => Event::NobodyLeft,
                Action::Look => Event::SomebodyLeft,
                Action::AskTheRest => self.ask_the_rest(),
                Action::KillTheRest => self.kill_the_rest()?,
            };
            action = self.tell(event);
        }
    }

    fn say(&self, level: Level, template: &str, pieces: &[&dyn Piece]) {
        say(self.log, level, template, pieces);
    }

    fn tell(&mut self, event: Event) -> Action {
        self.supervisor.on(event, self.kernel)
    }

    fn on_deadline(&mut self) -> Action {
        let action = self.tell(Event::Deadline);
        // Said here and not at each of the KILLs that follow until nobody is left.
        if action == Action::KillTheRest {
            self.say(Level::Warn, "the time is up: killing all processes that are left", &[]);
        }
        action
    }

    fn is_pid_1(&self) -> bool {
        self.setup.init == Pid::INIT
    }

    // ------------------------------------------------------------- signals

    fn on_signal(&mut self, received: Received) -> Action {
        let Received { signal, sender } = received;
        // What the kernel raises for the init's own doing, a SIGPIPE of its log say,
        // carries the init's own pid.
        if matches!(sender, Sender::Process(pid, _) if pid == self.setup.init) {
            return Action::Wait;
        }
        let level = if signal.asks_to_stop() { Level::Info } else { Level::Debug };
        self.say(level, self.setup.texts.received, &[&u32::from(signal.number()), &signal, &sender]);
        let action = self.tell(Event::Signal(signal));
        if let Action::Forward(other) | Action::Stop(other) | Action::ForwardToTheRest(other) = action
            && other != signal
        {
            let numbers = [signal, other].map(|signal| u32::from(signal.number()));
            self.say(Level::Debug, self.setup.texts.rewritten, &[&numbers[0], &numbers[1]]);
        }
        action
    }

    /// Sends `signal` to the program, wherever it is by now; gives the program and
    /// whom it was sent to.
    fn forward(&self, signal: Signal) -> Option<(Pid, Target)> {
        let program = self.setup.program?;
        let to_group = matches!(self.setup.reach, Reach::Group | Reach::Session);
        let target = match self.kernel.group_of(program) {
            _ if !to_group => Target::Process(program),
            Ok(group) if group == program.get() => Target::Group(program),
            // It moved to another group, so the signal goes there. Not to the init's
            // own, though, which is the caller's; and a group whose leader is outside
            // this PID namespace has no number here.
            Ok(group) => match Pid::new(group) {
                Some(leader) if self.kernel.group_of(self.setup.init) != Ok(group) => Target::Group(leader),
                _ => Target::Process(program),
            },
            Err(_) => Target::Group(program),
        };
        if let Err(error) = self.kernel.kill(target, Some(signal)) {
            self.say(Level::Warn, "% could not be passed on to process %: %", &[&signal, &program, &error]);
            return None;
        }
        self.say(Level::Debug, self.setup.texts.forwarded, &[&u32::from(signal.number()), &signal]);
        Some((program, target))
    }

    // ------------------------------------------------------------ children

    /// Collects a batch of children.
    fn reap(&mut self) -> Action {
        let mut code = None;
        self.children = Children::More;
        for _ in 0..BATCH {
            match self.kernel.reap() {
                Ok(Reaped::Child(pid, ended)) => {
                    let is_program = self.program_lives && self.setup.program == Some(pid);
                    self.on_child(pid, ended, is_program);
                    if is_program {
                        self.program_lives = false;
                        code = Some(ended.code());
                    }
                }
                Ok(Reaped::Nothing) => {
                    self.children = Children::Some;
                    break;
                }
                Ok(Reaped::NoChildren) => {
                    self.children = Children::None;
                    break;
                }
                Err(_) => {
                    self.children = Children::Some;
                    self.look_again = true;
                    break;
                }
            }
        }
        if self.program_lives && self.children == Children::None {
            self.say(Level::Error, "the program has ended, but the kernel has not kept its exit code", &[]);
            self.program_lives = false;
            code = Some(ExitCode::FAILURE);
        }
        match code.map_or(Action::Wait, |code| self.tell(Event::ProgramEnded(code))) {
            Action::Wait if !self.program_lives && self.nobody_is_left() => self.tell(Event::NobodyLeft),
            action => action,
        }
    }

    fn on_child(&self, pid: Pid, ended: Ended, is_program: bool) {
        let texts = self.setup.texts;
        let by_number = ByNumber(ended);
        let end: &dyn Piece = if texts.by_number { &by_number } else { &ended };
        let warn = self.setup.warn_on_reap && !is_program;
        self.say(if warn { Level::Warn } else { Level::Debug }, texts.collected, &[&pid, end]);
        if is_program {
            self.say(Level::Info, texts.ended, &[&u32::from(ended.code().get()), &pid, end]);
        }
    }

    // ------------------------------------------------------------ the rest

    /// Whether the init is alone. Whoever is not its child is below one, but for
    /// processes that were put into the container from outside: they are not below
    /// PID 1, and their end is told to somebody else.
    fn nobody_is_left(&mut self) -> bool {
        if self.children != Children::None {
            return false;
        }
        if !self.is_pid_1() || self.kernel.kill(Target::Everybody, None) == Err(Errno::ESRCH) {
            return true;
        }
        if self.is_init_of_the_machine() {
            return true;
        }
        self.look_again = true;
        false
    }

    /// Whether the kernel's own threads are in this namespace, as in a virtual
    /// machine. They are there for ever: "everybody" is never nobody. Their parent
    /// is 2, in no session; in a container 2 is the program, or nobody.
    fn is_init_of_the_machine(&self) -> bool {
        let kthreadd = Pid::new(2).filter(|second| Some(*second) != self.setup.program);
        kthreadd.is_some_and(|kthreadd| self.kernel.session_of(kthreadd) == Ok(0))
    }

    /// SIGTERM to everybody who is left, and SIGCONT so that a stopped one can act.
    fn ask_the_rest(&mut self) -> Event {
        let nobody = self.nobody_is_left() || !self.to_the_rest(&[Signal::TERM, Signal::CONT]);
        if nobody { Event::NobodyLeft } else { Event::SomebodyLeft }
    }

    /// Sends `signals` to everybody who is left; gives whether there may be anybody.
    fn to_the_rest(&self, signals: &[Signal]) -> bool {
        if !self.is_pid_1() {
            self.to_descendants(signals);
            return true;
        }
        signals.iter().all(|signal| self.kernel.kill(Target::Everybody, Some(*signal)) != Err(Errno::ESRCH))
    }

    /// SIGKILL to everybody who is left. Nothing is to be told if their end, or the
    /// program's, has yet to be seen.
    fn kill_the_rest(&mut self) -> Option<Event> {
        if self.is_pid_1() {
            let _ = self.kernel.kill(Target::Everybody, Some(Signal::KILL));
            // When PID 1 exits the kernel waits for the end of all others.
            return (!self.program_lives).then_some(Event::NobodyLeft);
        }
        self.look_again = true;
        self.to_descendants(&[Signal::KILL]);
        None
    }

    /// Sends `signals` to every descendant, and to those that came while looking.
    fn to_descendants(&self, signals: &[Signal]) {
        // One that forks faster than this many looks is met again at the deadline.
        const LOOKS: usize = 8;
        let mut descendants = Descendants::of(self.setup.init);
        for _ in 0..LOOKS {
            let mut found = false;
            let looked = descendants.visit_new(self.kernel, &mut |process| {
                found = true;
                self.send_each(Target::Process(process), signals);
            });
            if let Err(error) = looked {
                // The program's group is what can be reached without /proc.
                if !self.proc_is_missing.replace(true) {
                    self.say(Level::Warn, "looking for processes in /proc: %", &[&error]);
                }
                if let Some(program) = self.setup.program {
                    self.send_each(Target::Group(program), signals);
                }
                return;
            }
            if !found {
                return;
            }
        }
    }

    fn send_each(&self, target: Target, signals: &[Signal]) {
        for signal in signals {
            // Gone meanwhile, or not the init's to signal: neither can be helped.
            let _ = self.kernel.kill(target, Some(*signal));
        }
    }
}

/// `from process 7 (uid 0)`, `from outside the container`, `from the kernel`.
impl Piece for Sender {
    fn write(&self, line: &mut Line) {
        match self {
            Sender::Process(pid, uid) => line.fill("from process % (uid %)", &[pid, uid]),
            Sender::Outside => line.push(b"from outside the container"),
            Sender::Kernel => line.push(b"from the kernel"),
        }
    }
}

/// How a process ended, in dumb-init's words.
struct ByNumber(Ended);

impl Piece for ByNumber {
    fn write(&self, line: &mut Line) {
        match self.0 {
            Ended::Exited(code) => line.fill("exited with exit status %", &[&u32::from(code)]),
            Ended::Killed(signal, _) => {
                line.fill("was terminated by signal %", &[&u32::from(signal.number())])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Personality;
    use crate::supervisor::{Clock, Instant};
    use core::cell::{Cell, RefCell};
    use std::vec::Vec;

    /// A kernel that never runs out of news, and hands out the lowest signal first as
    /// the real one does. It gives up when asked more often than any fair loop would.
    struct Storm {
        /// Comes again whenever it was taken.
        endless: Option<Signal>,
        /// Orphans that have ended, without end.
        endless_orphans: bool,
        /// What waiting for signals gives instead, if anything.
        refused: Option<Errno>,
        /// Is waiting, and then is taken.
        waiting: Cell<Option<Signal>>,
        /// The program has ended from this call of `reap` on.
        program_ends_at: u32,
        reaps: Cell<u32>,
        calls: Cell<u32>,
        sent: RefCell<Vec<(Target, Option<Signal>)>>,
    }

    const PROGRAM: i32 = 2;
    const PATIENCE: u32 = 1000;

    impl Storm {
        fn new() -> Storm {
            Storm {
                endless: None,
                endless_orphans: false,
                refused: None,
                waiting: Cell::new(None),
                program_ends_at: u32::MAX,
                reaps: Cell::new(0),
                calls: Cell::new(0),
                sent: RefCell::default(),
            }
        }

        fn run(&self) -> ExitCode {
            self.run_with(Span::ZERO, &log::logger(), None)
        }

        fn run_with(&self, grace: Span, log: &dyn Log, received: Option<Received>) -> ExitCode {
            let setup = Setup {
                policy: Policy { grace_period: Some(grace), ..Policy::default() },
                init: Pid::INIT,
                program: Pid::new(PROGRAM),
                reach: Reach::Leader,
                texts: Personality::of(crate::sys::Text::from(c"")).texts,
                warn_on_reap: false,
                children_are_lost: false,
                received: [received, None, None],
            };
            run(self, log, &setup)
        }
    }

    impl Clock for Storm {
        /// Each wait takes a tenth of a second.
        fn now(&self) -> Instant {
            Instant::new(Span::from_millis(u64::from(self.calls.get()) * 100))
        }
    }

    impl Kernel for Storm {
        fn wait_for_signal(&self, set: SignalSet, _: Option<Span>) -> Result<Option<Received>, Errno> {
            self.calls.set(self.calls.get() + 1);
            assert!(self.calls.get() < PATIENCE, "somebody waits for ever");
            if let Some(error) = self.refused {
                return Err(error);
            }
            let child = self.endless_orphans.then_some(Signal::CHLD);
            let pending = [self.endless, self.waiting.get(), child].into_iter().flatten();
            let lowest = pending.filter(|signal| set.contains(*signal)).min();
            if lowest.is_some() && lowest == self.waiting.get() {
                self.waiting.set(None);
            }
            Ok(lowest.map(|signal| Received { signal, sender: Sender::Outside }))
        }

        fn reap(&self) -> Result<Reaped, Errno> {
            self.reaps.set(self.reaps.get() + 1);
            assert!(self.reaps.get() < PATIENCE, "nobody looks at signals");
            let ended = |pid, code| Reaped::Child(Pid::new(pid).unwrap(), Ended::Exited(code));
            Ok(match self.reaps.get() {
                now if now >= self.program_ends_at => ended(PROGRAM, 7),
                now if self.endless_orphans => ended(1000 + now as i32, 0),
                _ => Reaped::Nothing,
            })
        }

        fn kill(&self, target: Target, signal: Option<Signal>) -> Result<(), Errno> {
            self.sent.borrow_mut().push((target, signal));
            Ok(())
        }

        fn group_of(&self, process: Pid) -> Result<i32, Errno> {
            Ok(process.get())
        }

        fn session_of(&self, _: Pid) -> Result<i32, Errno> {
            Err(Errno::ESRCH)
        }

        fn is_stopped(&self, _: Pid) -> bool {
            false
        }

        fn sleep(&self, _: Span) {}

        fn each_process(&self, _: &mut dyn FnMut(Pid)) -> Result<(), Errno> {
            Err(Errno::ENOENT)
        }

        fn read_process<'b>(&self, _: Option<Pid>, _: &str, _: &'b mut [u8]) -> Result<&'b [u8], Errno> {
            Err(Errno::ENOENT)
        }
    }

    #[test]
    fn deaths_without_end_hide_no_signal() {
        let storm = Storm { endless_orphans: true, program_ends_at: PATIENCE / 2, ..Storm::new() };
        let late = Signal::new(40);
        storm.waiting.set(late);
        assert_eq!(storm.run().get(), 7);
        assert_eq!(storm.sent.take(), [(Target::Process(Pid::new(PROGRAM).unwrap()), late)]);
    }

    #[test]
    fn a_signal_without_end_hides_no_death() {
        let storm = Storm { endless: Some(Signal::HUP), program_ends_at: 1, ..Storm::new() };
        assert_eq!(storm.run().get(), 7);
    }

    /// Counts the warnings.
    #[derive(Default)]
    struct Warnings(core::sync::atomic::AtomicU32);

    impl Log for Warnings {
        fn enabled(&self, metadata: &log::Metadata) -> bool {
            metadata.level() == Level::Warn
        }

        fn log(&self, record: &log::Record) {
            let counts = std::format!("{}", record.args()).contains("time is up");
            self.0.fetch_add(counts.into(), core::sync::atomic::Ordering::Relaxed);
        }

        fn flush(&self) {}
    }

    #[test]
    fn that_the_time_is_up_is_said_once_however_often_is_killed() {
        let (storm, warnings) = (Storm { refused: Some(Errno::EPERM), ..Storm::new() }, Warnings::default());
        let stop = Received { signal: Signal::TERM, sender: Sender::Outside };
        assert_eq!(storm.run_with(Span::from_millis(300), &warnings, Some(stop)).get(), 128 + 9);
        let killed = (Target::Everybody, Some(Signal::KILL));
        assert!(storm.sent.borrow().iter().filter(|sent| **sent == killed).count() > 1);
        assert_eq!(warnings.0.into_inner(), 1);
    }

    #[test]
    fn the_programs_end_is_seen_where_signals_cannot_be_received() {
        for error in [Errno::EPERM, Errno::ENOSYS, Errno::EINTR] {
            let storm = Storm { refused: Some(error), program_ends_at: 3, ..Storm::new() };
            assert_eq!(storm.run().get(), 7);
        }
    }
}
