//! What files tell of processes and of memory: anything that a process calls itself, and
//! whatever a file may hold.
//!
//! The init runs on a kernel of paper. Its program has been killed, so that it looks for
//! want of memory, and others are left until the deadline, so that it says who.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Mutex;

use log::{Level, Log, Metadata, Record};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};

use tini_rs::cli::{Personality, Reach};
use tini_rs::exit::Ended;
use tini_rs::init::{self, Setup};
use tini_rs::kernel::Kernel;
use tini_rs::log::Facade;
use tini_rs::signal::{Signal, SignalSet};
use tini_rs::supervisor::{Clock, Instant, Policy, Span};
use tini_rs::sys::{ChildSignal, Contents, Errno, Modes, Pid, Reaped, Received, Target, Text};

use crate::driver::{Input, check_message, fuzz, search};

const OUTSIDE: i32 = 100;
/// Those that are left have the numbers from here on.
const FIRST: i32 = 201;
/// More calls than any run makes.
const PATIENCE: u32 = 100_000;

struct Paper<'a> {
    input: &'a Input,
    init: Pid,
    now: Cell<u64>,
    calls: Cell<u32>,
    killed: Cell<bool>,
    program_ended: Cell<bool>,
    asked: RefCell<Vec<i32>>,
    /// How often each process was looked at.
    looks: RefCell<BTreeMap<i32, u32>>,
}

impl Paper<'_> {
    fn enter(&self) {
        self.calls.set(self.calls.get() + 1);
        assert!(self.calls.get() < PATIENCE, "it turns in circles");
    }

    fn program(&self) -> Pid {
        Pid::new(self.init.get() + 1).expect("a pid")
    }
}

impl Clock for Paper<'_> {
    fn now(&self) -> Instant {
        Instant::new(Span::from_nanos(self.now.get()))
    }
}

impl Kernel for Paper<'_> {
    fn wait_for_signal(&self, _: SignalSet, limit: Option<Span>) -> Result<Option<Received>, Errno> {
        self.enter();
        let limit = limit.expect("nobody wakes it");
        self.now.set(self.now.get() + limit.as_nanos() + 1000);
        Ok(None)
    }

    fn reap(&self, _: Option<Pid>) -> Result<Reaped, Errno> {
        self.enter();
        if !self.program_ended.replace(true) {
            return Ok(Reaped::Child(self.program(), Ended::killed(Signal::KILL, false)));
        }
        Ok(if self.killed.get() { Reaped::NoChildren } else { Reaped::Nothing })
    }

    fn kill(&self, target: Target, signal: Option<Signal>) -> Result<(), Errno> {
        self.enter();
        if let (Target::Process(process), Some(Signal::TERM)) = (target, signal) {
            self.asked.borrow_mut().push(process.get());
        }
        if signal == Some(Signal::KILL) {
            self.killed.set(true);
        }
        Ok(())
    }

    fn group_of(&self, process: Pid) -> Result<i32, Errno> {
        Ok(process.get())
    }

    fn session_of(&self, _: Pid) -> Result<i32, Errno> {
        Err(Errno::ESRCH)
    }

    fn stopped_by(&self, _: Pid) -> Option<Signal> {
        None
    }

    fn set_child_signal(&self, _: ChildSignal) -> Result<ChildSignal, Errno> {
        Err(Errno::EPERM)
    }

    fn stop_own_group(&self, _: Signal) -> bool {
        false
    }

    fn hand_terminal_over(&self, _: Pid, _: Option<Pid>) -> bool {
        false
    }

    fn take_terminal_back(&self, _: Pid, _: Option<&Modes>) {}

    fn sleep(&self, span: Span) {
        self.enter();
        self.now.set(self.now.get() + span.as_nanos() + 1000);
    }

    fn each_process(&self, visit: &mut dyn FnMut(Pid)) -> Result<(), Errno> {
        self.enter();
        (FIRST..).zip(self.input.all("stat")).filter_map(|(pid, _)| Pid::new(pid)).for_each(visit);
        Ok(())
    }

    fn read_process(&self, process: Option<Pid>, name: Text, contents: &mut Contents) -> Result<(), Errno> {
        self.enter();
        contents.fill(b"");
        let name = str::from_utf8(name.bytes()).expect("a name");
        let Some(process) = process else {
            let own = match name {
                "stat" => format!("{} (init) S 0", self.init).into_bytes(),
                name => self.input.first(name).to_vec(),
            };
            contents.fill(&own);
            return Ok(());
        };
        // Parents in a circle, which numbers that are used again can show, are soon gone.
        let mut looks = self.looks.borrow_mut();
        let looks = looks.entry(process.get()).or_default();
        *looks += 1;
        if *looks > 50 {
            return Err(Errno::ESRCH);
        }
        let place = usize::try_from(process.get() - FIRST).map_err(|_| Errno::ESRCH)?;
        contents.fill(self.input.all(name).nth(place).ok_or(Errno::ESRCH)?);
        Ok(())
    }

    fn read_file(&self, _: &[Text], name: Text, contents: &mut Contents) -> Result<(), Errno> {
        self.enter();
        contents.fill(b"");
        let name = name.bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let name = str::from_utf8(name).map_err(|_| Errno::ENOENT)?;
        contents.fill(self.input.all(name).next().ok_or(Errno::ENOENT)?);
        Ok(())
    }
}

