//! A container runtime in small: runs a program as PID 1 of a PID and mount namespace
//! of its own, supervises it from outside, and exits as it did.
//!
//! ```text
//! runtime PROGRAM [ARGS...]
//! ```

use std::error::Error;
use std::ffi::OsString;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode};
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use tini_embed::{Config, Event, Init, Signal};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut words = std::env::args_os().skip(1);
    let program = words.next().ok_or("usage: runtime PROGRAM [ARGS...]")?;
    let mut container = Command::new("/proc/self/exe");
    match program.to_str() {
        Some("container") => return Err(inside(words.collect()).into()),
        _ => container.arg("container").arg(program).args(words),
    };
    // SAFETY: a system call and nothing else.
    unsafe {
        // For the children of who calls it: the init stays outside, what it starts is PID 1.
        container.pre_exec(|| Ok(unshare(CloneFlags::CLONE_NEWPID)?));
    }
    let config = Config::from_env()?.grace_period(Duration::from_secs(10));
    let init = Init::new(config).forwarding([Signal::TERM, Signal::INT, Signal::HUP])?;
    let container = init.spawn_watched(container, |event| match event {
        Event::Killed { process, .. } => eprintln!("process {process} did not end in time"),
        event => eprintln!("{event:?}"),
    })?;
    eprintln!("process {} is the container's first", container.id());
    let status = container.wait()?;
    let code = status.code().or_else(|| Some(128 + status.signal()?)).unwrap_or(1);
    Ok(ExitCode::from(code as u8))
}

/// As PID 1 of the new namespace: sees its own processes, and becomes the program.
fn inside(words: Vec<OsString>) -> std::io::Error {
    let prepared = unshare(CloneFlags::CLONE_NEWNS)
        .and_then(|()| {
            mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
        })
        .and_then(|()| mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), None::<&str>));
    let mut words = words.into_iter();
    match (prepared, words.next()) {
        (Err(error), _) => error.into(),
        (Ok(()), Some(program)) => Command::new(program).args(words).exec(),
        (Ok(()), None) => std::io::ErrorKind::InvalidInput.into(),
    }
}
