//! argv and environment of each personality: anything, which must be refused in one line or leave
//! the program's words alone, and what can be asked for, which must be understood as it was meant.

use std::ffi::{CString, c_char};

use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::sample::Index;

use tini_rs::cli::{self, Config, Personality, Reach, Request, VARIABLES};
use tini_rs::exit::ExitCode;
use tini_rs::signal::Signal;
use tini_rs::supervisor::Span;
use tini_rs::sys::{Id, Strings, Text};

use crate::driver::{Input, check_message, fuzz, search};

const NAMES: [&str; 7] =
    ["tini-rs", "tini", "/sbin/docker-init", "dumb-init", "x/catatonit", "pid1", "pause"];

/// argv and environment in one array as the kernel makes it, with argc's place before.
struct Stack {
    words: Vec<CString>,
    /// Only to be there, for `places`.
    _variables: Vec<CString>,
    places: Vec<*const c_char>,
}

impl Stack {
    fn new<'a>(words: impl Iterator<Item = &'a [u8]>, variables: impl Iterator<Item = &'a [u8]>) -> Stack {
        // What comes after a null is not there.
        let own = |bytes: &[u8]| {
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            CString::new(&bytes[..end]).expect("no null")
        };
        let (words, variables): (Vec<CString>, Vec<CString>) =
            (words.map(own).collect(), variables.map(own).collect());
        let pointers = |strings: &[CString]| strings.iter().map(|text| text.as_ptr()).collect::<Vec<_>>();
        let null = std::ptr::null();
        let places = [&[null], &pointers(&words)[..], &[null], &pointers(&variables), &[null]].concat();
        Stack { words, _variables: variables, places }
    }

    /// Has it parsed, and shows what came of it.
    fn parse(&mut self, look: impl FnOnce(&Config, Result<Request, String>)) {
        let first = self.places.as_mut_ptr();
        // SAFETY: both arrays are in `places`, closed by null, with a place before.
        let (argv, environment) =
            unsafe { (Strings::new(first.add(1)), Strings::new(first.add(self.words.len() + 2))) };
        let called = argv.split_first().map_or(Text::from(c""), |(called, _)| called);
        let personality = Personality::of(called);
        let mut config = Config::new(personality, argv, environment);
        let outcome = cli::parse(personality, argv, &mut config).map_err(|error| error.to_string());
        look(&config, outcome);
    }
}

fn bytes<'a>(strings: Strings<'a>) -> Vec<&'a [u8]> {
    strings.map(|(text, _)| text.bytes()).collect()
}

/// Words of the kind that options, values and variables are made of, and others.
fn part() -> impl Strategy<Value = Vec<u8>> {
    const PARTS: &str = "- -- = : , 0 1 9 65 256 4294967296 s m h ms TERM SIG RTMIN + RTMAX none KILL CHLD QUIT \
        t g c S s p r e w v q P W u l L V h \
        --grace-period --process-group --single-child --session --subreaper --parent-death-signal --rewrite \
        --remap-exit --warn-on-reap --verbose --quiet --pause --wait-all --user --workdir --env --license \
        --version --help --timeout --user-id --group-id --s --re --ver -e -vv -tg -P -W A=1 PATH=/x LISTEN_PID=1 \
        TINI_ GRACE_PERIOD KILL_PROCESS_GROUP VERBOSITY REWRITE REMAP_EXIT PAUSE WAIT_ALL SESSION \
        DUMB_INIT_SETSID=0 DUMB_INIT_DEBUG=1 CATATONIT_DEBUG= app";
    let parts: Vec<&str> = PARTS.split(' ').collect();
    prop_oneof![
        4 => prop::sample::select(parts).prop_map(|part| part.as_bytes().to_vec()),
        1 => prop::collection::vec(1u8.., 0..12),
        1 => Just(vec![b'9'; 600]),
    ]
}

