//! The floor: the least that an init can do. It blocks all signals, starts the program
//! with the mask that it was given, passes signals on, collects who dies, and exits with
//! the program's code. No options, no terminal, no process group, no grace period.

#![no_std]
#![no_main]

#[allow(dead_code)]
mod kernel;

use kernel::*;

/// What the process before the program has to know.
struct Program {
    argv: *const usize,
    environment: *const usize,
    mask: u64,
}

unsafe extern "C" fn start(stack: *const usize) -> ! {
    let mut program = Program { argv: core::ptr::null(), environment: core::ptr::null(), mask: 0 };
    let everything = &raw const ALL_SIGNALS as usize;
    // SAFETY: argc, argv and a null, the environment and a null (System V ABI), and
    // structures that the kernel reads and writes while they live.
    unsafe {
        program.argv = stack.add(2);
        program.environment = stack.add(*stack + 2);
        call(RT_SIGPROCMASK, SIG_BLOCK, everything, &raw mut program.mask as usize, SET_SIZE);
        let child = vfork(execute, &raw const program as usize);
        loop {
            let signal = call(RT_SIGTIMEDWAIT, everything, 0, 0, SET_SIZE);
            if signal != SIGCHLD as isize {
                call(KILL, child as usize, signal as usize, 0, 0);
                continue;
            }
            loop {
                let mut status = 0_i32;
                let pid = call(WAIT4, usize::MAX, &raw mut status as usize, WNOHANG, 0);
                if pid == child {
                    let killed_by = status & 0x7f;
                    exit(if killed_by != 0 { 128 + killed_by } else { status >> 8 & 0xff } as usize);
                }
                if pid <= 0 {
                    break;
                }
            }
        }
    }
}

unsafe extern "C" fn execute(program: usize) -> ! {
    // SAFETY: the init sleeps meanwhile and keeps it.
    unsafe {
        let program = &*(program as *const Program);
        call(RT_SIGPROCMASK, SIG_SETMASK, &raw const program.mask as usize, 0, SET_SIZE);
        call(EXECVE, *program.argv, program.argv as usize, program.environment as usize, 0);
    }
    exit(127)
}
