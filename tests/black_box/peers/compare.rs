//! The bench of the comparison: cases, what is seen of a run, and how two such views are compared.

use std::fmt::{Debug, Write as _};
use std::fs::File;
use std::os::unix::fs::symlink;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::support::{Container, Exit, LIMIT, Run, Scratch, find_tool, init_path, probe_path};

/// How long an init is watched that is said to hang.
const HANGING: Duration = Duration::from_millis(400);

/// Another init.
pub struct Peer {
    /// As which it and ours are called.
    pub name: &'static str,
    /// A word of its help, by which it is told from others of that name.
    pub sign: &'static str,
    /// What is different in each of its runs.
    pub standing: &'static [Standing],
}

/// A set of signals that its programs are given otherwise than by ours.
pub struct Standing {
    pub why: &'static str,
    /// `blocked` or `ignored`.
    pub field: &'static str,
    /// What the peer makes of the set that ours hands over.
    pub peers: fn(u64) -> u64,
}

impl Peer {
    /// Where it is installed.
    pub fn path(&self) -> Option<PathBuf> {
        let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
        let cargo = cargo.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".cargo")));
        let by_cargo = cargo.map(|folder| folder.join("bin").join(self.name));
        find_tool(self.name).into_iter().chain(by_cargo).find(|path| {
            let said = Command::new(path).arg("-h").output();
            said.is_ok_and(|said| {
                let texts = [said.stdout, said.stderr].concat();
                String::from_utf8_lossy(&texts).contains(self.sign)
            })
        })
    }
}

/// How an output of the peer is compared with ours.
#[derive(Clone, Copy)]
pub enum Rule {
    /// They are the same.
    Exact,
    /// They are the same but for numbers.
    ButNumbers,
    /// They are the same lines, in whatever order.
    AnyOrder,
    /// Both begin so.
    Starting(&'static str),
}

/// A condition on an output.
#[derive(Clone, Copy, Debug)]
pub enum Text {
    Any,
    Is(&'static str),
    /// Each of these is in it.
    Has(&'static [&'static str]),
    /// It is a single line with each of these in it.
    Line(&'static [&'static str]),
    /// None of these is in it.
    Lacks(&'static [&'static str]),
}

impl Text {
    fn holds(self, text: &str) -> bool {
        match self {
            Text::Any => true,
            Text::Is(expected) => text == expected,
            Text::Has(parts) => parts.iter().all(|part| text.contains(part)),
            Text::Line(parts) => text.lines().count() == 1 && parts.iter().all(|part| text.contains(part)),
            Text::Lacks(parts) => !parts.iter().any(|part| text.contains(part)),
        }
    }
}

/// What one of the two does in a case in which they differ.
#[derive(Clone, Copy, Debug)]
pub struct Does {
    /// Nothing if it does not end.
    exit: Option<Exit>,
    stdout: Text,
    stderr: Text,
    noted: Option<&'static str>,
}

/// It exits with this code.
pub fn exits(code: i32) -> Does {
    Does { exit: Some(Exit::Code(code)), stdout: Text::Any, stderr: Text::Any, noted: None }
}

/// It does not end.
pub fn hangs() -> Does {
    Does { exit: None, ..exits(0) }
}

impl Does {
    pub fn out(self, stdout: Text) -> Self {
        Does { stdout, ..self }
    }

    pub fn err(self, stderr: Text) -> Self {
        Does { stderr, ..self }
    }

    /// The deeds of the case gave this.
    pub fn noted(self, noted: &'static str) -> Self {
        Does { noted: Some(noted), ..self }
    }

    fn is_seen(&self, seen: &Seen) -> bool {
        self.exit == seen.exit
            && self.stdout.holds(&seen.stdout)
            && self.stderr.holds(&seen.stderr)
            && self.noted.is_none_or(|noted| noted == seen.noted)
    }
}

/// A difference that is meant.
pub struct Differs {
    why: &'static str,
    peer: Does,
    ours: Does,
}

/// The same words for both inits, in the same surroundings.
pub struct Case {
    /// All that follows the init's name. A word `@` is the probe, `%/` the case's folder.
    words: Vec<String>,
    environment: Vec<(&'static str, &'static str)>,
    place: fn() -> Container,
    surroundings: fn(Container) -> Container,
    /// What is done to the running init; gives what is to be compared besides the outputs.
    deeds: fn(&mut Run) -> String,
    stdout: Rule,
    stderr: Rule,
    differs: Option<Differs>,
}

