//! placeholder
#![deny(missing_docs, unsafe_op_in_unsafe_fn, unsafe_code)]
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
