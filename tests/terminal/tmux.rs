//! A person in tmux: keys are sent, and what is on the screen is looked at.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::bench::{Bench, Verdict, need, need_namespaces};
use crate::probe;
use crate::reports::Reports;
use crate::session::{probe_words, quoted};
use crate::support::{Container, Run, Scratch, spawn};

/// How often the screen is looked at.
const GLANCE: Duration = Duration::from_millis(10);

/// A tmux server of its own, with one window; all of it ends with this.
struct Tmux {
    _client: Run,
    files: Scratch,
    reports: Reports,
    bench: Bench,
}

/// The screen does not show what it should.
fn not_shown(what: &str, screen: &str) -> String {
    let mut text = format!("the screen does not show {what}:\n");
    for line in screen.trim_end().lines() {
        let _ = writeln!(text, "  | {line}");
    }
    text
}

impl Tmux {
    /// A window in which this runs. More than one word, so that no shell is needed for it.
    fn start(bench: &Bench, command: Vec<OsString>) -> Verdict<Self> {
        let tmux = need("tmux")?;
        let files = Scratch::new();
        let reports = Reports::new(&files, bench.limit);
        let window = ["-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "24"];
        let mut client = Container::as_subreaper()
            .init(tmux)
            .arguments(window.into_iter().map(OsString::from).chain(command))
            .env(probe::VARIABLE, reports.path())
            .env("TMUX_TMPDIR", files.path())
            .env("HOME", files.path())
            .env("PS1", "@\\#> ")
            .env("LC_ALL", "C.UTF-8")
            .try_start()?;
        let outcome = client.wait(bench.limit);
        let tmux = Tmux { _client: client, files, reports, bench: *bench };
        if outcome.exit == crate::support::Exit::Code(0) {
            Ok(tmux)
        } else {
            Err(format!("tmux does not start: {outcome:?}").into())
        }
    }

    fn bash(bench: &Bench) -> Verdict<Self> {
        bench.words(false)?;
        let tmux = Self::start(bench, ["bash", "--norc", "--noprofile"].map(Into::into).to_vec())?;
        tmux.shows("@1>")?;
        Ok(tmux)
    }

    fn command(&self, words: &[&str]) -> Result<String, String> {
        let mut command = Command::new("tmux");
        command.args(words).env("TMUX_TMPDIR", self.files.path()).env_remove("TMUX");
        let output = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))
            .wait_with_output()
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(format!("tmux {words:?}: {}", String::from_utf8_lossy(&output.stderr)))
        }
    }

    /// Keys by their names in tmux.
    fn press(&self, keys: &[&str]) -> Result<(), String> {
        self.command(&[&["send-keys"], keys].concat()).map(drop)
    }

    /// A line, as it stands.
    fn enter(&self, line: &str) -> Result<(), String> {
        self.command(&["send-keys", "-l", line])?;
        self.press(&["Enter"])
    }

    fn screen(&self) -> Result<String, String> {
        self.command(&["capture-pane", "-p", "-J"])
    }

    fn wait_until(
        &self,
        what: &str,
        mut holds: impl FnMut(&str) -> Result<bool, String>,
    ) -> Result<(), String> {
        let deadline = Instant::now() + self.bench.limit;
        loop {
            let screen = self.screen()?;
            if holds(&screen)? {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(not_shown(what, &screen));
            }
            std::thread::sleep(GLANCE);
        }
    }

    fn shows_what(&self, what: &str, holds: impl Fn(&str) -> bool) -> Result<(), String> {
        self.wait_until(what, |screen| Ok(holds(screen)))
    }

    /// Waits until this is on the screen.
    fn shows(&self, text: &str) -> Result<(), String> {
        self.shows_what(&format!("{text:?}"), |screen| screen.contains(text))
    }

    /// Types this into an editor that waits for commands, and makes it wait for them again. A key that
    /// came at once after the Escape would belong to it.
    fn insert(&self, text: &str) -> Result<(), String> {
        self.press(&["i"])?;
        self.command(&["send-keys", "-l", text])?;
        self.shows(text)?;
        self.press(&["Escape"])?;
        self.shows_what("an editor that waits for commands", |screen| {
            let status = screen.trim_end().lines().next_back().unwrap_or_default();
            !status.contains("INSERT") && !status.starts_with("I ")
        })
    }

    /// Has the editor write this file. Asked again and again, since keys are lost that come while an
    /// editor sets its terminal up.
    fn takes_commands(&self, file: &Path) -> Result<(), String> {
        const PATIENCE: Duration = Duration::from_millis(200);
        let mut asked: Option<Instant> = None;
        self.wait_until("an editor that takes commands", |_| {
            if asked.is_none_or(|asked| asked.elapsed() > PATIENCE) {
                self.press(&["Escape"])?;
                self.enter(&format!(":w! {}", file.display()))?;
                asked = Some(Instant::now());
            }
            Ok(file.exists())
        })
    }

    /// Waits until the last line is this one, which is a prompt or a prompt and a line.
    fn ends_with(&self, line: &str) -> Result<(), String> {
        self.shows_what(&format!("{line:?} as its last line"), |screen| {
            screen.trim_end().lines().next_back().is_some_and(|last| last.trim_end() == line)
        })
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]);
    }
}

