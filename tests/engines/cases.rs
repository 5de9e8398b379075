//! What is expected of an init in every engine, in the engine's own terms.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::guest::ZOMBIES;
use crate::process::{Ended, LIMIT, Running};
use crate::table::Cell;

/// Which init a container has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Init {
    /// The one that is looked at.
    Ours,
    /// The bad one.
    Control,
}

/// A container to be started.
pub struct Container<'a> {
    pub name: &'a str,
    pub init: Init,
    /// On a terminal instead of pipes.
    pub terminal: bool,
    /// The words after `/guest`.
    pub words: &'a [&'a str],
}

/// An engine that is ready to run containers.
pub trait Engine {
    /// The command that runs a new container and ends with it.
    fn run(&self, container: &Container) -> Result<Command, String>;

    /// Stops a running container as the engine's users do, with SIGTERM.
    fn stop(&self, name: &str, running: &mut Running) -> Result<(), String>;

    /// The command that puts `/guest` with these words into a running container, if there is one.
    fn exec(&self, _name: &str, _words: &[&str]) -> Option<Command> {
        None
    }

    /// The guest's program for the stop.
    fn server(&self) -> &'static str {
        "serve"
    }

    /// The exit code of the container, told by the command that ran it.
    fn code(&self, ended: &Ended) -> i32 {
        ended.code
    }

    /// What is said at the end of a container, where the command takes longer.
    fn last_words(&self) -> Option<&'static str> {
        None
    }

    /// How long a container may take from its start to its first line.
    fn patience(&self) -> Duration {
        LIMIT
    }

    /// Why the case of this name does not exist here, if so.
    fn not_here(&self, _case: &str) -> Option<&'static str> {
        None
    }

    /// What only this engine has.
    fn besides(&self) -> Result<Cell, String> {
        Ok(Cell::none())
    }

    /// What its daemon has said lately.
    fn log(&self) -> String {
        String::new()
    }
}

/// A case: what came of it, or what went wrong.
pub type Case = fn(&dyn Engine) -> Result<Cell, String>;

/// The columns of the table.
pub const CASES: [(&str, Case); 8] = [
    ("exit code", exit_code),
    ("stop", stop),
    ("exec", exec),
    ("orphans", orphans),
    ("straggler", straggler),
    ("terminal", terminal),
    ("control", control),
    ("besides", |engine| engine.besides()),
];

/// How long a container may live after it was told to stop: on a busy machine, and far less than
/// the 10 s after which an engine kills who does not listen.
const AT_ONCE: Duration = Duration::from_secs(5);

/// Starts a container of our init, or of the bad one.
fn start(engine: &dyn Engine, name: &str, init: Init, words: &[&str]) -> Result<Running, String> {
    Running::start(engine.run(&Container { name, init, terminal: false, words })?)
}

/// Waits for the end of a container, which must exit with this code.
fn finish(engine: &dyn Engine, running: Running, code: i32) -> Result<Ended, String> {
    let ended = running.finish(engine.patience())?;
    let found = engine.code(&ended);
    if found == code {
        return Ok(ended);
    }
    Err(ended.evidence(&format!("the container's exit code is {found}, {code} was expected")))
}

fn exit_code(engine: &dyn Engine) -> Result<Cell, String> {
    let running = start(engine, "exit-code", Init::Ours, &["exit", "7"])?;
    finish(engine, running, 7).map(|_| Cell::ok())
}

fn stop(engine: &dyn Engine) -> Result<Cell, String> {
    let running = start(engine, "stop", Init::Ours, &[engine.server()])?;
    stop_at_once(engine, "stop", running)
}

fn exec(engine: &dyn Engine) -> Result<Cell, String> {
    let Some(exec) = engine.exec("exec", &["pause"]) else {
        return Ok(Cell::none());
    };
    let running = start(engine, "exec", Init::Ours, &["serve"])?;
    running.wait_for("ready", engine.patience())?;
    let visitor = Running::start(exec)?;
    visitor.wait_for("ready", engine.patience())?;
    stop_at_once(engine, "exec", running)
}

/// Stops a container as soon as it serves. It must have ended long before it is killed.
fn stop_at_once(engine: &dyn Engine, name: &str, mut running: Running) -> Result<Cell, String> {
    running.wait_for("ready", engine.patience())?;
    let told = Instant::now();
    engine.stop(name, &mut running)?;
    let heard = match engine.last_words() {
        Some(words) => running.wait_for(words, engine.patience()).map(|()| Some(Instant::now()))?,
        None => None,
    };
    let ended = finish(engine, running, 143)?.expect_line("stopping")?;
    let took = heard.unwrap_or(ended.at).saturating_duration_since(told);
    if took > AT_ONCE {
        return Err(ended.evidence(&format!("took {took:?} from the stop to the end of the container")));
    }
    Ok(Cell::took(took))
}

fn orphans(engine: &dyn Engine) -> Result<Cell, String> {
    let running = start(engine, "orphans", Init::Ours, &["orphans", "20"])?;
    finish(engine, running, 0)?.expect_line("no zombies").map(|_| Cell::ok())
}

fn straggler(engine: &dyn Engine) -> Result<Cell, String> {
    let running = start(engine, "straggler", Init::Ours, &["straggler"])?;
    finish(engine, running, 7)?.expect_line("clean").map(|_| Cell::ok())
}

fn terminal(engine: &dyn Engine) -> Result<Cell, String> {
    let container = Container { name: "terminal", init: Init::Ours, terminal: true, words: &["pause"] };
    let mut running = Running::start_on_terminal(&engine.run(&container)?)?;
    running.wait_for("ready", engine.patience())?;
    running.write(b"\x03")?;
    finish(engine, running, 130).map(|_| Cell::ok())
}

fn control(engine: &dyn Engine) -> Result<Cell, String> {
    let running = start(engine, "control", Init::Control, &["orphans", "20"])?;
    finish(engine, running, ZOMBIES)?.expect_line("20 zombies").map(|_| Cell::caught())
}