/// As PID 1, with nothing special and all outputs the same.
pub fn case<S: ToString>(words: impl IntoIterator<Item = S>) -> Case {
    Case {
        words: words.into_iter().map(|word| word.to_string()).collect(),
        environment: Vec::new(),
        place: Container::as_pid_1,
        surroundings: |container| container,
        deeds: |_| String::new(),
        stdout: Rule::Exact,
        stderr: Rule::Exact,
        differs: None,
    }
}

impl Case {
    pub fn not_pid_1(self) -> Self {
        self.at(Container::as_subreaper)
    }

    pub fn at(self, place: fn() -> Container) -> Self {
        Case { place, ..self }
    }

    /// Whether its words are those of a pid1 that changes the program's user or group.
    pub fn sets_a_user(&self) -> bool {
        ["-u", "-g", "--user", "--group"]
            .iter()
            .any(|option| self.words.iter().any(|word| word.starts_with(option)))
    }

    pub fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.environment.push((name, value));
        self
    }

    pub fn in_surroundings(self, surroundings: fn(Container) -> Container) -> Self {
        Case { surroundings, ..self }
    }

    pub fn deeds(self, deeds: fn(&mut Run) -> String) -> Self {
        Case { deeds, ..self }
    }

    pub fn out(self, stdout: Rule) -> Self {
        Case { stdout, ..self }
    }

    pub fn err(self, stderr: Rule) -> Self {
        Case { stderr, ..self }
    }

    /// If its program gets a SIGKILL that is not the init's, ours tells that, for this reason.
    pub fn killed(self, why: &'static str) -> Self {
        if !self.words.iter().any(|word| word == "die KILL") {
            return self;
        }
        let killed = exits(137).out(Text::Is(""));
        let ours = killed.err(Text::Line(&["the program was killed: somebody sent it SIGKILL"]));
        self.differs(why, killed.err(Text::Is("")), ours)
    }

    /// They differ, for this reason, in what is said here.
    pub fn differs(self, why: &'static str, peer: Does, ours: Does) -> Self {
        Case { differs: Some(Differs { why, peer, ours }), ..self }
    }

    /// Runs `init` by the name of `peer`.
    fn run(&self, init: &Path, name: &str, ends: bool) -> Result<Seen, String> {
        let folder = furnished();
        let here = format!("{}/", folder.path().display());
        let place = |word: &str| match word {
            "@" => probe_path().display().to_string(),
            word => word.replace("%/", &here),
        };
        let mut container = (self.surroundings)((self.place)()).probing().init(init).name(name);
        container = container.arguments(self.words.iter().map(|word| place(word)));
        for (variable, value) in &self.environment {
            container = container.env(*variable, place(value));
        }
        let mut run = container.start();
        let done = catch_unwind(AssertUnwindSafe(|| {
            let noted = (self.deeds)(&mut run);
            let mut seen = Seen { exit: None, stdout: String::new(), stderr: String::new(), noted };
            if ends {
                let outcome = run.wait(LIMIT);
                seen =
                    Seen { exit: Some(outcome.exit), stdout: outcome.stdout, stderr: outcome.stderr, ..seen };
            } else {
                let (deadline, mut ended) = (run.elapsed() + HANGING, false);
                run.wait_until("it has had its time", |run| {
                    ended = run.has_ended();
                    ended || run.elapsed() > deadline
                });
                let exit = ended.then(|| run.wait(LIMIT).exit);
                seen = Seen { exit, stdout: run.stdout(), stderr: run.stderr(), ..seen };
            }
            seen.without_what_is_by_chance(run.pid(), &here)
        }));
        done.map_err(|_| "its run was given up, see above".to_owned())
    }
}

/// What can be noticed of a run.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    exit: Option<Exit>,
    stdout: String,
    stderr: String,
    noted: String,
}

