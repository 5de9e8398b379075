//! The kernel's entry and its system calls, for programs of a few hundred bytes without
//! a C library. Included by each of them.

use core::arch::{asm, global_asm};

#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "mov rdi, rsp", "and rsp, -16", "call {start}", start = sym super::start);
#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "mov x0, sp", "b {start}", start = sym super::start);
#[cfg(target_arch = "riscv64")]
global_asm!(".globl _start", "_start:", "mv a0, sp", "andi sp, sp, -16", "tail {start}", start = sym super::start);

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    exit(99)
}

#[cfg(target_arch = "x86_64")]
mod number {
    pub const READ: usize = 0;
    pub const WRITE: usize = 1;
    pub const RT_SIGPROCMASK: usize = 14;
    pub const NANOSLEEP: usize = 35;
    pub const CLONE: usize = 56;
    pub const EXECVE: usize = 59;
    pub const WAIT4: usize = 61;
    pub const KILL: usize = 62;
    pub const SETPGID: usize = 109;
    pub const RT_SIGTIMEDWAIT: usize = 128;
    pub const EXIT_GROUP: usize = 231;
    pub const PPOLL: usize = 271;
}
#[cfg(not(target_arch = "x86_64"))]
mod number {
    pub const READ: usize = 63;
    pub const WRITE: usize = 64;
    pub const PPOLL: usize = 73;
    pub const EXIT_GROUP: usize = 94;
    pub const NANOSLEEP: usize = 101;
    pub const KILL: usize = 129;
    pub const RT_SIGPROCMASK: usize = 135;
    pub const RT_SIGTIMEDWAIT: usize = 137;
    pub const SETPGID: usize = 154;
    pub const CLONE: usize = 220;
    pub const EXECVE: usize = 221;
    pub const WAIT4: usize = 260;
}
pub use number::*;

pub const CLONE_VM: usize = 0x100;
pub const CLONE_VFORK: usize = 0x4000;
pub const SIGKILL: usize = 9;
pub const SIGUSR1: isize = 10;
pub const SIGTERM: isize = 15;
pub const SIGCHLD: usize = 17;
pub const SIG_BLOCK: usize = 0;
pub const SIG_SETMASK: usize = 2;
pub const WNOHANG: usize = 1;
pub const ESRCH: isize = -3;
/// A signal set of the kernel's: 64 bits.
pub static ALL_SIGNALS: u64 = !0;
pub const SET_SIZE: usize = 8;

/// # Safety
/// The kernel takes the arguments at their word.
#[inline(always)]
pub unsafe fn call(number: usize, a: usize, b: usize, c: usize, d: usize) -> isize {
    let result;
    // SAFETY: the registers of the kernel's calling convention, syscall(2).
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!("syscall", inlateout("rax") number as isize => result, in("rdi") a, in("rsi") b, in("rdx") c,
            in("r10") d, in("r8") 0, lateout("rcx") _, lateout("r11") _, options(nostack));
        #[cfg(target_arch = "aarch64")]
        asm!("svc 0", in("x8") number, inlateout("x0") a as isize => result, in("x1") b, in("x2") c, in("x3") d,
            in("x4") 0, options(nostack));
        #[cfg(target_arch = "riscv64")]
        asm!("ecall", in("a7") number, inlateout("a0") a as isize => result, in("a1") b, in("a2") c, in("a3") d,
            in("a4") 0, options(nostack));
    }
    result
}

pub fn exit(code: usize) -> ! {
    loop {
        // SAFETY: takes a number.
        unsafe { call(EXIT_GROUP, code, 0, 0, 0) };
    }
}

/// Runs `function` in a process that shares this one's memory and goes on below on its
/// stack, while this one sleeps until the other has executed a program or ended.
/// Returns its pid, or the error as a negative number.
///
/// # Safety
/// What `function` does to memory stays.
#[inline(always)]
pub unsafe fn vfork(function: unsafe extern "C" fn(usize) -> !, argument: usize) -> isize {
    let flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
    let result;
    // SAFETY: the child never comes back from the call, and what it pushes lies below
    // everything of ours: without `nostack` there is no red zone.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!("syscall", "test rax, rax", "jnz 2f",
            "mov rdi, {argument}", "call {function}", "2:",
            inlateout("rax") CLONE as isize => result, in("rdi") flags, in("rsi") 0, in("rdx") 0, in("r10") 0,
            in("r8") 0, out("rcx") _, out("r11") _, function = in(reg) function, argument = in(reg) argument);
        #[cfg(target_arch = "aarch64")]
        asm!("svc 0", "cbnz x0, 2f", "mov x0, {argument}", "blr {function}", "2:",
            in("x8") CLONE, inlateout("x0") flags as isize => result, in("x1") 0, in("x2") 0, in("x3") 0,
            in("x4") 0, function = in(reg) function, argument = in(reg) argument);
        #[cfg(target_arch = "riscv64")]
        asm!("ecall", "bnez a0, 2f", "mv a0, {argument}", "jalr {function}", "2:",
            in("a7") CLONE, inlateout("a0") flags as isize => result, in("a1") 0, in("a2") 0, in("a3") 0,
            in("a4") 0, function = in(reg) function, argument = in(reg) argument);
    }
    result
}

/// A process that does nothing but this one system call with zeros for arguments, again
/// and again: `EXIT_GROUP` is one that ends at once, `PPOLL` one that sleeps until it is
/// killed. It has no stack of its own and needs none. Returns its pid or the error.
#[allow(dead_code)]
#[inline(always)]
pub fn offspring(what: usize) -> isize {
    let flags = CLONE_VM | SIGCHLD;
    let result;
    // SAFETY: the child touches no memory at all.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        asm!("syscall", "test rax, rax", "jnz 2f", "3:", "xor edi, edi", "mov rax, {what}", "syscall", "jmp 3b", "2:",
            inlateout("rax") CLONE as isize => result, in("rdi") flags, in("rsi") 0, in("rdx") 0, in("r10") 0,
            in("r8") 0, out("rcx") _, out("r11") _, what = in(reg) what, options(nostack));
        #[cfg(target_arch = "aarch64")]
        asm!("svc 0", "cbnz x0, 2f", "3:", "mov x0, 0", "mov x8, {what}", "svc 0", "b 3b", "2:",
            in("x8") CLONE, inlateout("x0") flags as isize => result, in("x1") 0, in("x2") 0, in("x3") 0,
            in("x4") 0, what = in(reg) what, options(nostack));
        #[cfg(target_arch = "riscv64")]
        asm!("ecall", "bnez a0, 2f", "3:", "li a0, 0", "mv a7, {what}", "ecall", "j 3b", "2:",
            in("a7") CLONE, inlateout("a0") flags as isize => result, in("a1") 0, in("a2") 0, in("a3") 0,
            in("a4") 0, what = in(reg) what, options(nostack));
    }
    result
}
