//! Waiting for several programs with plain `epoll(7)`.
//!
//! ```text
//! epoll COMMAND...        each for sh -c
//! ```

use std::error::Error;
use std::process::Command;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use tini_embed::{Config, Init};

fn main() -> Result<(), Box<dyn Error>> {
    let init = Init::new(Config::from_env()?);
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let mut programs = Vec::new();
    for script in std::env::args().skip(1) {
        let mut command = Command::new("sh");
        command.args(["-c", &script]);
        let program = init.spawn(command)?;
        epoll.add(&program, EpollEvent::new(EpollFlags::EPOLLIN, programs.len() as u64))?;
        programs.push((script, program));
    }
    for _ in 0..programs.len() {
        let mut event = [EpollEvent::empty()];
        while epoll.wait(&mut event, EpollTimeout::NONE)? == 0 {}
        let (script, program) = &programs[event[0].data() as usize];
        epoll.delete(program)?;
        println!("{script}: {}", program.try_wait()?.ok_or("readable, but not over")?);
    }
    Ok(())
}
