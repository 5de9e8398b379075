//! The container init [tini-rs](https://docs.rs/tini-rs) inside Rust runtimes and
//! applications. The policy is `tini_rs`'s own: what is done when a signal comes, when a
//! program ends, when time is up, is written there and nowhere else.
//!
//! # Which of the three to take
//!
//! | you are | take | it costs |
//! | --- | --- | --- |
//! | an application that is a whole image, with no init beside it | [`become_init`], first in `main` | a process |
//! | a runtime, a build runner, an agent that starts programs and is responsible for all that they start | [`Init::spawn`] | a process and a thread for each program |
//! | a host that is PID 1 or a subreaper, and has children of its own | [`Reaper::above`], first in `main` | a process |
//! | the same, but `main` is not yours | [`Reaper::within`], and read its [rules](reaper) | a thread |
//!
//! They go together: an application can become an init and then supervise programs.
//!
//! ```no_run
//! use tini_embed::{Config, become_init};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     become_init(&Config::from_env()?)?;
//!     // From here on as if there were an init beside it.
//!     Ok(())
//! }
//! ```
//!
//! ```no_run
//! use std::process::Command;
//! use std::time::Duration;
//! use tini_embed::{Config, Event, Init, Signal};
//!
//! # fn main() -> std::io::Result<()> {
//! let config = Config::new().grace_period(Duration::from_secs(10));
//! let init = Init::new(config).forwarding([Signal::TERM, Signal::HUP])?;
//! let program = init.spawn_watched(Command::new("server"), |event| {
//!     if let Event::Killed { process, .. } = event {
//!         log::warn!("{process} did not end in time");
//!     }
//! })?;
//! let status = program.wait()?; // or poll it: it is `AsFd`
//! # Ok(())
//! # }
//! ```
//!
//! # What they have in common
//!
//! - The init is always a process of its own, forked, never executed: nothing of the
//!   image is needed. It has one thread, allocates nothing and takes no locks, so it can
//!   be forked from a host with threads; it exits, the host never does.
//! - Statuses and signals are whole: all 64, real-time ones too.
//! - What a program leaves behind gets SIGTERM and time to clean up before SIGKILL, also
//!   if it made itself a daemon.
//! - [`Config`] comes from code, from the environment (`TINI_GRACE_PERIOD=10s`) or from
//!   words like the binary's.
//! - Messages of an init that a host has spawned come out of the host's
//!   [`log`](https://docs.rs/log), as target `tini-embed`; those of [`become_init`] on
//!   standard error, as the binary's.
//!
//! The examples show an application image, a runtime with a container in a new PID
//! namespace, a tokio service, plain epoll, and an agent with its own children.

#![deny(missing_docs, unsafe_op_in_unsafe_fn, unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!("an init is made of Linux system calls");

#[path = "become.rs"]
mod become_;
mod config;
mod event;
mod init;
pub mod reaper;
#[allow(unsafe_code)]
mod sys;
mod watched;

pub use become_::become_init;
pub use config::{Asked, Config, UsageError};
pub use event::{Event, OnEvent};
pub use init::{Init, Supervised};
pub use reaper::{Reaper, Spawning};
pub use tini_rs::cli::Reach;
pub use tini_rs::exit::ExitCode;
pub use tini_rs::signal::Signal;
