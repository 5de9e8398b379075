//! Collecting orphans beside children of one's own.
//!
//! # Why it is hard
//!
//! A process that is PID 1 or a subreaper is given orphans, and has to collect them. It
//! also has children that somebody in it waits for: `std::process::Child::wait`, tokio,
//! a C library's `waitpid(pid)`. `wait(-1)` takes both, and a status is told once.
//!
//! Nothing that the kernel tells of a process that has ended says who gave birth to it:
//! every attribute that is inherited is inherited alike by a child and by a
//! grandchild, and the parent's number has become the adopter's. So an orphan cannot be
//! known by looking at it. What can be known is where it is *put*
//! (`find_new_reaper()` in the kernel's `exit.c`):
//!
//! 1. An orphan goes to the nearest living ancestor that is a subreaper, else to PID 1.
//! 2. Within that process it goes to its first living thread: the main thread.
//! 3. A child is its parent *thread's* until that ends; then it too goes to the first
//!    living thread.
//!
//! Each of the two ways to have a [`Reaper`] is built on one of these alone.
//!
//! # [`Reaper::above`], to be preferred
//!
//! The first: before there is any thread the process forks, and the parent, PID 1 or a
//! subreaper, is the one that collects. The host is its only child of its own; orphans
//! never come to the host at all. Nothing has to be told apart, and nothing can be
//! stolen, whoever forks in whatever way, with or without a C library.
//!
//! # [`Reaper::within`], for a process that has threads already
//!
//! The second and the third: orphans are only ever in the main thread's own list of
//! children, /proc/self/task/PID/children. What is not in it is never touched. So these
//! need nothing at all: the children of every other thread, while that lives.
//!
//! What can be in the same list has to be announced: **a child of the main thread, and a
//! child that outlives the thread that started it**. For these, [`Reaper::spawn`], or
//! [`Reaper::spawning`] around the start. (A tokio worker that meets
//! `block_in_place`, and the threads of `spawn_blocking`, end when they have been idle
//! for a while.) One that isn't announced can be mistaken for an orphan. Announce
//! everything that you start yourself: a library's `popen` on a thread that
//! waits for it is safe as it is.
//!
//! Announcing has no race: a child that is found in the list while anybody is between
//! fork and announcement is not judged before all those have finished. Between judging
//! and collecting it is held by a pidfd, so a number that was used again meanwhile does
//! no harm. Needs Linux 5.4 with `CONFIG_PROC_CHILDREN`, and /proc.

mod registry;

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use registry::{Birth, Registry, Verdict};
use tini_rs::sys::Pid;

use crate::become_::divide;
use crate::config::Config;
use crate::event::{Event, OnEvent};
use crate::init::{Listener, nonblocking};
use crate::sys::{self, Shared, Waited, Which, wait_for};

/// Collects orphans, and never the status of a child that somebody waits for: see the
/// page of [this module](self) for how, and which of the two ways to take.
pub struct Reaper(Kind);

enum Kind {
    Above,
    Within { shared: Arc<Within>, thread: Option<(JoinHandle<()>, signal_hook::SigId)> },
}

struct Within {
    registry: Mutex<Registry>,
    /// A byte in it makes the thread look; its end makes it stop.
    waker: UnixStream,
}

impl Reaper {
    /// The process forks; the parent collects all orphans and is besides what
    /// [`become_init`](crate::become_init) makes of it, PID 1 or not. The child returns
    /// and goes on as the host. To be called first in `main`.
    ///
    /// # Errors
    /// As for [`become_init`](crate::become_init); or there can't be a thread to hand
    /// events to `on_event`.
    pub fn above(config: &Config, on_event: impl FnMut(Event) + Send + 'static) -> io::Result<Reaper> {
        let page = Arc::new(Shared::new()?);
        let (events, teller) = io::pipe()?;
        nonblocking(&teller)?;
        divide(config, Some((teller, Arc::clone(&page))))?;
        let mut listener = Listener::new(events, Some(Box::new(on_event)));
        let listen = move || while listener.take(&page) {};
        thread::Builder::new().name("tini-embed events".into()).spawn(listen)?;
        Ok(Reaper(Kind::Above))
    }

