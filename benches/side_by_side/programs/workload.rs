//! The program that gives an init its work. It talks with the benchmark through its
//! standard input and output, a byte at a time: `r` it is ready, `d` it is done, `x` the
//! kernel gave it no more processes.
//!
//! - `answer CHILDREN`: has so many children; writes a byte for each SIGUSR1, ends on
//!   SIGTERM.
//! - `orphans LIVING COUNT`: leaves so many living processes to the init; for each byte
//!   that comes, COUNT daemons are started one after the other that end at once.
//! - `burst COUNT`: leaves so many living processes to the init, and when a byte comes
//!   kills them all at once.
//!
//! The last two are done when the init, or the kernel in its place, has collected the
//! last one.

#![no_std]
#![no_main]

#[allow(dead_code)]
mod kernel;

use core::ffi::c_char;
use kernel::*;

/// Of everybody that was left to the init.
static mut PIDS: [usize; 1 << 16] = [0; 1 << 16];

unsafe extern "C" fn start(stack: *const usize) -> ! {
    // SAFETY: argc, then argv and a null (System V ABI).
    let (mode, first, second) = unsafe {
        let argv = stack.add(1).cast::<*const c_char>();
        if *stack < 3 {
            exit(2);
        }
        (*argv.add(1).read(), number(argv.add(2).read()), number(argv.add(3).read()))
    };
    match mode as u8 {
        b'a' => answer(first),
        b'o' => orphans(first, second),
        b'b' => burst(first),
        _ => exit(2),
    }
}

fn answer(children: usize) -> ! {
    for _ in 0..children {
        made(offspring(PPOLL));
    }
    let everything = &raw const ALL_SIGNALS as usize;
    // SAFETY: a set that lives on.
    unsafe { call(RT_SIGPROCMASK, SIG_BLOCK, everything, 0, SET_SIZE) };
    say(b'r');
    loop {
        // SAFETY: as above.
        match unsafe { call(RT_SIGTIMEDWAIT, everything, 0, 0, SET_SIZE) } {
            SIGUSR1 => say(b'!'),
            SIGTERM => exit(0),
            _ => {}
        }
    }
}

fn orphans(living: usize, count: usize) -> ! {
    leave(PPOLL, living, living);
    say(b'r');
    while heard() {
        for at in 0..count {
            leave(EXIT_GROUP, 1, at + 1);
        }
        until_gone(count);
        say(b'd');
    }
    exit(0)
}

fn burst(count: usize) -> ! {
    let group = leave(PPOLL, count, count);
    say(b'r');
    if heard() {
        // SAFETY: takes numbers.
        unsafe { call(KILL, (-group) as usize, SIGKILL, 0, 0) };
        until_gone(count);
        say(b'd');
    }
    heard();
    exit(0)
}

/// What a process in between shall leave behind: `count` of them, remembered up to `end`.
struct Legacy {
    what: usize,
    count: usize,
    end: usize,
}

/// Leaves processes to the init, the way that daemons do: through one in between, which
/// ends. Returns the number of their process group, which is that one's pid.
fn leave(what: usize, count: usize, end: usize) -> isize {
    let legacy = Legacy { what, count, end };
    // SAFETY: the other process writes to `PIDS` alone, and is over when this returns.
    let parent = made(unsafe { vfork(bequeath, &raw const legacy as usize) });
    let mut status = 0_i32;
    // SAFETY: `status` lives on.
    unsafe { call(WAIT4, parent as usize, &raw mut status as usize, 0, 0) };
    if status != 0 {
        say(b'x');
        exit(3);
    }
    parent
}

unsafe extern "C" fn bequeath(legacy: usize) -> ! {
    // SAFETY: who made it sleeps meanwhile; nobody else has `PIDS`.
    unsafe {
        let legacy = &*(legacy as *const Legacy);
        if legacy.what == PPOLL {
            call(SETPGID, 0, 0, 0, 0);
        }
        let pids = &raw mut PIDS as *mut usize;
        for at in legacy.end - legacy.count..legacy.end {
            let pid = offspring(legacy.what);
            if pid < 0 {
                exit(1);
            }
            pids.add(at % (1 << 16)).write(pid as usize);
        }
    }
    exit(0)
}

/// Until the first `count` of them have been collected; a zombie can still be signalled.
fn until_gone(count: usize) {
    let pause = [0_usize, 100_000];
    for at in 0..count {
        // SAFETY: nobody else has `PIDS`; signal 0 only asks; `pause` lives on.
        unsafe {
            let pid = (&raw const PIDS as *const usize).add(at % (1 << 16)).read();
            while call(KILL, pid, 0, 0, 0) != ESRCH {
                call(NANOSLEEP, &raw const pause as usize, 0, 0, 0);
            }
        }
    }
}

fn made(pid: isize) -> isize {
    if pid < 0 {
        say(b'x');
        exit(3);
    }
    pid
}

fn say(byte: u8) {
    // SAFETY: one byte that lives on.
    unsafe { call(WRITE, 1, &raw const byte as usize, 1, 0) };
}

/// Whether a byte came, and not the end.
fn heard() -> bool {
    let mut byte = 0_u8;
    // SAFETY: one byte that lives on.
    unsafe { call(READ, 0, &raw mut byte as usize, 1, 0) == 1 }
}

/// A decimal number; 0 without a string.
fn number(string: *const c_char) -> usize {
    let mut value = 0;
    // SAFETY: a C string, or none.
    unsafe {
        let mut at = string;
        while !at.is_null() && *at != 0 {
            value = value * 10 + (*at as u8 & 0xf) as usize;
            at = at.add(1);
        }
    }
    value
}
