//! What the init says, and that saying it never does harm.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::net::UnixStream;

use nix::pty::{OpenptyResult, openpty};
use nix::sys::termios::{FlowArg, tcflow};

use crate::support::{
    Container, LIMIT, Outcome, PLACES, Run, Scratch, Stream, fill, log_line, recorded, require, require_root,
};

/// The longest line that the log may have, line feed included.
const LONGEST_LINE: usize = 512;
/// The levels, the rarest first: with verbosity n the first n + 1 of them are shown.
const LEVELS: [&str; 5] = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];
/// How many orphans the noisy program leaves to the init.
const ORPHANS: usize = 5;

/// A run with much to tell: orphans, and signals to pass on.
fn start_noisily(container: Container) -> Run {
    let mut run = container.probe(&format!("orphans {ORPHANS}; record TERM")).start();
    run.wait_for_line("ready");
    for signal in [libc::SIGUSR1, libc::SIGUSR2, libc::SIGTERM] {
        run.signal(signal);
        let expected = format!("signal {signal} ");
        run.wait_until("the signal has arrived", |run| run.stdout().contains(&expected));
    }
    run
}

fn run_noisily(container: Container) -> Outcome {
    start_noisily(container).wait(LIMIT).expect_code(0)
}

/// Requires that a run with as much to tell as can be comes to its end, and that its program gets
/// nothing but what was sent to it.
#[track_caller]
fn expect_no_harm(container: Container, stderr: Stream) {
    let outcome = run_noisily(container.options(["-vvvw"]).stderr(stderr));
    assert_eq!(recorded(&outcome.stdout), [libc::SIGUSR1, libc::SIGUSR2, libc::SIGTERM]);
}

/// Standard errors that take nothing.
const DEAD_ENDS: [fn() -> Stream; 4] =
    [|| Stream::Closed, || Stream::Broken, || Stream::Full, || Stream::Null];

#[test]
fn a_stderr_that_takes_nothing_neither_stops_nor_kills_nor_reaches_the_program() {
    require_root!();
    for place in PLACES {
        for stream in DEAD_ENDS {
            expect_no_harm(place(), stream());
        }
        let full_device = File::options().write(true).open("/dev/full").expect("it is there");
        expect_no_harm(place(), Stream::Given(full_device.into()));
        // Readable alone: any write is an error.
        let closed_for_writing = File::open("/dev/null").expect("it is there");
        expect_no_harm(place(), Stream::Given(closed_for_writing.into()));
    }
}

#[test]
fn a_socket_that_nobody_reads_does_no_harm() {
    require_root!();
    for place in PLACES {
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        fill(&theirs).expect("a full socket");
        expect_no_harm(place(), Stream::Given(theirs.into()));
        drop(ours);
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        drop(ours);
        expect_no_harm(place(), Stream::Given(theirs.into()));
    }
}

#[test]
fn a_terminal_that_is_held_or_gone_does_no_harm() {
    require_root!();
    for place in PLACES {
        let terminal = || openpty(None, None).expect("a terminal");
        // Nobody reads the other end.
        let OpenptyResult { master: _reader, slave } = terminal();
        fill(&slave).expect("a full terminal");
        expect_no_harm(place(), Stream::Given(slave));
        // Somebody has pressed Ctrl-S.
        let OpenptyResult { master: _reader, slave } = terminal();
        tcflow(&slave, FlowArg::TCOOFF).expect("a terminal that can be held");
        expect_no_harm(place(), Stream::Given(slave));
        // The other end is gone.
        let OpenptyResult { master, slave } = terminal();
        drop(master);
        expect_no_harm(place(), Stream::Given(slave));
    }
}

