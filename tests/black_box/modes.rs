//! Sessions, pausing, waiting for all; the program's user, directory and environment.

use std::os::fd::AsFd;
use std::path::Path;

use crate::support::{
    Container, LIMIT, PLACES, Process, Report, Run, Scratch, init_path, probe_command, require, require_root,
    set_of, sys,
};

/// What the program with this script is given.
#[track_caller]
fn report(container: Container) -> Report {
    let outcome = container.probe("status").run().expect_code(0).expect_silence();
    Report::read(&outcome.stdout)
}

/// The program's controlling terminal, and the process group in its foreground; by
/// `/proc/PID/stat`.
fn terminal_of(run: &mut Run) -> (i32, i32) {
    let program = run.program();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", program.pid)).expect("the program is there");
    let fields: Vec<i32> = stat
        .rsplit(") ")
        .next()
        .into_iter()
        .flat_map(str::split_whitespace)
        .skip(1)
        .take(5)
        .map(|field| field.parse().expect("a number"))
        .collect();
    (fields[3], fields[4])
}

#[test]
fn a_session_has_the_program_lead_it_with_the_terminal() {
    require_root!();
    for options in [&["-S"][..], &["--session"], &["-vqS"]] {
        let mut run = Container::as_pid_1()
            .terminal()
            .options(options.iter().copied())
            .probe("status; record TERM")
            .start();
        run.wait_for_line("ready");
        let program = run.program();
        let (terminal, foreground) = terminal_of(&mut run);
        assert_ne!(terminal, 0, "{options:?}: the program has a terminal");
        assert_eq!(foreground, program.pid, "{options:?}: and is in its foreground");
        run.signal(libc::SIGTERM);
        let outcome = run.wait(LIMIT).expect_code(0).expect_silence();
        let found = Report::read(&outcome.stdout);
        assert_eq!((found.get("pgid"), found.get("sid")), ("2", "2"));
        // The kernel's SIGHUP and SIGCONT for the change of the terminal reach nobody.
        assert_eq!(
            outcome.stdout.lines().filter(|line| line.starts_with("signal ")).count(),
            1,
            "{outcome:#?}"
        );
        assert_eq!(found.signals("pending"), 0);
    }
}

#[test]
fn without_a_terminal_the_program_leads_a_session_all_the_same() {
    require_root!();
    for place in PLACES {
        for container in [place().options(["-S"]), place().env("TINI_SESSION", "")] {
            let found = report(container);
            assert_eq!((found.get("pgid"), found.get("sid")), (found.get("pid"), found.get("pid")));
        }
        // Later ones of the three count, and an option beats a variable.
        let found = report(place().options(["-S", "-g"]));
        assert_ne!(found.get("sid"), found.get("pid"));
        let found = report(place().options(["-c"]).env("TINI_SESSION", "1"));
        assert_ne!(found.get("pgid"), found.get("pid"));
        let found = report(place().env("TINI_SESSION", "0"));
        assert_ne!(found.get("sid"), found.get("pid"));
        assert_eq!(found.get("pgid"), found.get("pid"));
    }
}

#[test]
fn a_hangup_of_somebodys_own_is_delivered_however_early() {
    require_root!();
    require!("strace");
    // It waits for the init from before its first instruction on.
    for signals in [&[libc::SIGHUP][..], &[libc::SIGCONT], &[libc::SIGHUP, libc::SIGCONT]] {
        let mut run = Container::as_pid_1()
            .terminal()
            .blocked(set_of(signals))
            .strace(["-e", "inject=ioctl:delay_enter=200000:when=1"])
            .options(["-S"])
            .probe("record TERM")
            .start();
        signals.iter().for_each(|signal| run.signal(*signal));
        run.wait_for_line("ready");
        for signal in signals {
            let start = format!("signal {signal} ");
            run.wait_until("it has come", |run| run.stdout().lines().any(|line| line.starts_with(&start)));
        }
        run.signal(libc::SIGTERM);
        let outcome = run.wait(LIMIT).expect_code(0);
        let count = outcome.stdout.lines().filter(|line| line.starts_with("signal ")).count();
        assert_eq!(count, signals.len() + 1, "each once: {outcome:#?}");
    }
}

