//! Supervising programs from a host that has threads, and children of its own.
//!
//! Between host and program stands a process: the child that the host spawned, which
//! forked once more before its exec. It is the program's init, with the binary's loop,
//! and a subreaper (`PR_SET_CHILD_SUBREAPER(2const)`), so all that the program leaves
//! behind comes to it and not to the host. Nothing is looked for among the host's own
//! children, and nothing of theirs can be collected or killed by mistake.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use signal_hook::iterator::{Handle, Signals};
use tini_rs::exit::Ended;
use tini_rs::log::Facade;
use tini_rs::signal::{Signal, SignalSet};
use tini_rs::supervisor::{Instant, Span};
use tini_rs::sys::{Pid, Target, now};

use crate::become_::{Program, be_init};
use crate::config::Config;
use crate::event::{self, Event, OnEvent, Record};
use crate::sys::{self, Page, Shared, Waited, Which, Words, divide_before_exec, wait_for};
use crate::watched::{ToHost, Watched, level};

/// Supervises programs, several at a time.
///
/// While it lives, the signals chosen with [`Init::forwarding`] go to all of them.
pub struct Init {
    config: Arc<Config>,
    running: Arc<Mutex<HashMap<u32, Arc<Running>>>>,
    forwarding: Option<(Handle, JoinHandle<()>)>,
}

/// A program that is supervised. Dropping it changes nothing for the program, which is
/// supervised and collected all the same.
pub struct Supervised {
    /// The program's standard input, if the command says that it is a pipe.
    pub stdin: Option<ChildStdin>,
    /// The program's standard output, if the command says that it is a pipe.
    pub stdout: Option<ChildStdout>,
    /// The program's standard error, if the command says that it is a pipe.
    pub stderr: Option<ChildStderr>,
    running: Arc<Running>,
}

/// What host, waiting threads and the thread that listens to the init share.
struct Running {
    /// Of the init.
    id: u32,
    page: Arc<Shared>,
    state: Mutex<State>,
    changed: Condvar,
    /// Readable when it is over.
    over: EventFd,
}

struct State {
    /// Not collected: its number is still its own.
    has_number: bool,
    status: Option<ExitStatus>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that is locked here is ever left half-changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Init {
    /// Supervises as `config` says and forwards no signals by itself.
    #[must_use]
    pub fn new(config: Config) -> Init {
        Init { config: Arc::new(config), running: Arc::default(), forwarding: None }
    }

    /// From now on `signals` that the host receives go to all programs.
    ///
    /// They are caught by handlers of signal-hook, which call those that were there
    /// before; so their default action, as which TERM would end the host, is off, also
    /// after this is dropped.
    ///
    /// # Errors
    /// A signal that can't be caught, or whose catching signal-hook refuses: KILL, STOP,
    /// SEGV, ILL, FPE.
    pub fn forwarding(mut self, signals: impl IntoIterator<Item = Signal>) -> io::Result<Init> {
        let numbers: Vec<i32> = signals.into_iter().map(|signal| signal.number().into()).collect();
        let refused = numbers.iter().find(|number| signal_hook::consts::FORBIDDEN.contains(number));
        if let Some(signal) = refused.and_then(|number| Signal::new(*number)) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{signal} can't be forwarded")));
        }
        let mut signals = Signals::new(numbers)?;
        let handle = signals.handle();
        let running = Arc::clone(&self.running);
        let thread = thread::Builder::new().name("tini-embed signals".into()).spawn(move || {
            for signal in signals.forever().filter_map(Signal::new) {
                let all: Vec<_> = lock(&running).values().cloned().collect();
                for one in all {
                    // Whoever has ended meanwhile needs it no more.
                    let _ = one.send(signal);
                }
            }
        })?;
        self.stop_forwarding();
        self.forwarding = Some((handle, thread));
        Ok(self)
    }

    /// Starts `command` under an init of its own.
    ///
    /// That is one more process, forked from the host and of the size that the host's
    /// page tables have; the process group, session, user and directory of `command`
    /// are its too, those of [`Config`] the program's alone.
    ///
    /// # Errors
    /// As [`Command::spawn`], also when the program can't be executed.
    pub fn spawn(&self, command: Command) -> io::Result<Supervised> {
        self.start(command, None)
    }

    /// The same, and tells what happens.
    ///
    /// # Errors
    /// As [`Init::spawn`].
    pub fn spawn_watched(
        &self,
        command: Command,
        on_event: impl FnMut(Event) + Send + 'static,
    ) -> io::Result<Supervised> {
        self.start(command, Some(Box::new(on_event)))
    }

