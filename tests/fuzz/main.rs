//! Anything that people and processes can hand to the init: words, variables, texts of /proc,
//! events in any order.
//!
//! [`command_line`] reads argv and environment as each personality, [`texts`] what files tell
//! of processes and memory, [`events`] has the supervisor told what can't be. Each input that
//! broke something once is a file in `corpus`, and is tried first; [`driver`] has the rest made up,
//! for as long as `FUZZ_SECONDS` says, and writes down what it finds.

mod command_line;
mod driver;
mod events;
mod texts;
