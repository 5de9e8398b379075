//! Messages: what they are made of, and how they get out without doing harm.
//!
//! A message is a template and a few numbers, and nothing is written before somebody
//! wants to read it. The binary hands its messages to [`Stderr`]; a program that the
//! init is a part of gets them through the `log` facade, by [`Facade`]. Not through
//! that in the binary as well: a global logger is a writable static, and
//! `core::fmt` would be a kilobyte.
//!
//! A standard error that is closed, broken or full costs the message and never the
//! container.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use log::{Level, Log, Metadata, Record};

use crate::exit::Ended;
use crate::packed::text;
use crate::signal::Signal;
use crate::supervisor::Span;
use crate::sys::{self, Errno, Pid, Table, Text, table};
use crate::text::{Line, Piece};

/// Where messages go.
pub trait Sink {
    /// Whether messages of this level are wanted.
    fn wants(&self, level: Level) -> bool;

    /// Writes what each message begins with.
    fn begin(&self, level: Level, line: &mut Line);

    /// Takes a message, with its beginning.
    fn put(&self, level: Level, line: &mut Line);
}

/// A number that a message holds, whatever it stands for.
#[derive(Clone, Copy)]
pub(crate) struct Word(u32);

impl Word {
    pub(crate) const NONE: Word = Word(0);
}

impl From<u32> for Word {
    fn from(number: u32) -> Word {
        Word(number)
    }
}

impl From<Pid> for Word {
    fn from(pid: Pid) -> Word {
        Word(pid.get() as u32)
    }
}

impl From<Signal> for Word {
    fn from(signal: Signal) -> Word {
        Word(signal.number().into())
    }
}

impl From<Errno> for Word {
    fn from(error: Errno) -> Word {
        Word(error.number() as u32)
    }
}

impl From<Ended> for Word {
    fn from(ended: Ended) -> Word {
        Word(ended.wait_status() as u32)
    }
}

/// Hands a message to `sink`, if it wants messages of this level. `template` begins
/// with the level, `0` for an error to `4`. After a `%` stands
///
/// | letter | for |
/// | --- | --- |
/// | `n` | `name`, which may hold anything |
/// | `d` | the next word as a number |
/// | `s` | the next word as a signal: `SIGTERM` |
/// | `e` | the next word as an error: `Permission denied` |
/// | `w` | the next word as a process's end: `exited with 3` |
/// | `W` | the same in dumb-init's words |
#[inline(never)]
pub(crate) fn say(sink: &impl Sink, template: Text, name: Option<Text>, a: Word, b: Word, c: Word) {
    let level = match template.first() {
        b'0' => Level::Error,
        b'1' => Level::Warn,
        b'2' => Level::Info,
        b'3' => Level::Debug,
        _ => Level::Trace,
    };
    if !sink.wants(level) {
        return;
    }
    let mut line = Line::new();
    sink.begin(level, &mut line);
    fill(&mut line, template, name, [a, b, c]);
    sink.put(level, &mut line);
}

/// Hands `message` to `sink`, whatever its level.
pub(crate) fn tell(sink: &impl Sink, level: Level, message: &impl Piece) {
    let mut line = Line::new();
    sink.begin(level, &mut line);
    message.write(&mut line);
    sink.put(level, &mut line);
}

/// Writes `template` without its level, see [`say`].
fn fill(line: &mut Line, template: Text, name: Option<Text>, words: [Word; 3]) {
    let mut words = words.iter();
    let mut rest = template.rest();
    while !rest.is_empty() {
        match rest.next() {
            b'%' => match rest.next() {
                b'n' => {
                    if let Some(name) = name {
                        name.write(line);
                    }
                }
                kind => write_word(line, kind, *words.next().unwrap_or(&Word::NONE)),
            },
            letter => line.put(letter),
        }
    }
}

// Its variables would drive those of `fill` out of their registers: 16 bytes.
#[inline(never)]
fn write_word(line: &mut Line, kind: u8, Word(word): Word) {
    let number = word as i32;
    match kind {
        b's' => {
            if let Some(signal) = Signal::new(number) {
                signal.write(line);
            }
        }
        b'e' => {
            if let Some(error) = Errno::new(number) {
                error.write(line);
            }
        }
        b'w' | b'W' => {
            if let Some(ended) = Ended::from_wait_status(number) {
                if kind == b'w' { ended.write(line) } else { by_number(ended, line) }
            }
        }
        _ => word.write(line),
    }
}