    fn start(&self, mut command: Command, on_event: Option<OnEvent>) -> io::Result<Supervised> {
        let page = Arc::new(Shared::new()?);
        let (events, teller) = io::pipe()?;
        nonblocking(&teller)?;
        nonblocking(&events)?;
        let over = EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?;
        command.envs(self.config.added_variables.iter().map(|(name, value)| (name, value)));
        self.prepare(&mut command, Arc::clone(&page), teller);

        let mut child = command.spawn()?;
        // Closes the host's copy of the pipe.
        drop(command);
        let running = Arc::new(Running {
            id: child.id(),
            page,
            state: Mutex::new(State { has_number: true, status: None }),
            changed: Condvar::new(),
            over,
        });
        let supervised = Supervised {
            stdin: child.stdin.take(),
            stdout: child.stdout.take(),
            stderr: child.stderr.take(),
            running: Arc::clone(&running),
        };
        lock(&self.running).insert(running.id, Arc::clone(&running));
        let (config, all) = (Arc::clone(&self.config), Arc::clone(&self.running));
        let listen = move || {
            let listener = Listener::new(events, on_event);
            listener.run(&running);
            running.collect(child, &config);
            // Only now, or another one with its number would be removed.
            let mut all = lock(&all);
            if all.get(&running.id).is_some_and(|one| Arc::ptr_eq(one, &running)) {
                all.remove(&running.id);
            }
        };
        let stop = Arc::clone(&supervised.running);
        match thread::Builder::new().name("tini-embed events".into()).spawn(listen) {
            Ok(_) => Ok(supervised),
            Err(error) => {
                // Nobody would collect it.
                let _ = stop.stop(Duration::ZERO);
                Err(error)
            }
        }
    }

    /// Has the child of `command` become init and program.
    #[allow(unsafe_code, reason = "what it hands over is written for where it runs")]
    fn prepare(&self, command: &mut Command, page: Arc<Shared>, teller: io::PipeWriter) {
        // All that happens to either side from here on waits until it is what it will be.
        let prepare = || {
            let blocked = tini_rs::sys::block_all_signals().unwrap_or(SignalSet::EMPTY);
            (blocked, tini_rs::sys::own_pid())
        };
        let name = std::os::unix::ffi::OsStrExt::as_bytes(command.get_program());
        let mut words = Words::new(vec![std::ffi::CString::new(name).unwrap_or_default()], Vec::new());
        let config = Arc::clone(&self.config);
        let init = move |(blocked, _), program: Pid, gate| {
            page.program.store(program.get(), Ordering::Relaxed);
            // The pipes of the program's standard streams are the program's alone: who
            // reads them sees their end. The places stay taken, as after a start of
            // any process, and outlast the closing of everything from 3 on.
            for place in 0..3 {
                sys::put(teller.as_raw_fd(), place);
            }
            let kernel = Watched { page: &page, events: 1 };
            let lent = config.lend(&mut words);
            let log = ToHost { kernel: &kernel, level: level(lent.verbosity) };
            be_init(&lent, blocked, &kernel, &Facade(&log), program, gate)
        };
        let config = Arc::clone(&self.config);
        let (reach, user, group) = config.place();
        let program = move |(blocked, init), gate| {
            Program { reach, user, group, blocked, init }.take_place(config.directory(), gate)
        };
        // SAFETY: all three do no more than system calls: tini_rs neither allocates nor
        // locks, and here are atomics and copies.
        unsafe { divide_before_exec(command, prepare, init, program) };
    }

    fn stop_forwarding(&mut self) {
        if let Some((handle, thread)) = self.forwarding.take() {
            handle.close();
            let _ = thread.join();
        }
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        self.stop_forwarding();
    }
}

