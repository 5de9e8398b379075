//! Messages: `log::Log` on standard error, from a fixed buffer.
//!
//! The init hands its records to a `log::Log` that it is given and not to the
//! facade's global one: a global logger is a writable static, and the binary has no
//! writable data. A standard error that is closed, broken or full costs the message
//! and never the container.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::supervisor::Span;
use crate::sys::{self, Errno, Pid};
use crate::text::{Decimal, Line};

/// Hands a message to `log`, if it wants messages of this level.
#[inline(never)]
pub(crate) fn say(log: &dyn Log, level: Level, message: fmt::Arguments) {
    let metadata = Metadata::builder().level(level).target("tini-rs").build();
    if log.enabled(&metadata) {
        log.log(&Record::builder().metadata(metadata).args(message).build());
    }
}

macro_rules! error { ($log:expr, $($message:tt)+) => { crate::log::say($log, ::log::Level::Error, format_args!($($message)+)) } }
macro_rules! warning { ($log:expr, $($message:tt)+) => { crate::log::say($log, ::log::Level::Warn, format_args!($($message)+)) } }
macro_rules! info { ($log:expr, $($message:tt)+) => { crate::log::say($log, ::log::Level::Info, format_args!($($message)+)) } }
macro_rules! debug { ($log:expr, $($message:tt)+) => { crate::log::say($log, ::log::Level::Debug, format_args!($($message)+)) } }
pub(crate) use {debug, error, info, warning};

/// `[WARN  tini-rs (1)] text` on standard error.
pub struct Stderr {
    level: LevelFilter,
    pid: Pid,
    /// Nobody read the last message in time, so the next is not waited for.
    stuck: AtomicBool,
}

/// How long a reader may keep a message waiting. A log collector that is merely
/// busy needs less; a terminal held by Ctrl-S costs this once.
const PATIENCE: Span = Span::from_millis(100);

impl Stderr {
    /// For the init with this pid. Of `verbosity` 0 are errors, 1 warnings, 2
    /// information, 3 details, 4 everything.
    #[must_use]
    pub const fn new(verbosity: u8, pid: Pid) -> Stderr {
        let level = match verbosity {
            0 => LevelFilter::Error,
            1 => LevelFilter::Warn,
            2 => LevelFilter::Info,
            3 => LevelFilter::Debug,
            _ => LevelFilter::Trace,
        };
        Stderr { level, pid, stuck: AtomicBool::new(false) }
    }
}

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= self.level
    }

    fn log(&self, record: &Record) {
        let level = match record.level() {
            Level::Error => "ERROR",
            Level::Warn => "WARN ",
            Level::Info => "INFO ",
            Level::Debug => "DEBUG",
            Level::Trace => "TRACE",
        };
        let mut line = Line::new();
        let mut digits = [0; 20];
        let pid = Decimal::from(self.pid.get().unsigned_abs()).digits(&mut digits);
        line.push(b"[");
        line.push(level.as_bytes());
        line.push(b" tini-rs (");
        line.push(pid);
        line.push(b")] ");
        // It is the line's own and never fails.
        let _ = fmt::write(&mut line, *record.args());
        let patience = if self.stuck.load(Ordering::Relaxed) { Span::ZERO } else { PATIENCE };
        let written = sys::write_error(line.finish(), patience);
        self.stuck.store(written == Err(Errno::EAGAIN), Ordering::Relaxed);
    }

    fn flush(&self) {}
}
