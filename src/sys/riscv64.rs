//! The system call instruction and the suspended start of a process on riscv64
//! (`syscall(2)`, "Architecture calling conventions").

use core::arch::asm;
use core::ffi::c_void;

/// # Safety
/// As for the system call `number`: what it reads and writes must be valid.
#[inline(always)]
pub(super) unsafe fn syscall(number: usize, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the kernel changes a0 and the memory the caller vouches for.
    unsafe {
        asm!(
            "ecall",
            in("a7") number,
            inlateout("a0") a as isize => result,
            in("a1") b, in("a2") c, in("a3") d, in("a4") e, in("a5") f,
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
    // leaves this block; that its `jalr` sets ra is seen by the child alone.
    unsafe {
        asm!(
            "ecall",
            "bnez a0, 2f",
            "mv a0, {data}",
            "jalr {work}",
            "2:",
            work = in(reg) work,
            data = in(reg) data,
            in("a7") libc::SYS_clone as usize,
            inlateout("a0") flags as isize => result,
            in("a1") 0usize, in("a2") 0usize, in("a3") 0usize, in("a4") 0usize,
        );
    }
    result
}