fn input() -> impl Strategy<Value = Input> {
    let word = prop_oneof![
        2 => part(),
        1 => prop::collection::vec(part(), 0..5).prop_map(|parts| parts.concat()),
    ];
    let variable = (
        prop_oneof![2 => Just(&b"TINI_"[..]), 1 => Just(&b""[..])],
        part(),
        prop::collection::vec(part(), 0..4),
    )
        .prop_map(|(start, name, value)| [start, &name, b"=", &value.concat()].concat());
    let called = prop::sample::select(&NAMES[..]).prop_map(|name| name.as_bytes().to_vec());
    let (words, variables) = (prop::collection::vec(word, 0..10), prop::collection::vec(variable, 0..5));
    (prop_oneof![9 => called, 1 => part()], words, variables).prop_map(|(called, words, variables)| {
        let words = [called].into_iter().chain(words).map(|word| ("word", word));
        Input(words.chain(variables.into_iter().map(|variable| ("variable", variable))).collect())
    })
}

/// Whatever it is: refused in one line, or the program's words are the last of those given.
fn check(input: &Input) {
    let mut stack = Stack::new(input.all("word"), input.all("variable"));
    let before = stack.places.clone();
    let words: Vec<Vec<u8>> = stack.words.iter().map(|word| word.to_bytes().to_vec()).collect();
    // NAME=VALUE for the program, or an option that is like it.
    let adds = words.iter().any(|word| word.contains(&b'='));
    stack.parse(|config, outcome| {
        let program = bytes(config.program);
        let environment = bytes(config.environment);
        assert!(config.verbosity <= 4);
        match outcome {
            Err(line) => return check_message(&line),
            Ok(Request::Run) => {}
            // Of what is only printed nothing else counts.
            Ok(_) => return,
        }
        assert!(config.policy.pause || !program.is_empty());
        assert!(words.ends_with(&program.iter().map(|word| word.to_vec()).collect::<Vec<_>>()), "its words");
        for (place, name) in config.places.iter().zip(VARIABLES) {
            let noted = place.and_then(|place| place.split_first()).map(|(variable, _)| variable.bytes());
            let first = environment.iter().find(|variable| variable.starts_with(name.bytes()));
            assert_eq!(noted, first.copied(), "where {name:?} stands");
        }
    });
    assert!(adds || stack.places == before, "the arrays are as they were");
}

#[test]
fn whatever_is_given_is_refused_in_one_line_or_leaves_the_programs_words_alone() {
    fuzz("command_line", &["word", "variable"], input(), check);
}

/// Something to be asked for.
#[derive(Clone, Debug)]
enum Ask {
    Grace { text: String, milliseconds: u64 },
    WaitAll,
    Pause,
    RemapExit(Vec<(u8, Option<u8>)>),
    ProcessGroup,
    SingleChild,
    Session,
    Rewrite(Vec<(u8, Option<u8>)>),
    ParentDeathSignal(u8),
    Subreaper,
    User(u32, Option<u32>),
    Workdir(String),
    Env(String, String),
    WarnOnReap,
    Verbose,
    Quiet,
}

/// The same, and in which of the ways to write it.
#[derive(Clone, Debug)]
struct Written {
    ask: Ask,
    style: u8,
    cut: Index,
}

const LONG: [&str; 19] = [
    "grace-period",
    "wait-all",
    "pause",
    "remap-exit",
    "process-group",
    "single-child",
    "session",
    "rewrite",
    "parent-death-signal",
    "subreaper",
    "user",
    "workdir",
    "env",
    "warn-on-reap",
    "verbose",
    "quiet",
    "license",
    "version",
    "help",
];

fn signals(rules: &[(u8, Option<u8>)]) -> String {
    let rule = |(from, to): &(u8, Option<u8>)| {
        let from = Signal::new((*from).into()).expect("a signal").to_string();
        format!("{}:{}", from.trim_start_matches("signal "), to.unwrap_or(0))
    };
    rules.iter().map(rule).collect::<Vec<_>>().join(",")
}

