//! What a run asks of the operating system, as a trait: the loop and the search
//! for processes work on any kernel, the real one or one made up by a test.

use crate::exit::Ended;
use crate::signal::{Signal, SignalSet};
use crate::supervisor::{Clock, Instant, Span};
use crate::sys::{self, ChildSignal, Contents, Errno, Handle, Modes, Pid, Reaped, Received, Target, Text};
use crate::terminal;

/// The system calls of a running init. Most are the function of [`crate::sys`] with the
/// same name.
pub trait Kernel: Clock {
    /// By when a shutdown is to be over, if somebody said so while it runs, see
    /// [`Supervisor::limit`](crate::supervisor::Supervisor::limit). The real kernel
    /// knows of nobody; a host that embeds the init does.
    fn limit(&self) -> Option<Instant> {
        None
    }

    /// See [`sys::wait_for_signal`].
    ///
    /// # Errors
    /// As there.
    fn wait_for_signal(&self, set: SignalSet, limit: Option<Span>) -> Result<Option<Received>, Errno>;

    /// See [`sys::reap`].
    ///
    /// # Errors
    /// As there.
    fn reap(&self, process: Option<Pid>) -> Result<Reaped, Errno>;

    /// See [`sys::kill`].
    ///
    /// # Errors
    /// As there.
    fn kill(&self, target: Target, signal: Option<Signal>) -> Result<(), Errno>;

    /// See [`sys::group_of`].
    ///
    /// # Errors
    /// As there.
    fn group_of(&self, process: Pid) -> Result<i32, Errno>;

    /// See [`sys::session_of`].
    ///
    /// # Errors
    /// As there.
    fn session_of(&self, process: Pid) -> Result<i32, Errno>;

    /// See [`sys::stopped_by`].
    fn stopped_by(&self, process: Pid) -> Option<Signal>;

    /// See [`sys::set_child_signal`].
    ///
    /// # Errors
    /// As there.
    fn set_child_signal(&self, to: ChildSignal) -> Result<ChildSignal, Errno>;

    /// See [`sys::stop_own_group`].
    fn stop_own_group(&self, signal: Signal) -> bool;

    /// See [`Found::hand_over`](crate::terminal::Found::hand_over).
    fn hand_terminal_over(&self, init: Pid, group: Option<Pid>) -> bool;

    /// See [`Found::take_back`](crate::terminal::Found::take_back).
    fn take_terminal_back(&self, init: Pid, modes: Option<&Modes>);

    // The next six are for orphans that nobody is woken for. A kernel that can't answers
    // ENOSYS to the first, and is not asked for the others.

    /// See [`sys::open_process`].
    ///
    /// # Errors
    /// As there.
    fn open_process(&self, process: Pid) -> Result<Handle, Errno> {
        let _ = process;
        Err(Errno::ENOSYS)
    }

    /// See [`sys::open_signals`].
    ///
    /// # Errors
    /// As there.
    fn open_signals(&self) -> Result<Handle, Errno> {
        Err(Errno::ENOSYS)
    }

    /// See [`sys::exit_of`].
    ///
    /// # Errors
    /// As there.
    fn exit_of(&self, process: Handle) -> Result<Option<Ended>, Errno> {
        let _ = process;
        Err(Errno::ENOSYS)
    }

    /// See [`sys::wait_for_either`].
    ///
    /// # Errors
    /// As there.
    fn wait_for_either(&self, signals: Handle, process: Handle, limit: Option<Span>) -> Result<bool, Errno> {
        let _ = (signals, process, limit);
        Err(Errno::ENOSYS)
    }

    /// See [`sys::signal_process`].
    ///
    /// # Errors
    /// As there.
    fn signal_process(&self, process: Handle, to_group: bool, signal: Option<Signal>) -> Result<(), Errno> {
        let _ = (process, to_group, signal);
        Err(Errno::ENOSYS)
    }

    /// See [`Handle::close`].
    fn close(&self, handle: Handle) {
        let _ = handle;
    }

    /// See [`sys::sleep`].
    fn sleep(&self, span: Span);

    /// See [`sys::each_process`].
    ///
    /// # Errors
    /// As there.
    fn each_process(&self, visit: &mut dyn FnMut(Pid)) -> Result<(), Errno>;

    /// See [`sys::read_process`].
    ///
    /// # Errors
    /// As there.
    fn read_process(&self, process: Option<Pid>, name: Text, contents: &mut Contents) -> Result<(), Errno>;

    /// See [`sys::read_file`].
    ///
    /// # Errors
    /// As there.
    fn read_file(&self, path: &[Text], name: Text, contents: &mut Contents) -> Result<(), Errno>;
}

/// The real kernel.
#[derive(Clone, Copy, Debug)]
pub struct Linux;

impl Clock for Linux {
    fn now(&self) -> Instant {
        sys::now()
    }
}

impl Kernel for Linux {
    fn wait_for_signal(&self, set: SignalSet, limit: Option<Span>) -> Result<Option<Received>, Errno> {
        sys::wait_for_signal(set, limit)
    }

    #[inline(always)]
    fn reap(&self, process: Option<Pid>) -> Result<Reaped, Errno> {
        sys::reap(process)
    }

    fn kill(&self, target: Target, signal: Option<Signal>) -> Result<(), Errno> {
        sys::kill(target, signal)
    }

    fn group_of(&self, process: Pid) -> Result<i32, Errno> {
        sys::group_of(process)
    }

    fn session_of(&self, process: Pid) -> Result<i32, Errno> {
        sys::session_of(process)
    }

    fn stopped_by(&self, process: Pid) -> Option<Signal> {
        sys::stopped_by(process)
    }

    fn set_child_signal(&self, to: ChildSignal) -> Result<ChildSignal, Errno> {
        sys::set_child_signal(to)
    }

    fn stop_own_group(&self, signal: Signal) -> bool {
        sys::stop_own_group(signal)
    }

    fn hand_terminal_over(&self, init: Pid, group: Option<Pid>) -> bool {
        terminal::find(init).is_some_and(|found| found.hand_over(group))
    }

    fn take_terminal_back(&self, init: Pid, modes: Option<&Modes>) {
        if let Some(found) = terminal::find(init) {
            found.take_back(modes);
        }
    }

    fn open_process(&self, process: Pid) -> Result<Handle, Errno> {
        sys::open_process(process)
    }

    fn open_signals(&self) -> Result<Handle, Errno> {
        sys::open_signals()
    }

    fn exit_of(&self, process: Handle) -> Result<Option<Ended>, Errno> {
        sys::exit_of(process)
    }

    fn wait_for_either(&self, signals: Handle, process: Handle, limit: Option<Span>) -> Result<bool, Errno> {
        sys::wait_for_either(signals, process, limit)
    }

    fn signal_process(&self, process: Handle, to_group: bool, signal: Option<Signal>) -> Result<(), Errno> {
        sys::signal_process(process, to_group, signal)
    }

    fn close(&self, handle: Handle) {
        handle.close();
    }

    fn sleep(&self, span: Span) {
        sys::sleep(span);
    }

    fn each_process(&self, visit: &mut dyn FnMut(Pid)) -> Result<(), Errno> {
        sys::each_process(visit)
    }

    fn read_process(&self, process: Option<Pid>, name: Text, contents: &mut Contents) -> Result<(), Errno> {
        sys::read_process(process, name, contents)
    }

    fn read_file(&self, path: &[Text], name: Text, contents: &mut Contents) -> Result<(), Errno> {
        sys::read_file(path, name, contents)
    }
}
