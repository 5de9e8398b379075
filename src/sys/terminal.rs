//! The controlling terminal and its foreground process group.

use core::mem::ManuallyDrop;

use super::files::{close, open};
use super::{Errno, Pid, Text, command};

/// The modes of a terminal, as the kernel keeps them.
#[derive(Clone, Copy)]
pub struct Modes([u32; 16]);

impl Modes {
    pub(crate) const UNKNOWN: Modes = Modes([0; 16]);
}

/// A terminal, by an open descriptor of it.
#[derive(Clone, Copy)]
pub struct Terminal(u32);

impl Terminal {
    /// What standard input is open on, a terminal or not.
    pub const STDIN: Terminal = Terminal(0);

    /// Opens the terminal `path`, as `File::open` does; to be closed by who opened it.
    ///
    /// # Errors
    /// As there.
    pub fn open(path: Text) -> Result<Terminal, Errno> {
        open(path, 0).map(|file| Terminal(ManuallyDrop::new(file).0))
    }

    /// Closes the descriptor, which nobody uses any more.
    pub(crate) fn close(self) {
        close(self.0);
    }

    /// Its foreground process group (`TIOCGPGRP(2const)`).
    ///
    /// # Errors
    /// ENOTTY if it is not the caller's controlling terminal, EBADF if closed.
    pub fn foreground(self) -> Result<i32, Errno> {
        let mut group = 0i32;
        // SAFETY: `group` is the pid_t that the kernel writes.
        unsafe { command!(libc::SYS_ioctl, self.0, libc::TIOCGPGRP, &raw mut group) }?;
        Ok(group)
    }

    /// Makes it the controlling terminal of the caller, a session leader without one
    /// (`TIOCSCTTY(2const)`).
    ///
    /// # Errors
    /// EPERM if it is another session's, ENOTTY if it is none.
    pub fn make_controlling(self) -> Result<(), Errno> {
        // SAFETY: no memory is involved.
        unsafe { command!(libc::SYS_ioctl, self.0, libc::TIOCSCTTY, 0) }
    }

    /// Gives it up as the caller's controlling terminal; a session leader's whole
    /// session loses it, and SIGHUP and SIGCONT go to its foreground group
    /// (`TIOCNOTTY(2const)`).
    ///
    /// # Errors
    /// ENOTTY if it is none, or not the caller's.
    pub fn give_up(self) -> Result<(), Errno> {
        // SAFETY: no memory is involved.
        unsafe { command!(libc::SYS_ioctl, self.0, libc::TIOCNOTTY) }
    }

    /// Puts its modes into `modes` (`TCGETS(2const)`).
    ///
    /// # Errors
    /// ENOTTY if it is no terminal, EIO if it was hung up.
    pub fn modes(self, modes: &mut Modes) -> Result<(), Errno> {
        // SAFETY: `modes` is larger than any architecture's `struct termios`.
        unsafe { command!(libc::SYS_ioctl, self.0, libc::TCGETS, modes.0.as_mut_ptr()) }
    }

    /// Sets its modes at once, without waiting for output that a Ctrl-S may hold
    /// (`TCSETS(2const)`).
    ///
    /// # Errors
    /// As for [`Terminal::modes`].
    pub fn set_modes(self, modes: &Modes) -> Result<(), Errno> {
        // SAFETY: `modes` came from the kernel, which only reads it.
        unsafe { command!(libc::SYS_ioctl, self.0, libc::TCSETS, modes.0.as_ptr()) }
    }

    /// Makes `group` its foreground process group (`TIOCSPGRP(2const)`).
    ///
    /// # Errors
    /// ENOTTY, EPERM, EIO: none of them worth ending anything.
    pub fn set_foreground(self, group: Pid) -> Result<(), Errno> {
        let group = group.get();
        // SAFETY: `group` is the pid_t that the kernel reads.
        unsafe { command!(libc::SYS_ioctl, self.0, libc::TIOCSPGRP, &raw const group) }
    }
}
