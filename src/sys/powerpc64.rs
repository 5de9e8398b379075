//! The system call instruction and the suspended start of a process on powerpc64le
//! (`syscall(2)`, "Architecture calling conventions").

use core::arch::asm;
use core::ffi::c_void;

/// # Safety
/// As for the system call `number`: what it reads and writes must be valid.
#[inline(always)]
pub(super) unsafe fn syscall(number: usize, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the kernel changes the registers that a function may change, and the
    // memory the caller vouches for. An error is not negative but marked (SO).
    unsafe {
        asm!(
            "sc",
            "bns+ 2f",
            "neg 3, 3",
            "2:",
            inlateout("r0") number => _,
            inlateout("r3") a as isize => result,
            inlateout("r4") b => _, inlateout("r5") c => _, inlateout("r6") d => _,
            inlateout("r7") e => _, inlateout("r8") f => _,
            lateout("r9") _, lateout("r10") _, lateout("r11") _, lateout("r12") _,
            lateout("cr0") _, lateout("ctr") _, lateout("xer") _,
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
    // further below than the 288 bytes that a function may use there without a frame
    // (ELFv2 ABI, "Protected Zone"), where nothing of the suspended caller lives, and
    // never leaves this block.
    unsafe {
        asm!(
            "sc",
            "bns+ 2f",
            "neg 3, 3",
            "2:",
            "cmpdi 3, 0",
            "bne 3f",
            "mr 3, 15",
            "mr 12, 14",
            "stdu 1, -512(1)",
            "mtctr 12",
            "bctrl",
            "3:",
            in("r14") work,
            in("r15") data,
            inlateout("r0") libc::SYS_clone as usize => _,
            inlateout("r3") flags as isize => result,
            inlateout("r4") 0usize => _, inlateout("r5") 0usize => _, inlateout("r6") 0usize => _,
            inlateout("r7") 0usize => _, lateout("r8") _,
            lateout("r9") _, lateout("r10") _, lateout("r11") _, lateout("r12") _,
            lateout("cr0") _, lateout("ctr") _, lateout("xer") _,
        );
    }
    result
}
