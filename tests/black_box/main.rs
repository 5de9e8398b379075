//! Black-box tests: the init as its users see it, a process that starts a program.
//!
//! Each module keeps one family of promises; `support` is the bench they all work on. Another init
//! is put on the bench with `INIT=/usr/bin/tini cargo test --test black_box`.

mod auto_reap;
mod binary;
mod execution;
mod exit_codes;
mod explain;
mod hygiene;
mod logging;
mod modes;
mod peers;
mod real_programs;
mod reaping;
mod shutdown;
mod signals;
mod start;
#[allow(dead_code, unused_imports, unused_macros)]
mod support;
mod usage;
