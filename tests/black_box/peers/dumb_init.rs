//! `dumb-init`.

use super::compare::{
    Case, Peer, Rule, Text, case, compare, ends_with, exits, hangs, init_itself, send_each,
    signal_when_ready, spare, term_when_orphans_are_collected, term_when_stopped, terminal,
};
use crate::support::{Stream, set_of};

const DUMB_INIT: Peer = Peer { name: "dumb-init", sign: "--rewrite s:r", standing: &[] };

const ONE_LINE: &str = "a mistake is told in one line";
const KILLED: &str = "a SIGKILL that is not the init's is explained (D16)";
const ANY_SIGNAL: &str = "-r takes every signal, by name and number";

#[test]
fn options_in_every_spelling() {
    let spellings: [&[&str]; 23] = [
        &[],
        &["--"],
        &["-c"],
        &["-c", "--"],
        &["--single-child"],
        &["--single"],
        &["--s"],
        &["-r", "15:2"],
        &["-r15:2"],
        &["-cr15:2"],
        &["-cr", "15:2", "--"],
        &["--rewrite", "15:2"],
        &["--rewrite=15:2"],
        &["--rewr", "15:2"],
        &["--r=15:2", "--"],
        &["-r", "1:0"],
        &["-r", "31:31"],
        &["-r", "15:2", "-r", "15:3"],
        &["-r15:0", "--rewrite=1:15", "--single-child", "--"],
        &["-r", "15:02"],
        &["--", "@", "status", "--", "-v"],
        &["@", "status", "-v", "-V", "--help"],
        &["-c", "@", "status", "-c", "--rewrite"],
    ];
    compare(
        &DUMB_INIT,
        spellings.into_iter().flat_map(|options| {
            let rest = if options.contains(&"@") {
                [&[][..]; 3]
            } else {
                [&["@", "status"][..], &["@", "exit 3"], &["@", "die KILL"]]
            };
            rest.map(|rest| case(options.iter().chain(rest)).killed(KILLED))
        }),
    );
}

