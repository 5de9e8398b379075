//! The loop of a running init: the kernel's news become events for the supervisor,
//! the supervisor's actions become system calls.
//!
//! After the program is started, no error of a system call ends the loop: each has
//! a decision here, and the worst of them is to look again later.

use core::fmt::{self, Display, Formatter};

use log::{Level, Log};

use crate::exit::{Ended, ExitCode};
use crate::kernel::Kernel;
use crate::log::{error, info, say, warning};
use crate::processes::Descendants;
use crate::signal::{Signal, SignalSet};
use crate::supervisor::{Action, Event, Policy, Span, Supervisor};
use crate::sys::{Errno, Pid, Reaped, Received, Sender, Target};
use crate::text::Decimal;

/// How many children are collected in a row, and how many signals passed on,
/// before the other of the two gets its turn.
const BATCH: u32 = 64;

/// The time between two looks at what no signal tells of: processes put into the
/// container from outside, and new descendants of those that were killed.
const LOOK_AGAIN: Span = Span::from_millis(20);

/// What a run needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// What is done when.
    pub policy: Policy,
    /// The init itself.
    pub init: Pid,
    /// The program. It leads a process group of its own, unless `single_child`.
    pub program: Pid,
    /// Signals go to the program alone.
    pub single_child: bool,
    /// Warn of each orphan collected.
    pub warn_on_reap: bool,
    /// SIGCHLD was inherited as ignored and that could not be changed: the kernel
    /// collects children by itself and says nothing.
    pub children_are_lost: bool,
    /// A signal that is to be taken as received at the start.
    pub received: Option<Signal>,
}

/// Runs until everybody has ended or the time is up; gives the program's exit code.
pub fn run(kernel: &impl Kernel, log: &dyn Log, setup: &Setup) -> ExitCode {
    let mut init = Init {
        kernel,
        log,
        setup,
        supervisor: Supervisor::new(setup.policy),
        program_lives: true,
        children: Children::Some,
        look_again: setup.children_are_lost,
        signals_in_a_row: 0,
        looks_in_a_row: 0,
    };
    if let Some(signal) = setup.received {
        let _ = init.take_in(News::Signal(Received { signal, sender: Sender::Outside }));
    }
    loop {
        let news = init.wait();
        if let Some(code) = init.take_in(news) {
            return code;
        }
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
            (SignalSet::ALL, self.look_again.then_some(LOOK_AGAIN))
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
                    warning!(self.log, "signals can't be received: {error}");
                }
                self.look_again = true;
                self.kernel.sleep(limit.map_or(LOOK_AGAIN, |limit| limit.min(LOOK_AGAIN)));
                News::Again
            }
        };
        match news {
            News::Signal(_) => self.signals_in_a_row = self.signals_in_a_row.saturating_add(1),
            _ => self.looks_in_a_row = self.looks_in_a_row.saturating_add(1),
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
            News::Deadline => self.tell(Event::Deadline),
        };
        loop {
            let event = match action {
                Action::Wait => return None,
                Action::Exit(code) => return Some(code),
                Action::Forward(signal) => {
                    self.forward(signal);
                    return None;
                }
                Action::AskTheRest => self.ask_the_rest(),
                Action::KillTheRest => self.kill_the_rest()?,
            };
            action = self.tell(event);
        }
    }

    fn tell(&mut self, event: Event) -> Action {
        self.supervisor.on(event, self.kernel)
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
        say(self.log, level, format_args!("{signal} {sender}"));
        self.tell(Event::Signal(signal))
    }

    /// Sends `signal` to the program's process group, wherever the program is by now.
    fn forward(&self, signal: Signal) {
        let program = self.setup.program;
        let target = match self.kernel.group_of(program) {
            _ if self.setup.single_child => Target::Process(program),
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
        match self.kernel.kill(target, Some(signal)) {
            // A stopped program could not act on SIGTERM before it is continued.
            Ok(()) if signal == Signal::TERM && self.kernel.is_stopped(program) => {
                let _ = self.kernel.kill(target, Some(Signal::CONT));
            }
            Ok(()) => {}
            Err(error) => warning!(self.log, "{signal} could not be passed on to {program}: {error}"),
        }
    }

    // ------------------------------------------------------------ children

    /// Collects a batch of children.
    fn reap(&mut self) -> Action {
        let mut code = None;
        self.children = Children::More;
        for _ in 0..BATCH {
            match self.kernel.reap() {
                Ok(Reaped::Child(pid, ended)) if pid == self.setup.program && self.program_lives => {
                    info!(self.log, "the program ({pid}) {ended}");
                    self.program_lives = false;
                    code = Some(ended.code());
                }
                Ok(Reaped::Child(pid, ended)) => self.on_orphan(pid, ended),
                Ok(Reaped::Nothing) => {
                    self.children = Children::Some;
                    break;
                }
                Ok(Reaped::NoChildren) => {
                    self.children = Children::None;
                    break;
                }
                Err(Errno::EINTR) => {}
                Err(_) => {
                    self.children = Children::Some;
                    self.look_again = true;
                    break;
                }
            }
        }
        if self.program_lives && self.children == Children::None {
            error!(self.log, "the program has ended, but the kernel has not kept its exit code");
            self.program_lives = false;
            code = Some(ExitCode::FAILURE);
        }
        match code.map_or(Action::Wait, |code| self.tell(Event::ProgramEnded(code))) {
            Action::Wait if !self.program_lives && self.nobody_is_left() => self.tell(Event::NobodyLeft),
            action => action,
        }
    }

    fn on_orphan(&self, pid: Pid, ended: Ended) {
        let level = if self.setup.warn_on_reap { Level::Warn } else { Level::Debug };
        say(self.log, level, format_args!("collected orphan {pid}, which {ended}"));
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
        Pid::new(2).is_some_and(|kthreadd| {
            kthreadd != self.setup.program && self.kernel.session_of(kthreadd) == Ok(0)
        })
    }

    /// SIGTERM to everybody who is left, and SIGCONT so that a stopped one can act.
    fn ask_the_rest(&mut self) -> Event {
        if self.is_pid_1() {
            if self.kernel.kill(Target::Everybody, Some(Signal::TERM)) == Err(Errno::ESRCH) {
                return Event::NobodyLeft;
            }
            let _ = self.kernel.kill(Target::Everybody, Some(Signal::CONT));
            // Others than children: nobody will tell of their end.
            if self.nobody_is_left() {
                return Event::NobodyLeft;
            }
        } else {
            if self.nobody_is_left() {
                return Event::NobodyLeft;
            }
            self.to_descendants(&[Signal::TERM, Signal::CONT]);
        }
        Event::SomebodyLeft
    }

    /// SIGKILL to everybody who is left. Nothing is to be told if their end, or the
    /// program's, has yet to be seen.
    fn kill_the_rest(&mut self) -> Option<Event> {
        if self.is_pid_1() {
            warning!(self.log, "the time is up: killing all processes that are left");
            let _ = self.kernel.kill(Target::Everybody, Some(Signal::KILL));
            // When PID 1 exits the kernel waits for the end of all others.
            return (!self.program_lives).then_some(Event::NobodyLeft);
        }
        if !self.look_again {
            warning!(self.log, "the time is up: killing all processes that are left");
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
                warning!(self.log, "looking for processes in /proc: {error}");
                self.send_each(Target::Group(self.setup.program), signals);
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
impl Display for Sender {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match *self {
            Sender::Process(pid, uid) => write!(f, "from process {pid} (uid {})", Decimal::from(uid)),
            Sender::Outside => f.write_str("from outside the container"),
            Sender::Kernel => f.write_str("from the kernel"),
        }
    }
}
