//! The system call instruction and the suspended start of a process on i686
//! (`syscall(2)`, "Architecture calling conventions").

use core::arch::asm;
use core::ffi::c_void;

/// # Safety
/// As for the system call `number`: what it reads and writes must be valid.
#[inline(always)]
pub(super) unsafe fn syscall(number: usize, [a, b, c, d, e, f]: [usize; 6]) -> isize {
    // Two of its registers are the compiler's own, so all are loaded from memory.
    let registers = [number, a, b, c, d, e, f];
    let result: isize;
    // SAFETY: the kernel changes eax and the memory the caller vouches for; ebx, esi
    // and ebp are as before.
    unsafe {
        asm!(
            "push ebx",
            "push esi",
            "push ebp",
            "mov ebx, [eax + 4]",
            "mov ecx, [eax + 8]",
            "mov edx, [eax + 12]",
            "mov esi, [eax + 16]",
            "mov edi, [eax + 20]",
            "mov ebp, [eax + 24]",
            "mov eax, [eax]",
            "int 0x80",
            "pop ebp",
            "pop esi",
            "pop ebx",
            inlateout("eax") &raw const registers => result,
            out("ecx") _, out("edx") _, out("edi") _,
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
    // below it, where of the suspended caller lives but ebx, which it does not reach:
    // it never leaves this block. The kernel ignores edx and edi without their flags.
    unsafe {
        asm!(
            "push ebx",
            "mov ebx, {flags}",
            "int 0x80",
            "test eax, eax",
            "jnz 2f",
            "xor ebp, ebp",
            "and esp, -16",
            "sub esp, 12",
            "push edx",
            "call edi",
            "2:",
            "pop ebx",
            flags = in(reg) flags,
            inlateout("eax") libc::SYS_clone as isize => result,
            in("ecx") 0usize, in("edx") data, in("edi") work,
        );
    }
    result
}
