//! Every other architecture: the same calls through the C library's `syscall(2)`.
//!
//! No instruction of an architecture stands here, so a child can't be put on the
//! caller's stack. It gets a copy of the memory instead, the caller is suspended
//! all the same, and the error of a failed exec comes back through a pipe.

use core::ffi::c_void;

/// # Safety
/// As for the system call `number`: what it reads and writes must be valid.
pub(super) unsafe fn syscall(number: usize, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    // SAFETY: the caller vouches for the system call; errno is this thread's own.
    unsafe {
        match libc::syscall(number as libc::c_long, a, b, c, d, e, f) {
            -1 => -(*libc::__errno_location() as isize),
            result => result as isize,
        }
    }
}

/// `clone(2)` with CLONE_VFORK and a copy of the memory: the child runs `work(data)`
/// while the caller is suspended. Gives the child's pid or the negated error.
///
/// # Safety
/// `work` must not unwind, and `data` must be valid for it.
pub(super) unsafe fn clone_suspended(
    flags: usize,
    work: unsafe extern "C" fn(*mut c_void) -> !,
    data: *mut c_void,
) -> isize {
    // s390x takes the stack first (`clone(2)`, "C library/kernel differences").
    let (first, second) = if cfg!(target_arch = "s390x") { (0, flags) } else { (flags, 0) };
    // SAFETY: without CLONE_VM and with a stack of 0 this is a fork; both sides
    // return from it with a stack of their own.
    match unsafe { syscall(libc::SYS_clone as usize, [first, second, 0, 0, 0, 0]) } {
        // SAFETY: the caller vouches for both.
        0 => unsafe { work(data) },
        result => result,
    }
}