#[derive(Default)]
struct Messages(Mutex<Vec<String>>);

impl Log for Messages {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record) {
        self.0.lock().expect("a list").push(record.args().to_string());
    }

    fn flush(&self) {}
}

/// Runs the init as this process; gives what it said, and whom it asked to end one by one.
fn run(input: &Input, init: i32) -> (Vec<String>, Vec<i32>) {
    let paper = Paper {
        input,
        init: Pid::new(init).expect("a pid"),
        now: Cell::new(1000),
        calls: Cell::new(0),
        killed: Cell::new(false),
        program_ended: Cell::new(false),
        asked: RefCell::default(),
        looks: RefCell::default(),
    };
    let setup = Setup {
        init: paper.init,
        program: Some(paper.program()),
        reach: Reach::Group,
        texts: Personality::of(Text::from(c"")).texts,
        warn_on_reap: false,
        children_are_lost: false,
        has_terminal: false,
        terminal_is_lent: false,
        received: [None; 3],
        policy: Policy::default(),
        modes: None,
    };
    let messages = Messages::default();
    assert_eq!(init::run(&paper, &Facade(&messages), &setup).get(), 128 + 9);
    (messages.0.into_inner().expect("a list"), paper.asked.into_inner())
}

const FILES: [&str; 7] = [
    "stat",
    "status",
    "cgroup",
    "memory.events",
    "memory.oom_control",
    "memory.max",
    "memory.limit_in_bytes",
];