impl Ask {
    /// Its letter, its long name, and its value.
    fn parts(&self) -> (Option<char>, &'static str, Option<String>) {
        let (letter, long, value) = match self {
            Ask::Grace { text, .. } => ('t', "grace-period", Some(text.clone())),
            Ask::WaitAll => ('W', "wait-all", None),
            Ask::Pause => ('P', "pause", None),
            Ask::RemapExit(rules) => {
                let rule = |(from, to): &(u8, Option<u8>)| match to {
                    Some(to) => format!("{from}:{to}"),
                    None => from.to_string(),
                };
                ('e', "remap-exit", Some(rules.iter().map(rule).collect::<Vec<_>>().join(",")))
            }
            Ask::ProcessGroup => ('g', "process-group", None),
            Ask::SingleChild => ('c', "single-child", None),
            Ask::Session => ('S', "session", None),
            Ask::Rewrite(rules) => ('r', "rewrite", Some(signals(rules))),
            Ask::ParentDeathSignal(number) => ('p', "parent-death-signal", Some(number.to_string())),
            Ask::Subreaper => ('s', "subreaper", None),
            Ask::User(user, None) => (' ', "user", Some(user.to_string())),
            Ask::User(user, Some(group)) => (' ', "user", Some(format!("{user}:{group}"))),
            Ask::Workdir(directory) => (' ', "workdir", Some(directory.clone())),
            Ask::Env(name, value) => (' ', "env", Some(format!("{name}={value}"))),
            Ask::WarnOnReap => ('w', "warn-on-reap", None),
            Ask::Verbose => ('v', "verbose", None),
            Ask::Quiet => ('q', "quiet", None),
        };
        (Some(letter).filter(|letter| *letter != ' '), long, value)
    }
}

impl Written {
    /// The words for it.
    fn words(&self) -> Vec<String> {
        let (letter, long, value) = self.ask.parts();
        // As much of the long name as is nobody else's.
        let shortest = (1..=long.len())
            .find(|length| LONG.iter().filter(|other| other.starts_with(&long[..*length])).count() == 1)
            .expect("the whole is");
        let long = &long[..shortest + self.cut.index(long.len() - shortest + 1)];
        let word = match letter.filter(|_| self.style & 1 == 0) {
            Some(letter) => format!("-{letter}"),
            None => format!("--{long}"),
        };
        let is_long = word.starts_with("--");
        match value {
            None => vec![word],
            Some(value) if self.style & 2 == 0 => vec![word, value],
            Some(value) if is_long => vec![format!("{word}={value}")],
            Some(value) => vec![word + &value],
        }
    }

    /// The same as a variable, if there is one.
    fn variable(&self) -> Option<String> {
        let (_, long, value) = self.ask.parts();
        let name = match self.ask {
            Ask::User(..) | Ask::Workdir(_) | Ask::Env(..) | Ask::Verbose | Ask::Quiet => return None,
            Ask::ProcessGroup => "kill-process-group",
            _ => long,
        };
        let on = ["", "1", "true", "yes"][usize::from(self.style % 4)];
        let name = name.to_uppercase().replace('-', "_");
        Some(format!("TINI_{name}={}", value.as_deref().unwrap_or(on)))
    }

    /// What an option leaves no variable a say in.
    fn subject(&self) -> &'static str {
        match self.ask {
            Ask::ProcessGroup | Ask::SingleChild | Ask::Session => "reach",
            _ => self.ask.parts().1,
        }
    }
}

fn written() -> impl Strategy<Value = Written> {
    let grace = (prop::option::of(0u64..100), prop::option::of(0u64..1000), prop::option::of(0u64..100_000));
    let grace = grace.prop_map(|(minutes, seconds, milliseconds)| {
        let part = |count: Option<u64>, unit| count.map_or(String::new(), |count| format!("{count}{unit}"));
        let text = part(minutes, "m") + &part(seconds, "s") + &part(milliseconds, "ms");
        let sum = minutes.unwrap_or(0) * 60_000 + seconds.unwrap_or(0) * 1000 + milliseconds.unwrap_or(0);
        Ask::Grace { text: if text.is_empty() { "0".into() } else { text }, milliseconds: sum }
    });
    let from = (1u8..=64).prop_filter("the init's own", |signal| ![9, 17, 19].contains(signal));
    // TSTP, TTIN and TTOU are special in a session.
    let from = prop_oneof![from, 20u8..=22];
    let rewrite = prop::collection::vec((from, prop::option::of(1u8..=64)), 1..4).prop_map(Ask::Rewrite);
    let remap = prop::collection::vec(any::<(u8, Option<u8>)>(), 1..4).prop_map(Ask::RemapExit);
    let id = 0u32..u32::MAX;
    let ask = prop_oneof![
        grace,
        rewrite,
        remap,
        (1u8..=64).prop_map(Ask::ParentDeathSignal),
        (id.clone(), prop::option::of(id)).prop_map(|(user, group)| Ask::User(user, group)),
        "[^\\x00]{1,20}".prop_map(Ask::Workdir),
        ("PATH|LISTEN_PID|[A-C]{1,2}|TINI_PAUSE", "[^\\x00]{0,9}")
            .prop_map(|(name, value)| Ask::Env(name, value)),
        prop::sample::select(vec![
            Ask::WaitAll,
            Ask::Pause,
            Ask::ProcessGroup,
            Ask::SingleChild,
            Ask::Session
        ]),
        prop::sample::select(vec![Ask::Subreaper, Ask::WarnOnReap, Ask::Verbose, Ask::Quiet]),
    ];
    (ask, any::<u8>(), any::<Index>()).prop_map(|(ask, style, cut)| Written { ask, style, cut })
}

