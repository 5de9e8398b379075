//! Has the kernel collect orphans, so that the init is not woken for them: where the kernel
//! can tell the program's status through a pidfd, SIGCHLD is ignored.
//!
//! Not from the start, since most programs leave no orphan: on the first one the kernel
//! is tried with it. Whatever refuses any step, an old kernel or a seccomp profile, the
//! ordinary loop stays. With the first request to stop it is over, and the loop sees each
//! death again; the program's own may still be told by the pidfd alone.
//!
//! While it is on, the program's pid may be another process's the moment it has ended.
//! So every signal for the program goes through the pidfd. Nobody tells then that a program
//! which has its parent trace it (PTRACE_TRACEME) was stopped.
//!
//! What a pidfd tells is wrong in one case (Linux 6.18; 7 of 200,000 tries, `wait4` 0): the
//! main thread ends alone, by `exit(2)` as in `pthread_exit`, and another thread
//! ends the process within the few microseconds that this takes. Then it is the main
//! thread's own code, which is 0, and `wait4`, which knew better, has nobody to ask any
//! more. So it is on only for as long as nobody has asked for the program's end.

use crate::exit::Ended;
use crate::kernel::Kernel;
use crate::signal::Signal;
use crate::supervisor::Span;
use crate::sys::{ChildSignal, Errno, Handle, Pid, Reaped, Target};

/// Whether the kernel collects orphans.
pub(crate) enum AutoReap {
    /// No orphan has ended yet.
    Untried,
    /// It does, and these tell of the rest.
    On { program: Handle, signals: Handle },
    /// It did. A program that it was about to collect then is told of here alone.
    Left { program: Handle, signals: Handle },
    /// It can't.
    Never,
}

/// What there is to be taken in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ready {
    /// That is for the ordinary wait to say.
    Ordinary,
    /// Signals, or nothing since the time is up.
    Signals,
    ProgramEnded,
}

impl AutoReap {
    pub(crate) fn is_on(&self) -> bool {
        matches!(self, AutoReap::On { .. })
    }

    /// What stands for the program and for signals, from the moment on that it was on.
    fn handles(&self) -> Option<(Handle, Handle)> {
        match *self {
            AutoReap::On { program, signals } | AutoReap::Left { program, signals } => {
                Some((program, signals))
            }
            _ => None,
        }
    }

    /// Tries it with `orphan`, a child that has ended and was not collected. If the kernel
    /// is up to it, it is on, and children that ended before are to be collected. Gives
    /// how the orphan ended if it was collected here.
    pub(crate) fn try_with(&mut self, kernel: &impl Kernel, orphan: Pid, program: Pid) -> Option<Ended> {
        if !matches!(self, AutoReap::Untried) {
            return None;
        }
        let handle = match kernel.open_process(orphan) {
            Ok(handle) => handle,
            // Collected before its SIGCHLD was taken, so that another has to do.
            Err(Errno::ESRCH) => return None,
            Err(_) => {
                *self = AutoReap::Never;
                return None;
            }
        };
        let ended = match kernel.reap(Some(orphan)) {
            Ok(Reaped::Child(_, ended)) => Some(ended),
            _ => None,
        };
        if ended.is_some() {
            let tells = kernel.exit_of(handle) == Ok(ended);
            *self = if tells { AutoReap::turn_on(kernel, program) } else { AutoReap::Never };
        }
        kernel.close(handle);
        ended
    }

    fn turn_on(kernel: &impl Kernel, program: Pid) -> AutoReap {
        let Ok(program) = kernel.open_process(program) else { return AutoReap::Never };
        if let Ok(signals) = kernel.open_signals() {
            // ESRCH: it leads no group.
            let refused = matches!(kernel.signal_process(program, true, None), Err(e) if e != Errno::ESRCH)
                || kernel.wait_for_either(signals, program, Some(Span::ZERO)).is_err();
            if !refused && kernel.set_child_signal(ChildSignal::Ignored).is_ok() {
                return AutoReap::On { program, signals };
            }
            kernel.close(signals);
        }
        kernel.close(program);
        AutoReap::Never
    }

    /// Has children wait to be collected again. One that ended before needs not be
    /// collected, the program among them: between its end and the moment from which its
    /// pidfd tells of that the kernel lets others run (`exit_notify`, `release_task`), and
    /// to `wait4` it is no child by then.
    ///
    /// # Errors
    /// Whatever a seccomp profile answers: then nothing tells of children that end.
    pub(crate) fn leave(&mut self, kernel: &impl Kernel) -> Result<(), Errno> {
        if let AutoReap::On { program, signals } = *self {
            *self = AutoReap::Left { program, signals };
            kernel.set_child_signal(ChildSignal::Default)?;
        }
        Ok(())
    }

    /// Waits, while the program lives and it is or was on, until there is something to be
    /// taken in.
    pub(crate) fn wait(&self, kernel: &impl Kernel, limit: Option<Span>) -> Ready {
        let Some((program, signals)) = self.handles() else { return Ready::Ordinary };
        // Without them the ordinary wait would not hear of the program's end. No error is but
        // for a while: without a handler no signal interrupts it (`signal(7)`).
        match kernel.wait_for_either(signals, program, limit) {
            Ok(false) => Ready::Signals,
            Err(_) if !self.is_on() => Ready::Ordinary,
            _ => Ready::ProgramEnded,
        }
    }

    /// How the program ended, if it was collected by the kernel; `children` says whether
    /// `wait4` knows of any child.
    ///
    /// # Errors
    /// ECHILD if it has ended and nothing will tell how, or whatever a seccomp profile answers.
    pub(crate) fn end_of_program(
        &self,
        kernel: &impl Kernel,
        children: bool,
    ) -> Result<Option<Ended>, Errno> {
        let Some((program, _)) = self.handles() else {
            return if children { Ok(None) } else { Err(Errno::ECHILD) };
        };
        match kernel.exit_of(program) {
            Err(_) if kernel.signal_process(program, false, None) == Err(Errno::ESRCH) => {
                kernel.exit_of(program)
            }
            told => Ok(told.unwrap_or(None)),
        }
    }

    /// Sends `signal` to `target`, which was found out from the pid of `program`.
    ///
    /// # Errors
    /// As `kill(2)` says, ESRCH if the program had ended.
    pub(crate) fn kill(
        &self,
        kernel: &impl Kernel,
        program: Pid,
        target: Target,
        signal: Signal,
    ) -> Result<(), Errno> {
        let Some((handle, _)) = self.handles() else { return kernel.kill(target, Some(signal)) };
        match target {
            Target::Process(process) if process == program => {
                kernel.signal_process(handle, false, Some(signal))
            }
            Target::Group(leader) if leader == program => kernel.signal_process(handle, true, Some(signal)),
            // Whose group that is was asked by pid, so it must still be the program's.
            _ => {
                kernel.signal_process(handle, false, None)?;
                kernel.kill(target, Some(signal))
            }
        }
    }
}