#[test]
fn the_keys_of_the_terminal_reach_the_session() {
    require_root!();
    for (key, signal) in [(b"\x03", libc::SIGINT), (b"\x1c", libc::SIGQUIT), (b"\x1a", libc::SIGTSTP)] {
        let mut run =
            Container::as_pid_1().terminal().options(["-S"]).probe(&format!("record {signal}")).start();
        run.wait_for_line("ready");
        nix::unistd::write(run.terminal.as_ref().expect("a terminal").as_fd(), key).expect("a key");
        let outcome = run.wait(LIMIT).expect_code(0);
        // The kernel's own, not the init's.
        assert!(outcome.stdout.contains(&format!("signal {signal} code 128 pid 0 ")), "{outcome:#?}");
    }
    let mut run = Container::as_pid_1().terminal().options(["-S"]).probe("record HUP").start();
    run.wait_for_line("ready");
    drop(run.terminal.take());
    run.wait(LIMIT).expect_code(0);
}

#[test]
fn a_session_gets_signals_as_a_group() {
    require_root!();
    let script = "block USR1; fork { await USR1; say group }; say ready; await USR1; wait; exit 3";
    for place in PLACES {
        let mut run = place().options(["-S"]).probe(script).start();
        run.wait_for_line("ready");
        run.signal(libc::SIGUSR1);
        let outcome = run.wait(LIMIT).expect_code(3);
        assert_eq!(outcome.stdout, "ready\ngroup\n");
    }
}

#[test]
fn a_pause_runs_nothing_and_ends_by_term_or_int() {
    require_root!();
    let scratch = Scratch::new();
    let witness = scratch.join("witness");
    for place in PLACES {
        for last in [libc::SIGTERM, libc::SIGINT] {
            let command = probe_command(&format!("touch {}", witness.display()));
            let containers = [
                place().arguments(["-P"]),
                place().arguments(["--pause", "--"]),
                place().env("TINI_PAUSE", "1").arguments::<&str>([]),
                place().probing().options(["-P"]).program(command),
            ];
            for container in containers {
                let mut run = container.start();
                run.wait_until("it waits", |run| run.init().state == 'S');
                for signal in [1, 3, 10, 12, 13, 14, 18, 20, 21, 22, 28, 34, 64] {
                    run.signal(signal);
                }
                run.signal(last);
                run.wait(LIMIT).expect_code(0).expect_silence();
                assert!(!witness.exists(), "it has started the program");
            }
        }
        place().env("TINI_PAUSE", "0").probe("exit 3").run().expect_code(3);
    }
}

/// A service that forks away and leaves when it is told to by USR1.
const FORKED_AWAY: &str = "daemon { block USR1 TERM; say ready; await USR1; say served }; exit 3";

/// The one process below the init that is no zombie, once the program has ended.
#[track_caller]
fn daemon(run: &mut Run) -> i32 {
    run.wait_for_line("ready");
    let mut found = None;
    run.wait_until("the program has ended", |run| {
        let left: Vec<i32> = run.processes().iter().map(|it| it.pid).collect();
        found = left.first().copied().filter(|_| left.len() == 1);
        found.is_some()
    });
    found.expect("the condition was met")
}

#[test]
fn waiting_for_all_it_goes_on_until_the_last_has_ended_by_itself() {
    require_root!();
    for place in PLACES {
        for container in
            [place().options(["-W"]), place().options(["--wait-all"]), place().env("TINI_WAIT_ALL", "1")]
        {
            let mut run = container.probe(FORKED_AWAY).start();
            let daemon = daemon(&mut run);
            // Nobody sends it a TERM meanwhile: it has it blocked, and would have it pending.
            let process = Process::read(daemon).expect("the daemon is there");
            assert_eq!(process.signals("ShdPnd"), 0);
            sys::kill(daemon, libc::SIGUSR1).expect("the daemon is there");
            let outcome = run.wait(LIMIT).expect_code(3).expect_silence();
            assert_eq!(outcome.stdout, "ready\nserved\n");
        }
    }
}

#[test]
fn waiting_for_all_a_stop_signal_is_passed_to_those_that_are_left() {
    require_root!();
    for place in PLACES {
        for (options, signal, given) in [
            (&["-W"][..], libc::SIGTERM, libc::SIGTERM),
            (&["-W"], libc::SIGINT, libc::SIGINT),
            (&["-W", "-r", "TERM:QUIT"], libc::SIGTERM, libc::SIGQUIT),
            (&["-W", "-t", "0"], libc::SIGTERM, libc::SIGTERM),
        ] {
            let script = format!("daemon {{ record {given} }}; exit 3");
            let mut run = place().options(options).probe(&script).start();
            daemon(&mut run);
            run.signal(signal);
            let outcome = run.wait(LIMIT).expect_code(3).expect_silence();
            // With a SIGCONT, which is for those that are stopped.
            assert!(outcome.stdout.contains(&format!("signal {given} ")), "{outcome:#?}");
            assert!(given == 15 || !outcome.stdout.contains("signal 15 "), "{outcome:#?}");
        }
        // They have all the time that the program would have had, which is more than the rest has.
        let mut run = place().options(["-W"]).probe("daemon { cleanup 2500 }; exit 3").start();
        daemon(&mut run);
        run.signal(libc::SIGTERM);
        let outcome = run.wait(LIMIT).expect_code(3).expect_silence();
        assert_eq!(outcome.stdout, "ready\nclean\n");
        // The grace period counts from then.
        let mut run = place().options(["-W", "-t", "200ms"]).probe("daemon { ignore-term }; exit 3").start();
        let left = Process::read(daemon(&mut run)).expect("the daemon is there");
        run.signal(libc::SIGTERM);
        let outcome = run.wait(LIMIT).expect_code(3);
        outcome.expect_killing(&[format!("process {} is still there, ignoring SIGTERM", left.named())]);
    }
}

