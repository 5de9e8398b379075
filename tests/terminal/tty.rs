//! A terminal, as who sits before it sees it: the master's side of a pty.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::termios::{Termios, tcgetattr};

use super::reports::wait_readable;

pub struct Tty {
    master: OwnedFd,
    bytes: Vec<u8>,
    /// How much of the output has been waited for.
    seen: usize,
    limit: Duration,
}

impl Tty {
    pub fn new(master: OwnedFd, limit: Duration) -> Self {
        fcntl(&master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).expect("a terminal that does not block");
        Tty { master, bytes: Vec::new(), seen: 0, limit }
    }

    /// Presses these keys.
    pub fn press(&self, keys: &str) -> Result<(), String> {
        let written = nix::unistd::write(&self.master, keys.as_bytes());
        if written == Ok(keys.len()) { Ok(()) } else { Err(format!("the keys were not taken: {written:?}")) }
    }

    /// Makes the window one column wider.
    pub fn resize(&self) -> Result<(), String> {
        let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the size outlives both calls.
        let done = unsafe {
            let read = libc::ioctl(self.master.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size);
            (size.ws_row, size.ws_col) = (24, size.ws_col.max(80) + 1);
            read.min(libc::ioctl(self.master.as_raw_fd(), libc::TIOCSWINSZ, &raw const size))
        };
        if done < 0 { Err(io::Error::last_os_error().to_string()) } else { Ok(()) }
    }

    /// The foreground process group; the master's side may always ask (`TIOCGPGRP(2const)`).
    pub fn foreground(&self) -> i32 {
        let mut group = 0;
        // SAFETY: the group outlives the call.
        let done = unsafe { libc::ioctl(self.master.as_raw_fd(), libc::TIOCGPGRP, &raw mut group) };
        if done < 0 { 0 } else { group }
    }

    /// The modes of the slave's side: of a pty, the master's side gives those.
    pub fn modes(&self) -> Termios {
        tcgetattr(&self.master).expect("modes of a terminal")
    }

    /// All that was written on it so far.
    pub fn text(&mut self) -> String {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = nix::unistd::read(&self.master, &mut buffer) {
            self.bytes.extend_from_slice(&buffer[..count]);
        }
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Waits for this text, after the one that was waited for last; gives what was before it.
    pub fn expect(&mut self, text: &str) -> Result<String, String> {
        let deadline = Instant::now() + self.limit;
        loop {
            let all = self.text();
            let new = all.get(self.seen..).unwrap_or_default();
            if let Some(at) = new.find(text) {
                let before = new[..at].to_owned();
                self.seen += at + text.len();
                return Ok(before);
            }
            if Instant::now() >= deadline {
                return Err(format!(
                    "no {text:?} on the terminal after {:?}; since then: {new:?}",
                    self.limit
                ));
            }
            wait_readable(&self.master, deadline);
        }
    }
}