/// Ctrl-Z, `jobs`, `fg`, Ctrl-Z, `bg`, `kill %1`.
pub fn jobs(bench: &Bench) -> Verdict {
    let mut tmux = Tmux::bash(bench)?;
    let words = [bench.words(false)?, probe_words("report ready; record CONT")].concat();
    tmux.files.file("job", format!("exec {}\n", quoted(&words)), 0o644);
    let path = tmux.files.join("job");
    tmux.enter(&format!("sh {}", path.display()))?;
    tmux.reports.expect("p ready")?;
    tmux.reports.expect("p recording")?;
    tmux.press(&["C-z"])?;
    tmux.shows("[1]+  Stopped")?;
    tmux.ends_with("@2>")?;
    tmux.press(&["C-l"])?;
    tmux.enter("jobs")?;
    tmux.shows("[1]+  Stopped")?;
    tmux.ends_with("@3>")?;
    tmux.enter("fg")?;
    tmux.reports.expect("p got CONT")?;
    tmux.press(&["C-z"])?;
    tmux.ends_with("@4>")?;
    tmux.enter("bg")?;
    tmux.reports.expect("p got CONT")?;
    tmux.ends_with("@5>")?;
    tmux.press(&["C-l"])?;
    tmux.enter("jobs")?;
    tmux.shows("[1]+  Running")?;
    tmux.ends_with("@6>")?;
    tmux.enter("kill %1")?;
    tmux.ends_with("@7>")?;
    // That it has ended is said before one of the next prompts, for which it takes no command.
    Ok(tmux.wait_until("the job's end", |screen| {
        let is_there = ["Terminated", "Exit 143"].iter().any(|text| screen.contains(text));
        if !is_there {
            tmux.press(&["Enter"])?;
        }
        Ok(is_there)
    })?)
}

/// Text that is in the edited file only, and the key strokes that end an editor.
const NEEDLE: &str = "a line of the file";

/// An editor is stopped, and draws its screen again when it goes on.
fn editor(bench: &Bench, editor: &str) -> Verdict {
    let tmux = Tmux::bash(bench)?;
    let file = tmux.files.file("text", format!("{NEEDLE}\n"), 0o644);
    let words = [bench.words(false)?, vec![]].concat();
    tmux.enter(&format!("{} {editor} {}", quoted(&words), file.display()))?;
    tmux.shows(NEEDLE)?;
    for prompt in ["@2>", "@3>"] {
        tmux.press(&["C-z"])?;
        tmux.shows("Stopped")?;
        tmux.ends_with(prompt)?;
        // The editor's screen is gone for sure.
        tmux.press(&["C-l"])?;
        tmux.shows_what("an empty screen", |screen| !screen.contains(NEEDLE))?;
        tmux.enter("fg")?;
        tmux.shows(NEEDLE)?;
        tmux.shows_what("an editor's screen", |screen| !screen.contains(prompt))?;
    }
    // It takes keys as an editor does.
    tmux.insert("typed ")?;
    tmux.shows(&format!("typed {NEEDLE}"))?;
    tmux.command(&["send-keys", "-l", ":wq"])?;
    tmux.press(&["Enter"])?;
    tmux.ends_with("@4>")?;
    tmux.enter("echo code=$?")?;
    tmux.shows("code=0")?;
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    Ok(crate::session::same("the file", text, format!("typed {NEEDLE}\n"))?)
}

pub fn vi(bench: &Bench) -> Verdict {
    need("vi")?;
    editor(bench, "vi")
}

pub fn busybox_vi(bench: &Bench) -> Verdict {
    need("busybox")?;
    editor(bench, "busybox vi")
}

/// The same editor as the program of PID 1: nobody can continue it, so it is not left stopped.
pub fn vi_below_pid_1(bench: &Bench) -> Verdict {
    need_namespaces()?;
    need("vi")?;
    need("unshare")?;
    need("setsid")?;
    let files = Scratch::new();
    let file = files.file("text", format!("{NEEDLE}\n"), 0o644);
    // A session leader that has the terminal, as runc makes it; the window's own shell loses it.
    let above = ["unshare", "--pid", "--fork", "--mount-proc", "setsid", "-c"].map(Into::into).to_vec();
    let words = [above, bench.words(true)?, vec!["vi".into(), file.clone().into()]].concat();
    let tmux = Tmux::start(bench, words)?;
    tmux.shows(NEEDLE)?;
    for round in ["one", "two"] {
        tmux.press(&["C-z"])?;
        tmux.takes_commands(&files.join(round))?;
    }
    tmux.insert("typed ")?;
    tmux.shows(&format!("typed {NEEDLE}"))?;
    tmux.command(&["send-keys", "-l", ":wq"])?;
    tmux.press(&["Enter"])?;
    // Its window ends with it, so there is no screen to look at.
    let deadline = Instant::now() + tmux.bench.limit;
    while !std::fs::read_to_string(&file).is_ok_and(|text| text.starts_with("typed")) {
        if Instant::now() >= deadline {
            return Err("the editor does not write its file".to_owned().into());
        }
        std::thread::sleep(GLANCE);
    }
    Ok(())
}
