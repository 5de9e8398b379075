//! The loop of a running init: the kernel's news become events for the supervisor,
//! the supervisor's actions become system calls.
//!
//! After the program is started, no error of a system call ends the loop: each has
//! a decision here, and the worst of them is to look again later.

use core::cell::Cell;

use log::Level;

use crate::auto_reap::{AutoReap, Ready};
use crate::cli::{Reach, Texts};
use crate::exit::{Ended, ExitCode};
use crate::kernel::Kernel;
use crate::log::{Sink, Word, say};
use crate::memory;
use crate::packed::text;
use crate::processes::{self, Named, visit_descendants};
use crate::signal::{Signal, SignalSet};
use crate::supervisor::{Action, Event, Instant, Policy, Span, Supervisor};
use crate::sys::{Errno, Modes, Pid, Reaped, Received, Sender, Target, Text};
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
#[repr(C)]
pub struct Setup {
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
    /// There is a controlling terminal, from which the program can be stopped, and
    /// SIGCHLD tells of that.
    pub has_terminal: bool,
    /// The terminal was the init's, and the program has it now.
    pub terminal_is_lent: bool,
    /// Signals that were received before.
    pub received: [Option<Received>; 3],
    /// What is done when.
    pub policy: Policy,
    /// The modes that the terminal is to have at the end.
    pub modes: Option<Modes>,
}

/// Runs until everybody has ended or the time is up; gives the program's exit code.
#[inline(never)]
pub fn run(kernel: &impl Kernel, log: &impl Sink, setup: &Setup) -> ExitCode {
    let mut init = Init {
        kernel,
        log,
        setup,
        supervisor: Supervisor::new(setup.policy),
        program_lives: setup.program.is_some(),
        code: None,
        program_is_stopped: false,
        sent_kill: Cell::new(false),
        terminal_is_lent: setup.terminal_is_lent,
        auto_reap: AutoReap::Untried,
        children: Children::Some,
        look_again: setup.children_are_lost,
        proc_is_missing: Cell::new(false),
        signals_in_a_row: 0,
        looks_in_a_row: 0,
        stopped_at: None,
        collected: 0,
        asked: 0,
        killed: 0,
    };
    let code = init.run();
    init.sum_up();
    if init.terminal_is_lent && !init.is_pid_1() {
        kernel.take_terminal_back(setup.init, setup.modes.as_ref());
    }
    code
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

#[repr(C)]
struct Init<'a, K, S> {
    kernel: &'a K,
    log: &'a S,
    setup: &'a Setup,
    program_lives: bool,
    /// The program's, until the supervisor is told.
    code: Option<ExitCode>,
    program_is_stopped: bool,
    /// A signal was passed on as SIGKILL.
    sent_kill: Cell<bool>,
    /// The terminal is the program's for as long as the shell leaves it to the init.
    terminal_is_lent: bool,
    auto_reap: AutoReap,
    children: Children,
    /// Something is to be found out that no signal tells.
    look_again: bool,
    /// That /proc is of no use has been said.
    proc_is_missing: Cell<bool>,
    signals_in_a_row: u32,
    looks_in_a_row: u32,
    /// When the shutdown began, if anybody wants to know.
    stopped_at: Option<Instant>,
    /// How many orphans were collected, how many of them after they were asked to end,
    /// and how many of these after SIGKILL.
    collected: u32,
    asked: u32,
    killed: u32,
    /// The large one, so that the others are near.
    supervisor: Supervisor,
}