impl Seen {
    /// Without the pids of the host, the name of the folder and the mark of the run.
    fn without_what_is_by_chance(self, init: i32, folder: &str) -> Self {
        let program = self.stdout.lines().find_map(|line| line.strip_prefix("pid ")).map(str::to_owned);
        let init = init.to_string();
        let word = |word: &str| match word {
            word if word == init => "INIT".to_owned(),
            word if word.len() > 2 && Some(word) == program.as_deref() => "PROGRAM".to_owned(),
            word => word.replace(&format!("({init})"), "(INIT)").replace(&format!(":{init})"), ":INIT)"),
        };
        let clean = |text: &str| {
            let lines = text.split_inclusive('\n').filter(|line| !line.starts_with("env BLACK_BOX_RUN="));
            let clean = lines.map(|line| {
                let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
                let words: Vec<String> = line.split(' ').map(word).collect();
                format!("{}{end}", words.join(" ").replace(folder, "%/"))
            });
            clean.collect::<String>()
        };
        Seen { stdout: clean(&self.stdout), stderr: clean(&self.stderr), ..self }
    }

    /// What the peer would have handed over, by its standing differences.
    fn given_by(mut self, peer: &Peer) -> Self {
        let lines = self.stdout.split_inclusive('\n').map(|line| {
            for standing in peer.standing {
                let value = line.strip_prefix(standing.field).and_then(|rest| rest.strip_prefix(' '));
                if let Some(set) = value.and_then(|value| u64::from_str_radix(value.trim_end(), 16).ok()) {
                    return format!("{} {:016x}\n", standing.field, (standing.peers)(set));
                }
            }
            line.to_owned()
        });
        self.stdout = lines.collect();
        self
    }
}

/// With each number, and each pid that was one, as a single letter.
fn without_numbers(text: &str) -> String {
    let text = text.replace("INIT", "#").replace("PROGRAM", "#");
    let mut result = String::new();
    for letter in text.chars() {
        match letter {
            '0'..='9' if result.ends_with('#') => {}
            '0'..='9' => result.push('#'),
            letter => result.push(letter),
        }
    }
    result
}

impl Rule {
    fn agrees(self, peers: &str, ours: &str) -> bool {
        match self {
            Rule::Exact => peers == ours,
            Rule::ButNumbers => without_numbers(peers) == without_numbers(ours),
            Rule::AnyOrder => {
                let sorted = |text: &str| {
                    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                    lines.sort();
                    lines
                };
                sorted(peers) == sorted(ours)
            }
            Rule::Starting(start) => peers.starts_with(start) && ours.starts_with(start),
        }
    }
}

/// A folder with files that can't be executed, each for a reason of its own, and one that a shell
/// can.
fn furnished() -> Scratch {
    let folder = Scratch::new();
    folder.file("plain", "#!/bin/sh\n", 0o644);
    folder.file("script", "exit 7\n", 0o755);
    folder.file("orphaned", "#!/no/such/interpreter\n", 0o755);
    folder.file("binary", b"\x7fELF\x00\x01\x02", 0o755);
    folder.directory("directory", 0o755);
    symlink("loop", folder.join("loop")).expect("a link to itself");
    folder
}

/// Runs all cases with both, and fails with all that is not as the cases say.
#[track_caller]
pub fn compare(peer: &Peer, cases: impl IntoIterator<Item = Case>) {
    crate::support::require_root!();
    let Some(path) = peer.path() else {
        crate::support::skip!("{} is not installed", peer.name);
    };
    let mut wrong = String::new();
    for case in cases {
        let hangs =
            |does: fn(&Differs) -> &Does| case.differs.as_ref().is_some_and(|it| does(it).exit.is_none());
        let peers = case.run(&path, peer.name, !hangs(|it| &it.peer));
        let ours = case.run(&init_path(), peer.name, !hangs(|it| &it.ours));
        let (words, environment) = (&case.words, &case.environment);
        let mut say = |what: &str, peers: &dyn Debug, ours: &dyn Debug| {
            let _ =
                writeln!(wrong, "--- {words:?} {environment:?}: {what}\npeer: {peers:#?}\nours: {ours:#?}");
        };
        let (peers, ours) = match (peers, ours) {
            (Ok(peers), Ok(ours)) => (peers, ours),
            (peers, ours) => {
                say("not to be compared", &peers, &ours);
                continue;
            }
        };
        if let Some(Differs { why, peer, ours: our }) = &case.differs {
            if !peer.is_seen(&peers) {
                say(&format!("{why}, but the peer does not as was said: {peer:?}"), &peers, &ours);
            } else if !our.is_seen(&ours) {
                say(&format!("{why}, but ours does not as was said: {our:?}"), &peers, &ours);
            } else if peers == ours {
                say(&format!("{why}, but they do the same"), &peers, &ours);
            }
            continue;
        }
        let ours = ours.given_by(peer);
        let same = peers.exit == ours.exit
            && peers.noted == ours.noted
            && case.stdout.agrees(&peers.stdout, &ours.stdout)
            && case.stderr.agrees(&peers.stderr, &ours.stderr);
        if !same {
            say("they differ", &peers, &ours);
        }
    }
    for standing in peer.standing {
        println!("in every run of {}: {}", peer.name, standing.why);
    }
    assert!(wrong.is_empty(), "{} is not replaced faithfully:\n{wrong}", peer.name);
}