    /// Makes this process a subreaper, unless it is PID 1, and collects orphans on a
    /// thread of its own, until it is dropped.
    ///
    /// # Errors
    /// ENOTSUP if the kernel does not show a thread's children or has no pidfds to wait
    /// for; or there can't be a thread.
    pub fn within(on_event: impl FnMut(Event) + Send + 'static) -> io::Result<Reaper> {
        let own = tini_rs::sys::own_pid();
        let pidfd = sys::pidfd(own.get());
        if list().is_err() || pidfd.is_none_or(|own| !sys::knows_pidfds(own.as_fd())) {
            return Err(io::Error::from_raw_os_error(libc::ENOTSUP));
        }
        if own != Pid::INIT {
            tini_rs::sys::become_subreaper().map_err(sys::error)?;
        }
        let (waker, mut woken) = UnixStream::pair()?;
        waker.set_nonblocking(true)?;
        let signal = signal_hook::low_level::pipe::register(libc::SIGCHLD, waker.try_clone()?)?;
        let shared = Arc::new(Within { registry: Mutex::default(), waker });
        let collector = Arc::clone(&shared);
        let mut on_event: OnEvent = Box::new(on_event);
        let work = move || {
            let mut bytes = [0; 256];
            loop {
                while collector.collect(&mut on_event) {}
                match woken.read(&mut bytes) {
                    Ok(0) => return,
                    Err(error) if error.kind() != io::ErrorKind::Interrupted => return,
                    _ => {}
                }
            }
        };
        let thread = thread::Builder::new().name("tini-embed reaper".into()).spawn(work)?;
        Ok(Reaper(Kind::Within { shared, thread: Some((thread, signal)) }))
    }

    /// Announces that this thread is about to start a child; to be dropped when
    /// [`Spawning::own`] has been told of it. Costs a lock.
    #[must_use]
    pub fn spawning(&self) -> Spawning<'_> {
        match &self.0 {
            Kind::Above => Spawning(None),
            Kind::Within { shared, .. } => Spawning(Some((shared, shared.registry().begin()))),
        }
    }

    /// [`Command::spawn`], announced.
    ///
    /// # Errors
    /// As there.
    pub fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let spawning = self.spawning();
        let child = command.spawn()?;
        spawning.own(child.id());
        Ok(child)
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        if let Kind::Within { shared, thread } = &mut self.0
            && let Some((thread, signal)) = thread.take()
        {
            signal_hook::low_level::unregister(signal);
            let _ = shared.waker.shutdown(std::net::Shutdown::Both);
            let _ = thread.join();
        }
    }
}

/// The time in which a child is started, see [`Reaper::spawning`].
pub struct Spawning<'a>(Option<(&'a Within, u64)>);

impl Spawning<'_> {
    /// `child` was started, and this process waits for it: to be told before it does.
    pub fn own(&self, child: u32) {
        if let Some((shared, _)) = self.0
            && let Some(birth) = birth(child as i32)
        {
            shared.registry().own(child as i32, birth, self::birth);
        }
    }
}

impl Drop for Spawning<'_> {
    fn drop(&mut self) {
        if let Some((shared, ticket)) = self.0
            && shared.registry().end(ticket)
        {
            let _ = (&shared.waker).write(b"!");
        }
    }
}

impl Within {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the main thread's children once; gives whether one was collected, so
    /// that there is reason to look again: the kernel may skip children while the list
    /// changes (`proc_pid_children(5)`).
    fn collect(&self, on_event: &mut OnEvent) -> bool {
        let ended = |process: &i32| matches!(wait_for(Which::Number(*process), false), Waited::Ended(_));
        let candidates: Vec<i32> = list().unwrap_or_default().into_iter().filter(ended).collect();
        if candidates.is_empty() {
            return false;
        }
        let held: Vec<_> = candidates.into_iter().filter_map(|it| Some((it, sys::pidfd(it)?))).collect();
        // Whoever is held and then still in the list, and can be collected by what holds
        // it, was in the list all the time under its number.
        let listed = list().unwrap_or_default();
        let mut collected = false;
        for (process, pidfd) in held.iter().filter(|(process, _)| listed.contains(process)) {
            let Some(birth) = birth(*process) else { continue };
            if self.registry().judge(*process, birth) != Verdict::Orphan {
                continue;
            }
            if let Waited::Ended(status) = wait_for(Which::Held(pidfd.as_fd()), true) {
                collected = true;
                on_event(Event::Reaped { process: *process, status: ExitStatus::from_raw(status) });
            }
        }
        collected
    }
}

/// The main thread's children.
fn list() -> io::Result<Vec<i32>> {
    let own = std::process::id();
    let text = fs::read_to_string(format!("/proc/self/task/{own}/children"))?;
    Ok(text.split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect())
}

/// When a process began, in ticks since the system did: the 22nd field of its `stat`
/// (`proc_pid_stat(5)`). Two processes with one number can't have it in common, since
/// between them all other numbers were used.
fn birth(process: i32) -> Option<Birth> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(19)?.parse().ok().map(Birth)
}
