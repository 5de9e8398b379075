//! Runs that together make all the system calls that there are, and each of which ends by itself,
//! whatever it is refused.

use crate::support::{Container, PROBE, Stream, probe_path};

pub struct Scenario {
    pub name: &'static str,
    pub container: fn() -> Container,
    /// What is refused in each run, so that the older way is taken: rules of strace's.
    pub without: &'static [&'static str],
    /// Its exit code when nothing fails.
    pub code: i32,
    /// The codes that it may have when something does, besides those that say so.
    pub also: &'static [i32],
    /// Nobody can read what the init says.
    pub is_mute: bool,
    /// What it says are no lines of the ordinary log.
    pub says_it_otherwise: bool,
}

const fn scenario(name: &'static str, code: i32, container: fn() -> Container) -> Scenario {
    Scenario { name, container, without: &[], code, also: &[], is_mute: false, says_it_otherwise: false }
}

/// What a program says: after that nothing can be a failure to start it.
pub const STARTED: &str = "started";

fn script(rest: &str) -> String {
    format!("say {STARTED}; {rest}")
}

fn as_pid_1(rest: &str) -> Container {
    Container::as_pid_1().probe(&script(rest))
}

fn as_subreaper(rest: &str) -> Container {
    Container::as_subreaper().probe(&script(rest))
}

/// If nobody tells the program to end, it ends by itself: long after it would have been killed, also where
/// strace is slow to let the init see the machine's processes.
const STUBBORN: &str = "daemon { ignore TERM; pause }; ignore TERM; kill TERM init; sleep 3000; exit 7";
const GRACE: [&str; 2] = ["-t", "100ms"];

/// Those in which the init itself fails.
pub const SCENARIOS: [Scenario; 15] = [
    scenario("plain", 7, || as_pid_1("exit 7")),
    scenario("session", 7, || as_pid_1("exit 7").terminal().options(["-S"])),
    Scenario { also: &[7], ..scenario("grace period", 137, || as_pid_1(STUBBORN).options(GRACE)) },
    Scenario {
        also: &[7],
        ..scenario("grace period, not PID 1", 137, || as_subreaper(STUBBORN).options(GRACE))
    },
    Scenario {
        // A parent that can't be asked for once and is there then is another one.
        also: &[143],
        ..scenario("drain, not PID 1", 7, || {
            as_subreaper("daemon { setsid; pause }; exit 7").options(GRACE).options(["-p", "TERM"])
        })
    },
    Scenario {
        // Nobody but its tracer could have it go on.
        also: &[137],
        ..scenario("traced by its parent", 7, || {
            as_pid_1("fork { sleep 300; kill KILL init }; trace-me; kill URG self; exit 7").options(GRACE)
        })
    },
    Scenario {
        also: &[7],
        ..scenario("orphans", 138, || {
            as_pid_1("daemon { sleep 20 }; daemon { sleep 40 }; sleep 60; kill USR1 init; sleep 60; exit 7")
        })
    },
    scenario("wait for all", 7, || as_pid_1("daemon { sleep 60 }; exit 7").options(["-W"])),
    scenario("job control", 7, || {
        as_subreaper("fork { sleep 200; kill CONT init }; kill TSTP self; exit 7").terminal()
    }),
    scenario("no program", 127, || Container::as_pid_1().program(["no-such-program"])),
    scenario("messages", 137, || as_pid_1("orphans 2; sleep 20; die KILL").options(["-vvvv"])),
    Scenario {
        is_mute: true,
        ..scenario("nobody reads", 7, || as_pid_1("exit 7").options(["-vv"]).stderr(Stream::Full))
    },
    Scenario {
        without: &["close_range:error=ENOSYS", "openat:error=EACCES", "pwritev2:error=ENOSYS"],
        ..scenario("an old kernel without /proc", 7, || as_pid_1("exit 7").options(["-vv"]))
    },
    Scenario {
        says_it_otherwise: true,
        ..scenario("pid1, not PID 1", 7, || as_subreaper("exit 7").name("pid1"))
    },
    scenario("help", 0, || Container::as_pid_1().arguments(["--help"])),
];

/// Those in which its child fails, before it is the program.
pub const CHILDREN: [Scenario; 5] = [
    scenario("terminal", 7, || as_pid_1("exit 7").terminal()),
    scenario("session", 7, || as_pid_1("exit 7").terminal().options(["-S"])),
    scenario("user and directory", 7, || {
        let program = ["sh", "-c", "echo started; exit 7"];
        Container::as_pid_1().options(["--user=54010:54010", "--workdir=/"]).program(program)
    }),
    Scenario {
        without: &["setgroups:error=EPERM"],
        ..scenario("user that it is already", 7, || as_pid_1("exit 7").options(["--user=0"]))
    },
    scenario("search, sockets, SIGCHLD ignored", 7, || {
        let path = probe_path();
        let (folder, name) = (path.parent().expect("a folder"), path.file_name().expect("a name"));
        let folders = std::env::join_paths(["/nonexistent".as_ref(), folder]).expect("a PATH");
        Container::as_pid_1()
            .env(PROBE, "1")
            .env("PATH", folders)
            .env("LISTEN_PID", "1")
            .ignored(crate::support::set_of(&[libc::SIGCHLD]))
            .program([name.to_owned(), script("exit 7").into()])
    }),
];

/// Those in which the program waits for a signal, and in the end no longer.
pub const WAITING: [Scenario; 6] = [
    scenario("PID 1", 7, || as_pid_1("sleep 2000; exit 7")),
    scenario("not PID 1", 7, || as_subreaper("sleep 2000; exit 7")),
    scenario("alone", 7, || as_pid_1("sleep 2000; exit 7").options(["-c"])),
    scenario("session", 7, || as_pid_1("sleep 2000; exit 7").terminal().options(["-S", "-t", "10s"])),
    scenario("terminal", 7, || as_subreaper("sleep 2000; exit 7").terminal()),
    scenario("orphans", 7, || as_pid_1("daemon { sleep 20 }; daemon { sleep 40 }; sleep 2000; exit 7")),
];
