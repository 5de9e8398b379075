//! The controlling terminal: found at the start, handed to the program, and given
//! back to the shell that lent it, with the modes that it had.
//!
//! Nothing is kept open for it. A terminal that somebody else has in the foreground
//! is left alone, and no error is a reason to do anything but go on.

use crate::sys::{self, Contents, Modes, Pid, Terminal, Text};

/// The controlling terminal as it is found.
pub struct Found {
    /// Standard input, or /dev/tty.
    pub terminal: Terminal,
    /// The init's process group is its foreground.
    pub is_ours: bool,
    foreground: i32,
    own_group: i32,
    /// It is /dev/tty, which may well have become the descriptor of standard input.
    is_opened: bool,
}

impl Drop for Found {
    fn drop(&mut self) {
        if self.is_opened {
            self.terminal.close();
        }
    }
}

/// Finds the controlling terminal of `init`, the caller: standard input or, where
/// that is something else or closed, /dev/tty.
#[must_use]
pub fn find(init: Pid) -> Option<Found> {
    let mut found =
        Found { terminal: Terminal::STDIN, is_ours: false, foreground: 0, own_group: 0, is_opened: false };
    found.foreground = match Terminal::STDIN.foreground() {
        Ok(foreground) => foreground,
        Err(_) => {
            found.terminal = Terminal::open(Text::from(c"/dev/tty")).ok()?;
            found.is_opened = true;
            found.terminal.foreground().ok()?
        }
    };
    found.own_group = sys::group_of(init).ok()?;
    // Groups of which this PID namespace knows no leader are all called 0.
    found.is_ours = found.foreground == found.own_group && (found.foreground != 0 || can_read());
    Some(found)
}

/// Whether the caller may read from its terminal, tried by reading nothing: the
/// kernel refuses those in the background first of all (`tty_ioctl(4)`, n_tty's
/// `job_control`).
#[inline(never)]
fn can_read() -> bool {
    let mut nothing = Contents::<[_; 1]>::empty();
    sys::read_file(&[], Text::from(c"/dev/tty"), &mut nothing) != Err(sys::Errno::EIO)
}

impl Found {
    /// Keeps in `modes`, none so far, what a shell behind the init may want back, if
    /// there is a shell.
    pub fn keep_modes(&self, init: Pid, modes: &mut Option<Modes>) {
        if self.is_ours && init != Pid::INIT && self.terminal.modes(modes.insert(Modes::UNKNOWN)).is_err() {
            *modes = None;
        }
    }

    /// Whether the shell has put the init into the foreground again, or the program's
    /// group is there already. The first becomes the second: `group` is handed the
    /// terminal, if there is one to hand it to.
    #[must_use]
    pub fn hand_over(&self, group: Option<Pid>) -> bool {
        match group {
            Some(group) if self.is_ours => self.terminal.set_foreground(group).is_ok(),
            Some(group) => self.foreground == group.get(),
            None => self.is_ours,
        }
    }

    /// Makes the init's group the foreground again, whoever of its descendants has it.
    pub fn take_back(&self, modes: Option<&Modes>) {
        if !self.is_ours
            && let Some(own_group) = Pid::new(self.own_group)
        {
            let _ = self.terminal.set_foreground(own_group);
        }
        if let Some(modes) = modes {
            let _ = self.terminal.set_modes(modes);
        }
    }
}
