//! `tini`, as `docker run --init` has it.

use super::compare::{
    Case, ENDS, Peer, Rule, Text, case, compare, exits, hangs, init_itself, send_each, signal_when_ready,
    spare, term_when_orphans_are_collected, term_when_stopped, terminal,
};
use crate::support::{LIMIT, Stream, require, set_of, sys};

const TINI: Peer = Peer { name: "tini", sign: "TINI_SUBREAPER", standing: &[] };

const STDERR: &str = "what the init says is on stderr, out of the program's output (B19)";
const NOT_PERMUTED: &str = "options end at the program: what follows is the program's own (B14)";
const KILLED: &str = "a SIGKILL that is not the init's is explained (D16)";
const ONE_LINE: &str = "a mistake is told in one line, not with the whole help";

#[test]
fn options_in_every_spelling() {
    let spellings: [&[&str]; 21] = [
        &[],
        &["--"],
        &["-s"],
        &["-g"],
        &["-w"],
        &["-sg"],
        &["-sgw", "--"],
        &["-p", "SIGTERM"],
        &["-pSIGTERM"],
        &["-sp", "SIGKILL", "--"],
        &["-gpSIGUSR1"],
        &["-e", "3"],
        &["-e3"],
        &["-ge3"],
        &["-sge", "3", "--"],
        &["-e", "0"],
        &["-e255", "-e", "3"],
        &["-e003"],
        &["-e", "3", "-e", "4"],
        &["-e3", "-e3"],
        &["-w", "-s", "-g", "-e", "143", "-p", "SIGINT", "--"],
    ];
    compare(
        &TINI,
        spellings.into_iter().flat_map(|options| {
            ["status", "exit 3", "die KILL"]
                .map(|script| case(options.iter().copied().chain(["@", script])).killed(KILLED))
        }),
    );
}

#[test]
fn texts_on_request() {
    compare(
        &TINI,
        [
            case(["--version"]).out(Rule::Starting("tini version ")),
            case(["-h"]).out(Rule::Starting("tini (tini version ")),
            case(["-l"]).out(Rule::Starting("The MIT License (MIT)\n\nCopyright (c) 2015")).differs(
                "the licence is ours",
                exits(0).out(Text::Has(&["MIT License", "AS IS", "Orozco"])),
                exits(0).out(Text::Has(&["MIT License", "AS IS"])),
            ),
            case(["-sh"]).out(Rule::Starting("tini (tini version ")),
            case(["-h", "-x"]).out(Rule::Starting("tini (tini version ")),
            case(["-v", "--version"]).differs(
                "--version is known wherever it stands",
                exits(1).err(Text::Has(&["invalid option -- '-'"])),
                exits(0).out(Text::Has(&["tini version "])).err(Text::Is("")),
            ),
        ],
    );
}

#[test]
fn mistakes() {
    let mistake = |words: &[&str], name: &'static [&'static str]| {
        case(words.iter().copied()).differs(
            ONE_LINE,
            exits(1),
            exits(1).out(Text::Is("")).err(Text::Line(name)),
        )
    };
    compare(
        &TINI,
        [
            mistake(&["-x"], &["[FATAL tini (1)] ", "-x"]),
            mistake(&["-gx", "@", "exit 0"], &["-x"]),
            mistake(&[], &["[FATAL tini (1)] "]),
            mistake(&["--"], &["[FATAL tini (1)] "]),
            mistake(&["-s"], &["[FATAL tini (1)] "]),
            mistake(&["-e"], &["-e", "255"]),
            mistake(&["-p"], &["-p", "TERM"]),
            mistake(&["-e", "256", "@", "exit 0"], &["-e", "256"]),
            mistake(&["-e", "-1", "@", "exit 0"], &["-e", "-1"]),
            mistake(&["-e", "x", "@", "exit 0"], &["-e", "x"]),
            mistake(&["-e3x", "@", "exit 0"], &["-e", "3x"]),
            mistake(&["-p", "NONSENSE", "@", "exit 0"], &["-p", "NONSENSE"]),
            mistake(&["--nonsense", "@", "exit 0"], &["--nonsense"]),
            case(["-p", "TERM", "@", "exit 0"]).differs(
                "-p takes every signal by name and number",
                exits(1).err(Text::Has(&["Not a valid option for -p: TERM"])),
                exits(0).err(Text::Is("")),
            ),
            case(["-pSIGRTMIN", "@", "exit 0"]).differs(
                "-p takes every signal by name and number",
                exits(1).err(Text::Has(&["Not a valid option for -p: SIGRTMIN"])),
                exits(0).err(Text::Is("")),
            ),
            case(["-p15", "@", "exit 0"]).differs(
                "-p takes every signal by name and number",
                exits(1).err(Text::Has(&["Not a valid option for -p: 15"])),
                exits(0).err(Text::Is("")),
            ),
            case(["-e", "", "@", "exit 3"]).differs(
                "nothing is no code",
                exits(3).err(Text::Is("")),
                exits(1).err(Text::Line(&["-e"])),
            ),
            case(["-e", "3:4", "@", "exit 3"]).differs(
                "-e can name the code to exit with",
                exits(1).err(Text::Has(&["Not a valid option for -e: 3:4"])),
                exits(4),
            ),
        ],
    );
}