// ------------------------------------------------------------------ deeds

/// Sends `signals` in turn, waiting for each to be recorded by a program that `record`s.
pub fn send_each(run: &mut Run, signals: &[i32]) -> String {
    run.wait_for_line("ready");
    for signal in signals {
        run.signal(*signal);
        let start = format!("signal {signal} ");
        run.wait_until(&format!("{signal} has come"), |run| {
            run.stdout().lines().any(|line| line.starts_with(&start))
        });
    }
    String::new()
}

/// Waits for the line `ready`, then sends the signal.
pub fn signal_when_ready(run: &mut Run, signal: i32) -> String {
    run.wait_for_line("ready");
    run.signal(signal);
    String::new()
}

/// Sends TERM once the program has stopped itself.
pub fn term_when_stopped(run: &mut Run) -> String {
    run.wait_until("it has stopped", |run| run.program().state == 'T');
    run.signal(libc::SIGTERM);
    String::new()
}

/// Sends TERM once nobody is left but the program.
pub fn term_when_orphans_are_collected(run: &mut Run) -> String {
    run.wait_for_line("ready");
    run.wait_until("all orphans are collected", |run| run.processes().len() == 1);
    run.signal(libc::SIGTERM);
    String::new()
}

/// A descriptor to be inherited.
pub fn spare() -> File {
    File::open("/dev/null").expect("/dev/null")
}

/// Working directory and descriptors of the init itself, once the program runs.
pub fn init_itself(run: &mut Run) -> String {
    run.wait_for_line("ready");
    let mut found = String::new();
    // After the start, the init may need a moment to come to its loop.
    run.wait_until("the init waits", |run| run.init().state == 'S');
    let init = run.init();
    let descriptors: Vec<i32> =
        init.descriptors().into_iter().filter(|fd| [0, 1, 2, 7].contains(fd)).collect();
    let _ = write!(found, "{:?} {descriptors:?}", init.directory().unwrap_or_default());
    run.signal(libc::SIGTERM);
    found
}

/// Who is in the foreground of the init's terminal, and whether the program has one.
pub fn terminal(run: &mut Run) -> String {
    run.wait_for_line("ready");
    let program = run.program();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", program.pid)).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let number = |place: usize| fields.get(place).and_then(|field| field.parse::<i32>().ok()).unwrap_or(0);
    let (tty, foreground) = (number(4), number(5));
    let who = match foreground {
        pid if pid == program.pid => "the program",
        pid if pid == run.pid() => "the init",
        _ => "nobody",
    };
    let found = format!("terminal {}, in the foreground {who}", if tty == 0 { "none" } else { "there" });
    run.signal(libc::SIGTERM);
    found
}

/// Scripts for all kinds of ends.
pub const ENDS: [&str; 16] = [
    "exit 0",
    "exit 1",
    "exit 2",
    "exit 126",
    "exit 127",
    "exit 128",
    "exit 143",
    "exit 255",
    "die HUP",
    "die INT",
    "die KILL",
    "die SEGV",
    "die TERM",
    "die 32",
    "die RTMIN",
    "die RTMAX",
];

/// Ends of the program: plainly, with `option`, and not as PID 1.
pub fn ends_with(option: &'static str) -> impl Iterator<Item = Case> {
    ENDS.into_iter().flat_map(move |script| {
        [case(["@", script]), case(["@", script]).not_pid_1(), case([option, "@", script])]
    })
}