#[test]
fn a_stderr_that_takes_nothing_does_no_harm_on_older_kernels() {
    require_root!();
    require!("strace");
    // What a kernel or a seccomp profile answers that does not know the newer way to write.
    for error in ["ENOSYS", "EPERM", "EOPNOTSUPP", "EINVAL"] {
        let rule = format!("inject=pwritev2:error={error}");
        for stream in DEAD_ENDS {
            expect_no_harm(Container::as_pid_1().strace(["-e", &rule]), stream());
        }
        let outcome = run_noisily(Container::as_pid_1().options(["-w"]).strace(["-e", &rule]));
        assert_eq!(outcome.stderr.lines().count(), ORPHANS, "{outcome:#?}");
    }
}

#[test]
fn a_log_can_be_written_to_a_file() {
    require_root!();
    let scratch = Scratch::new();
    let path = scratch.join("log");
    let file = File::options().create(true).append(true).open(&path).expect("a file");
    run_noisily(Container::as_pid_1().options(["-w"]).stderr(Stream::Given(file.into())));
    let text = fs::read_to_string(path).expect("the log");
    assert_eq!(text.lines().filter_map(log_line).count(), ORPHANS, "{text}");
}

#[test]
fn a_last_word_to_a_stderr_that_takes_nothing_ends_in_the_right_code() {
    require_root!();
    for place in PLACES {
        for stream in [|| Stream::Closed, || Stream::Broken, || Stream::Full] {
            let failed = place().program(["/no/such/program"]).stderr(stream()).run();
            failed.expect_code(127);
            place().options(["-X"]).stderr(stream()).run().expect_code(1);
        }
    }
}

#[test]
fn help_to_a_stdout_that_takes_nothing_ends() {
    for stream in [|| Stream::Closed, || Stream::Broken] {
        for option in ["-h", "-V", "-l"] {
            // Whether that is a failure is a matter of taste; that it ends is not.
            let outcome = Container::as_subreaper().options([option]).stdout(stream()).run();
            assert!([0, 1].contains(&outcome.code()), "{outcome:#?}");
        }
    }
}

#[test]
fn a_healthy_run_is_silent() {
    require_root!();
    for place in PLACES {
        run_noisily(place()).expect_silence();
    }
}

#[test]
fn every_line_has_level_name_and_pid_and_is_bounded() {
    require_root!();
    for (place, is_pid_1) in PLACES.into_iter().zip([true, false]) {
        let mut run = start_noisily(place().options(["-vvvvw"]));
        let pid = if is_pid_1 { 1 } else { run.pid() };
        let outcome = run.wait(LIMIT);
        assert!(outcome.stderr.ends_with('\n'));
        for line in outcome.stderr.lines() {
            let (level, found, text) = log_line(line).unwrap_or_else(|| panic!("{line:?}"));
            assert!(LEVELS.contains(&level), "{line:?}");
            assert_eq!(found, pid, "{line:?}");
            assert!(!text.is_empty() && line.len() < LONGEST_LINE, "{line:?}");
        }
    }
}

#[test]
fn levels_are_padded_to_five_letters() {
    require_root!();
    let outcome = run_noisily(Container::as_pid_1().options(["-vw"]));
    for start in ["[WARN  tini-rs (1)] ", "[INFO  tini-rs (1)] "] {
        assert!(outcome.stderr.lines().any(|line| line.starts_with(start)), "{outcome:#?}");
    }
    let outcome = Container::as_pid_1().program(["/no/such/program"]).run();
    assert!(outcome.stderr.starts_with("[ERROR tini-rs (1)] "), "{outcome:#?}");
}

#[test]
fn names_from_outside_cannot_forge_a_line_or_steer_a_terminal() {
    require_root!();
    let evil = "/no/such\n[FATAL tini-rs (1)] forged\r\x1b[31m\u{9b}\x7f\u{fc}";
    for arguments in [vec![evil], vec!["-t", evil], vec![&evil[1..], "x"]] {
        let outcome = Container::as_pid_1().arguments(arguments).run();
        assert_ne!(outcome.code(), 0);
        let text = outcome.expect_one_line("ERROR", &["no/such", "forged"]);
        assert!(text.chars().all(|it| !it.is_control()), "{text:?}");
    }
    let long = format!("/{}", "long/".repeat(1_000));
    for arguments in [vec![long.as_str()], vec!["-t", &long], vec!["--", &long]] {
        let outcome = Container::as_pid_1().arguments(arguments).run();
        outcome.expect_one_line("ERROR", &["long/long/"]);
        assert!(outcome.stderr.len() <= LONGEST_LINE, "{outcome:#?}");
    }
}