/// Files with parts of what they should hold, and anything else.
fn input() -> impl Strategy<Value = Input> {
    let part = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        prop::sample::select(vec![
            "201 (a",
            ") ",
            "Z ",
            "t ",
            "1 ",
            "100 ",
            "201",
            "202 ",
            "4294967296 ",
            "SigIgn:\t",
            "TracerPid:\t",
            "0000000000004000",
            "\n",
            ":",
            "0::/",
            "memory:",
            "oom_kill ",
            "18446744073709551616",
            "max\n",
            "/..",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        Just(vec![b'x'; 300]),
    ];
    let file = (prop::sample::select(&FILES[..]), prop::collection::vec(part, 0..8));
    prop::collection::vec(file.prop_map(|(name, parts)| (name, parts.concat())), 0..30).prop_map(Input)
}

fn check(input: &Input) {
    for init in [1, OUTSIDE] {
        let (messages, asked) = run(input, init);
        messages.iter().for_each(|message| check_message(message));
        assert!(messages.len() <= 25, "more than a screenful");
        assert!(init != 1 || asked.is_empty(), "PID 1 asks everybody at once");
    }
}

#[test]
fn no_file_breaks_the_init_or_a_line_of_its_log() {
    fuzz("texts", &FILES, input(), check);
}

/// A process as /proc should show it.
#[derive(Clone, Debug)]
struct Left {
    name: Vec<u8>,
    state: char,
    ignored: u64,
    tracer: u16,
}

fn left() -> impl Strategy<Value = Left> {
    let name = prop::collection::vec(1u8.., 0..16);
    let state = prop::sample::select(vec!['R', 'S', 'D', 'T', 't', 'Z', 'I', 'X']);
    // Of a process that is not traced the tracer is 0.
    (name, state, any::<u64>(), prop_oneof![Just(0), 300u16..])
        .prop_map(|(name, state, ignored, tracer)| Left { name, state, ignored, tracer })
}

/// What stands in a line for these bytes.
fn shown(bytes: &[u8]) -> String {
    let byte = |byte: &u8| match byte {
        b' '..=b'~' => char::from(*byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    bytes.iter().map(byte).collect()
}

/// The promise: who is still there is told by name, and why.
fn check_left(all: &Vec<Left>) {
    let mut input = Vec::new();
    let mut expected = Vec::new();
    for (pid, process) in (FIRST..).zip(all) {
        let Left { name, state, ignored, tracer } = process;
        let start = [format!("{pid} (").as_bytes(), name, b")"].concat();
        // Below the first of them, that is below the init.
        let parent = if pid == FIRST { OUTSIDE } else { FIRST };
        let rest = format!(" {state} {parent} 201 1 0 -1 4194560 {}", "1 ".repeat(40));
        input.push(("stat", [&start[..], rest.as_bytes()].concat()));
        let status = format!(
            "Name:\t{}\nState:\t{state}\nTracerPid:\t{tracer}\nUid:\t0\t0\nSigBlk:\t{:016x}\nSigIgn:\t{ignored:016x}\n\
             SigCgt:\t{:016x}\n",
            // The kernel escapes it.
            name.escape_ascii(),
            !ignored,
            !ignored,
        );
        input.push(("status", status.into_bytes()));
        let why = match state {
            'Z' | 'X' if parent == OUTSIDE => continue,
            'Z' | 'X' => " has ended, but is not collected by its parent ".to_owned() + &shown_first(all),
            't' if *tracer == 0 => " is still there, held by its tracer ".into(),
            't' => format!(" is still there, held by its tracer {tracer}"),
            'T' => " is still there, stopped until it gets SIGCONT".into(),
            'D' => " is still there, in a system call that can't be interrupted".into(),
            _ if ignored & 1 << 14 != 0 => " is still there, ignoring SIGTERM".into(),
            _ => " is still there".into(),
        };
        expected.push(format!("process {}{why}", shown(&start)));
    }
    let input = Input(input);
    let (messages, asked) = run(&input, OUTSIDE);
    let told: Vec<&String> = messages.iter().filter(|message| message.starts_with("process ")).collect();
    assert_eq!(told, expected.iter().collect::<Vec<_>>());
    let living: Vec<i32> =
        (FIRST..).zip(all).filter(|(_, it)| !"ZX".contains(it.state)).map(|(pid, _)| pid).collect();
    assert_eq!(asked, living, "each is asked once");
}

fn shown_first(all: &[Left]) -> String {
    format!("{FIRST} ({})", shown(&all[0].name))
}

#[test]
fn who_is_left_is_told_whatever_it_calls_itself() {
    if let Some((all, why)) = search(&prop::collection::vec(left(), 0..12), check_left) {
        panic!("{why}\nwith {all:?}");
    }
}

/// A control group's files.
#[derive(Clone, Debug)]
struct Group {
    /// What else is counted, and where the count that is looked for stands.
    others: Vec<(String, u32)>,
    place: usize,
    killed: u32,
    limit: Option<u64>,
    version_1: bool,
}

fn check_memory(Group { others, place, killed, limit, version_1 }: &Group) {
    let mut lines: Vec<String> = others.iter().map(|(name, number)| format!("{name} {number}")).collect();
    lines.insert(place % (lines.len() + 1), format!("oom_kill {killed}"));
    let counts = lines.join("\n") + "\n";
    let [events, most] = if *version_1 {
        ["memory.oom_control", "memory.limit_in_bytes"]
    } else {
        ["memory.events", "memory.max"]
    };
    let none = if *version_1 { "9223372036854771712" } else { "max" };
    let most_text = limit.map_or(none.into(), |limit| limit.to_string()) + "\n";
    let group = if *version_1 { "7:cpu:/b\n4:memory:/a/b\n0::/c\n" } else { "0::/a/b\n" };
    let input =
        Input(vec![("cgroup", group.into()), (events, counts.into_bytes()), (most, most_text.into_bytes())]);
    let (messages, _) = run(&input, 1);
    let size = limit.map_or("the machine".into(), |limit| match limit >> 10 {
        kibibytes if kibibytes % 1024 == 0 => format!("{} MiB", kibibytes / 1024),
        kibibytes => format!("{kibibytes} KiB"),
    });
    let expected = match killed {
        0 => "the program was killed: somebody sent it SIGKILL".into(),
        _ => format!(
            "out of memory: the container's limit of {size} was reached, processes killed for it: {killed}"
        ),
    };
    assert_eq!(messages.first(), Some(&expected));
}

#[test]
fn the_control_groups_count_and_limit_are_found_wherever_they_stand() {
    // Others of the file begin alike, or hold it.
    let other = prop_oneof![
        "[a-z_]{1,12}",
        Just("oom".into()),
        Just("oom_kill_disable".into()),
        Just("oom_group_kill".into()),
        Just("under_oom".into())
    ];
    let other = other.prop_filter("the one that is looked for", |name| name != "oom_kill");
    let others = prop::collection::vec((other, any::<u32>()), 0..6);
    let limit = prop::option::of(prop_oneof![(0u64..1 << 40), (0u64..1 << 20).prop_map(|mib| mib << 20)]);
    let killed = prop_oneof![Just(0), any::<u32>()];
    let strategy = (others, any::<usize>(), killed, limit, any::<bool>()).prop_map(
        |(others, place, killed, limit, version_1)| Group { others, place, killed, limit, version_1 },
    );
    if let Some((input, why)) = search(&strategy, check_memory) {
        panic!("{why}\nwith {input:?}");
    }
}
