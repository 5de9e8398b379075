//! An agent with children of its own, in a container where it may be PID 1: orphans
//! come and go, and every child's status is told to who waits for it.
//!
//! ```text
//! agent above|within COUNT
//! ```

use std::error::Error;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tini_embed::{Config, Event, Reaper};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (way, count) = (words.next(), words.next());
    let count: usize = count.ok_or("usage: agent above|within COUNT")?.parse()?;

    let collected = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&collected);
    let on_event = move |event| {
        if let Event::Reaped { .. } = event {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    };
    let reaper = match way.as_deref() {
        // The first thing that is done, when there is no other thread.
        Some("above") => Reaper::above(&Config::from_env()?, on_event)?,
        _ => Reaper::within(on_event)?,
    };
    for number in 0..count {
        // Leaves an orphan behind, and has a status to tell.
        let script = format!("sleep 0 & exit {}", number % 200);
        let mut child = reaper.spawn(Command::new("sh").args(["-c", &script]))?;
        assert_eq!(child.wait()?.code(), Some((number % 200) as i32));
    }
    while collected.load(Ordering::Relaxed) < count {
        std::thread::yield_now();
    }
    println!("{count} children, and as many orphans");
    Ok(())
}
