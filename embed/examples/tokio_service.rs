//! A tokio service that runs programs and waits for whichever ends, without a thread
//! that blocks: the end of each is a descriptor that becomes readable.
//!
//! ```text
//! tokio_service COMMAND...        each for sh -c
//! ```

use std::error::Error;
use std::io;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use tini_embed::{Config, Init, Supervised};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let init = Init::new(Config::from_env()?);
    let mut programs = JoinSet::new();
    for script in std::env::args().skip(1) {
        let mut command = Command::new("sh");
        command.args(["-c", &script]);
        let supervised = init.spawn(command)?;
        programs.spawn(async move { (script, with_time_limit(supervised).await) });
    }
    while let Some(ended) = programs.join_next().await {
        let (script, status) = ended?;
        println!("{script}: {}", status?);
    }
    Ok(())
}

async fn with_time_limit(program: Supervised) -> io::Result<ExitStatus> {
    // SAFETY: a `Supervised` has one descriptor for all its life.
    let program = unsafe { AsyncFd::register_with_interest(program, Interest::READABLE) }?;
    if tokio::time::timeout(Duration::from_secs(2), program.readable()).await.is_err() {
        program.get_ref().stop(Duration::from_millis(500))?;
    }
    let _ = program.readable().await?;
    let status = program.get_ref().try_wait()?;
    status.ok_or_else(|| io::Error::other("readable, but not over"))
}
