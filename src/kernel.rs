//! What a run asks of the operating system, as a trait: the loop and the search
//! for processes work on any kernel, the real one or one made up by a test.

use crate::signal::{Signal, SignalSet};
use crate::supervisor::{Clock, Instant, Span};
use crate::sys::{self, Errno, Pid, Reaped, Received, Target};

/// The system calls of a running init. Each is the function of [`crate::sys`] with
/// the same name.
pub trait Kernel: Clock {
    /// See [`sys::wait_for_signal`].
    ///
    /// # Errors
    /// As there.
    fn wait_for_signal(&self, set: SignalSet, limit: Option<Span>) -> Result<Option<Received>, Errno>;

    /// See [`sys::reap`].
    ///
    /// # Errors
    /// As there.
    fn reap(&self) -> Result<Reaped, Errno>;

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

    /// See [`sys::is_stopped`].
    fn is_stopped(&self, process: Pid) -> bool;

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
    fn read_process<'b>(
        &self,
        process: Option<Pid>,
        name: &str,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], Errno>;
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

    fn reap(&self) -> Result<Reaped, Errno> {
        sys::reap()
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

    fn is_stopped(&self, process: Pid) -> bool {
        sys::is_stopped(process)
    }

    fn sleep(&self, span: Span) {
        sys::sleep(span);
    }

    fn each_process(&self, visit: &mut dyn FnMut(Pid)) -> Result<(), Errno> {
        sys::each_process(visit)
    }

    fn read_process<'b>(
        &self,
        process: Option<Pid>,
        name: &str,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], Errno> {
        sys::read_process(process, name, buffer)
    }
}
