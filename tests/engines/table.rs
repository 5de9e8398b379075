//! The table of engines and cases that closes the run.

use std::fmt::{self, Display, Formatter};
use std::io::Write;
use std::sync::{Mutex, Once};
use std::time::Duration;

use crate::cases::CASES;

/// What came of a case.
#[derive(Clone)]
pub struct Cell(String);

impl Cell {
    pub fn ok() -> Self {
        Cell("ok".to_owned())
    }

    /// As it should be, and after this time.
    pub fn took(time: Duration) -> Self {
        Cell(format!("ok {:.2} s", time.as_secs_f32()))
    }

    /// The bad init was found out.
    pub fn caught() -> Self {
        Cell("caught".to_owned())
    }

    /// As it should be, in more words.
    pub fn said(what: impl Into<String>) -> Self {
        Cell(what.into())
    }

    /// There is nothing to be tried.
    pub fn none() -> Self {
        Cell("-".to_owned())
    }

    pub fn not_here(why: &str) -> Self {
        Cell(format!("- ({why})"))
    }

    pub fn failed() -> Self {
        Cell("FAILED".to_owned())
    }
}

impl Display for Cell {
    fn fmt(&self, formatter: &mut Formatter) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

static ROWS: Mutex<Vec<Vec<String>>> = Mutex::new(Vec::new());

/// Adds a row; the table is printed when the test process ends.
pub fn add(row: &str, cells: impl IntoIterator<Item = String>) {
    static AT_EXIT: Once = Once::new();
    AT_EXIT.call_once(|| {
        // SAFETY: the function stays where it is and needs nothing of the caller.
        unsafe { libc::atexit(print) };
    });
    let line = std::iter::once(row.to_owned()).chain(cells).collect();
    ROWS.lock().expect("no panic under the lock").push(line);
}

/// Tells people something that the harness would keep for itself when a test passes.
pub fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

extern "C" fn print() {
    let heads = ["engine"].into_iter().chain(CASES.map(|(name, _)| name));
    let mut lines = vec![heads.map(str::to_owned).collect::<Vec<_>>()];
    lines.extend(ROWS.lock().map(|rows| rows.clone()).unwrap_or_default());
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..=CASES.len()).map(|column| width(column).unwrap_or(0)).collect();
    let text: String = lines
        .iter()
        .map(|line| {
            let cells = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
        })
        .collect();
    tell(&format!("\n{text}"));
}