#[test]
fn texts_on_request() {
    let version = |word: &str| case([word]).err(Rule::Starting("dumb-init v"));
    compare(
        &DUMB_INIT,
        [
            version("-V"),
            version("--version"),
            version("--vers"),
            version("-cV"),
            version("-h"),
            version("--help"),
            version("--he"),
            version("-ch"),
            case(["-V", "-x"]).err(Rule::Starting("dumb-init v")),
            case(["-c", "-h", "@", "exit 3"]).err(Rule::Starting("dumb-init v")),
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
        &DUMB_INIT,
        [
            mistake(&[], &["[dumb-init] "]),
            mistake(&["--"], &["[dumb-init] "]),
            mistake(&["-c"], &["[dumb-init] "]),
            mistake(&["-x"], &["[dumb-init] ", "-x"]),
            mistake(&["--nonsense"], &["--nonsense"]),
            mistake(&["--ver"], &["--ver"]),
            mistake(&["--verbose=1", "@", "exit 0"], &["--verbose", "1"]),
            mistake(&["-r"], &["-r", "SIGNAL:SIGNAL"]),
            mistake(&["-r", "@", "exit 0"], &["-r"]),
            mistake(&["-r", "15"], &["-r", "15"]),
            mistake(&["-r", ":", "@", "exit 0"], &["-r"]),
            mistake(&["-r", "0:1", "@", "exit 0"], &["0:1"]),
            mistake(&["-r", "15:99", "@", "exit 0"], &["15:99"]),
            mistake(&["-r", "-1:1", "@", "exit 0"], &["-1:1"]),
            case(["-r", "TERM:QUIT", "@", "exit 3"]).differs(
                ANY_SIGNAL,
                exits(1).err(Text::Has(&["between 1 and 31"])),
                exits(3).err(Text::Is("")),
            ),
            case(["-r", "37:15", "@", "exit 3"]).differs(
                ANY_SIGNAL,
                exits(1).err(Text::Has(&["between 1 and 31"])),
                exits(3).err(Text::Is("")),
            ),
            case(["-r", "15:2x", "@", "exit 3"]).differs(
                "a rule with something behind it is a mistake",
                exits(3).err(Text::Is("")),
                exits(1).err(Text::Line(&["15:2x"])),
            ),
            case(["-r", "17:15", "@", "exit 3"]).differs(
                "a rule that can have no effect is a mistake",
                exits(3).err(Text::Is("")),
                exits(1).err(Text::Line(&["17:15", "CHLD"])),
            ),
            case(["-r", "9:15", "@", "exit 3"]).differs(
                "a rule that can have no effect is a mistake",
                exits(3).err(Text::Is("")),
                exits(1).err(Text::Line(&["9:15", "KILL"])),
            ),
        ],
    );
}

#[test]
fn environment() {
    let with = |name, value, script| case(["@", script]).env(name, value);
    compare(
        &DUMB_INIT,
        [
            with("DUMB_INIT_SETSID", "0", "status"),
            with("DUMB_INIT_SETSID", "1", "status"),
            with("DUMB_INIT_SETSID", "", "status"),
            with("DUMB_INIT_SETSID", "00", "status"),
            with("DUMB_INIT_SETSID", "false", "status"),
            with("DUMB_INIT_DEBUG", "0", "exit 3"),
            with("DUMB_INIT_DEBUG", "", "exit 3"),
            with("DUMB_INIT_DEBUG", "11", "exit 3"),
            with("DUMB_INIT_DEBUG", "1", "exit 3").err(Rule::Starting("[dumb-init] ")),
            with("TINI_VERBOSITY", "0", "exit 3"),
        ],
    );
}

/// The lines of a run with `-v`: of the peer and of ours.
const DEBUG: &str = "there is no line for what did not happen, and none for SIGCHLD, which is not passed on";

#[test]
fn debug_lines() {
    // Lines that both have, in this order: a log is read by people and by scripts.
    let debug = |case: Case, lines: &'static [&'static str]| {
        case.differs(DEBUG, exits(3).err(Text::Has(lines)), exits(3).err(Text::Has(lines)))
    };
    const SPAWNED: &str = "[dumb-init] Child spawned with PID 2.\n";
    const SETSID: &str = "[dumb-init] setsid complete.\n";
    const EXITED: &str = "[dumb-init] A child with PID 2 exited with exit status 3.\n";
    const GOODBYE: &str = "[dumb-init] Child exited with status 3. Goodbye.\n";
    const SIGNAL: &[&str] = &[
        SPAWNED,
        "[dumb-init] Received signal 10.\n[dumb-init] Forwarded signal 10 to children.\n",
        EXITED,
        GOODBYE,
    ];
    let signal = |case: Case| case.deeds(|run| signal_when_ready(run, libc::SIGUSR1));
    const WAITS: &str = "block USR1; say ready; await USR1; exit 3";
    compare(
        &DUMB_INIT,
        [
            debug(case(["-v", "@", "exit 3"]), &[SPAWNED, SETSID, EXITED, GOODBYE]),
            debug(case(["--verbose", "@", "exit 3"]), &[SPAWNED, SETSID, EXITED, GOODBYE]),
            debug(case(["@", "exit 3"]).env("DUMB_INIT_DEBUG", "1"), &[SPAWNED, EXITED, GOODBYE]),
            debug(case(["-vc", "@", "exit 3"]), &[SPAWNED, EXITED, GOODBYE]),
            debug(signal(case(["-v", "@", WAITS])), SIGNAL),
            debug(signal(case(["-cv", "@", WAITS])), SIGNAL),
            debug(
                signal(case(["-vr", "10:12", "@", "block USR2; say ready; await USR2; exit 3"])),
                &[
                    "[dumb-init] Received signal 10.\n",
                    "[dumb-init] Translating signal 10 to 12.\n",
                    "[dumb-init] Forwarded signal 12 to children.\n",
                ],
            ),
            case(["-v", "@", "die TERM"]).differs(
                DEBUG,
                exits(143).err(Text::Has(&["[dumb-init] A child with PID 2 was terminated by signal 15.\n"])),
                exits(143).err(Text::Has(&["[dumb-init] A child with PID 2 was terminated by signal 15.\n"])),
            ),
        ],
    );
}