/// How a process ended, in dumb-init's words.
fn by_number(ended: Ended, line: &mut Line) {
    let (words, number) = match ended.signal() {
        Some(signal) => (text!("was terminated by signal "), signal.number()),
        None => (text!("exited with exit status "), ended.code().get()),
    };
    line.add(words);
    u32::from(number).write(line);
}

/// The `log` facade, for a program that the init is a part of.
pub struct Facade<'a>(pub &'a dyn Log);

impl Facade<'_> {
    fn metadata(level: Level) -> Metadata<'static> {
        Metadata::builder().level(level).target("tini-rs").build()
    }
}

impl Sink for Facade<'_> {
    fn wants(&self, level: Level) -> bool {
        self.0.enabled(&Facade::metadata(level))
    }

    /// The logger begins its lines itself.
    fn begin(&self, _: Level, _: &mut Line) {}

    fn put(&self, level: Level, line: &mut Line) {
        let metadata = Facade::metadata(level);
        self.0.log(&Record::builder().metadata(metadata).args(format_args!("{line}")).build());
    }
}

/// Lines such as `[WARN  tini-rs (1)] text` on standard error.
pub struct Stderr {
    prefix: Text<'static>,
    /// The number of the last level that is wanted.
    most: u8,
    pid: Pid,
    /// Nobody read the last message in time, so the next is not waited for.
    stuck: AtomicBool,
}

/// How long a reader may keep a message waiting. A log collector that is merely
/// busy needs less; a terminal held by Ctrl-S costs this once.
const PATIENCE: Span = Span::from_millis(100);

/// What an error is called by some.
const FATAL: u8 = 6;

/// The names of the levels, five letters each.
const LEVELS: Table = table!(&[
    (Level::Error as u8, "ERROR"),
    (Level::Warn as u8, "WARN "),
    (Level::Info as u8, "INFO "),
    (Level::Debug as u8, "DEBUG"),
    (Level::Trace as u8, "TRACE"),
    (FATAL, "FATAL"),
]);

impl Stderr {
    /// For the init with this pid. Of `verbosity` 0 are errors, 1 warnings, 2
    /// information, 3 details, 4 everything. In `prefix`, which begins each line, `%`
    /// stands for the level, `^` for the level in five columns, `$` for the same with
    /// FATAL for an error, `@` for the pid.
    #[must_use]
    pub const fn new(prefix: Text<'static>, verbosity: u8, pid: Pid) -> Stderr {
        Stderr { prefix, most: verbosity.saturating_add(1), pid, stuck: AtomicBool::new(false) }
    }
}

impl Sink for Stderr {
    fn wants(&self, level: Level) -> bool {
        level as usize as u8 <= self.most
    }

    fn begin(&self, level: Level, line: &mut Line) {
        let mut prefix = self.prefix;
        while !prefix.is_empty() {
            match prefix.next() {
                b'@' => self.pid.write(line),
                letter @ (b'%' | b'^' | b'$') => {
                    let is_fatal = letter == b'$' && level == Level::Error;
                    let name = LEVELS.row(if is_fatal { FATAL } else { level as u8 });
                    line.add_up_to(name.unwrap_or(Text::EMPTY), if letter == b'%' { b' ' } else { 0 });
                }
                letter => line.put(letter),
            }
        }
    }

    fn put(&self, _: Level, line: &mut Line) {
        let patience = if self.stuck.load(Ordering::Relaxed) { Span::ZERO } else { PATIENCE };
        let written = sys::write_error(line.finish(), patience);
        self.stuck.store(written == Err(Errno::EAGAIN), Ordering::Relaxed);
    }
}

/// For a program that has it as its logger.
impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata) -> bool {
        self.wants(metadata.level())
    }

    fn log(&self, record: &Record) {
        let mut line = Line::new();
        self.begin(record.level(), &mut line);
        // It is the line's own and never fails.
        let _ = fmt::write(&mut line, *record.args());
        self.put(record.level(), &mut line);
    }

    fn flush(&self) {}
}