#[test]
fn waiting_for_all_other_signals_go_to_those_that_are_left() {
    require_root!();
    for place in PLACES {
        let mut run = place().options(["-W"]).probe("daemon { record USR1 }; exit 3").start();
        daemon(&mut run);
        run.signal(libc::SIGHUP);
        run.signal(libc::SIGUSR1);
        let outcome = run.wait(LIMIT).expect_code(3).expect_silence();
        assert!(outcome.stdout.contains("signal 1 "), "{outcome:#?}");
    }
}

#[test]
fn a_pause_sees_off_who_is_left() {
    require_root!();
    let init = init_path().into_os_string().into_string().expect("a plain path");
    let script = "(trap 'sleep 0.2; echo clean; exit' TERM; echo ready; while :; do sleep 0.05; done) &
exec \"$0\" -P";
    let mut run = Container::as_pid_1().init("/bin/sh").arguments(["-c", script, &init]).start();
    run.wait_for_line("ready");
    run.wait_until("the shell has become the init, which waits", |run| {
        run.init().arguments().last().is_some_and(|it| it == "-P") && run.init().state == 'S'
    });
    run.signal(libc::SIGTERM);
    // The shell says on standard error how its sleep ended.
    let outcome = run.wait(LIMIT).expect_code(0);
    assert_eq!(outcome.stdout, "ready\nclean\n");
}

#[test]
fn a_pause_sees_off_who_joined_it_first() {
    require_root!();
    require!("nsenter");
    let scratch = Scratch::new();
    let said = scratch.join("said");
    let mut run = Container::as_pid_1().arguments(["-P"]).start();
    run.wait_until("it waits", |run| run.init().state == 'S');
    let mut joined = run.join("cleanup 300", &said);
    run.signal(libc::SIGTERM);
    run.wait(LIMIT).expect_code(0).expect_silence();
    assert_eq!(std::fs::read_to_string(said).expect("a scratch file"), "ready\nclean\n");
    assert!(joined.wait().expect("a child").success(), "it has ended by itself");
}

#[test]
fn a_pause_sleeps_while_others_are_in_its_container() {
    require_root!();
    require!("nsenter");
    let scratch = Scratch::new();
    let said = scratch.join("said");
    let mut run = Container::as_pid_1().arguments(["-P"]).start();
    run.wait_until("it waits", |run| run.init().state == 'S');
    let mut joined = run.join("setsid; daemon { say orphan }; say ready; pause", &said);
    run.wait_until("there was an orphan", |_| {
        std::fs::read_to_string(&said).unwrap_or_default().contains("orphan")
    });
    run.wait_until("it is collected", |run| run.processes().is_empty());
    run.expect_idle("somebody has joined");
    run.signal(libc::SIGTERM);
    run.wait(LIMIT).expect_code(0);
    joined.wait().expect("a child");
}

#[test]
fn a_pause_ends_by_term_whatever_it_is_rewritten_to() {
    require_root!();
    for place in PLACES {
        let mut run = place().arguments(["-P", "-r", "TERM:QUIT"]).start();
        run.wait_until("it waits", |run| run.init().signals("SigBlk") != 0 || run.init().state == 'S');
        run.signal(libc::SIGTERM);
        run.wait(LIMIT).expect_code(0).expect_silence();
    }
}

#[test]
fn of_variables_with_one_name_the_last_one_given_stays() {
    require_root!();
    let options = ["--env", "FOO=new", "--env", "X=1", "--env", "X=2"];
    let found = report(Container::as_pid_1().env("FOO", "old").options(options));
    let variables = found.all("env");
    for (name, value) in [("FOO=", "FOO=new"), ("X=", "X=2")] {
        let of_name: Vec<_> = variables.iter().filter(|variable| variable.starts_with(name)).collect();
        assert_eq!(of_name, [&value]);
    }
}

