//! What an init tells its host while it runs, and how that travels through a pipe:
//! the init may neither allocate nor wait, so a record is a few bytes, written at once
//! or counted as lost.

use std::fmt::Write;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use log::Level;
use tini_rs::signal::Signal;

/// Something that happened. Processes are named by their pids.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// `signal` was passed on to the program or, after its end, sent to who was left.
    Forwarded {
        /// Which signal.
        signal: Signal,
        /// The process, or the leader of the process group, or -1 for everybody.
        process: i32,
        /// Whether it was for a whole process group.
        group: bool,
    },
    /// SIGKILL was sent: the time was up, or a signal is rewritten to it.
    Killed {
        /// The process, or the leader of the process group, or -1 for everybody.
        process: i32,
        /// Whether it was for a whole process group.
        group: bool,
    },
    /// A process that ended was collected: the program or an orphan.
    Reaped {
        /// Which process.
        process: i32,
        /// How it ended.
        status: ExitStatus,
    },
    /// So many events could not be told, since earlier ones were not taken in time.
    Lost(u32),
}

/// Takes events as they come, on a thread of its own. A closure that sends them into a
/// channel is one.
pub type OnEvent = Box<dyn FnMut(Event) + Send>;

/// What travels: an event, or a line for the host's log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Record {
    Event(Event),
    Line(Level, String),
}

const FORWARDED: u8 = 1;
const KILLED: u8 = 2;
const REAPED: u8 = 3;
const LINE: u8 = 4;
/// Kind, level or flag, and length or signal; then the process and the status.
const FIXED: usize = 12;
/// Less than what a pipe takes at once (`pipe(7)`, PIPE_BUF).
const MOST: usize = 1024;

/// A record under construction, in a buffer of its own.
pub(crate) struct Bytes {
    bytes: [u8; MOST],
    length: usize,
}

impl Bytes {
    fn fixed(kind: u8, flag: bool, small: u16, first: i32, second: i32) -> Bytes {
        let mut record = Bytes { bytes: [0; MOST], length: 0 };
        record.push(&[kind, u8::from(flag)]);
        record.push(&small.to_ne_bytes());
        record.push(&first.to_ne_bytes());
        record.push(&second.to_ne_bytes());
        record
    }

    pub(crate) fn sent(signal: Signal, process: i32, group: bool) -> Bytes {
        let kind = if signal == Signal::KILL { KILLED } else { FORWARDED };
        Bytes::fixed(kind, group, signal.number().into(), process, 0)
    }

    pub(crate) fn reaped(process: i32, status: i32) -> Bytes {
        Bytes::fixed(REAPED, false, 0, process, status)
    }

    /// What does not fit is left out.
    pub(crate) fn line(record: &log::Record) -> Bytes {
        let mut bytes = Bytes::fixed(LINE, false, 0, record.level() as i32, 0);
        let _ = write!(bytes, "{}", record.args());
        let length = (bytes.length - FIXED) as u16;
        if let Some(place) = bytes.bytes.get_mut(2..4) {
            place.copy_from_slice(&length.to_ne_bytes());
        }
        bytes
    }

    pub(crate) fn written(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn push(&mut self, bytes: &[u8]) {
        let places = self.bytes.get_mut(self.length..).unwrap_or_default();
        let fitting = places.iter_mut().zip(bytes).map(|(place, byte)| *place = *byte).count();
        self.length += fitting;
    }
}

impl Write for Bytes {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

/// Reads the next record; `None` when there will be no more.
pub(crate) fn read(from: &mut impl Read) -> io::Result<Option<Record>> {
    let mut fixed = [0; FIXED];
    match from.read_exact(&mut fixed) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        result => result?,
    }
    let [kind, flag, s0, s1, a, b, c, d, e, f, g, h] = fixed;
    let small = u16::from_ne_bytes([s0, s1]);
    let (first, second) = (i32::from_ne_bytes([a, b, c, d]), i32::from_ne_bytes([e, f, g, h]));
    let group = flag != 0;
    let event = match kind {
        FORWARDED => {
            Signal::new(small.into()).map(|signal| Event::Forwarded { signal, process: first, group })
        }
        KILLED => Some(Event::Killed { process: first, group }),
        REAPED => Some(Event::Reaped { process: first, status: ExitStatus::from_raw(second) }),
        LINE => {
            let mut text = vec![0; small.into()];
            from.read_exact(&mut text)?;
            let level = Level::iter().nth(first.clamp(1, 5) as usize - 1).unwrap_or(Level::Error);
            return Ok(Some(Record::Line(level, String::from_utf8_lossy(&text).into_owned())));
        }
        _ => None,
    };
    event.map(|event| Some(Record::Event(event))).ok_or(io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(
            signal in 1i32..=64, process: i32, group: bool, status in 0i32..=0xffff, text in "\\PC{0,80}",
        ) {
            let signal = Signal::new(signal).unwrap();
            let arguments = &text;
            let mut stream = Vec::new();
            stream.extend_from_slice(Bytes::sent(signal, process, group).written());
            stream.extend_from_slice(Bytes::reaped(process, status).written());
            let record = |args| Bytes::line(&log::Record::builder().level(Level::Warn).args(args).build());
            stream.extend_from_slice(record(format_args!("{arguments}")).written());
            let mut from = &stream[..];
            let sent = if signal == Signal::KILL {
                Event::Killed { process, group }
            } else {
                Event::Forwarded { signal, process, group }
            };
            prop_assert_eq!(read(&mut from).unwrap(), Some(Record::Event(sent)));
            let reaped = Event::Reaped { process, status: ExitStatus::from_raw(status) };
            prop_assert_eq!(read(&mut from).unwrap(), Some(Record::Event(reaped)));
            prop_assert_eq!(read(&mut from).unwrap(), Some(Record::Line(Level::Warn, text)));
            prop_assert_eq!(read(&mut from).unwrap(), None);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let mut from = &bytes[..];
            while let Ok(Some(_)) = read(&mut from) {}
        }
    }

    #[test]
    fn a_long_line_is_cut_and_the_next_record_is_still_found() {
        let long = "x".repeat(5000);
        let record = Bytes::line(&log::Record::builder().args(format_args!("{long}")).build());
        let mut stream = record.written().to_vec();
        assert_eq!(stream.len(), MOST);
        stream.extend_from_slice(Bytes::reaped(1, 2).written());
        let mut from = &stream[..];
        assert!(matches!(read(&mut from), Ok(Some(Record::Line(_, text))) if text.len() == MOST - FIXED));
        assert!(matches!(read(&mut from), Ok(Some(Record::Event(_)))));
    }
}