#[test]
fn words_after_the_program() {
    compare(
        &TINI,
        [
            case(["--", "@", "status", "-l", "--version", "--", "-x"]),
            case(["@", "status", "a", "b"]),
            case(["@", "status", "-l"]).differs(
                NOT_PERMUTED,
                exits(0).out(Text::Has(&["MIT License"])),
                exits(0).out(Text::Has(&["arg -l\n"])),
            ),
            case(["@", "status", "-x"]).differs(
                NOT_PERMUTED,
                exits(1).err(Text::Has(&["invalid option -- 'x'"])),
                exits(0).out(Text::Has(&["arg -x\n"])),
            ),
            case(["@", "exit 3", "-e3"]).differs(NOT_PERMUTED, exits(0), exits(3)),
            case(["@", "status", "--", "x"]).differs(
                NOT_PERMUTED,
                exits(0).out(Text::Lacks(&["arg --\n"])),
                exits(0).out(Text::Has(&["arg --\n", "arg x\n"])),
            ),
            // tini's own way out: then it stops at the program, too.
            case(["@", "status", "-l", "--", "x"]).env("POSIXLY_CORRECT", "1"),
        ],
    );
}

#[test]
fn environment() {
    let verbose = |value| case(["@", "exit 3"]).env("TINI_VERBOSITY", value);
    let group = |script| case(["@", script]).deeds(|run| signal_when_ready(run, libc::SIGUSR1));
    const GROUP: &str = "block USR1; fork { await USR1; say group }; say ready; await USR1; wait; exit 3";
    compare(
        &TINI,
        [
            case(["@", "status"]).env("TINI_SUBREAPER", "1"),
            case(["@", "status"]).env("TINI_SUBREAPER", ""),
            case(["@", "status"]).env("TINI_KILL_PROCESS_GROUP", "1"),
            group(GROUP).env("TINI_KILL_PROCESS_GROUP", "1"),
            group(GROUP).env("TINI_KILL_PROCESS_GROUP", ""),
            group("block USR1; fork { await USR1; say group }; say ready; await USR1; sleep 50; exit 3")
                .env("TINI_KILL_PROCESS_GROUP", "0")
                .differs(
                    "a variable can switch off, too (B20)",
                    exits(3).out(Text::Has(&["group"])),
                    exits(3).out(Text::Is("ready\n")),
                ),
            verbose("0"),
            verbose("1"),
            verbose("2").differs(
                STDERR,
                exits(3).out(Text::Has(&["[INFO  tini (1)] "])).err(Text::Is("")),
                exits(3).out(Text::Is("")).err(Text::Has(&["[INFO  tini (1)] "])),
            ),
            verbose("3").differs(
                STDERR,
                exits(3).out(Text::Has(&["[DEBUG tini (1)] "])).err(Text::Is("")),
                exits(3).out(Text::Is("")).err(Text::Has(&["[DEBUG tini (1)] "])),
            ),
            case(["-v", "@", "exit 3"]).env("TINI_VERBOSITY", "1").differs(
                "an option beats its variable (B20)",
                exits(3).out(Text::Is("")).err(Text::Is("")),
                exits(3).out(Text::Is("")).err(Text::Has(&["[INFO  tini (1)] "])),
            ),
            verbose("loud").differs(
                "a variable that says nothing is a mistake, not a 0",
                exits(3).err(Text::Is("")),
                exits(1).err(Text::Line(&["[FATAL tini (1)] ", "TINI_VERBOSITY", "loud"])),
            ),
            verbose("5").differs(
                STDERR,
                exits(3).out(Text::Has(&["[TRACE tini (1)] "])),
                exits(3).out(Text::Is("")).err(Text::Has(&["[DEBUG tini (1)] "])),
            ),
        ],
    );
}