#[test]
fn a_user_a_directory_and_variables_are_the_programs() {
    require_root!();
    let id = ["sh", "-c", "id -u; id -g; id -G"];
    for place in PLACES {
        for (options, expected) in [
            (&["--user", "12345"][..], "12345\n0\n0\n"),
            (&["--user=12345:54321"], "12345\n54321\n54321\n"),
            (&["--us", "0:54321"], "0\n54321\n54321\n"),
        ] {
            let outcome =
                place().options(options.iter().copied()).program(id).run().expect_code(0).expect_silence();
            assert_eq!(outcome.stdout, expected, "{options:?}");
        }
        for options in
            [&["--workdir", "/usr"][..], &["--workdir=/usr"], &["--work", "/etc", "--workdir", "/usr"]]
        {
            assert_eq!(report(place().options(options.iter().copied())).get("cwd"), "/usr");
        }
        let found = report(place().env("OLD", "1").env("KEPT", "1").options([
            "--env",
            "NEW=a=b c",
            "--env=OLD=2",
            "--env",
            "TWICE=1",
            "--env=TWICE=2",
            "--en",
            "EMPTY=",
        ]));
        for (name, value) in [("NEW", "a=b c"), ("OLD", "2"), ("TWICE", "2"), ("EMPTY", ""), ("KEPT", "1")] {
            let lines = found.all("env");
            let of_name: Vec<_> = lines.iter().filter(|line| line.starts_with(&format!("{name}="))).collect();
            assert_eq!(of_name, [&format!("{name}={value}")], "once, and as it was given");
        }
        assert_eq!(found.all("arg"), [""; 0]);
    }
}

#[test]
fn a_path_that_is_given_is_the_one_that_is_searched() {
    require_root!();
    let scratch = Scratch::new();
    scratch.file("only-here", "#!/bin/sh\nexit 7\n", 0o755);
    let here = format!("PATH={}", scratch.path().display());
    for container in [Container::as_pid_1(), Container::as_pid_1().without_env("PATH")] {
        container.options(["--env", &here]).program(["only-here"]).run().expect_code(7).expect_silence();
    }
    let outcome =
        Container::as_pid_1().options(["--env", "PATH=/no"]).program(["true"]).run().expect_code(127);
    outcome.expect_one_line("ERROR", &["true"]);
}

#[test]
fn relative_names_are_meant_from_the_new_directory() {
    require_root!();
    let scratch = Scratch::new();
    scratch.file("script", "#!/bin/sh\nexit 7\n", 0o755);
    let options = ["--workdir".as_ref(), scratch.path().as_os_str()];
    Container::as_pid_1().options(options).program([Path::new("./script")]).run().expect_code(7);
}

#[test]
fn what_can_t_be_had_is_told_in_one_line_and_nothing_is_started() {
    require_root!();
    let scratch = Scratch::new();
    let witness = scratch.join("witness");
    scratch.file("plain", "", 0o644);
    let plain = scratch.join("plain").display().to_string();
    let cases: [(&[&str], &[&str]); 13] = [
        (&["--user", "root"], &["--user", "root"]),
        (&["--user", ""], &["--user"]),
        (&["--user", "1:"], &["--user", "1:"]),
        (&["--user", ":1"], &["--user", ":1"]),
        (&["--user", "1:2:3"], &["--user", "1:2:3"]),
        (&["--user", "-1"], &["--user", "-1"]),
        (&["--user", "4294967296"], &["--user", "4294967296"]),
        // Not an id at all: the kernel's word for "leave as it is".
        (&["--user", "4294967295"], &["user"]),
        (&["--workdir", "/no/such/directory"], &["directory", "No such file or directory"]),
        (&["--workdir", &plain], &["directory", "Not a directory"]),
        (&["--workdir", ""], &["directory"]),
        (&["--env", "NOTHING"], &["--env", "NOTHING", "NAME=VALUE"]),
        (&["--env", "=1"], &["--env", "=1"]),
    ];
    for place in PLACES {
        for (options, texts) in cases {
            let touch = format!("touch {}", witness.display());
            let outcome = place().options(options.iter().copied()).probe(&touch).run();
            assert_eq!((outcome.code(), outcome.stdout.as_str()), (1, ""), "{options:?}");
            outcome.expect_one_line("ERROR", texts);
            assert!(!witness.exists(), "{options:?} has started the program");
        }
        // Not allowed to.
        let container = place().no_capabilities().options(["--user", "12345"]);
        let outcome = container.probe(&format!("touch {}", witness.display())).run().expect_code(1);
        outcome.expect_one_line("ERROR", &["user", "Operation not permitted"]);
        assert!(!witness.exists());
    }
}
