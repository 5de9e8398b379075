//! The clock, and calls that end after a time.

use super::{Errno, syscall};
use crate::supervisor::{Instant, Span};

/// `struct __kernel_timespec`, the same on every architecture.
#[repr(C)]
pub(super) struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

impl From<Option<Span>> for Timespec {
    fn from(span: Option<Span>) -> Timespec {
        // One bit less to divide, which is never set: one division for both.
        let halves = span.unwrap_or(Span::ZERO).as_nanos() >> 1;
        Timespec { seconds: (halves / 500_000_000) as i64, nanoseconds: (halves % 500_000_000 * 2) as i64 }
    }
}

/// The same where `time_t` has 32 bits.
#[repr(C)]
struct Timespec32 {
    seconds: i32,
    nanoseconds: i32,
}

/// A system call that takes a time: its number with 64 bits of time, and on
/// 32-bit architectures the older one.
pub(super) struct Timed {
    number: usize,
    #[cfg_attr(target_pointer_width = "64", allow(dead_code))]
    with_32_bits: usize,
}

#[cfg(target_pointer_width = "64")]
const fn timed(number: libc::c_long, _: usize) -> Timed {
    Timed { number: number as usize, with_32_bits: number as usize }
}

#[cfg(target_pointer_width = "32")]
const fn timed(with_32_bits: libc::c_long, number: usize) -> Timed {
    Timed { number, with_32_bits: with_32_bits as usize }
}

// The 64-bit calls have the same numbers on all 32-bit architectures.
const CLOCK_GETTIME: Timed = timed(libc::SYS_clock_gettime, 403);
const POLL: Timed = timed(libc::SYS_ppoll, 414);
pub(super) const TIMED_WAIT: Timed = timed(libc::SYS_rt_sigtimedwait, 421);

/// Makes the call `timed` with `limit`, a null pointer without one. A kernel
/// before Linux 5.1, or a seccomp profile from those days, refuses 64 bits of
/// time on a 32-bit architecture; then with 32.
pub(super) fn with_limit(
    limit: Option<Span>,
    timed: Timed,
    mut call: impl FnMut(usize, usize) -> Result<u32, Errno>,
) -> Result<u32, Errno> {
    // Not of a constant, since the kernel may write what is left of it.
    let mut time = Timespec::from(limit);
    let result = call(timed.number, limit.map_or(0, |_| &raw mut time as usize));
    match result {
        Err(Errno::ENOSYS | Errno::EPERM) if cfg!(target_pointer_width = "32") => {
            let mut time = Timespec32 {
                seconds: i32::try_from(time.seconds).unwrap_or(i32::MAX),
                nanoseconds: time.nanoseconds as i32,
            };
            call(timed.with_32_bits, limit.map_or(0, |_| &raw mut time as usize))
        }
        result => result,
    }
}

/// The monotonic clock (`clock_gettime(2)`). Should it fail, time stands still.
#[must_use]
pub fn now() -> Instant {
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    // SAFETY: `time` is what the kernel writes.
    let told = unsafe { syscall!(CLOCK_GETTIME.number, libc::CLOCK_MONOTONIC, &raw mut time) };
    #[cfg(target_pointer_width = "32")]
    if told.is_err() {
        let mut short = Timespec32 { seconds: 0, nanoseconds: 0 };
        // SAFETY: `short` is what the kernel writes.
        let _ = unsafe { syscall!(CLOCK_GETTIME.with_32_bits, libc::CLOCK_MONOTONIC, &raw mut short) };
        time = Timespec { seconds: short.seconds.into(), nanoseconds: short.nanoseconds.into() };
    }
    let _ = told;
    // Neither is negative.
    let seconds = (time.seconds as u64).wrapping_mul(1_000_000_000);
    Instant::new(Span::from_nanos(seconds.wrapping_add(time.nanoseconds as u64)))
}

/// Waits, no longer than `limit`, until there is something to tell of `watched`; gives of
/// how many (`poll(2)`).
pub(super) fn poll(watched: &mut [libc::pollfd], limit: Option<Span>) -> Result<u32, Errno> {
    // SAFETY: `watched` are as many as are announced.
    with_limit(limit, POLL, |number, limit| unsafe {
        syscall!(number, watched.as_mut_ptr(), watched.len(), limit)
    })
}

/// Lets `span` pass.
pub fn sleep(span: Span) {
    let _ = poll(&mut [], Some(span));
}
