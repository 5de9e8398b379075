//! The binary `pid1` of the crate `pid1-exe`.

use std::time::Duration;

use super::compare::{Case, Peer, Rule, Standing, Text, case, compare, exits, hangs, signal_when_ready};
use crate::support::{Container, Stream, set_of};

const PID1: Peer = Peer {
    name: "pid1",
    sign: "--user-id",
    standing: &[Standing {
        why: "the C library's signals 32 and 33 are not left ignored",
        field: "ignored",
        peers: |set| set | set_of(&[32, 33]),
    }],
};
/// Where it does the exec itself.
const EXECUTED: Peer = Peer { standing: &[], ..PID1 };

const KILLED: &str = "a SIGKILL that is not the init's is explained (D16)";
const LIKE_A_SHELL: &str = "127 and 126 tell a program that can't be run from one that exits with 1 (B26)";

#[test]
fn options_in_every_spelling() {
    let spellings: [&[&str]; 27] = [
        &[],
        &["--"],
        &["-v"],
        &["--verbose", "--"],
        &["-t", "5"],
        &["-t5"],
        &["-t=5"],
        &["--timeout", "5"],
        &["--timeout=5"],
        &["-t", "255"],
        &["-w", "/usr"],
        &["-w/usr"],
        &["-w=/usr"],
        &["--workdir", "/usr"],
        &["--workdir=/usr"],
        &["-e", "A=1"],
        &["-eA=1"],
        &["--env", "A=1", "--env=B=2"],
        &["--env=A=b=c"],
        &["-e", "A="],
        &["-e", "A=1", "-e", "B=x y", "-e", "A=2"],
        &["-e", "TINI_PROBE=2"],
        &["-u", "0"],
        &["-u0", "-g0"],
        &["--user-id=0", "--group-id", "0"],
        &["-t5", "-w", "/usr", "-e", "A=1", "-u", "0", "-g", "0", "--"],
        &["-w/usr", "--", "@", "status", "-v", "--", "--help"],
    ];
    let cases = |place: fn() -> Container| {
        spellings.into_iter().flat_map(move |options| {
            let rest =
                if options.contains(&"@") { [&[][..]; 2] } else { [&["@", "status"][..], &["@", "exit 3"]] };
            let verbose = options.contains(&"-v") || options.contains(&"--verbose");
            rest.map(|rest| {
                // With -v each says what it likes.
                let words = options.iter().chain(rest);
                case(words).at(place).out(Rule::AnyOrder).err(if verbose {
                    Rule::Starting("")
                } else {
                    Rule::Exact
                })
            })
        })
    };
    // To become another user it starts the program in another way, which leaves no signal ignored.
    let (users, others): (Vec<_>, Vec<_>) = cases(Container::as_pid_1).partition(Case::sets_a_user);
    compare(&PID1, others);
    compare(&EXECUTED, users.into_iter().chain(cases(Container::as_subreaper)));
}

#[test]
fn texts_and_mistakes() {
    let mistake = |words: &[&str], name: &'static [&'static str]| {
        case(words.iter().copied()).differs(
            "a mistake is told in one line that names it",
            exits(2),
            exits(2).out(Text::Is("")).err(Text::Line(name)),
        )
    };
    compare(
        &PID1,
        [
            case(["-h"]).out(Rule::Starting("Usage: ")),
            case(["--help"]).out(Rule::Starting("Usage: ")),
            case(["-vh"]).out(Rule::Starting("Usage: ")),
            mistake(&[], &["[pid1] "]),
            mistake(&["-v"], &["[pid1] "]),
            mistake(&["-x"], &["[pid1] ", "-x"]),
            mistake(&["--nonsense"], &["--nonsense"]),
            mistake(&["-t"], &["-t"]),
            mistake(&["-t", "x", "@", "exit 0"], &["-t", "x"]),
            mistake(&["-t", "-1", "@", "exit 0"], &["-t", "-1"]),
            mistake(&["-e", "A", "@", "exit 0"], &["-e", "A"]),
            mistake(&["-u", "root", "@", "exit 0"], &["-u", "root"]),
            mistake(&["-g", "x", "@", "exit 0"], &["-g", "x"]),
            mistake(&["-u", "4294967296", "@", "exit 0"], &["-u", "4294967296"]),
            case(["--version"]).differs(
                "it has a version (B26)",
                exits(2),
                exits(0).out(Text::Line(&["pid1 ", env!("CARGO_PKG_VERSION")])),
            ),
            case(["--time", "5", "@", "exit 3"]).differs("long options can be shortened", exits(2), exits(3)),
            case(["-t", "256", "@", "exit 3"]).differs("times are not bound to a byte", exits(2), exits(3)),
            case(["-t", "500ms", "@", "exit 3"]).differs("times have units", exits(2), exits(3)),
            case(["@", "status", "-x"]).differs(
                "options end at the program: what follows is the program's own (B14)",
                exits(2),
                exits(0).out(Text::Has(&["arg -x\n"])),
            ),
        ],
    );
}

