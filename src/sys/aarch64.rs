//! The system call instruction and the suspended start of a process on aarch64
//! (`syscall(2)`, "Architecture calling conventions").

use core::arch::asm;
use core::ffi::c_void;

/// # Safety
/// As for the system call `number`: what it reads and writes must be valid.
#[inline(always)]
pub(super) unsafe fn syscall(number: usize, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the kernel changes x0 and the memory the caller vouches for.
    unsafe {
        asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a as isize => result,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f,
            options(nostack),
        );
    }
    result
}

/// `clone(2)` with `flags`, which hold CLONE_VM and CLONE_VFORK: the child runs
/// `work(data)` on this stack, below the caller's frames, while the caller is
/// suspended. Gives the child's pid or the negated error to the caller.
///
/// # Safety
/// `work` must not unwind, and `data` must be valid for it.
pub(super) unsafe fn clone_suspended(
    flags: usize,
    work: unsafe extern "C" fn(*mut c_void) -> !,
    data: *mut c_void,
) -> isize {
    let result: isize;
    // SAFETY: with a stack of 0 the child keeps the stack pointer. It writes only
    // below it, where nothing of the suspended caller lives. The child never
    // leaves this block; that its `blr` sets x30 is seen by the child alone.
    unsafe {
        asm!(
            "svc 0",
            "cbnz x0, 2f",
            "mov x0, {data}",
            "blr {work}",
            "2:",
            work = in(reg) work,
            data = in(reg) data,
            in("x8") libc::SYS_clone as usize,
            inlateout("x0") flags as isize => result,
            in("x1") 0usize, in("x2") 0usize, in("x3") 0usize, in("x4") 0usize,
        );
    }
    result
}
