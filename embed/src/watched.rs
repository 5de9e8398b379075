//! The real kernel, watched: what the init's loop does through it becomes events, and
//! the host's wishes reach the loop.
//!
//! It runs in a process of its own that was forked from the host: no allocation, no
//! lock, no panic.

use std::os::fd::RawFd;
use std::sync::atomic::Ordering;

use log::{LevelFilter, Log, Metadata, Record};
use tini_rs::kernel::{Kernel, Linux};
use tini_rs::signal::{Signal, SignalSet};
use tini_rs::supervisor::{Clock, Instant, Span};
use tini_rs::sys::{ChildSignal, Contents, Errno, Modes, Pid, Reaped, Received, Target, Text};

use crate::event::Bytes;
use crate::sys::{self, Page};

/// What is to be told goes into this pipe, which nothing else of the init's uses.
pub(crate) struct Watched<'a> {
    pub(crate) page: &'a Page,
    pub(crate) events: RawFd,
}

impl Watched<'_> {
    fn tell(&self, record: &Bytes) {
        if !sys::write(self.events, record.written()) {
            self.page.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Clock for Watched<'_> {
    fn now(&self) -> Instant {
        Linux.now()
    }
}

impl Kernel for Watched<'_> {
    fn limit(&self) -> Option<Instant> {
        match self.page.limit.load(Ordering::Acquire) {
            0 => None,
            nanoseconds => Some(Instant::new(Span::from_nanos(nanoseconds))),
        }
    }

    fn wait_for_signal(&self, set: SignalSet, limit: Option<Span>) -> Result<Option<Received>, Errno> {
        Linux.wait_for_signal(set, limit)
    }

    fn reap(&self, process: Option<Pid>) -> Result<Reaped, Errno> {
        let reaped = Linux.reap(process);
        if let Ok(Reaped::Child(process, ended)) = reaped {
            let status = ended.wait_status();
            if process.get() == self.page.program.load(Ordering::Relaxed) {
                // Only the first to have the number is the program.
                let told = status as u32 | Page::HAS_ENDED;
                let _ = self.page.status.compare_exchange(0, told, Ordering::Release, Ordering::Relaxed);
            }
            self.tell(&Bytes::reaped(process.get(), status));
        }
        reaped
    }

    fn kill(&self, target: Target, signal: Option<Signal>) -> Result<(), Errno> {
        let sent = Linux.kill(target, signal);
        if let (Ok(()), Some(signal)) = (sent, signal) {
            let (process, group) = match target {
                Target::Process(process) => (process.get(), false),
                Target::Group(leader) => (leader.get(), true),
                Target::Everybody => (-1, false),
            };
            self.tell(&Bytes::sent(signal, process, group));
        }
        sent
    }

    fn group_of(&self, process: Pid) -> Result<i32, Errno> {
        Linux.group_of(process)
    }

    fn session_of(&self, process: Pid) -> Result<i32, Errno> {
        Linux.session_of(process)
    }

    fn stopped_by(&self, process: Pid) -> Option<Signal> {
        Linux.stopped_by(process)
    }

    fn set_child_signal(&self, to: ChildSignal) -> Result<ChildSignal, Errno> {
        Linux.set_child_signal(to)
    }

    fn stop_own_group(&self, signal: Signal) -> bool {
        Linux.stop_own_group(signal)
    }

    fn hand_terminal_over(&self, init: Pid, group: Option<Pid>) -> bool {
        Linux.hand_terminal_over(init, group)
    }

    fn take_terminal_back(&self, init: Pid, modes: Option<&Modes>) {
        Linux.take_terminal_back(init, modes);
    }

    // Nothing for the kernel to collect orphans by itself: here each is told of, so none may
    // go unseen.

    fn sleep(&self, span: Span) {
        Linux.sleep(span);
    }

    fn each_process(&self, visit: &mut dyn FnMut(Pid)) -> Result<(), Errno> {
        Linux.each_process(visit)
    }

    fn read_process(&self, process: Option<Pid>, name: Text, contents: &mut Contents) -> Result<(), Errno> {
        Linux.read_process(process, name, contents)
    }

    fn read_file(&self, path: &[Text], name: Text, contents: &mut Contents) -> Result<(), Errno> {
        Linux.read_file(path, name, contents)
    }
}

/// Hands the init's messages to the host, whose log they end up in.
pub(crate) struct ToHost<'a> {
    pub(crate) kernel: &'a Watched<'a>,
    pub(crate) level: LevelFilter,
}

impl Log for ToHost<'_> {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= self.level
    }

    fn log(&self, record: &Record) {
        self.kernel.tell(&Bytes::line(record));
    }

    fn flush(&self) {}
}

/// The levels of the binary's verbosity.
pub(crate) fn level(verbosity: u8) -> LevelFilter {
    LevelFilter::iter().nth(usize::from(verbosity) + 1).unwrap_or(LevelFilter::Trace)
}