impl<K: Kernel, S: Sink> Init<'_, K, S> {
    #[inline(never)]
    fn run(&mut self) -> ExitCode {
        for received in self.setup.received.iter().flatten() {
            if let Some(code) = self.take_in(News::Signal(*received)) {
                return code;
            }
        }
        // Of children that ended before signals were blocked nothing else would tell.
        let mut news = News::Children;
        loop {
            if let Some(code) = self.take_in(news) {
                return code;
            }
            news = self.wait();
        }
    }

    /// Waits for news. Signals and children take turns, so that neither a storm of
    /// signals hides a death nor a storm of deaths a signal: the kernel hands out
    /// the lowest number first, with SIGCHLD in the middle.
    fn wait(&mut self) -> News {
        // Who asks, kills, or waits for the last to end, has to see each of them.
        if !self.supervisor.minds_program_alone() && self.leave_children_no_more() {
            return News::Children;
        }
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
        let mut time_stands_still = false;
        if let Some(deadline) = self.supervisor.deadline() {
            let now = self.kernel.now();
            let left = now.until(deadline);
            if left == Span::ZERO {
                return News::Deadline;
            }
            // Without a clock it is the wait that tells the time, all in one.
            time_stands_still = now == Instant::new(Span::ZERO);
            limit = Some(if time_stands_still { left } else { limit.map_or(left, |limit| limit.min(left)) });
        }
        let mut at_most = limit;
        if !signals_first && self.program_lives {
            match self.auto_reap.wait(self.kernel, limit) {
                Ready::Ordinary => {}
                // Also if there are none, since then the time is up.
                Ready::Signals => at_most = Some(Span::ZERO),
                Ready::ProgramEnded => {
                    self.leave_children_no_more();
                    return News::Children;
                }
            }
        }
        let taken = self.kernel.wait_for_signal(set, at_most);
        let news = match taken {
            Ok(Some(Received { signal: Signal::CHLD, sender })) => {
                self.try_auto_reap(sender);
                News::Children
            }
            Ok(Some(received)) => News::Signal(received),
            Ok(None) if signals_first => News::Children,
            Ok(None) if time_stands_still => News::Deadline,
            Ok(None) => News::Again,
            Err(error) => {
                // After a stop that is EINTR, once. Otherwise signals can't be had at all, but
                // the program's end still can.
                if error != Errno::EINTR {
                    self.look_from_now_on(text!("1signals can't be received: %e"), error);
                }
                self.kernel.sleep(limit.map_or(LOOK_AGAIN, |limit| limit.min(LOOK_AGAIN)));
                News::Again
            }
        };
        match news {
            News::Signal(_) => {
                self.signals_in_a_row = self.signals_in_a_row.wrapping_add(1);
                self.looks_in_a_row = 0;
            }
            _ => {
                self.looks_in_a_row = self.looks_in_a_row.wrapping_add(1);
                self.signals_in_a_row = 0;
            }
        }
        news
    }

    /// From now on what the kernel refuses to tell is looked for.
    fn look_from_now_on(&mut self, why: Text<'static>, error: Errno) {
        if !self.look_again {
            self.say(why, error.into());
        }
        self.look_again = true;
    }

    /// Does what the news ask for; gives the exit code at the end.
    fn take_in(&mut self, news: News) -> Option<ExitCode> {
        if let Some(limit) = self.kernel.limit() {
            self.supervisor.limit(limit, self.kernel);
        }
        let mut action = self.first_action(news);
        loop {
            // Whom the kernel collects meanwhile, his pid may be another's when it is signalled.
            if matches!(action, Action::AskTheRest | Action::KillTheRest) && self.leave_children_no_more() {
                self.children = Children::More;
            }
            let event = match action {
                Action::Wait => return None,
                Action::Exit(code) => return Some(code),
                Action::Forward(signal) | Action::Stop(signal) if self.program_lives => {
                    self.forward(signal, matches!(action, Action::Stop(_)));
                    return None;
                }
                Action::Forward(signal) => {
                    self.to_the_rest(&[signal]);
                    return None;
                }
                Action::Stop(signal) => {
                    self.to_the_rest(&[signal, Signal::CONT]);
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

    /// What the news themselves ask for.
    #[inline(never)]
    fn first_action(&mut self, news: News) -> Action {
        // What happened before a deadline counts as before it.
        let action = match news {
            News::Signal(received) => return self.on_signal(received),
            _ => self.reap(),
        };
        match news {
            News::Again if action == Action::Wait => self.tell(Event::SomebodyLeft),
            News::Deadline if action == Action::Wait => self.on_deadline(),
            _ => action,
        }
    }

    /// Says what needs one word at the most.
    fn say(&self, template: Text, word: Word) {
        say(self.log, template, None, word, Word::NONE, Word::NONE);
    }

    fn tell(&mut self, event: Event) -> Action {
        self.supervisor.on(event, self.kernel)
    }

    fn on_deadline(&mut self) -> Action {
        let action = self.tell(Event::Deadline);
        // Said here and not at each of the KILLs that follow until nobody is left.
        let template = match action {
            Action::KillTheRest => text!("1the time is up: killing all processes that are left"),
            Action::Exit(_) => text!("1some can't be killed"),
            _ => return action,
        };
        if self.log.wants(Level::Warn) {
            self.say(template, Word::NONE);
            let left = self.explain(true);
            // Their end is not the init's to see.
            if self.is_pid_1() {
                self.killed = left;
            }
        }
        action
    }

    fn is_pid_1(&self) -> bool {
        self.setup.init == Pid::INIT
    }

    // ------------------------------------------------------------- signals

    #[inline(never)]
    fn on_signal(&mut self, received: Received) -> Action {
        let Received { signal, sender } = received;
        // What the kernel raises for the init's own doing, a SIGPIPE of its log say,
        // carries the init's own pid.
        if matches!(sender, Sender::Process(pid, _) if pid == self.setup.init) {
            return Action::Wait;
        }
        let texts = self.setup.texts;
        let (level, template) =
            if signal.asks_to_stop() { (Level::Info, texts.asked) } else { (Level::Debug, texts.received) };
        if self.log.wants(level) {
            let mut from = Line::new();
            self.write_sender(sender, &mut from);
            say(self.log, template, Some(from.text()), signal.into(), signal.into(), Word::NONE);
        }
        if signal == Signal::CONT && self.setup.has_terminal {
            self.program_is_stopped = false;
            self.terminal_is_lent = self.hand_terminal_over();
        }
        let action = self.tell(Event::Signal(signal));
        let (Action::Forward(other) | Action::Stop(other)) = action else { return action };
        self.note_shutdown();
        if other != signal {
            say(self.log, texts.rewritten, None, signal.into(), other.into(), Word::NONE);
        } else if self.program_has_it_already(signal, sender) {
            return Action::Wait;
        }
        action
    }

    /// Whether the program, in the init's process group, was sent `signal` as well: by
    /// its terminal, or by the shell that continues a job.
    fn program_has_it_already(&self, signal: Signal, sender: Sender) -> bool {
        let Some(program) = self.setup.program else { return false };
        if self.setup.reach != Reach::Program || !self.program_lives {
            return false;
        }
        let shares_group = || self.kernel.group_of(program) == self.kernel.group_of(self.setup.init);
        match signal {
            Signal::INT | Signal::QUIT | Signal::TSTP | Signal::WINCH => {
                sender == Sender::Kernel && shares_group()
            }
            // When a terminal is hung up only the leader of its session is told, when
            // that has ended the group in the foreground (`tty_ioctl(4)`).
            Signal::HUP => {
                let leads_session = || self.kernel.session_of(self.setup.init) == Ok(self.setup.init.get());
                sender == Sender::Kernel && shares_group() && !leads_session()
            }
            Signal::CONT => {
                self.setup.has_terminal && shares_group() && self.kernel.stopped_by(program).is_none()
            }
            _ => false,
        }
    }

    /// `from process 7 (bash), uid 0`, `from outside the container`, `from the kernel`.
    fn write_sender(&self, sender: Sender, line: &mut Line) {
        match sender {
            Sender::Process(pid, uid) => {
                line.add(text!("from process "));
                if processes::check_proc(self.kernel, self.setup.init).is_ok() {
                    Named(self.kernel, pid).write(line);
                } else {
                    pid.write(line);
                }
                line.add(text!(", uid "));
                uid.write(line);
            }
            Sender::Outside => line.add(text!("from outside the container")),
            Sender::Kernel | Sender::Child(_) => line.add(text!("from the kernel")),
        }
    }

    /// Sends `signal` to the program, wherever it is by now, and has it go on if it is
    /// stopped and to be woken.
    fn forward(&self, signal: Signal, wake: bool) {
        let Some(program) = self.setup.program else { return };
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
        self.sent_kill.set(self.sent_kill.get() || signal == Signal::KILL);
        if let Err(error) = self.auto_reap.kill(self.kernel, program, target, signal) {
            let template = text!("1%s could not be passed on to process %d: %e");
            return say(self.log, template, None, signal.into(), program.into(), error.into());
        }
        say(self.log, self.setup.texts.forwarded, None, signal.into(), signal.into(), Word::NONE);
        if wake && self.kernel.stopped_by(program).is_some() {
            self.forward(Signal::CONT, false);
        }
    }

    // ------------------------------------------------------------ children

    /// Has the kernel collect orphans from now on, if the child that SIGCHLD told of is
    /// one, and nobody wants to see them.
    fn try_auto_reap(&mut self, sender: Sender) {
        let wanted = !self.setup.has_terminal
            && !self.setup.warn_on_reap
            && !self.log.wants(Level::Info)
            && self.supervisor.minds_program_alone();
        if let (Sender::Child(child), Some(program)) = (sender, self.setup.program)
            && child != program
            && self.program_lives
            && wanted
            && let Some(ended) = self.auto_reap.try_with(self.kernel, child, program)
        {
            self.on_child(child, ended);
        }
    }

    /// Has the kernel leave children that have ended to the init again; gives whether it
    /// did not before.
    fn leave_children_no_more(&mut self) -> bool {
        let left = self.auto_reap.is_on();
        if left && self.auto_reap.leave(self.kernel).is_err() {
            self.look_again = true;
        }
        left
    }

    /// Collects a batch of children.
    fn reap(&mut self) -> Action {
        self.children = Children::More;
        for _ in 0..BATCH {
            match self.kernel.reap(None) {
                Ok(Reaped::Child(pid, ended)) => self.on_child(pid, ended),
                Ok(Reaped::LetGo) => {}
                Ok(Reaped::Nothing) => {
                    self.children = Children::Some;
                    break;
                }
                Ok(Reaped::NoChildren) => {
                    self.children = Children::None;
                    break;
                }
                Err(error) => {
                    self.children = Children::Some;
                    self.look_from_now_on(text!("1wait4: %e"), error);
                    break;
                }
            }
        }
        if self.program_lives
            && let Some(program) = self.setup.program
        {
            let end = self.auto_reap.end_of_program(self.kernel, self.children != Children::None);
            if let Ok(Some(ended)) = end {
                self.on_child(program, ended);
            } else if end.is_err() {
                let text = text!("0the kernel has not kept the program's exit code");
                self.say(text, Word::NONE);
                self.program_lives = false;
                self.code = Some(ExitCode::FAILURE);
            } else if self.setup.has_terminal {
                self.follow(program);
            }
        }
        match self.code.take().map_or(Action::Wait, |code| self.tell(Event::ProgramEnded(code))) {
            Action::Wait if self.supervisor.minds_the_last() && self.nobody_is_left() => {
                self.tell(Event::NobodyLeft)
            }
            action => action,
        }
    }

    fn on_child(&mut self, pid: Pid, ended: Ended) {
        let texts = self.setup.texts;
        let mut template = texts.collected;
        let end = Word::from(ended);
        let is_program = self.program_lives && self.setup.program == Some(pid);
        if is_program {
            self.program_lives = false;
            self.code = Some(ended.code());
            self.note_shutdown();
        } else {
            self.collected = self.collected.saturating_add(1);
            match self.supervisor.asked_and_killed() {
                (_, true) => self.killed = self.killed.wrapping_add(1),
                (true, _) => self.asked = self.asked.wrapping_add(1),
                _ => {}
            }
            if self.setup.warn_on_reap {
                template = text!("1collected process %d, which %w");
            }
        }
        say(self.log, template, None, pid.into(), end, Word::NONE);
        if is_program {
            let code = u32::from(ended.code().get());
            say(self.log, texts.ended, None, code.into(), pid.into(), end);
            let by_init = self.sent_kill.get() || self.supervisor.asked_and_killed().1;
            if ended.signal() == Some(Signal::KILL) && !by_init {
                self.explain_kill();
            }
        }
    }

    // ------------------------------------------------------------ terminal

    /// Stops when the program has been stopped, as its shell expects of a job, and hands
    /// it the terminal when it is continued. Where no shell does job control the program
    /// goes on at once, since nobody else would ever continue it.
    fn follow(&mut self, program: Pid) {
        let stopped = self.kernel.stopped_by(program);
        let Some(signal) = stopped.filter(|_| !self.program_is_stopped) else {
            self.program_is_stopped = stopped.is_some();
            return;
        };
        self.program_is_stopped = true;
        self.say(text!("3the program was stopped by %s"), signal.into());
        // A job that runs in the background is not told when its shell puts it into the
        // foreground.
        let wants_terminal = [Signal::TTIN, Signal::TTOU].contains(&signal);
        if wants_terminal && !self.terminal_is_lent && !self.is_pid_1() {
            self.terminal_is_lent = self.hand_terminal_over();
            if self.terminal_is_lent {
                self.program_is_stopped = false;
                self.forward(Signal::CONT, false);
                return;
            }
        }
        if self.terminal_is_lent || self.is_pid_1() && signal != Signal::STOP {
            // As PID 1 too, since whoever has it in place of the program may have gone.
            self.kernel.take_terminal_back(self.setup.init, None);
        }
        let as_shell = if signal == Signal::STOP { Signal::TSTP } else { signal };
        if !self.is_pid_1() && self.kernel.stop_own_group(as_shell) {
            // The SIGCONT is still to be received, and does the rest. Until then the terminal
            // is the shell's, also if the program is dead when the init goes on.
            self.terminal_is_lent = false;
            return;
        }
        self.terminal_is_lent = self.hand_terminal_over();
        // An operator's SIGSTOP is the operator's to take back, and without the terminal
        // the program would be stopped by it again at once.
        if signal == Signal::TSTP || signal != Signal::STOP && self.terminal_is_lent {
            self.program_is_stopped = false;
            self.forward(Signal::CONT, false);
        }
    }

    /// Hands the terminal to the program if the shell has given it to the init; gives
    /// whether it is the program's.
    fn hand_terminal_over(&self) -> bool {
        let leads = self.program_lives && matches!(self.setup.reach, Reach::Group | Reach::Leader);
        self.kernel.hand_terminal_over(self.setup.init, self.setup.program.filter(|_| leads))
    }

    // -------------------------------------------------------- explanations

    /// The shutdown has begun: somebody asked for it, or the program has ended.
    fn note_shutdown(&mut self) {
        let ended = !self.program_lives && !self.setup.policy.wait_all;
        let begins = ended || self.supervisor.is_stopping();
        if begins && self.stopped_at.is_none() && self.log.wants(Level::Info) {
            self.stopped_at = Some(self.kernel.now());
        }
    }

    /// Says at the end how the shutdown went.
    fn sum_up(&self) {
        let Some(stopped_at) = self.stopped_at else { return };
        let milliseconds = stopped_at.until(self.kernel.now()).as_nanos() / 1_000_000;
        let mut took = Line::new();
        took.number(milliseconds);
        let template = text!("2shut down in %n ms; orphans collected: %d, ended when asked: %d, killed: %d");
        let (collected, asked) = (self.collected.into(), self.asked.into());
        say(self.log, template, Some(took.text()), collected, asked, self.killed.into());
    }

    /// Says why the program got a SIGKILL that was not the init's.
    fn explain_kill(&self) {
        if !self.log.wants(Level::Warn) {
            return;
        }
        let mut limit = Line::new();
        // Only as PID 1 the init is as old as the counter.
        limit.add(if self.is_pid_1() {
            text!("out of memory: the container's limit of ")
        } else {
            text!("probably out of memory: its control group's limit of ")
        });
        let Some(killed) = memory::evidence(self.kernel, &mut limit) else {
            let text = text!("1the program was killed: somebody sent it SIGKILL");
            return self.say(text, Word::NONE);
        };
        let text = text!("1%n was reached, processes killed for it: %d");
        say(self.log, text, Some(limit.text()), killed.into(), Word::NONE, Word::NONE);
    }

    /// Says who is left and why, and gives how many, see [`processes::explain`].
    fn explain(&self, all: bool) -> u32 {
        let machine = self.is_pid_1() && self.is_init_of_the_machine();
        processes::explain(self.kernel, self.log, self.setup.init, all, machine).unwrap_or_else(|error| {
            self.say_proc_is_missing(error);
            0
        })
    }

    fn say_proc_is_missing(&self, error: Errno) {
        if !self.proc_is_missing.replace(true) {
            self.say(text!("1looking for processes in /proc: %e"), error.into());
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
        // Refused that by a seccomp profile, it could neither reach the others nor see them end.
        if self.kernel.kill(Target::Process(self.setup.init), None).is_err() || self.is_init_of_the_machine()
        {
            return true;
        }
        self.look_again = true;
        false
    }

    /// Whether the kernel's own threads are in this namespace, as in a virtual
    /// machine. They are there for ever: "everybody" is never nobody. Their parent
    /// is 2, in no session; in a container 2 is the program, or nobody, or in a pause
    /// whoever joined it first.
    fn is_init_of_the_machine(&self) -> bool {
        let Some(kthreadd) = Pid::new(2) else { return false };
        self.setup.program.is_some_and(|program| program != kthreadd)
            && self.kernel.session_of(kthreadd) == Ok(0)
    }

    /// SIGTERM to everybody who is left, and SIGCONT so that a stopped one can act.
    fn ask_the_rest(&mut self) -> Event {
        let nobody = self.nobody_is_left() || !self.to_the_rest(&[Signal::TERM, Signal::CONT]);
        if !nobody && self.log.wants(Level::Debug) {
            self.explain(false);
        }
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
        if !self.is_pid_1() {
            self.look_again = true;
            self.to_descendants(&[Signal::KILL]);
            return None;
        }
        let _ = self.kernel.kill(Target::Everybody, Some(Signal::KILL));
        if !self.program_lives {
            // When PID 1 exits the kernel waits for the end of all others.
            return Some(Event::NobodyLeft);
        }
        // Who became another user is the kernel's to kill, and waited for in vain.
        let program = Target::Process(self.setup.program?);
        (self.kernel.kill(program, Some(Signal::KILL)) == Err(Errno::EPERM)).then_some(Event::Deadline)
    }

    /// Sends `signals` to every descendant, and to those that came while looking.
    fn to_descendants(&self, signals: &[Signal]) {
        // Whoever was started during the second look is met again at the deadline. While
        // looking nobody is collected, and in a storm of orphans each look is longer.
        const LOOKS: u32 = 2;
        let looked = visit_descendants(self.kernel, self.setup.init, LOOKS, false, &mut move |process| {
            self.send_each(Target::Process(process), signals);
        });
        if let Err(error) = looked {
            // The program's group is what can be reached without /proc.
            self.say_proc_is_missing(error);
            if let Some(program) = self.setup.program {
                self.send_each(Target::Group(program), signals);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Personality;
    use crate::log::Facade;
    use crate::supervisor::Clock;
    use crate::sys::{ChildSignal, Contents};
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

        fn run_with(&self, grace: Span, log: &dyn log::Log, received: Option<Received>) -> ExitCode {
            let setup = Setup {
                policy: Policy { grace_period: Some(grace), ..Policy::default() },
                init: Pid::INIT,
                program: Pid::new(PROGRAM),
                reach: Reach::Leader,
                texts: Personality::of(crate::sys::Text::from(c"")).texts,
                warn_on_reap: false,
                children_are_lost: false,
                has_terminal: false,
                terminal_is_lent: false,
                modes: None,
                received: [received, None, None],
            };
            run(self, &Facade(log), &setup)
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

        fn reap(&self, _: Option<Pid>) -> Result<Reaped, Errno> {
            self.reaps.set(self.reaps.get() + 1);
            assert!(self.reaps.get() < PATIENCE, "nobody looks at signals");
            let ended = |pid, code| Reaped::Child(Pid::new(pid).unwrap(), Ended::exited(code));
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

        fn stopped_by(&self, _: Pid) -> Option<Signal> {
            None
        }

        fn set_child_signal(&self, _: ChildSignal) -> Result<ChildSignal, Errno> {
            Err(Errno::EPERM)
        }

        fn stop_own_group(&self, _: Signal) -> bool {
            false
        }

        fn hand_terminal_over(&self, _: Pid, _: Option<Pid>) -> bool {
            false
        }

        fn take_terminal_back(&self, _: Pid, _: Option<&Modes>) {}

        fn sleep(&self, _: Span) {}

        fn each_process(&self, _: &mut dyn FnMut(Pid)) -> Result<(), Errno> {
            Err(Errno::ENOENT)
        }

        fn read_process(&self, _: Option<Pid>, _: Text, _: &mut Contents) -> Result<(), Errno> {
            Err(Errno::ENOENT)
        }

        fn read_file(&self, _: &[Text], _: Text, _: &mut Contents) -> Result<(), Errno> {
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
        // Not at the first look, which nothing but the start asks for.
        let storm = Storm { endless: Some(Signal::HUP), program_ends_at: 2, ..Storm::new() };
        assert_eq!(storm.run().get(), 7);
    }

    /// Counts the warnings.
    #[derive(Default)]
    struct Warnings(core::sync::atomic::AtomicU32);

    impl log::Log for Warnings {
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
