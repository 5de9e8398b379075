//! Typed system calls: all of the library's `unsafe` code.
//!
//! Most functions are one system call, or one call and its older equivalent; some are the
//! few that belong together, to read a file or to list a directory. None decides what is
//! done about an error, none allocates or keeps state. The
//! instruction itself is in one small file per architecture; on the others the
//! calls go through the C library ([`libc`](https://docs.rs/libc)'s `syscall`).

#![allow(unsafe_code)]

use core::num::NonZeroI32;

use crate::text::{Line, Piece, display};

mod errno;
mod files;
mod handles;
mod output;
mod process;
mod signals;
mod spawn;
mod strings;
mod terminal;
mod time;
mod wait;

#[cfg_attr(all(freestanding, target_arch = "x86_64"), path = "x86_64.rs")]
#[cfg_attr(all(freestanding, target_arch = "x86"), path = "x86.rs")]
#[cfg_attr(all(freestanding, target_arch = "aarch64"), path = "aarch64.rs")]
#[cfg_attr(all(freestanding, target_arch = "riscv64"), path = "riscv64.rs")]
#[cfg_attr(all(freestanding, target_arch = "arm"), path = "arm.rs")]
#[cfg_attr(all(freestanding, target_arch = "powerpc64"), path = "powerpc64.rs")]
#[cfg_attr(all(freestanding, target_arch = "s390x"), path = "s390x.rs")]
#[cfg_attr(not(freestanding), path = "libc.rs")]
mod arch;

pub use errno::Errno;
pub use files::{Contents, File, close_from, each_process, read_file, read_process};
pub use handles::{Handle, exit_of, open_process, open_signals, signal_process, wait_for_either};
pub use output::{write_all, write_error};
pub use process::{
    Id, become_subreaper, become_user, change_directory, execute, exit, group_of, lead_own_group,
    lead_own_session, own_pid, parent_pid, session_of, set_parent_death_signal,
};
pub use signals::{
    ChildSignal, Received, Sender, Target, block_all_signals, kill, set_blocked_signals, set_child_signal,
    stop_own_group, wait_for_signal,
};
pub use spawn::{Failure, Spawned, Step, spawn};
pub(crate) use strings::{Nulls, Row, Table, add_variable, join, pack, table, unpacked_size, with_first};
pub use strings::{Strings, Text};
pub use terminal::{Modes, Terminal};
pub use time::{now, sleep};
pub use wait::{Reaped, collect, reap, stopped_by};

/// A system call; what is not given is 0. Gives `Result<u32, Errno>`.
macro_rules! syscall {
    ($($number_and_arguments:expr),+) => {
        $crate::sys::check($crate::sys::raw_syscall!($($number_and_arguments),+))
    };
}
use syscall;

/// The same of one that gives 0 when it succeeds. Gives `Result<(), Errno>`.
macro_rules! command {
    ($($number_and_arguments:expr),+) => {
        $crate::sys::done($crate::sys::raw_syscall!($($number_and_arguments),+))
    };
}
use command;

/// The same as the kernel gives it.
macro_rules! raw_syscall {
    ($number:expr) => { $crate::sys::raw_syscall!($number, 0, 0, 0) };
    ($number:expr, $a:expr) => { $crate::sys::raw_syscall!($number, $a, 0, 0) };
    ($number:expr, $a:expr, $b:expr) => { $crate::sys::raw_syscall!($number, $a, $b, 0) };
    ($number:expr, $a:expr, $b:expr, $c:expr) => {
        $crate::sys::short($a as usize, $b as usize, $c as usize, $number as usize)
    };
    ($number:expr, $a:expr, $b:expr, $c:expr, $d:expr) => {
        $crate::sys::long($a as usize, $b as usize, $c as usize, $d as usize, $number as usize)
    };
    ($number:expr, $a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $f:expr) => {
        $crate::sys::arch::syscall(
            $number as usize,
            [$a as usize, $b as usize, $c as usize, $d as usize, $e as usize, $f as usize],
        )
    };
}
use raw_syscall;

/// The kernel's convention: an error is negative (`syscall(2)`). No call that is made here
/// gives an address or an offset, so 32 bits hold what it gives.
#[inline(always)]
fn check(result: isize) -> Result<u32, Errno> {
    let result = result as i32;
    match Errno::from_kernel(result) {
        Some(error) if result < 0 => Err(error),
        _ => Ok(result as u32),
    }
}

/// The same of a call that gives 0 when it succeeds.
#[inline(always)]
fn done(result: isize) -> Result<(), Errno> {
    Errno::from_kernel(result as i32).map_or(Ok(()), Err)
}

/// A system call with at most three arguments, in one place for all of them. In this
/// order the arguments are where the kernel expects them, on x86_64 at least.
///
/// # Safety
/// As for the system call `number`: what it reads and writes must be valid.
#[inline(never)]
unsafe fn short(a: usize, b: usize, c: usize, number: usize) -> isize {
    // SAFETY: so the caller promised.
    unsafe { arch::syscall(number, [a, b, c, 0, 0, 0]) }
}

/// The same with four: 136 bytes less than in each of those.
///
/// # Safety
/// The same.
#[inline(never)]
unsafe fn long(a: usize, b: usize, c: usize, d: usize, number: usize) -> isize {
    // SAFETY: so the caller promised.
    unsafe { arch::syscall(number, [a, b, c, d, 0, 0]) }
}

/// A process, by its number in the init's PID namespace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Pid(NonZeroI32);

impl Pid {
    /// Stands for a pid that could not be found out: nobody's, above all not PID 1's.
    pub const UNKNOWN: Pid = Pid(NonZeroI32::MAX);

    /// The init of a PID namespace.
    pub const INIT: Pid = Pid(NonZeroI32::new(1).unwrap());

    /// The process with this number, if it can be one.
    #[must_use]
    pub fn new(pid: i32) -> Option<Pid> {
        NonZeroI32::new(pid).filter(|pid| pid.get() > 0).map(Pid)
    }

    /// As a number, 1 at the least.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0.get()
    }
}

impl Piece for Pid {
    fn write(&self, line: &mut Line) {
        (self.get() as u32).write(line);
    }
}

impl core::fmt::Display for Pid {
    fn fmt(&self, f: &mut core::fmt::Formatter) -> core::fmt::Result {
        display(self, f)
    }
}

fn pid(result: u32) -> Result<Pid, Errno> {
    Pid::new(result as i32).ok_or(Errno::ESRCH)
}