#[test]
fn programs_that_can_t_be_run() {
    let run = |program: &str| case([program, "x"]);
    compare(
        &DUMB_INIT,
        [
            run("/no/such/program"),
            run("no-such-program"),
            run(""),
            run("%/orphaned"),
            run("%/plain"),
            run("%/directory"),
            run("%/loop"),
            run("%/plain/x"),
            run("%/script"),
            run("plain").env("PATH", "%/"),
            run("script").env("PATH", "/no:%/"),
            run("no-such-program").env("PATH", ""),
            run("true").in_surroundings(|container| container.without_env("PATH")),
            case(["/no/such/program"]).not_pid_1(),
            case(["-c", "/no/such/program"]),
            run(&"x".repeat(300)).differs(
                "a very long name is not shown whole",
                exits(2).err(Text::Has(&["xxx: File name too long"])),
                exits(2).err(Text::Line(&["[dumb-init] xxx", "...: File name too long"])),
            ),
        ],
    );
}

#[test]
fn exit_codes() {
    compare(&DUMB_INIT, ends_with("-c").map(|case| case.killed(KILLED)));
}

#[test]
fn signals() {
    // STOP is what TSTP, TTIN and TTOU are made of; it can't be recorded.
    const ALL: [i32; 22] = [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 18, 23, 28, 31, 34, 50, 63];
    let recording = |words: &[&'static str]| {
        case(words.iter().copied().chain(["@", "record 64"])).deeds(|run| {
            send_each(run, &ALL);
            send_each(run, &[64])
        })
    };
    let rewritten = |words: &[&'static str]| {
        case(words.iter().copied().chain(["@", "record 64"])).out(Rule::AnyOrder).deeds(|run| {
            run.wait_for_line("ready");
            for signal in [1, 15, 10, 64] {
                run.signal(signal);
            }
            String::new()
        })
    };
    let stopped = |words: &[&'static str], signal: fn(&mut crate::support::Run) -> String| {
        case(
            words
                .iter()
                .copied()
                .chain(["@", "ignore TSTP TTIN TTOU; block TERM; say ready; await TERM; exit 3"]),
        )
        .deeds(signal)
    };
    compare(
        &DUMB_INIT,
        [
            recording(&[]),
            recording(&["-c"]),
            recording(&[]).not_pid_1(),
            rewritten(&["-r", "15:2"]),
            rewritten(&["-r", "15:0"]),
            rewritten(&["-r", "15:2", "-r15:3"]),
            rewritten(&["-r", "1:10", "-r", "10:1"]),
            rewritten(&["-c", "-r", "1:31"]),
            // The group, and the program alone.
            case(["@", "block USR1; fork { await USR1; say group }; say ready; await USR1; wait; exit 3"])
                .deeds(|run| signal_when_ready(run, libc::SIGUSR1)),
            case([
                "-c",
                "@",
                "block USR1; fork { await USR1; say group }; say ready; await USR1; sleep 50; exit 3",
            ])
            .deeds(|run| signal_when_ready(run, libc::SIGUSR1)),
            stopped(&[], |run| {
                run.wait_for_line("ready");
                run.signal(libc::SIGTSTP);
                run.wait_until("the program has stopped", |run| run.program().state == 'T');
                run.signal(libc::SIGCONT);
                run.wait_until("it goes on", |run| run.program().state != 'T');
                run.signal(libc::SIGTERM);
                "stopped".to_owned()
            }),
            stopped(&["-r", "20:15"], |run| signal_when_ready(run, libc::SIGTSTP)),
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
    let inherited = |words: &[&'static str]| {
        case(words.iter().copied().chain(["@", "status"]))
            .in_surroundings(|it| it.blocked(set_of(&[15, 10, 34])).ignored(set_of(&[1, 13])))
    };
    const NOT_RESET: &str = "the program has the mask and the ignored signals that the init was given (B8)";
    let nothing = exits(0).out(Text::Has(&["blocked 0000000000000000\nignored 0000000000000000\n"]));
    let kept = exits(0).out(Text::Has(&["blocked 0000000200004200\nignored 0000000000001001\n"]));
    compare(
        &DUMB_INIT,
        [
            case(["@", "status"]).in_surroundings(|it| it.directory("/usr".as_ref())),
            case(["@", "status"]).not_pid_1(),
            case(["-c", "@", "status"]).not_pid_1().in_surroundings(|it| it.new_session()),
            case(["@", "status"]).in_surroundings(|it| it.stdin(Stream::Closed)),
            inherited(&[]).differs(NOT_RESET, nothing, kept),
            inherited(&["-c"]).differs(NOT_RESET, nothing, kept),
            case(["@", "status"]).env("LISTEN_PID", "1").env("LISTEN_FDS", "1").differs(
                "sockets that are announced to the init are for the program",
                exits(0).out(Text::Has(&["env LISTEN_PID=1\n"])),
                exits(0).out(Text::Has(&["env LISTEN_PID=2\n"])),
            ),
            case(["@", "block TERM; say ready; await TERM"])
                .in_surroundings(|it| it.directory("/usr".as_ref()).descriptor(7, spare()))
                .deeds(init_itself)
                .differs(
                    "the init keeps no descriptor busy (B30)",
                    exits(0).noted("\"/\" [0, 1, 2, 7]"),
                    exits(0).noted("\"/\" [0, 1, 2]"),
                ),
            case(["@", "block TERM; status; say ready; await TERM"])
                .in_surroundings(|it| it.terminal())
                .deeds(terminal),
            case(["-c", "@", "block TERM; status; say ready; await TERM"])
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
    const TIME: &str = "the rest gets TERM and time to clean up, at most 2 s (B15)";
    let killed = exits(3).out(Text::Is("ready\n"));
    let clean = exits(3).out(Text::Is("ready\nclean\n")).err(Text::Is(""));
    compare(
        &DUMB_INIT,
        [
            case(["@", "orphans 20; exit 3"]),
            case(["@", "block TERM; orphans 20; say ready; await TERM; exit 3"])
                .deeds(term_when_orphans_are_collected),
            left(&[]).differs(TIME, killed, clean),
            left(&["-c"]).differs(TIME, killed, clean),
            left(&["-r", "15:0"]).differs(
                "rules are for what is passed on, not for the end (B25)",
                killed,
                clean,
            ),
            left(&[]).env("TINI_GRACE_PERIOD", "0"),
        ],
    );
}

#[test]
fn bugs_that_are_not_copied() {
    compare(
        &DUMB_INIT,
        [
            // It was always safe from this one (B4).
            case(["@", "exit 3"]).in_surroundings(|it| it.ignored(set_of(&[libc::SIGCHLD]))),
            case(["-v", "@", "pause"])
                .in_surroundings(|it| it.stderr(Stream::Broken))
                .deeds(|run| {
                    // By the peer it is killed by the SIGPIPE that the log has raised.
                    let program = run.program().pid;
                    let glance = run.elapsed() + std::time::Duration::from_millis(100);
                    run.wait_until("a while has passed", |run| run.elapsed() > glance);
                    let lives = crate::support::Process::read(program).is_some_and(|it| !it.is_zombie());
                    run.signal(libc::SIGTERM);
                    format!("the program lives: {lives}")
                })
                .differs(
                    "a log that nobody reads raises no storm of SIGPIPE (B10)",
                    hangs().noted("the program lives: false"),
                    exits(143).noted("the program lives: true"),
                ),
        ],
    );
}
