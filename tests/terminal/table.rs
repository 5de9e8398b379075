//! Ours and the others side by side.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::bench::{Kind, PEERS, Stop, Verdict};
use crate::cases::{Cell, LIMIT, ROWS};

/// How long a peer may take for a step before it is said to hang.
const SHORT: Duration = Duration::from_millis(1500);
/// How long if it was seen to be faster, before that is said to be no longer so.
const PATIENT: Duration = Duration::from_secs(10);
/// Cases wait more than they work.
const AT_ONCE: usize = 8;

/// What came of a row for one of the inits.
struct Found {
    /// `None` where it could not be tried.
    cell: Option<Cell>,
    /// Why not, case by case.
    why: Vec<String>,
}

fn try_row(row: usize, init: Kind, limit: Duration) -> Found {
    let mut found = Found { cell: Some(Cell::None), why: Vec::new() };
    for case in ROWS[row].cases {
        let verdict: Verdict = case.run(init, limit);
        let cell = match verdict {
            Ok(()) => Cell::Yes,
            Err(Stop::NotForIt) => continue,
            Err(Stop::Skipped(why)) => {
                found.why.push(format!("{}: skipped: {why}", case.name));
                found.cell = None;
                return found;
            }
            Err(Stop::Failed(why)) => {
                found.why.push(format!("{}: {why}", case.name));
                found.cell = Some(Cell::No);
                return found;
            }
        };
        found.cell = Some(cell);
    }
    found
}

/// Tries again, with patience, what does not come out as it is known.
fn try_row_with_patience(row: usize, init: Kind) -> Found {
    if init == Kind::Ours {
        return try_row(row, init, LIMIT);
    }
    let found = try_row(row, init, SHORT);
    let as_known = known(row, init).is_none_or(|known| found.cell == Some(known));
    if as_known || found.cell.is_none() { found } else { try_row(row, init, PATIENT) }
}

fn known(row: usize, init: Kind) -> Option<Cell> {
    let column = PEERS.iter().position(|peer| *peer == init)?;
    ROWS[row].known.get(column).copied()
}

#[test]
fn the_table() {
    let inits: Vec<Kind> = [Kind::Ours].into_iter().chain(PEERS).filter(|init| init.is_here()).collect();
    for missing in PEERS.into_iter().filter(|init| !init.is_here()) {
        crate::support::skipped(&format!("{} is not installed", missing.name()));
    }
    let jobs: Vec<(usize, Kind)> =
        (0..ROWS.len()).flat_map(|row| inits.iter().map(move |init| (row, *init))).collect();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((row, init)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = try_row_with_patience(*row, *init);
                    results.lock().expect("no panic under the lock").insert((*row, init.name()), found);
                }
            });
        }
    });
    let results = results.into_inner().expect("no panic under the lock");

    let table = markdown(&inits, |row, init| results.get(&(row, init.name())).and_then(|it| it.cell));
    println!("{table}");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory");
    std::fs::write(target.join("terminal-table.md"), &table).expect("the table in the target directory");

    let mut wrong = String::new();
    for ((row, init), found) in &results {
        let kind = inits.iter().find(|it| it.name() == *init).expect("one of them");
        let expected = known(*row, *kind).unwrap_or(Cell::Yes);
        let is_skipped = found.cell.is_none() && !crate::support::must_not_skip();
        if !is_skipped && found.cell != Some(expected) {
            let why = found.why.join("\n");
            let _ = writeln!(
                wrong,
                "{init}: {:?} is {:?}, not {expected:?}: {why}",
                ROWS[*row].words, found.cell
            );
        }
        if is_skipped {
            crate::support::skipped(&format!("{init}: {}", found.why.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "not as it was seen before:\n{wrong}");
}

/// The table as a README shows it.
fn markdown(inits: &[Kind], cell: impl Fn(usize, Kind) -> Option<Cell>) -> String {
    let mut text = String::from("| |");
    inits.iter().for_each(|init| text.extend([" ", init.name(), " |"]));
    text.push_str("\n| --- |");
    inits.iter().for_each(|_| text.push_str(" --- |"));
    text.push('\n');
    for (number, row) in ROWS.iter().enumerate() {
        let _ = write!(text, "| {} |", row.words);
        for init in inits {
            let word = match cell(number, *init) {
                Some(Cell::Yes) => "yes",
                Some(Cell::No) => "no",
                Some(Cell::None) => "-",
                None => "not tried",
            };
            let _ = write!(text, " {word} |");
        }
        text.push('\n');
    }
    text
}
