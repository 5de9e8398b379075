//! What the probes tell, through a FIFO.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;

use crate::support::Scratch;

/// Waits until there is something to read, or the end of that time.
pub fn wait_readable(fd: impl AsFd, deadline: Instant) {
    let left = deadline.saturating_duration_since(Instant::now()).as_millis().max(1);
    let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
    let _ = poll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], timeout);
}

pub struct Reports {
    fifo: File,
    path: PathBuf,
    bytes: Vec<u8>,
    /// How many lines have been waited for.
    seen: usize,
    limit: Duration,
}

impl Reports {
    pub fn new(directory: &Scratch, limit: Duration) -> Self {
        let path = directory.join("reports");
        nix::unistd::mkfifo(&path, Mode::from_bits_truncate(0o666)).expect("a FIFO");
        // Open for writing too, so that there is no end of file between two probes.
        let fifo = File::options().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(&path);
        Reports { fifo: fifo.expect("its own FIFO"), path, bytes: Vec::new(), seen: 0, limit }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All that was reported so far.
    pub fn lines(&mut self) -> Vec<String> {
        let _ = self.fifo.read_to_end(&mut self.bytes);
        String::from_utf8_lossy(&self.bytes).lines().map(str::to_owned).collect()
    }

    /// Waits for a line that begins like this, after the one that was waited for last; gives the rest.
    pub fn expect(&mut self, start: &str) -> Result<String, String> {
        let deadline = Instant::now() + self.limit;
        loop {
            let lines = self.lines();
            let new = lines.iter().enumerate().skip(self.seen);
            let found = new.filter_map(|(at, line)| Some((at, line.strip_prefix(start)?))).next();
            if let Some((at, rest)) = found {
                self.seen = at + 1;
                return Ok(rest.trim().to_owned());
            }
            if Instant::now() >= deadline {
                return Err(format!("no report {start:?} after {:?}; reports: {lines:#?}", self.limit));
            }
            wait_readable(&self.fifo, deadline);
        }
    }

    /// What was waited for counts as new again: two that report come in any order.
    pub fn rewind(&mut self) {
        self.seen = 0;
    }

    /// What comes from here on is new; the place is for [`Reports::since`].
    pub fn mark(&mut self) -> usize {
        self.seen = self.lines().len();
        self.seen
    }

    pub fn since(&mut self, mark: usize) -> Vec<String> {
        self.lines().split_off(mark)
    }
}