/// The levels that a noisy run shows.
#[track_caller]
fn levels_of(container: Container) -> BTreeSet<String> {
    let outcome = run_noisily(container.options(["-w"]));
    let level = |line| log_line(line).map(|(level, ..)| level.to_owned());
    let levels: Option<BTreeSet<String>> = outcome.stderr.lines().map(level).collect();
    levels.unwrap_or_else(|| panic!("not a log: {outcome:#?}"))
}

/// Requires that with this verbosity all its levels that a noisy run has are shown, and no other.
#[track_caller]
fn expect_verbosity(container: Container, verbosity: usize) {
    let levels = levels_of(container);
    for (level, name) in LEVELS.iter().enumerate() {
        let is_shown = levels.contains(*name);
        if level > verbosity {
            assert!(!is_shown, "{name} with verbosity {verbosity}");
        } else if (1..=3).contains(&level) {
            assert!(is_shown, "no {name} with verbosity {verbosity}");
        }
    }
}

#[test]
fn options_and_variables_say_how_much_is_told() {
    require_root!();
    let options: [(&[&str], usize); 9] = [
        (&[], 1),
        (&["-q"], 0),
        (&["-qq"], 0),
        (&["--quiet"], 0),
        (&["-v"], 2),
        (&["-vv"], 3),
        (&["-v", "--verbose"], 3),
        (&["-vvv"], 4),
        (&["-vvvvvv"], 4),
    ];
    for (options, verbosity) in options {
        let container = Container::as_pid_1().options(options.iter().copied());
        expect_verbosity(container, verbosity);
    }
    for verbosity in 0..=4 {
        let container = Container::as_pid_1().env("TINI_VERBOSITY", verbosity.to_string());
        expect_verbosity(container, verbosity);
    }
}

#[test]
fn other_inits_debug_variables_are_understood() {
    require_root!();
    for (name, value, tells_more) in [
        ("DUMB_INIT_DEBUG", "1", true),
        ("DUMB_INIT_DEBUG", "0", false),
        ("DUMB_INIT_DEBUG", "", false),
        ("CATATONIT_DEBUG", "1", true),
        ("CATATONIT_DEBUG", "", true),
    ] {
        let levels = levels_of(Container::as_pid_1().env(name, value));
        assert_eq!(levels.contains("INFO"), tells_more, "{name}={value:?}");
    }
}

#[test]
fn warns_of_each_orphan_collected_when_asked_to() {
    require_root!();
    for place in PLACES {
        for warn in [
            |it: Container| it.options(["-w"]),
            |it: Container| it.options(["--warn-on-reap"]),
            |it: Container| it.env("TINI_WARN_ON_REAP", "1"),
        ] {
            let mut run = start_noisily(warn(place()));
            let outcome = run.wait(LIMIT);
            let warnings: BTreeSet<&str> =
                outcome.stderr.lines().filter(|line| line.starts_with("[WARN  ")).collect();
            // As many different lines as orphans: each names its own.
            assert_eq!(warnings.len(), ORPHANS, "{outcome:#?}");
            assert_eq!(outcome.stderr.lines().count(), ORPHANS, "{outcome:#?}");
        }
    }
}

#[test]
fn a_message_never_goes_to_stdout() {
    require_root!();
    let outcome = Container::as_pid_1().options(["-vvvvw"]).probe("orphans 3; exit 0").run().expect_code(0);
    assert_eq!(outcome.stdout, "");
    assert_ne!(outcome.stderr, "");
}
