//! The system call instruction and the suspended start of a process on 32-bit ARM (EABI)
//! (`syscall(2)`, "Architecture calling conventions").

use core::arch::asm;
use core::ffi::c_void;

/// # Safety
/// As for the system call `number`: what it reads and writes must be valid.
#[inline(always)]
pub(super) unsafe fn syscall(number: usize, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the kernel changes r0 and the memory the caller vouches for.
    unsafe {
        asm!(
            "svc 0",
            in("r7") number,
            inlateout("r0") a as isize => result,
            in("r1") b, in("r2") c, in("r3") d, in("r4") e, in("r5") f,
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
    // below it, where nothing of the suspended caller lives, and never leaves this
    // block.
    unsafe {
        asm!(
            "svc 0",
            "cmp r0, #0",
            "bne 2f",
            "mov r0, {data}",
            "bx {work}",
            "2:",
            work = in(reg) work,
            data = in(reg) data,
            in("r7") libc::SYS_clone as usize,
            inlateout("r0") flags as isize => result,
            in("r1") 0usize, in("r2") 0usize, in("r3") 0usize, in("r4") 0usize,
        );
    }
    result
}
