//! An application that is a whole image: one static binary, no init beside it.
//!
//! ```text
//! FROM scratch
//! COPY application /application
//! ENTRYPOINT ["/application"]
//! ```
//!
//! It runs until SIGTERM, and starts a helper of its own that leaves an orphan.

use std::error::Error;
use std::io::{Write, stdout};
use std::process::Command;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tini_embed::{Config, become_init};

fn main() -> Result<(), Box<dyn Error>> {
    if std::env::args().nth(1).as_deref() == Some("helper") {
        // Leaves an orphan behind, which ends at some time.
        Command::new(own_path()).arg("orphan").spawn()?;
        return Ok(());
    }
    if std::env::args().nth(1).as_deref() == Some("orphan") {
        return Ok(());
    }
    // TINI_GRACE_PERIOD=10s and the like count here as for the binary.
    become_init(&Config::from_env()?)?;

    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let status = Command::new(own_path()).arg("helper").status()?;
    writeln!(stdout(), "serving as process {}, the helper's {status}", std::process::id())?;
    if let Some(signal) = signals.forever().next() {
        writeln!(stdout(), "ending on signal {signal}")?;
    }
    Ok(())
}

/// Its own binary; there may be no /proc to ask.
fn own_path() -> String {
    std::env::args().next().unwrap_or_default()
}