#[test]
fn verbosity_by_option() {
    let loud = |option, level: &'static [&'static str]| {
        case([option, "--", "@", "exit 3"]).differs(
            STDERR,
            exits(3).out(Text::Has(level)).err(Text::Is("")),
            exits(3).out(Text::Is("")).err(Text::Has(level)),
        )
    };
    compare(
        &TINI,
        [
            loud("-v", &["[INFO  tini (1)] "]),
            loud("-vv", &["[INFO  tini (1)] ", "[DEBUG tini (1)] "]),
            loud("-vvv", &["[INFO  tini (1)] ", "[DEBUG tini (1)] "]),
            // The place of a warning is the same, its words are each one's own.
            case(["-w", "@", "block TERM; orphans 1; say ready; await TERM; exit 3"])
                .err(Rule::Starting("[WARN  tini (1)] "))
                .deeds(|run| {
                    run.wait_for_log("[WARN  tini (1)] ");
                    run.signal(libc::SIGTERM);
                    String::new()
                }),
        ],
    );
}

#[test]
fn programs_that_can_t_be_run() {
    let run = |program: &str| case([program, "x"]).err(Rule::ButNumbers);
    let told_apart = |program: &str| {
        run(program).differs(
            "found but not executable is 126, whatever the reason (B21)",
            exits(1).err(Text::Has(&["[FATAL tini (2)] exec "])),
            exits(126).err(Text::Line(&["[FATAL tini (1)] exec "])),
        )
    };
    compare(
        &TINI,
        [
            run("/no/such/program"),
            run("no-such-program"),
            run(""),
            run("%/orphaned"),
            run("%/plain"),
            run("%/directory"),
            run("%/script"),
            told_apart("%/loop"),
            told_apart("%/plain/x"),
            told_apart(&"x".repeat(300)),
            run("plain").env("PATH", "%/"),
            run("script").env("PATH", "/no:%/"),
            run("plain").env("PATH", "%/:/no"),
            run("no-such-program").env("PATH", ""),
            run("true").in_surroundings(|container| container.without_env("PATH")),
            run("%/binary").differs(
                "no shell is let loose on a binary of another kind",
                exits(127).err(Text::Has(&["not found"])),
                exits(126).err(Text::Line(&["[FATAL tini (1)] exec "])),
            ),
        ],
    );
}

#[test]
fn exit_codes() {
    compare(
        &TINI,
        ENDS.into_iter().flat_map(|script| {
            [case(["@", script]), case(["@", script]).not_pid_1().in_surroundings(as_subreaper)]
                .map(|case| case.killed(KILLED))
        }),
    );
    compare(&TINI, [case(["-e143", "@", "die TERM"]), case(["-e", "137", "-e139", "@", "die SEGV"])]);
}

/// Without the warning of not being PID 1.
fn as_subreaper(container: crate::support::Container) -> crate::support::Container {
    container.env("TINI_SUBREAPER", "")
}

#[test]
fn signals() {
    const ORDINARY: [i32; 14] = [1, 2, 3, 10, 12, 13, 14, 18, 20, 23, 28, 34, 37, 64];
    let recording = |options: &[&'static str]| {
        case(options.iter().copied().chain(["@", "record 64"])).deeds(|run| send_each(run, &ORDINARY))
    };
    let one_more = |signal: fn(&mut crate::support::Run) -> String, line: &'static [&'static str]| {
        case(["@", "record 64"]).deeds(signal).differs(
            "signals with a meaning for the init are passed on when somebody sends them",
            exits(0).out(Text::Lacks(line)),
            exits(0).out(Text::Has(line)),
        )
    };
    compare(
        &TINI,
        [
            recording(&[]),
            recording(&["-g"]),
            recording(&["-s"]).not_pid_1(),
            case(["@", "pause"]).deeds(|run| {
                run.wait_until("the program runs", |run| run.program().state == 'S');
                run.signal(libc::SIGTERM);
                String::new()
            }),
            one_more(
                |run| {
                    run.wait_for_line("ready");
                    run.signal(libc::SIGSEGV);
                    run.signal(64);
                    String::new()
                },
                &["signal 11 "],
            ),
            one_more(
                |run| {
                    run.wait_for_line("ready");
                    run.signal(libc::SIGTTIN);
                    run.signal(libc::SIGTTOU);
                    run.signal(64);
                    String::new()
                },
                &["signal 21 ", "signal 22 "],
            ),
            case(["@", "say ready; stop; pause"]).deeds(term_when_stopped).differs(
                "a stopped program is continued, so that it can act on TERM (B17)",
                hangs(),
                exits(143),
            ),
        ],
    );
}

