//! What the README and the other documents show.
//!
//! - A block of the kind `console` is a session: the lines after `$ ` are run by bash, in an empty
//!   folder, with the binary on the `PATH` under all its names; what follows is what they print.
//!   `[...]` stands for anything within a line; `# exit code N` for the code, 0 without it.
//! - A block after a comment `<!-- from: FILE -->` is that file, or lines of it in a row.
//! - A link that is not to another host leads to a file, and to a head in it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::process::{Running, command};
use crate::{BINARY, PROJECT, find, read};

const DOCUMENTS: [&str; 5] =
    ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "examples/README.md"];

/// How long one session may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A fenced block: the document and line, its kind, the line before it, its text.
struct Block {
    place: String,
    kind: String,
    before: String,
    text: String,
}

fn blocks(document: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut open, mut before) = (false, String::new());
    for (number, line) in (1..).zip(read(document).lines()) {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(kind) => {
                open = true;
                blocks.push(Block {
                    place: format!("{document}:{number}"),
                    kind: kind.to_owned(),
                    before: before.clone(),
                    text: String::new(),
                });
            }
            None if open => {
                let block = blocks.last_mut().expect("an open block");
                block.text += line;
                block.text.push('\n');
            }
            None => {}
        }
        if !line.trim().is_empty() {
            before = line.to_owned();
        }
    }
    assert!(!open, "{document}: a block does not end");
    blocks
}

fn all_blocks() -> Vec<Block> {
    DOCUMENTS.iter().flat_map(|document| blocks(document)).collect()
}

/// Whether `found` is as `shown`, in which `[...]` stands for anything.
fn agrees(shown: &str, found: &str) -> bool {
    let mut pieces = shown.split("[...]");
    let Some(mut rest) = pieces.next().and_then(|first| found.strip_prefix(first)) else { return false };
    let mut last = None;
    for piece in pieces {
        if let Some(previous) = last.replace(piece) {
            let previous: &str = previous;
            let Some(place) = rest.find(previous) else { return false };
            rest = &rest[place + previous.len()..];
        }
    }
    match last {
        Some(last) => rest.ends_with(last),
        None => rest.is_empty(),
    }
}

/// A folder with the binary under its names, gone with this value.
struct Folder(PathBuf);

impl Folder {
    fn new(place: &str) -> Self {
        let name: String = place.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect();
        let path = std::env::temp_dir().join(format!("tini-rs-docs-{}-{name}", std::process::id()));
        fs::create_dir_all(path.join("bin")).expect("a folder");
        fs::create_dir_all(path.join("work")).expect("a folder");
        fs::copy(BINARY, path.join("bin/tini-rs")).expect("the binary");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs one command of a session; gives what it printed and its exit code.
fn say(folder: &Path, line: &str) -> (String, i32) {
    let mut bash = command(["bash", "--norc", "-c", line]);
    let path = std::env::var("PATH").unwrap_or_default();
    bash.env("PATH", format!("{}:/usr/local/sbin:/usr/sbin:/sbin:{path}", folder.join("bin").display()));
    for variable in ["TINI_GRACE_PERIOD", "TINI_VERBOSITY", "LISTEN_PID"] {
        bash.env_remove(variable);
    }
    bash.current_dir(folder.join("work")).env("LC_ALL", "C.UTF-8");
    let ended = Running::start(bash).and_then(|running| running.finish(LIMIT)).expect("bash");
    (ended.output, ended.code)
}

#[test]
fn sessions_are_as_they_are_shown() {
    let mut tried = 0;
    for block in all_blocks().iter().filter(|block| block.kind == "console") {
        if block.text.contains("unshare ") && !nix::unistd::geteuid().is_root() {
            crate::skipped(&format!("{}: not root", block.place));
            continue;
        }
        if let Some(needs) = block.before.strip_prefix("<!-- needs: ")
            && !needs.trim_end_matches(" -->").split(' ').all(|program| find(program).is_some())
        {
            continue;
        }
        let folder = Folder::new(&block.place);
        symlink("tini-rs", folder.0.join("bin/docker-init")).expect("a link");
        let mut lines = block.text.lines().peekable();
        while let Some(line) = lines.next() {
            let line = line.strip_prefix("$ ").unwrap_or_else(|| panic!("{}: {line}", block.place));
            let mut shown = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
                shown.push(line);
            }
            let mut code = 0;
            if let Some(last) = shown.last().and_then(|line| line.strip_prefix("# exit code ")) {
                code = last.parse().expect("a code");
                shown.pop();
            }
            let (said, ended) = say(&folder.0, line);
            let found: Vec<&str> = said.lines().collect();
            let same = shown.len() == found.len()
                && shown.iter().zip(&found).all(|(shown, found)| agrees(shown, found));
            assert!(
                same && code == ended,
                "{}: {line}\nshown, with exit code {code}:\n{}\nfound, with exit code {ended}:\n{said}",
                block.place,
                shown.join("\n")
            );
            tried += 1;
        }
    }
    assert!(tried > 0 || !nix::unistd::geteuid().is_root(), "no session was found");
}

#[test]
fn files_that_are_shown_are_the_files() {
    let mut found = 0;
    for block in all_blocks() {
        let Some(file) = block.before.strip_prefix("<!-- from: ") else { continue };
        let file = file.trim_end().trim_end_matches(" -->");
        assert!(
            format!("\n{}", read(file)).contains(&format!("\n{}", block.text)),
            "{}: these are not lines of {file}:\n{}",
            block.place,
            block.text
        );
        found += 1;
    }
    assert!(found > 0, "no file is shown");
}

/// What a head is called in a link.
fn anchor(head: &str) -> String {
    let head = head.trim().to_lowercase();
    let kept = head.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn links_lead_somewhere() {
    for document in DOCUMENTS {
        let text = read(document);
        let folder = Path::new(PROJECT).join(document);
        let folder = folder.parent().expect("a folder");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, head) = link.split_once('#').unwrap_or((link, ""));
            let path = if file.is_empty() { Path::new(PROJECT).join(document) } else { folder.join(file) };
            assert!(path.exists(), "{document}: {link}");
            if !head.is_empty() {
                let target = fs::read_to_string(&path).expect("text");
                let heads = target.lines().filter(|line| line.starts_with('#'));
                let mut anchors = heads.map(|line| anchor(line.trim_start_matches('#')));
                assert!(anchors.any(|anchor| anchor == head), "{document}: {link}");
            }
        }
    }
}

#[test]
fn what_is_shown_agrees_with_what_is_found() {
    assert!(agrees("a [...] c", "a b c") && agrees("[...]", "") && agrees("[...]b[...]", "abc"));
    assert!(agrees("pid [...], [...]", "pid 3, x") && agrees("same", "same"));
    assert!(!agrees("a [...] c", "a b d") && !agrees("same", "same ") && !agrees("a[...]b", "b"));
}
