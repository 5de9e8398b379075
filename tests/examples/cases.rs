//! What the sandbox knows of an example: there is one case, and it is the example.

use crate::stage::Stage;
use crate::table::Cell;

/// Which init a container has. Here it is always the one that the examples are about.
#[derive(Clone, Copy)]
#[allow(dead_code)]
pub enum Init {
    Ours,
    Control,
}

/// What is tried in a sandbox.
pub trait Engine {
    fn attempt(&self) -> Result<Cell, String>;

    /// Why the case of this name does not exist here, if so.
    fn not_here(&self, _case: &str) -> Option<&'static str> {
        None
    }

    /// What a daemon has said lately.
    fn log(&self) -> String;
}

pub type Case = fn(&dyn Engine) -> Result<Cell, String>;

/// The columns of the table.
pub const CASES: [(&str, Case); 1] = [("seen", |example| example.attempt())];

/// An example, ready to be tried.
pub struct Example {
    pub stage: Stage,
    /// Gives what was seen.
    pub attempt: fn(&Stage) -> Result<String, String>,
}

impl Engine for Example {
    fn attempt(&self) -> Result<Cell, String> {
        (self.attempt)(&self.stage).map(Cell::said)
    }

    fn log(&self) -> String {
        self.stage.log()
    }
}