/// What is meant by all of it.
struct Meant {
    grace_period: Option<Span>,
    pause: bool,
    wait_all: bool,
    remap: [u8; 256],
    rewrite: [u8; 65],
    reach: Reach,
    parent_death_signal: Option<Signal>,
    warn_on_reap: bool,
    verbosity: u8,
    ids: [Option<u32>; 2],
    directory: Option<Vec<u8>>,
}

impl Meant {
    fn take(&mut self, ask: &Ask, verbose: u8) {
        match ask {
            Ask::Grace { milliseconds, .. } => self.grace_period = Some(Span::from_millis(*milliseconds)),
            Ask::WaitAll => self.wait_all = true,
            Ask::Pause => self.pause = true,
            Ask::RemapExit(rules) => {
                rules.iter().for_each(|(from, to)| self.remap[usize::from(*from)] = to.unwrap_or(0));
            }
            Ask::ProcessGroup => self.reach = Reach::Group,
            Ask::SingleChild => self.reach = Reach::Program,
            Ask::Session => self.reach = Reach::Session,
            Ask::Rewrite(rules) => {
                rules.iter().for_each(|(from, to)| self.rewrite[usize::from(*from)] = to.unwrap_or(0));
            }
            Ask::ParentDeathSignal(number) => self.parent_death_signal = Signal::new((*number).into()),
            Ask::User(user, group) => self.ids = [Some(*user), group.or(self.ids[1])],
            Ask::Workdir(directory) => self.directory = Some(directory.clone().into_bytes()),
            Ask::WarnOnReap => self.warn_on_reap = true,
            Ask::Verbose => self.verbosity = 4.min(self.verbosity + verbose),
            Ask::Quiet => self.verbosity = self.verbosity.saturating_sub(1),
            Ask::Subreaper | Ask::Env(..) => {}
        }
    }
}

/// A command line that asks for something, and variables that do.
#[derive(Clone, Debug)]
struct Wish {
    name: usize,
    options: Vec<Written>,
    variables: Vec<Written>,
    others: Vec<Vec<u8>>,
    /// `--` before the program.
    separated: bool,
    program: Vec<Vec<u8>>,
}

fn wish() -> impl Strategy<Value = Wish> {
    let word = prop_oneof![
        prop::collection::vec(1u8.., 0..12),
        prop::sample::select(vec!["--", "-", "-v", "--help", "app", "-t"])
            .prop_map(|word| word.as_bytes().to_vec()),
    ];
    let other = ("PATH|LISTEN_PID|WATCHDOG_PID|[A-C]{1,2}", "[^\\x00]{0,9}");
    let other = other.prop_map(|(name, value)| format!("{name}={value}").into_bytes());
    let options = prop::collection::vec(written(), 0..6);
    let variables = prop::collection::vec(written(), 0..4);
    let others = prop::collection::vec(other, 0..4);
    (0..4usize, options, variables, others, any::<bool>(), prop::collection::vec(word, 1..5)).prop_map(
        |(name, options, variables, others, separated, program)| Wish {
            name,
            options,
            variables,
            others,
            separated,
            program,
        },
    )
}

