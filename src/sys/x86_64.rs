//! The system call instruction and the suspended start of a process on x86_64
//! (`syscall(2)`, "Architecture calling conventions").

use core::arch::asm;
use core::ffi::c_void;

/// # Safety
/// As for the system call `number`: what it reads and writes must be valid.
#[inline(always)]
pub(super) unsafe fn syscall(number: usize, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the kernel changes rax, rcx, r11 and the memory the caller vouches for.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
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
    // below it, where nothing of the suspended caller lives: without `nostack` the
    // compiler keeps no red zone around this block. The child never leaves it.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "mov rdi, {data}",
            "call {work}",
            "2:",
            work = in(reg) work,
            data = in(reg) data,
            inlateout("rax") libc::SYS_clone as isize => result,
            in("rdi") flags, in("rsi") 0usize, in("rdx") 0usize, in("r10") 0usize, in("r8") 0usize,
            out("rcx") _, out("r11") _,
        );
    }
    result
}
