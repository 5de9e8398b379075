//! The binary: the kernel's entry, and what a program without a C library has to
//! bring itself. Everything else is in the library; [`tini_rs::run`] is the start.

#![no_std]
#![no_main]

use core::panic::PanicInfo;

#[cfg(freestanding)]
mod freestanding;

#[cfg(not(freestanding))]
mod hosted {
    use core::ffi::{c_char, c_int};

    use tini_rs::sys::{self, Strings};

    /// Called by the C library's start-up code.
    #[unsafe(no_mangle)]
    extern "C" fn main(_: c_int, argv: *mut *const c_char, envp: *mut *const c_char) -> ! {
        // SAFETY: both are the null-terminated arrays that the kernel made, and
        // nobody else changes them (`execve(2)`).
        let (argv, environment) = unsafe { (Strings::new(argv), Strings::new(envp)) };
        sys::exit(tini_rs::run(argv, environment))
    }
}

/// No panic is left in the release binary: with `--cfg prove_no_panic` it links only
/// if that is so, since nobody defines the function called here.
#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    #[cfg(prove_no_panic)]
    {
        unsafe extern "C" {
            fn a_panic_is_left_in_the_binary() -> !;
        }
        // SAFETY: never linked.
        unsafe { a_panic_is_left_in_the_binary() }
    }
    #[cfg(not(prove_no_panic))]
    tini_rs::sys::exit(tini_rs::exit::ExitCode::FAILURE)
}

/// `core` was compiled to unwind and names this; nothing here ever unwinds.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
