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
use crate::text::{Line, Piece};

/// Hands a message to `log`, if it wants messages of this level: `template` with the
/// pieces in the place of its `%`.
pub(crate) fn say(log: &dyn Log, level: Level, template: &str, pieces: &[&dyn Piece]) {
    let metadata = Metadata::builder().level(level).target("tini-rs").build();
    if log.enabled(&metadata) {
        let mut line = Line::new();
        line.fill(template, pieces);
        log.log(&Record::builder().metadata(metadata).args(format_args!("{line}")).build());
    }
}

/// Lines such as `[WARN  tini-rs (1)] text` on standard error.
pub struct Stderr {
    prefix: &'static str,
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
    /// information, 3 details, 4 everything. In `prefix`, which begins each line, `%`
    /// stands for the level, `^` for the level in five columns, `$` for the same with
    /// FATAL for an error, `@` for the pid.
    #[must_use]
    pub const fn new(prefix: &'static str, verbosity: u8, pid: Pid) -> Stderr {
        let level = match verbosity {
            0 => LevelFilter::Error,
            1 => LevelFilter::Warn,
            2 => LevelFilter::Info,
            3 => LevelFilter::Debug,
            _ => LevelFilter::Trace,
        };
        Stderr { prefix, level, pid, stuck: AtomicBool::new(false) }
    }

    fn write_prefix(&self, level: Level, line: &mut Line) {
        let (name, blank) = match level {
            Level::Error => ("ERROR", ""),
            Level::Warn => ("WARN", " "),
            Level::Info => ("INFO", " "),
            Level::Debug => ("DEBUG", ""),
            Level::Trace => ("TRACE", ""),
        };
        for byte in self.prefix.as_bytes() {
            match byte {
                b'$' if level == Level::Error => line.push(b"FATAL"),
                b'%' | b'^' | b'$' => {
                    line.push(name.as_bytes());
                    line.push(if *byte == b'%' { b"" } else { blank.as_bytes() });
                }
                b'@' => self.pid.write(line),
                byte => line.push(&[*byte]),
            }
        }
    }
}

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= self.level
    }

    fn log(&self, record: &Record) {
        let mut line = Line::new();
        self.write_prefix(record.level(), &mut line);
        // It is the line's own and never fails.
        let _ = fmt::write(&mut line, *record.args());
        let patience = if self.stuck.load(Ordering::Relaxed) { Span::ZERO } else { PATIENCE };
        let written = sys::write_error(line.finish(), patience);
        self.stuck.store(written == Err(Errno::EAGAIN), Ordering::Relaxed);
    }

    fn flush(&self) {}
}