#[test]
fn what_the_program_is_given() {
    compare(
        &TINI,
        [
            case(["@", "status"]).in_surroundings(|it| it.new_session()),
            case(["-g", "@", "status"])
                .in_surroundings(|it| it.blocked(set_of(&[15, 10, 34])).ignored(set_of(&[1, 13, 21, 22]))),
            case(["@", "status"]).in_surroundings(|it| it.directory("/usr".as_ref())),
            case(["-s", "@", "status"]).not_pid_1().in_surroundings(|it| it.new_session()),
            case(["@", "status"]).in_surroundings(|it| it.stdin(Stream::Closed)).differs(
                "a closed stdin is no reason not to run the program (B6)",
                exits(1).err(Text::Has(&["tcsetpgrp failed"])),
                exits(0).out(Text::Has(&["fds 1 2\n"])).err(Text::Is("")),
            ),
            case(["@", "status"]).env("LISTEN_PID", "1").env("LISTEN_FDS", "1").differs(
                "sockets that are announced to the init are for the program",
                exits(0).out(Text::Has(&["env LISTEN_PID=1\n"])),
                exits(0).out(Text::Has(&["env LISTEN_PID=2\n"])),
            ),
            case(["@", "status"]).env("LISTEN_PID", "77").env("LISTEN_FDS", "1"),
            case(["@", "block TERM; say ready; await TERM"])
                .in_surroundings(|it| it.directory("/usr".as_ref()).descriptor(7, spare()))
                .deeds(init_itself)
                .differs(
                    "the init keeps no directory and no descriptor busy (B30, B31)",
                    exits(0).noted("\"/usr\" [0, 1, 2, 7]"),
                    exits(0).noted("\"/\" [0, 1, 2]"),
                ),
            case(["@", "block TERM; status; say ready; await TERM"])
                .in_surroundings(|it| it.terminal())
                .deeds(terminal),
        ],
    );
}

#[test]
fn orphans_and_the_rest() {
    let left = |words: &[&'static str]| {
        case(words.iter().copied().chain(["@", "block USR1; fork { cleanup 100 }; await USR1; exit 3"]))
            .deeds(|run| signal_when_ready(run, libc::SIGUSR1))
    };
    compare(
        &TINI,
        [
            case(["@", "orphans 20; exit 3"]),
            case(["@", "block TERM; orphans 20; say ready; await TERM; exit 3"])
                .deeds(term_when_orphans_are_collected),
            left(&[]),
            left(&["-g"]),
            left(&[]).env("TINI_GRACE_PERIOD", "20s").differs(
                "TINI_GRACE_PERIOD gives the rest time (B15)",
                exits(3).out(Text::Is("ready\n")),
                exits(3).out(Text::Is("ready\nclean\n")).err(Text::Is("")),
            ),
        ],
    );
}

#[test]
fn not_pid_1() {
    compare(
        &TINI,
        [
            case(["@", "exit 3"]).not_pid_1().differs(
                "not being PID 1 it is a subreaper, and so there is nothing to warn of",
                exits(3).err(Text::Has(&["[WARN  tini (INIT)] ", "not running as PID 1"])),
                exits(3).err(Text::Is("")),
            ),
            case(["-s", "@", "exit 3"]).not_pid_1(),
            case(["@", "exit 3"]).not_pid_1().env("TINI_SUBREAPER", ""),
            case(["-s", "/no/such/program"]).not_pid_1().err(Rule::ButNumbers),
            case(["-s", "@", "block TERM; daemon { exit 0 }; say ready; await TERM; exit 3"])
                .not_pid_1()
                .deeds(term_when_orphans_are_collected),
        ],
    );
}

#[test]
fn bugs_that_are_not_copied() {
    require!("strace");
    let refused = |case: Case| {
        case.in_surroundings(|it| it.strace(["-e", "inject=kill:error=EPERM:when=1"]))
            .deeds(|run| signal_when_ready(run, libc::SIGUSR1))
    };
    compare(
        &TINI,
        [
            refused(case(["@", "block USR1; say ready; sleep 300; exit 3"])).differs(
                "a signal that can't be passed on is no reason to end (B5)",
                exits(1).err(Text::Has(&["[FATAL tini (1)] Unexpected error when forwarding signal"])),
                exits(3).err(Text::Line(&["[WARN  tini (1)] ", "SIGUSR1", "Operation not permitted"])),
            ),
            case(["@", "exit 3"]).in_surroundings(|it| it.ignored(set_of(&[libc::SIGCHLD]))).differs(
                "an inherited SIGCHLD that is ignored does not hide the program's end (B4)",
                hangs(),
                exits(3),
            ),
            case(["-w", "@", "block PIPE TERM; orphans 1; say ready; await TERM; status"])
                .in_surroundings(|it| it.stderr(Stream::Broken))
                .deeds(term_when_orphans_are_collected)
                .differs(
                    "the SIGPIPE of the init's own log is not passed on (B11)",
                    exits(0).out(Text::Has(&["pending 0000000000001000\n"])),
                    exits(0).out(Text::Has(&["pending 0000000000000000\n"])),
                ),
        ],
    );
    let _ = (LIMIT, sys::LAST_SIGNAL);
}
