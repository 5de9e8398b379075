//! The system call instruction and the suspended start of a process on s390x
//! (`syscall(2)`, "Architecture calling conventions").

use core::arch::asm;
use core::ffi::c_void;

/// # Safety
/// As for the system call `number`: what it reads and writes must be valid.
#[inline(always)]
pub(super) unsafe fn syscall(number: usize, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the kernel changes r2 and the memory the caller vouches for.
    unsafe {
        asm!(
            "svc 0",
            in("r1") number,
            inlateout("r2") a as isize => result,
            in("r3") b, in("r4") c, in("r5") d, in("r6") e, in("r7") f,
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
    // below it, in a frame of its own, where nothing of the suspended caller lives,
    // and never leaves this block. Of the arguments the stack comes first here
    // (`clone(2)`, "C library/kernel differences").
    unsafe {
        asm!(
            "svc 0",
            "ltgr %r2, %r2",
            "jnz 2f",
            "lgr %r2, {data}",
            // The caller of a function provides room for what that saves.
            "aghi %r15, -160",
            "xc 0(8, %r15), 0(%r15)",
            "basr %r14, {work}",
            "2:",
            work = in(reg_addr) work,
            data = in(reg) data,
            in("r1") libc::SYS_clone as usize,
            inlateout("r2") 0isize => result,
            in("r3") flags, in("r4") 0usize, in("r5") 0usize, in("r6") 0usize,
        );
    }
    result
}