#[test]
fn programs_that_can_t_be_run() {
    let run = |program: &str, code| {
        let ours = exits(code).err(Text::Line(&["[pid1] exec "]));
        case([program, "x"]).differs(LIKE_A_SHELL, exits(1).err(Text::Has(&["spawn failed"])), ours)
    };
    let shell = |case: Case| {
        let peer = exits(1).err(Text::Has(&["Exec format error"]));
        case.differs("a script without #! is the shell's to run", peer, exits(7).err(Text::Is("")))
    };
    compare(
        &PID1,
        [
            run("/no/such/program", 127),
            run("no-such-program", 127),
            run("%/orphaned", 127),
            run("%/plain", 126),
            run("%/directory", 126),
            run("%/loop", 126),
            run("%/plain/x", 126),
            run("plain", 126).env("PATH", "%/"),
            shell(case(["script"]).env("PATH", "/no:%/")),
            case(["-e", "PATH=%/", "script"]),
            shell(case(["%/script"])),
            case(["-e", "PATH=/no", "true"]).differs(
                LIKE_A_SHELL,
                exits(1).err(Text::Has(&["spawn failed"])),
                exits(127).err(Text::Line(&["[pid1] exec true failed: "])),
            ),
            case(["-w", "/no/such/directory", "@", "exit 0"]).differs(
                "the directory is named",
                exits(1).err(Text::Has(&["spawn failed"])),
                exits(1).err(Text::Line(&["[pid1] ", "directory", "No such file or directory"])),
            ),
        ],
    );
    compare(
        &EXECUTED,
        [case(["/no/such/program"]).not_pid_1().differs(
            LIKE_A_SHELL,
            exits(1).err(Text::Has(&["execvp failed with: "])),
            exits(127).err(Text::Line(&["[pid1] exec /no/such/program failed: "])),
        )],
    );
}

#[test]
fn exit_codes() {
    let scripts = [
        "exit 0", "exit 1", "exit 2", "exit 126", "exit 127", "exit 128", "exit 143", "exit 255", "die HUP",
        "die INT", "die KILL", "die SEGV", "die TERM",
    ];
    compare(&PID1, scripts.into_iter().map(|script| case(["@", script]).killed(KILLED)));
    compare(
        &PID1,
        [case(["@", "die RTMIN"]).differs("an end by a real-time signal is seen, too", hangs(), exits(162))],
    );
}

#[test]
fn users() {
    let id = |options: &[&'static str]| {
        case(options.iter().copied().chain(["--", "sh", "-c", "id -u; id -g; id -G"]))
    };
    compare(
        &PID1,
        [
            id(&["-u", "12345"]),
            id(&["-g", "54321"]),
            id(&["-u", "12345", "-g", "54321"]),
            id(&["--user-id=12345", "--group-id=54321"]),
        ],
    );
    compare(&EXECUTED, [id(&["-u", "12345", "-g", "54321"]).not_pid_1()]);
    compare(
        &PID1,
        [case(["-u", "0", "@", "exit 0"]).in_surroundings(|it| it.no_capabilities().no_new_privileges())],
    );
}

