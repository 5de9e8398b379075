//! What the C library would bring: the entry, and the memory functions that the
//! compiler calls by name.

use core::arch::{asm, global_asm};
use core::ffi::{c_char, c_int, c_void};

use tini_rs::sys::{self, Strings};

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call {start}",
    start = sym start,
);

#[cfg(target_arch = "x86")]
global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov eax, esp",
    "and esp, -16",
    "sub esp, 12",
    "push eax",
    "call {start}",
    start = sym start,
);

#[cfg(target_arch = "aarch64")]
global_asm!(
    ".globl _start",
    "_start:",
    "mov x29, xzr",
    "mov x30, xzr",
    "mov x0, sp",
    "b {start}",
    start = sym start,
);

#[cfg(target_arch = "riscv64")]
global_asm!(
    ".globl _start",
    "_start:",
    "mv a0, sp",
    "andi sp, sp, -16",
    "tail {start}",
    start = sym start,
);

#[cfg(target_arch = "arm")]
global_asm!(
    ".globl _start",
    "_start:",
    "mov r11, #0",
    "mov lr, #0",
    "mov r0, sp",
    "bic sp, sp, #7",
    "b {start}",
    start = sym start,
);

// The table of contents, by which code finds its data, is at an address that is final.
#[cfg(target_arch = "powerpc64")]
global_asm!(
    ".globl _start",
    "_start:",
    "mr 3, 1",
    "lis 2, .TOC.@ha",
    "addi 2, 2, .TOC.@l",
    "li 0, 0",
    "mtlr 0",
    "clrrdi 1, 1, 4",
    "stdu 0, -32(1)",
    "b {start}",
    start = sym start,
);

#[cfg(target_arch = "s390x")]
global_asm!(
    ".globl _start",
    "_start:",
    "lgr %r2, %r15",
    "aghi %r15, -160",
    "xc 0(8, %r15), 0(%r15)",
    "jg {start}",
    start = sym start,
);

/// `stack` is what the kernel put there: argc, argv and a null, envp and a null
/// (System V ABI, "Process Initialization").
unsafe extern "C" fn start(stack: *mut *const c_char) -> ! {
    // SAFETY: see above; nobody else changes the arrays.
    let (argv, environment) = unsafe {
        let argc = stack.cast::<usize>().read();
        let argv = stack.add(1);
        (Strings::new(argv), Strings::new(argv.add(argc).add(1)))
    };
    sys::exit(tini_rs::run(argv, environment))
}

// The memory functions, a byte at a time: the init copies a few hundred bytes in all
// its life. The empty assembly keeps the compiler from seeing what a loop does, or
// it would replace the loop by a call of the very function.

/// Copies from the lowest byte on (`memcpy(3)`).
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut c_void, from: *const c_void, count: usize) -> *mut c_void {
    let (target, source) = (to.cast::<u8>(), from.cast::<u8>());
    for place in 0..count {
        // SAFETY: the caller vouches for `count` bytes on both sides.
        unsafe {
            *target.add(place) = *source.add(place);
            asm!("", options(nostack, preserves_flags));
        }
    }
    to
}

/// Copies so that the two may overlap (`memmove(3)`).
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut c_void, from: *const c_void, count: usize) -> *mut c_void {
    if to.cast_const() <= from {
        // SAFETY: from the lowest byte on, no byte is overwritten before it is read.
        return unsafe { memcpy(to, from, count) };
    }
    let (target, source) = (to.cast::<u8>(), from.cast::<u8>());
    for place in (0..count).rev() {
        // SAFETY: as for `memcpy`; from the highest byte on, as above.
        unsafe {
            *target.add(place) = *source.add(place);
            asm!("", options(nostack, preserves_flags));
        }
    }
    to
}

/// Fills with a byte (`memset(3)`).
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut c_void, byte: c_int, count: usize) -> *mut c_void {
    for place in 0..count {
        // SAFETY: the caller vouches for `count` bytes.
        unsafe {
            *to.cast::<u8>().add(place) = byte as u8;
            asm!("", options(nostack, preserves_flags));
        }
    }
    to
}

/// Compares (`memcmp(3)`).
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const c_void, other: *const c_void, count: usize) -> c_int {
    for place in 0..count {
        // SAFETY: the caller vouches for `count` bytes on both sides.
        let (a, b) = unsafe { (*one.cast::<u8>().add(place), *other.cast::<u8>().add(place)) };
        if a != b {
            return c_int::from(a) - c_int::from(b);
        }
    }
    0
}

/// Compares for equality alone, as the compiler likes to call it.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(one: *const c_void, other: *const c_void, count: usize) -> c_int {
    // SAFETY: the same contract.
    unsafe { memcmp(one, other, count) }
}

/// The length of a C string (`strlen(3)`).
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(string: *const c_char) -> usize {
    let mut length = 0;
    // SAFETY: the caller vouches for a string that ends with a null.
    while unsafe { *string.add(length) } != 0 {
        length += 1;
        // SAFETY: no instruction at all.
        unsafe { asm!("", options(nostack, preserves_flags)) };
    }
    length
}