/// The letters of an init's options, how it reaches its program, and how much a -v says more.
const PERSONALITIES: [(&str, &str, Reach, u8); 4] = [
    ("tini-rs", "", Reach::Group, 1),
    ("tini", "hspvwgelV", Reach::Leader, 1),
    ("dumb-init", "crvhV", Reach::Session, 3),
    ("catatonit", "ghLPV", Reach::Leader, 1),
];

fn check_wish(wish: &Wish) {
    let (name, letters, reach, verbose) = PERSONALITIES[wish.name];
    let has = |written: &Written| {
        letters.is_empty() || written.ask.parts().0.is_some_and(|letter| letters.contains(letter))
    };
    let refused = wish.options.iter().position(|option| !has(option));
    let mut words = vec![name.as_bytes().to_vec()];
    words.extend(wish.options.iter().flat_map(Written::words).map(String::into_bytes));
    // A dash alone is a program's name.
    let first = &wish.program[0];
    if wish.separated || (first.starts_with(b"-") && first != b"-") {
        words.push(b"--".to_vec());
    }
    words.extend(wish.program.iter().cloned());
    let asked = wish.variables.iter().filter_map(Written::variable).map(String::into_bytes);
    let variables: Vec<Vec<u8>> = asked.chain(wish.others.iter().cloned()).collect();

    let mut meant = Meant {
        grace_period: (name == "tini").then_some(Span::ZERO),
        pause: false,
        wait_all: false,
        remap: std::array::from_fn(|code| code as u8),
        rewrite: std::array::from_fn(|signal| signal as u8),
        reach,
        parent_death_signal: None,
        warn_on_reap: false,
        verbosity: 1,
        ids: [None; 2],
        directory: None,
    };
    let mut environment = variables.clone();
    for option in &wish.options {
        meant.take(&option.ask, verbose);
        if let Ask::Env(name, value) = &option.ask {
            let start = format!("{name}=").into_bytes();
            let whole = [&start[..], value.as_bytes()].concat();
            let mut replaced = false;
            for variable in environment.iter_mut().filter(|variable| variable.starts_with(&start)) {
                variable.clone_from(&whole);
                replaced = true;
            }
            if !replaced {
                environment.insert(0, whole);
            }
        }
    }
    for variable in wish.variables.iter().filter(|variable| variable.variable().is_some()) {
        if wish.options.iter().all(|option| option.subject() != variable.subject()) {
            meant.take(&variable.ask, verbose);
        }
    }
    if meant.reach == Reach::Session {
        for stop in [20, 21, 22] {
            if usize::from(meant.rewrite[stop]) == stop {
                meant.rewrite[stop] = 19;
            }
        }
    }

    let mut stack =
        Stack::new(words.iter().map(|word| &word[..]), variables.iter().map(|variable| &variable[..]));
    stack.parse(|config, outcome| {
        if refused.is_some() {
            return check_message(&outcome.expect_err("it has no such option"));
        }
        assert_eq!(outcome, Ok(Request::Run));
        assert_eq!(bytes(config.program), wish.program);
        assert_eq!(bytes(config.environment), environment);
        assert_eq!(config.policy.grace_period, meant.grace_period);
        assert_eq!((config.policy.pause, config.policy.wait_all), (meant.pause, meant.wait_all));
        assert_eq!(config.reach, meant.reach);
        assert_eq!(config.parent_death_signal, meant.parent_death_signal);
        assert_eq!((config.warn_on_reap, config.verbosity), (meant.warn_on_reap, meant.verbosity));
        let given = |id: Id| (id != Id::UNCHANGED).then_some(id.0);
        assert_eq!([config.user, config.group].map(given), meant.ids);
        assert_eq!(config.directory.map(Text::bytes), meant.directory.as_deref());
        for (code, told) in (0..=255).zip(meant.remap) {
            assert_eq!(config.remap.apply(ExitCode::new(code)).get(), told, "code {code}");
        }
        for (number, given) in (0..).zip(meant.rewrite).skip(1) {
            let signal = Signal::new(number).expect("a signal");
            assert_eq!(config.policy.rewrite.apply(signal), Signal::new(given.into()), "{signal}");
        }
    });
}

#[test]
fn what_is_asked_for_is_understood_and_the_rest_is_the_programs() {
    if let Some((wish, why)) = search(&wish(), check_wish) {
        panic!("{why}\nwith {wish:#?}");
    }
}
