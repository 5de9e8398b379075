//! `catatonit`, Podman's init.

use std::process::Command;

use super::compare::{
    Peer, Rule, Standing, Text, case, compare, ends_with, exits, hangs, init_itself, send_each,
    signal_when_ready, spare, term_when_orphans_are_collected, term_when_stopped, terminal,
};
use crate::support::{Run, Stream, require, set_of};

const CATATONIT: Peer = Peer {
    name: "catatonit",
    sign: "[-ghLPV]",
    standing: &[Standing {
        why: "TSTP, TTIN and TTOU are not blocked in the program, whose job control needs them (B7)",
        field: "blocked",
        peers: |set| set | set_of(&[20, 21, 22]),
    }],
};

const ONE_LINE: &str = "a mistake is told in one line";
const KILLED: &str = "a SIGKILL that is not the init's is explained (D16)";
const NOT_PERMUTED: &str = "options end at the program: what follows is the program's own (B14)";

#[test]
fn options_in_every_spelling() {
    let spellings: [&[&str]; 6] =
        [&[], &["--"], &["-g"], &["-g", "--"], &["-gg"], &["--", "@", "status", "-h", "--", "--version"]];
    compare(
        &CATATONIT,
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
    let version = |word: &str| {
        let (peer, ours) = (exits(0).out(Text::Line(&["tini version ", "_catatonit\n"])), exits(0));
        let ours = ours.out(Text::Line(&["tini version ", env!("CARGO_PKG_VERSION"), "_catatonit\n"]));
        case([word]).differs("the version is ours", peer.err(Text::Is("")), ours.err(Text::Is("")))
    };
    let usage = |words: &[&str]| {
        case(words.iter().copied())
            .err(Rule::Starting("usage: catatonit [-ghLPV] [--] <progname> [<arguments>...]\n"))
    };
    compare(
        &CATATONIT,
        [
            version("-V"),
            version("--version"),
            version("--vers"),
            version("--v"),
            version("-gV"),
            usage(&["-h"]),
            usage(&["-gh"]),
            usage(&["-h", "@", "exit 3"]),
            case(["-L"]).differs(
                "the licence is ours",
                exits(0).out(Text::Has(&["GNU General Public License"])),
                exits(0).out(Text::Has(&["MIT License"])),
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
        &CATATONIT,
        [
            mistake(&[], &["ERROR (catatonit:1): "]),
            mistake(&["--"], &["ERROR (catatonit:1): "]),
            mistake(&["-g"], &["ERROR (catatonit:1): "]),
            mistake(&["-x"], &["ERROR (catatonit:1): ", "-x"]),
            mistake(&["-gx"], &["-x"]),
            mistake(&["--nonsense"], &["--nonsense"]),
            mistake(&["--version=1"], &["--version", "1"]),
            mistake(&["-s", "@", "exit 0"], &["-s"]),
        ],
    );
}

#[test]
fn words_after_the_program() {
    compare(
        &CATATONIT,
        [
            case(["--", "@", "status", "-h", "-P"]),
            case(["@", "status", "a", "b"]),
            case(["@", "status", "-h"]).differs(
                NOT_PERMUTED,
                exits(0).err(Text::Has(&["usage: "])),
                exits(0).out(Text::Has(&["arg -h\n"])),
            ),
            case(["@", "status", "-c"]).differs(
                NOT_PERMUTED,
                exits(1).err(Text::Has(&["invalid option -- 'c'"])),
                exits(0).out(Text::Has(&["arg -c\n"])),
            ),
            case(["@", "status", "--", "x"]).differs(
                NOT_PERMUTED,
                exits(0).out(Text::Lacks(&["arg --\n"])),
                exits(0).out(Text::Has(&["arg --\n", "arg x\n"])),
            ),
        ],
    );
}

#[test]
fn environment() {
    // Of the peer's two processes either may be the first to say something.
    let debug = |value| {
        let tells = exits(3).err(Text::Has(&["DEBUG (catatonit:1): "]));
        case(["@", "exit 3"]).env("CATATONIT_DEBUG", value).differs("each says what it likes", tells, tells)
    };
    compare(
        &CATATONIT,
        [
            case(["@", "exit 3"]).env("CATATONIT_LOG", "1").differs(
                "CATATONIT_LOG is no reason not to run the program",
                exits(1).err(Text::Has(&["ERROR (catatonit:1): ", "CATATONIT_LOG"])),
                exits(3).err(Text::Is("")),
            ),
            debug("1"),
            debug(""),
            case(["@", "status"]).env("TINI_SUBREAPER", "1"),
        ],
    );
}

#[test]
fn programs_that_can_t_be_run() {
    let run = |program: &str| {
        case([program, "x"]).differs(
            "what could not be run is named, by the init",
            exits(1).err(Text::Has(&["ERROR (catatonit:2): failed to exec pid1: "])),
            exits(1).err(Text::Line(&["ERROR (catatonit:1): exec "])),
        )
    };
    compare(
        &CATATONIT,
        [
            run("/no/such/program"),
            run("no-such-program"),
            run(""),
            run("%/orphaned"),
            run("%/plain"),
            run("%/directory"),
            run("%/loop"),
            run("%/plain/x"),
            run("plain").env("PATH", "%/"),
            case(["%/script"]),
            case(["script"]).env("PATH", "/no:%/"),
            case(["true"]).in_surroundings(|container| container.without_env("PATH")),
        ],
    );
}

#[test]
fn exit_codes() {
    compare(&CATATONIT, ends_with("-g").map(|case| case.killed(KILLED)));
}

#[test]
fn signals() {
    const ORDINARY: [i32; 13] = [1, 2, 3, 10, 12, 13, 14, 18, 23, 28, 34, 37, 64];
    let recording = |options: &[&'static str]| {
        case(options.iter().copied().chain(["@", "record 64"])).deeds(|run| send_each(run, &ORDINARY))
    };
    let passed_on = |deeds: fn(&mut Run) -> String, lines: &'static [&'static str], why| {
        case(["@", "record 64"]).deeds(deeds).differs(
            why,
            exits(0).out(Text::Lacks(lines)),
            exits(0).out(Text::Has(lines)),
        )
    };
    compare(
        &CATATONIT,
        [
            recording(&[]),
            recording(&["-g"]),
            recording(&[]).not_pid_1(),
            passed_on(
                |run| {
                    run.wait_for_line("ready");
                    [20, 21, 22, 64].iter().for_each(|signal| run.signal(*signal));
                    String::new()
                },
                &["signal 20 ", "signal 21 ", "signal 22 "],
                "TSTP, TTIN and TTOU are passed on, too (B7)",
            ),
            passed_on(
                |run| {
                    run.wait_for_line("ready");
                    [11, 64].iter().for_each(|signal| run.signal(*signal));
                    String::new()
                },
                &["signal 11 "],
                "signals with a meaning for the init are passed on when somebody sends them",
            ),
            case([
                "-g",
                "@",
                "block USR1; fork { await USR1; say group }; say ready; await USR1; wait; exit 3",
            ])
            .deeds(|run| signal_when_ready(run, libc::SIGUSR1)),
            case([
                "@",
                "block USR1; fork { await USR1; say group }; say ready; await USR1; sleep 50; exit 3",
            ])
            .deeds(|run| signal_when_ready(run, libc::SIGUSR1)),
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
        &CATATONIT,
        [
            case(["@", "status"]).in_surroundings(|it| it.new_session().directory("/usr".as_ref())),
            case(["-g", "@", "status"])
                .in_surroundings(|it| it.blocked(set_of(&[15, 10, 34])).ignored(set_of(&[1, 13, 21]))),
            case(["@", "status"]).not_pid_1(),
            case(["@", "status"]).in_surroundings(|it| it.stdin(Stream::Closed)),
            case(["@", "status"]).env("LISTEN_PID", "1").env("LISTEN_FDS", "1"),
            case(["@", "status"]).env("LISTEN_PID", "77").env("LISTEN_FDS", "1"),
            case(["@", "status"]).env("LISTEN_PID", "1x").env("LISTEN_FDS", "1").differs(
                "what is no number names no process",
                exits(0).out(Text::Has(&["env LISTEN_PID=2\n"])),
                exits(0).out(Text::Has(&["env LISTEN_PID=1x\n"])),
            ),
            case(["@", "block TERM; say ready; await TERM"])
                // From "/" on, as before 0.2 it stayed where it was started.
                .in_surroundings(|it| it.directory("/".as_ref()).descriptor(7, spare()))
                .deeds(init_itself),
            case(["@", "block TERM; status; say ready; await TERM"])
                .in_surroundings(|it| it.terminal())
                .deeds(terminal),
        ],
    );
}

#[test]
fn orphans_and_the_rest() {
    let left = || {
        case(["@", "block USR1; fork { cleanup 100 }; await USR1; exit 3"])
            .deeds(|run| signal_when_ready(run, libc::SIGUSR1))
    };
    compare(
        &CATATONIT,
        [
            case(["@", "orphans 20; exit 3"]),
            case(["@", "block TERM; orphans 20; say ready; await TERM; exit 3"])
                .not_pid_1()
                .deeds(term_when_orphans_are_collected),
            left().differs(
                "the rest gets TERM and time to clean up, at most 2 s (B15)",
                exits(3).out(Text::Is("ready\n")),
                exits(3).out(Text::Is("ready\nclean\n")).err(Text::Is("")),
            ),
            left().env("TINI_GRACE_PERIOD", "0"),
        ],
    );
}

#[test]
fn pausing() {
    require!("nsenter");
    // Waits until the signal handling is set up: then the init sleeps in the kernel.
    fn paused(run: &mut Run) {
        run.wait_until("it waits", |run| run.init().state == 'S');
    }
    let ended_by = |words: &[&str], deeds: fn(&mut Run) -> String| case(words.iter().copied()).deeds(deeds);
    compare(
        &CATATONIT,
        [
            ended_by(&["-P"], |run| {
                paused(run);
                run.signal(libc::SIGTERM);
                String::new()
            }),
            ended_by(&["-P"], |run| {
                paused(run);
                [1, 3, 10, 12, 14, 28, 34, 64, 2].iter().for_each(|signal| run.signal(*signal));
                String::new()
            }),
            ended_by(&["-gP"], |run| {
                paused(run);
                run.signal(libc::SIGINT);
                String::new()
            })
            .not_pid_1(),
            ended_by(&["-P", "--"], |run| {
                paused(run);
                run.signal(libc::SIGINT);
                String::new()
            }),
            ended_by(&["-P", "a", "b"], |run| {
                paused(run);
                run.signal(libc::SIGINT);
                String::new()
            }),
            ended_by(&["-P"], |run| {
                paused(run);
                let mut enter = Command::new("nsenter");
                enter.args(["-p", "-m", "-t", &run.pid().to_string(), "sh", "-c", "sleep 0.05 & echo"]);
                let entered = enter.output().expect("nsenter");
                assert!(entered.status.success(), "{entered:?}");
                run.wait_until("the orphan has been collected", |run| run.processes().is_empty());
                run.signal(libc::SIGTERM);
                "collected".to_owned()
            }),
        ],
    );
}

#[test]
fn bugs_that_are_not_copied() {
    compare(
        &CATATONIT,
        [case(["@", "exit 3"]).in_surroundings(|it| it.ignored(set_of(&[libc::SIGCHLD]))).differs(
            "an inherited SIGCHLD that is ignored does not hide the program's end (B4)",
            hangs(),
            exits(3),
        )],
    );
}
