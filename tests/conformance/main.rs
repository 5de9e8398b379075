//! What an init of a container ought to do, tried on any init.
//!
//! `cargo test --test conformance` runs the cases on this one and on every other init that is
//! found here, and prints a table; `INIT=/usr/bin/tini cargo test --test conformance` runs
//! them on that binary alone. Ours has to do what is expected, of the others it is only told.
//! The table is written to `conformance.md` in cargo's target directory, too.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

mod cases;
#[allow(dead_code, unused_imports, unused_macros)]
#[path = "../black_box/support/mod.rs"]
mod support;

use cases::{CASES, Case};

/// An init on the bench.
struct Init {
    name: String,
    version: String,
    path: PathBuf,
    is_ours: bool,
}

/// The others, with a word of their help, by which each is told from others of its name, and
/// what asks for the version.
const OTHERS: [(&str, &str, Option<&str>); 4] = [
    ("tini", "TINI_SUBREAPER", Some("--version")),
    ("dumb-init", "--rewrite s:r", Some("--version")),
    ("catatonit", "[-ghLPV]", Some("--version")),
    ("pid1", "--user-id", None),
];

impl Init {
    fn at(path: PathBuf, asks: Option<&str>, is_ours: bool) -> Init {
        let said = asks.and_then(|option| Command::new(&path).arg(option).output().ok());
        let said = said.map_or_else(Vec::new, |said| [said.stdout, said.stderr].concat());
        let said = String::from_utf8_lossy(&said);
        let has_number = |word: &&str| {
            word.trim_start_matches('v').starts_with(|letter: char| letter.is_ascii_digit())
                && word.contains('.')
        };
        let version = said.split_whitespace().find(has_number).unwrap_or_default().to_owned();
        let name = if is_ours {
            "tini-rs".into()
        } else {
            path.file_name().unwrap_or_default().to_string_lossy().into_owned()
        };
        Init { name, version, path, is_ours }
    }

    fn found() -> Vec<Init> {
        let ours = Init::at(PathBuf::from(env!("CARGO_BIN_EXE_tini-rs")), Some("--version"), true);
        if let Some(path) = support::given_init() {
            let is_ours = path.file_name() == ours.path.file_name();
            return vec![Init::at(path, Some("--version"), is_ours)];
        }
        let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let cargo = cargo.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")));
        let others = OTHERS.into_iter().filter_map(|(name, sign, asks)| {
            let by_cargo = cargo.as_ref().map(|folder| folder.join("bin").join(name));
            let path = support::find_tool(name).into_iter().chain(by_cargo).find(|path| {
                let said = Command::new(path).arg("-h").output();
                said.is_ok_and(|said| {
                    let texts = [said.stdout, said.stderr].concat();
                    String::from_utf8_lossy(&texts).contains(sign)
                })
            });
            match path {
                Some(path) => Some(Init::at(path, asks, false)),
                None => {
                    support::skipped(&format!("{name} is not installed"));
                    None
                }
            }
        });
        std::iter::once(ours).chain(others).collect()
    }

    /// What it does in this case.
    fn got(&self, case: &Case) -> String {
        let got = catch_unwind(AssertUnwindSafe(|| (case.run)(&self.path)));
        got.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("panic");
            let line = text.lines().next().unwrap_or_default();
            line.chars().take(60).collect()
        })
    }
}

fn main() -> ExitCode {
    // Names are filtered as the harness of cargo would.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if std::env::args().any(|word| word == "--list") {
        return ExitCode::SUCCESS;
    }
    if let Some(why) = support::no_containers() {
        support::skipped(why);
        return ExitCode::from(u8::from(support::must_not_skip()));
    }
    // A case that hangs says so with a panic; where it was does not matter here.
    std::panic::set_hook(Box::new(|_| {}));
    let inits = Init::found();
    let mut table = String::from("| case | after | expected |");
    for init in &inits {
        let _ = write!(table, " {} {} |", init.name, init.version);
    }
    table = table.replace("  ", " ");
    let _ = write!(table, "\n| --- | --- | --- |{}\n", " --- |".repeat(inits.len()));
    let mut failed = 0;
    let mut kept = vec![0; inits.len()];
    let mut cases: Vec<&Case> = CASES
        .iter()
        .filter(|case| wanted.is_empty() || wanted.iter().any(|word| case.name.contains(word.as_str())))
        .collect();
    if cases.is_empty() {
        println!("no case has one of these in its name: {}", wanted.join(" "));
        return ExitCode::FAILURE;
    }
    let mut is_skipped = false;
    cases.retain(|case| {
        let missing = case.needs.filter(|tool| support::find_tool(tool).is_none());
        if let Some(tool) = missing {
            support::skipped(&format!("{}: {tool} is not installed", case.name));
            is_skipped = true;
        }
        missing.is_none()
    });
    for case in &cases {
        let _ = write!(table, "| {} | {} | {} |", case.name, case.source, case.expected);
        for (init, kept) in inits.iter().zip(&mut kept) {
            let got = init.got(case);
            if got == case.expected {
                *kept += 1;
                table.push_str(" ✓ |");
            } else {
                failed += u32::from(init.is_ours);
                let _ = write!(table, " {} |", got.replace('|', "/"));
            }
        }
        table.push('\n');
    }
    let _ = write!(table, "| **as expected** | | {} |", cases.len());
    for kept in kept {
        let _ = write!(table, " {kept} |");
    }
    table.push('\n');
    print!("{table}");
    // Beside the folder of the build: target/debug/conformance-HASH is in target/debug/deps.
    let folder = std::env::current_exe().ok();
    let folder = folder.as_deref().and_then(|exe| exe.ancestors().nth(3));
    if let Some(folder) = folder
        && wanted.is_empty()
        && let Err(error) = std::fs::write(folder.join("conformance.md"), &table)
    {
        println!("conformance.md can't be written: {error}");
    }
    if failed > 0 {
        println!("{failed} cases are not as expected");
    }
    ExitCode::from(u8::from(failed > 0 || is_skipped && support::must_not_skip()))
}