#[test]
fn signals() {
    let passed_on = |signal: fn(&mut crate::support::Run) -> String, words: &'static str| {
        case(["@", words]).deeds(signal)
    };
    compare(
        &PID1,
        [
            passed_on(|run| signal_when_ready(run, 15), "record 15"),
            passed_on(|run| signal_when_ready(run, 2), "record 2"),
            case(["@", "say ready; pause"]).deeds(|run| signal_when_ready(run, 15)),
            case(["-t", "1", "@", "ignore-term"]).deeds(|run| signal_when_ready(run, 15)).differs(
                "the end of the time is told, and who is left",
                exits(137).err(Text::Is("")),
                exits(137).err(Text::Has(&[
                    "[pid1] the time is up: killing all processes that are left\n[pid1] process 2 (",
                    ") is still there, ignoring SIGTERM\n",
                ])),
            ),
            case(["@", "ignore-term"])
                .deeds(|run| {
                    signal_when_ready(run, 15);
                    let end = run.elapsed() + Duration::from_millis(2500);
                    run.wait_until("2 s have passed", |run| run.has_ended() || run.elapsed() > end);
                    String::new()
                })
                .differs(
                    "without a time it is the engine that decides when to kill (B26)",
                    exits(137),
                    hangs(),
                ),
            case(["-t", "0", "@", "ignore-term"]).deeds(|run| signal_when_ready(run, 15)).differs(
                "0 means no limit for the program and no waiting for the rest, as everywhere here",
                exits(137),
                hangs(),
            ),
            case(["-t", "1", "@", "ignore INT; say ready; pause"])
                .deeds(|run| signal_when_ready(run, 2))
                .differs(
                    "there is one time for the whole shutdown, not one for INT and one for TERM",
                    exits(143),
                    exits(137),
                ),
            passed_on(
                |run| {
                    run.wait_for_line("ready");
                    [1, 3, 10, 12, 28, 34, 15].iter().for_each(|signal| run.signal(*signal));
                    String::new()
                },
                "record 15",
            )
            .out(Rule::AnyOrder)
            .differs(
                "every signal is passed on (B26)",
                exits(0).out(Text::Lacks(&["signal 1 ", "signal 3 ", "signal 10 ", "signal 12 "])),
                exits(0).out(Text::Has(&["signal 1 ", "signal 3 ", "signal 10 ", "signal 12 "])),
            ),
        ],
    );
}

#[test]
fn what_the_program_is_given() {
    compare(
        &PID1,
        [
            case(["@", "status"]).in_surroundings(|it| it.new_session().directory("/usr".as_ref())),
            case(["@", "status"]).in_surroundings(|it| it.ignored(set_of(&[1, 21]))),
            case(["@", "status"]).in_surroundings(|it| it.blocked(set_of(&[15, 10, 34]))),
            case(["@", "status"]).in_surroundings(|it| it.ignored(set_of(&[13]))).differs(
                "the program has the ignored signals that the init was given, SIGPIPE as well",
                exits(0).out(Text::Has(&["ignored 0000000180000000\n"])),
                exits(0).out(Text::Has(&["ignored 0000000000001000\n"])),
            ),
            case(["@", "status"]).in_surroundings(|it| it.stdin(Stream::Closed)).differs(
                "what is closed stays closed",
                exits(0).out(Text::Has(&["fds 0 1 2\n"])),
                exits(0).out(Text::Has(&["fds 1 2\n"])),
            ),
            case(["@", "status"]).env("LISTEN_PID", "1").env("LISTEN_FDS", "1").differs(
                "sockets that are announced to the init are for the program",
                exits(0).out(Text::Has(&["env LISTEN_PID=1\n"])),
                exits(0).out(Text::Has(&["env LISTEN_PID=2\n"])),
            ),
            case(["@", "block USR1; fork { cleanup 100 }; await USR1; exit 3"])
                .deeds(|run| {
                    run.wait_for_line("ready");
                    let program = run.program().pid;
                    crate::support::sys::kill(program, libc::SIGUSR1).expect("the program is there");
                    String::new()
                })
                .differs(
                    "the rest gets TERM and time to clean up, at most 2 s (B15)",
                    exits(3).out(Text::Is("ready\n")),
                    exits(3).out(Text::Is("ready\nclean\n")),
                ),
            case(["-v", "@", "orphans 3; exit 3"]).in_surroundings(|it| it.stderr(Stream::Broken)).differs(
                "a log that nobody reads costs the messages, not the container (B12)",
                exits(101),
                exits(3),
            ),
        ],
    );
}