pub(crate) fn nonblocking(descriptor: &impl AsFd) -> io::Result<()> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let flags = OFlag::from_bits_retain(fcntl(descriptor, FcntlArg::F_GETFL)?);
    fcntl(descriptor, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

impl Running {
    fn send(&self, signal: Signal) -> io::Result<()> {
        let state = lock(&self.state);
        let init = Pid::new(self.id as i32).filter(|_| state.has_number);
        let gone = || io::Error::from_raw_os_error(libc::ESRCH);
        tini_rs::sys::kill(Target::Process(init.ok_or_else(gone)?), Some(signal)).map_err(sys::error)
    }

    fn stop(&self, grace: Duration) -> io::Result<()> {
        let limit = Instant::new(Span::ZERO).until(now().after(grace.into())).as_nanos().max(1);
        // The earliest counts, also if two are asking.
        let earlier = |before: u64| (before == 0 || limit < before).then_some(limit);
        let _ = self.page.limit.fetch_update(Ordering::AcqRel, Ordering::Acquire, earlier);
        self.send(Signal::TERM)
    }

    /// Collects the init, which has ended or is about to, and wakes who waits.
    fn collect(&self, mut child: Child, config: &Config) {
        // Without collecting it, so that its number stays its own until the lock is held.
        let ended = wait_until_ended(&child);
        let mut state = lock(&self.state);
        let own = child.wait();
        state.has_number = false;
        let told = self.page.status.load(Ordering::Acquire);
        let status = if told & Page::HAS_ENDED != 0 {
            remapped((told & !Page::HAS_ENDED) as i32, config)
        } else {
            // Somebody killed the init itself; or the program could not be ended.
            own.unwrap_or_else(|_| ExitStatus::from_raw(ended))
        };
        state.status = Some(status);
        drop(state);
        self.changed.notify_all();
        let _ = self.over.write(1);
    }
}

/// Waits for the end of `child` and leaves it to be collected; gives its wait status.
fn wait_until_ended(child: &Child) -> i32 {
    let id = child.id() as i32;
    loop {
        match wait_for(Which::Number(id), false) {
            Waited::Ended(status) => return status,
            Waited::Gone => return 0,
            Waited::Lives => sys::wait_without_collecting(id),
        }
    }
}

fn remapped(status: i32, config: &Config) -> ExitStatus {
    let code = Ended::from_wait_status(status).map(Ended::code);
    match code.map(|code| (code, config.remapped(code))) {
        Some((code, told)) if told != code => ExitStatus::from_raw(i32::from(told.get()) << 8),
        _ => ExitStatus::from_raw(status),
    }
}

/// Takes what an init tells.
pub(crate) struct Listener {
    events: io::PipeReader,
    on_event: Option<OnEvent>,
    lost: u32,
}

impl Listener {
    pub(crate) fn new(events: io::PipeReader, on_event: Option<OnEvent>) -> Listener {
        Listener { events, on_event, lost: 0 }
    }

    /// Until the init has ended.
    fn run(mut self, running: &Running) {
        // Not only until the pipe is closed: another process of the host's, forked by
        // somebody else while the pipe was made, may have a copy.
        let process = sys::pidfd(running.id as i32);
        loop {
            if self.wait(process.as_ref()) {
                while self.take(&running.page) {}
                return;
            }
            if !self.take(&running.page) {
                return;
            }
        }
    }

    /// Waits for news; gives whether the process has ended.
    fn wait(&self, process: Option<&OwnedFd>) -> bool {
        let mut descriptors = vec![PollFd::new(self.events.as_fd(), PollFlags::POLLIN)];
        descriptors.extend(process.map(|process| PollFd::new(process.as_fd(), PollFlags::POLLIN)));
        while poll(&mut descriptors, PollTimeout::NONE) == Err(nix::errno::Errno::EINTR) {}
        descriptors.get(1).is_some_and(|process| process.any().unwrap_or(false))
    }

    /// Takes a record; gives whether there may be more.
    pub(crate) fn take(&mut self, page: &Page) -> bool {
        let told = event::read(&mut self.events);
        let lost = page.lost.load(Ordering::Relaxed);
        match told {
            Ok(Some(Record::Event(event))) => self.hand_on(event),
            Ok(Some(Record::Line(level, text))) => log::log!(target: "tini-embed", level, "{text}"),
            Ok(None) => return false,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(_) => return false,
        }
        if lost != self.lost {
            self.hand_on(Event::Lost(lost.wrapping_sub(self.lost)));
            self.lost = lost;
        }
        true
    }

    fn hand_on(&mut self, event: Event) {
        if let Some(on_event) = &mut self.on_event {
            on_event(event);
        }
    }
}

impl Supervised {
    /// The program's pid, by which it can be named to people; signals are better sent
    /// with [`Supervised::send`], which never meets another process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.running.page.program.load(Ordering::Relaxed).unsigned_abs()
    }

    /// Waits until the program and all that it left behind have ended, and gives the
    /// program's status, of whichever signal it died. Can be called again and from
    /// several threads.
    ///
    /// If the init itself was killed, its status is all there is.
    ///
    /// # Errors
    /// None today.
    pub fn wait(&self) -> io::Result<ExitStatus> {
        let mut state = lock(&self.running.state);
        loop {
            if let Some(status) = state.status {
                return Ok(status);
            }
            state = self.running.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The same without waiting; `None` if it is not over. Once the descriptor of
    /// [`AsFd`] is readable, it is.
    ///
    /// # Errors
    /// None today.
    pub fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        Ok(lock(&self.running.state).status)
    }

    /// Sends `signal` to the init, which does with it what [`Config`] says: passes it
    /// on, and takes TERM, INT and QUIT as the beginning of a shutdown.
    ///
    /// # Errors
    /// ESRCH if it is over. EINVAL for KILL and STOP, which the init could not pass on.
    pub fn send(&self, signal: Signal) -> io::Result<()> {
        if !signal.is_catchable() {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        self.running.send(signal)
    }

    /// Has the program stopped: SIGTERM now, and SIGKILL to all that is left after
    /// `grace`, or at once if that is zero. Overrides [`Config::grace_period`], but
    /// never puts a deadline off that is set already. Does not wait.
    ///
    /// # Errors
    /// ESRCH if it is over.
    pub fn stop(&self, grace: Duration) -> io::Result<()> {
        self.running.stop(grace)
    }
}

/// Readable from when [`Supervised::try_wait`] gives a status, for `poll(2)`,
/// `epoll(7)` and the runtimes built on them. There is nothing to be read from it.
impl AsFd for Supervised {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.running.over.as_fd()
    }
}

impl AsRawFd for Supervised {
    fn as_raw_fd(&self) -> i32 {
        self.as_fd().as_raw_fd()
    }
}
