//! Starting a process while the caller is suspended until it execs or ends.

use core::ffi::c_void;

use super::{Errno, Pid, arch, check, exit, pid};
use crate::exit::ExitCode;

/// A process that was started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spawned {
    /// It runs its program, or has been killed on the way there.
    Running(Pid),
    /// It could not run its program, and is about to end.
    Failed(Pid, Failure),
}

/// Why a process does not run its program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failure {
    /// What failed.
    pub step: Step,
    /// How.
    pub error: Errno,
}

/// What a process does on its way to its program that can fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Becoming the user and the group that were asked for.
    User,
    /// Changing to the directory that was asked for.
    Directory,
    /// The exec.
    Exec,
}

impl Failure {
    /// The code for it: that of a failed exec (POSIX `sh`), else plain failure.
    #[must_use]
    pub fn code(self) -> ExitCode {
        match self.step {
            Step::User | Step::Directory => ExitCode::FAILURE,
            Step::Exec if self.error == Errno::ENOENT => ExitCode::NOT_FOUND,
            Step::Exec => ExitCode::CANNOT_EXECUTE,
        }
    }
}

struct Task<'a, T> {
    work: fn(&mut T) -> Failure,
    data: &'a mut T,
    told: Told,
}

/// Starts a child that calls `work(data)`, which is to exec and returns only why
/// not (`clone(2)` with CLONE_VFORK). The caller is suspended until then, so it
/// never sees a child that has not yet set itself up.
///
/// # Errors
/// EAGAIN or ENOMEM if there can't be one more process.
pub fn spawn<T>(work: fn(&mut T) -> Failure, data: &mut T) -> Result<Spawned, Errno> {
    let mut task = Task { work, data, told: Told::new()? };
    let flags = CLONE_FLAGS | libc::SIGCHLD as usize;
    // SAFETY: `run` does not unwind (the binary aborts on a panic), and gets what
    // it expects; the caller does not touch `task` while the child has it.
    let result = unsafe { arch::clone_suspended(flags, run::<T>, (&raw mut task).cast()) };
    let child = check(result).and_then(pid)?;
    Ok(match task.told.failure() {
        None => Spawned::Running(child),
        Some(failure) => Spawned::Failed(child, failure),
    })
}

/// # Safety
/// `task` is a `Task<T>` that nobody else uses meanwhile.
unsafe extern "C" fn run<T>(task: *mut c_void) -> ! {
    // SAFETY: so the caller promised.
    let task = unsafe { &mut *task.cast::<Task<T>>() };
    let failure = (task.work)(task.data);
    task.told.tell(failure);
    exit(failure.code())
}

use told::{CLONE_FLAGS, Told};

/// With an architecture's own file the child shares the memory.
#[cfg(freestanding)]
mod told {
    use super::{Errno, Failure};

    pub(super) const CLONE_FLAGS: usize = libc::CLONE_VM as usize | libc::CLONE_VFORK as usize;

    pub(super) struct Told(Option<Failure>);

    impl Told {
        pub(super) fn new() -> Result<Told, Errno> {
            Ok(Told(None))
        }

        pub(super) fn tell(&mut self, failure: Failure) {
            self.0 = Some(failure);
        }

        pub(super) fn failure(self) -> Option<Failure> {
            self.0
        }
    }
}

/// Elsewhere the child has a copy of it, and a pipe that its exec closes.
#[cfg(not(freestanding))]
mod told {
    use core::mem::MaybeUninit;

    use super::super::{File, syscall};
    use super::{Errno, Failure, Step};

    pub(super) const CLONE_FLAGS: usize = libc::CLONE_VFORK as usize;

    pub(super) struct Told {
        reader: File,
        writer: File,
    }

    impl Told {
        pub(super) fn new() -> Result<Told, Errno> {
            let mut ends = [0i32; 2];
            // SAFETY: `ends` is the pair that the kernel writes.
            unsafe { syscall!(libc::SYS_pipe2, ends.as_mut_ptr(), libc::O_CLOEXEC) }?;
            let [reader, writer] = ends.map(|end| File(end as u32));
            Ok(Told { reader, writer })
        }

        pub(super) fn tell(&mut self, Failure { step, error }: Failure) {
            let [low, high] = (error.number() as u16).to_ne_bytes();
            let bytes = [low, high, step as u8];
            // SAFETY: the kernel only reads `bytes`. Should it fail, the exit code
            // still tells "not found" from "cannot be executed".
            let _ = unsafe { syscall!(libc::SYS_write, self.writer.0, bytes.as_ptr(), bytes.len()) };
        }

        pub(super) fn failure(self) -> Option<Failure> {
            drop(self.writer);
            let mut bytes = [MaybeUninit::uninit(); 3];
            // The child has exec'ed or ended, so this never waits.
            match *self.reader.read(&mut bytes).ok()? {
                [low, high, step] => {
                    let known = [Step::User, Step::Directory, Step::Exec].into_iter();
                    let step = known.into_iter().find(|known| *known as u8 == step)?;
                    Some(Failure { step, error: Errno::new(u16::from_ne_bytes([low, high]).into())? })
                }
                _ => None,
            }
        }
    }
}
