//! What a terminal sees of the init: keys, job control, and how the terminal is left behind.
//!
//! Each case is a promise. Each is a test of ours; the last test puts the inits side by side that
//! are found on `PATH`, and "no init" for what a terminal does by itself, and prints the table of the
//! README. `INIT=path` puts another init in the place of ours.
//!
//! - [`cases`]: all of them, by row of the table
//! - [`pid1`], [`shell`], [`nested`], [`tmux`]: what they do
//! - [`session`]: somebody at a terminal, [`tty`] its keys and screen, [`reports`] what programs tell
//! - [`probe`]: the program, [`bench`]: the inits
//! - [`table`]: the comparison
//!
//! Nothing is waited for but events, each within a bound.

mod bench;
mod cases;
mod nested;
mod pid1;
mod probe;
mod reports;
mod session;
mod shell;
#[allow(dead_code, unused_imports, unused_macros)]
#[path = "../black_box/support/mod.rs"]
mod support;
mod table;
mod tmux;
mod tty;
