//! Starting the program: nothing is lost on the way, and it gets exactly what the init was given.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::{
    Container, Elf, Exit, LIMIT, Outcome, PLACES, Process, Report, Run, Scratch, init_path,
    is_linked_with_libc, probe_path, require, require_root, set_of, sys,
};

/// A user that has no process anywhere else.
const LONELY: u32 = 54_001;
/// How strace makes a system call last long enough for a signal to come, in microseconds.
const DELAY: &str = "delay_enter=300000";

#[test]
fn a_fork_that_fails_is_told_and_ends_it_with_1() {
    require_root!();
    let scratch = Scratch::new();
    let init = scratch.init();
    for (user, place) in (LONELY..).zip(PLACES) {
        let outcome = place()
            .init(&init)
            .user(user, user)
            .limit(libc::RLIMIT_NPROC, 1)
            .program(["/bin/true"])
            .run()
            .expect_code(1);
        outcome.expect_one_line("ERROR", &["/bin/true", "started"]);
        assert_eq!(outcome.stdout, "");
    }
}

/// The system calls of one process in a trace that begins with its `execve`: name and whole line.
fn calls_of_init(trace: &[String]) -> Vec<(String, &str)> {
    let pid = |line: &'_ str| line.split_whitespace().next().map(str::to_owned);
    let init = trace.first().and_then(|line| pid(line));
    trace
        .iter()
        .filter(|line| pid(line) == init)
        .filter_map(|line| {
            let call = line.split_whitespace().nth(1)?;
            let (name, _) = call.split_once('(')?;
            Some((name.to_owned(), line.as_str()))
        })
        .collect()
}

/// Whether a system call blocks every signal.
fn is_block((name, line): &(String, &str)) -> bool {
    name == "rt_sigprocmask" && line.contains("~[]")
}

/// A complete trace of a run whose program ends at once.
fn trace(place: fn() -> Container) -> Vec<String> {
    let mut run = place().strace(["-f"]).program(["/bin/true"]).start();
    run.wait(LIMIT).expect_code(0);
    run.trace()
}

#[test]
fn blocks_signals_by_its_first_system_call() {
    require_root!();
    require!("strace");
    for place in PLACES {
        let trace = trace(place);
        let mut calls = calls_of_init(&trace);
        if is_linked_with_libc() {
            calls.drain(1..calls.iter().position(is_block).expect("it blocks signals"));
        }
        assert!(is_block(&calls[1]), "every signal is blocked by {:?}", calls[1]);
        let names: Vec<&str> = calls.iter().map(|(name, _)| name.as_str()).collect();
        println!("{} system calls of the init: {}", names.len(), names.join(" "));
    }
}

/// The program ended by the signal, and the init has told so.
#[track_caller]
fn expect_death_by_term(outcome: Outcome, when: &str) {
    assert_eq!(outcome.exit, Exit::Code(143), "TERM {when}: {outcome:#?}");
}

#[test]
fn a_signal_at_any_system_call_before_the_program_runs_reaches_it() {
    require_root!();
    require!("strace");
    let bits = if Elf::of_init().is_wide() { 64 } else { 32 };
    for place in PLACES {
        let trace = trace(place);
        let calls = calls_of_init(&trace);
        let blocked = calls.iter().position(is_block).expect("it blocks signals");
        // What comes before that is the kernel's to drop or to kill with.
        let (before, after) = calls.split_at(blocked + 1);
        let end = after.iter().position(|(name, _)| name.contains("wait"));
        let after = &after[..=end.expect("the init waits for the program")];
        let names: BTreeSet<&str> = after.iter().map(|(name, _)| name.as_str()).collect();
        for name in names {
            let nth = before.iter().filter(|(it, _)| it == name).count() + 1;
            println!("TERM at {name}");
            let rule = format!("inject={name}@{bits}:signal=TERM:when={nth}");
            let outcome = place().strace(["-e", &rule]).probe("pause").run();
            expect_death_by_term(outcome, &format!("at {name}"));
        }
    }
}

/// Starts an init whose child needs a while for this system call, and waits for that child.
#[track_caller]
fn start_slowly(container: Container, call: &str) -> Run {
    let rule = format!("inject={call}:{DELAY}");
    let mut run = container.strace(["-f", "-e", &rule]).probe("pause").start();
    run.wait_until("there is a child", |run| !run.processes().is_empty());
    run
}

#[test]
fn a_signal_before_the_programs_own_setpgid_is_not_lost() {
    require_root!();
    require!("strace");
    for place in PLACES {
        for call in ["setpgid", "execve", "rt_sigprocmask"] {
            let mut run = start_slowly(place(), call);
            run.signal(libc::SIGTERM);
            expect_death_by_term(run.wait(LIMIT), &format!("to the init during {call}"));
        }
    }
}

#[test]
fn a_signal_to_the_group_before_the_programs_own_setpgid_is_not_lost() {
    require!("strace");
    for call in ["setpgid", "execve"] {
        let mut run = start_slowly(Container::as_subreaper().new_group(), call);
        sys::kill(-run.pid(), libc::SIGTERM).expect("the group is there");
        expect_death_by_term(run.wait(LIMIT), &format!("to the group during {call}"));
    }
}

/// Runs the script `status` to its end.
#[track_caller]
fn report(container: Container) -> Report {
    let outcome = container.probe("status").run().expect_code(0).expect_silence();
    Report::read(&outcome.stdout)
}

#[test]
fn hands_mask_and_dispositions_over_exactly() {
    require_root!();
    let unblockable = set_of(&[libc::SIGKILL, libc::SIGSTOP]);
    let masks = [
        0,
        set_of(&[libc::SIGTERM, libc::SIGUSR1, 37]),
        set_of(&[32, 33, 34, 64]),
        sys::ALL_SIGNALS & !unblockable,
    ];
    let ignored = [
        0,
        set_of(&[libc::SIGHUP]),
        set_of(&[libc::SIGCHLD]),
        set_of(&[libc::SIGPIPE, libc::SIGHUP, libc::SIGCHLD]),
        set_of(&[libc::SIGTTIN, libc::SIGTTOU, libc::SIGTSTP, libc::SIGCONT]),
        set_of(&[32, 33, 34, 64]),
        sys::ALL_SIGNALS & !unblockable,
    ];
    for place in PLACES {
        for mask in masks {
            for ignored in ignored {
                let found = report(place().blocked(mask).ignored(ignored));
                let given = (mask, ignored, 0);
                let seen = ["blocked", "ignored", "pending"].map(|key| found.signals(key));
                assert_eq!((seen[0], seen[1], seen[2]), given, "mask, ignored, pending");
            }
        }
    }
}

#[test]
fn the_program_leads_a_group_of_its_own_in_the_inits_session() {
    require_root!();
    for options in [&[][..], &["-g"], &["--process-group"]] {
        let found = report(Container::as_pid_1().new_session().options(options.iter().copied()));
        assert_eq!(found.get("ppid"), "1");
        assert_eq!(found.get("pgid"), found.get("pid"));
        assert_eq!(found.get("sid"), "1");
    }
}

#[test]
fn a_single_child_stays_in_the_inits_group_and_session() {
    require_root!();
    let here = || Container::as_pid_1().new_session();
    let containers = [
        here().options(["-c"]),
        here().options(["--single-child"]),
        here().env("TINI_SINGLE_CHILD", ""),
        here().env("DUMB_INIT_SETSID", "0"),
    ];
    for container in containers {
        let found = report(container);
        assert_eq!((found.get("pgid"), found.get("sid")), ("1", "1"));
    }
}

#[test]
fn the_program_gets_its_arguments_and_its_environment_as_they_are() {
    require_root!();
    let odd = ["", "-v", "--", "a b", "\u{fc}\n\t\"'\\", "$HOME", "*"];
    for place in PLACES {
        let program = [probe_path().into_os_string(), "status".into()];
        let words = program.into_iter().chain(odd.map(Into::into));
        let outcome = place()
            .probing()
            .env("EMPTY", "")
            .env("TINI_KILL_PROCESS_GROUP", "1")
            .env("WORDS", "a=b c\n")
            .program(words)
            .run()
            .expect_code(0);
        let found = Report::read(&outcome.stdout);
        let expected = odd.map(|word| word.escape_debug().to_string());
        assert_eq!(found.all("arg"), expected);
        assert_eq!(found.variable("EMPTY"), Some(""));
        assert_eq!(found.variable("TINI_KILL_PROCESS_GROUP"), Some("1"));
        assert_eq!(found.variable("WORDS"), Some("a=b c\\n"));
        // The harness itself adds three: PATH, the probe's variable and the run's marker.
        assert_eq!(found.all("env").len(), 6);
    }
}

#[test]
fn no_new_privileges_and_the_user_reach_the_program() {
    require_root!();
    let scratch = Scratch::new();
    let (init, probe) = (scratch.init(), scratch.probe());
    let outcome = Container::as_pid_1()
        .init(init)
        .user(12_345, 54_321)
        .no_new_privileges()
        .probing()
        .program([probe.as_path(), Path::new("status")])
        .run()
        .expect_code(0)
        .expect_silence();
    let found = Report::read(&outcome.stdout);
    assert_eq!((found.get("uid"), found.get("nonewprivs")), ("12345", "1"));
}

#[test]
fn the_parents_death_is_passed_on_to_the_program() {
    require_root!();
    for place in PLACES {
        for (signal, options) in [
            (libc::SIGTERM, ["-p", "TERM"]),
            (libc::SIGUSR1, ["-p", "SIGUSR1"]),
            (37, ["--parent-death-signal", "RTMIN+3"]),
        ] {
            // To the kernel the parent is the thread that made the init, and that ends here.
            let container = place().options(options).probe(&format!("record {signal}"));
            let thread = std::thread::spawn(move || {
                let mut run = container.start();
                run.wait_for_line("ready");
                run
            });
            let mut run = thread.join().expect("the init is started");
            let outcome = run.wait(LIMIT).expect_code(0);
            let line = format!("signal {signal} ");
            assert!(outcome.stdout.contains(&line), "{outcome:#?}");
        }
    }
}

/// A process whose only child is an init with these options; the program never ends by itself.
fn parent_of_an_init(options: &str) -> Container {
    let (init, probe) = (init_path(), probe_path());
    let (init, probe) = (init.display(), probe.display());
    let script = format!("fork {{ exec {init} {options} -- {probe} pause }}; pause");
    Container::as_subreaper().init(probe_path()).probing().arguments([script])
}

/// Kills the parent of an init as soon as this is true of a process below it; all have to end.
#[track_caller]
fn expect_all_to_end_with_the_parent(mut run: Run, mut moment: impl FnMut(&Process) -> bool) {
    run.wait_until("it is time to kill the parent", |run| run.started_processes().iter().any(&mut moment));
    run.signal(libc::SIGKILL);
    run.wait(LIMIT);
    run.wait_until("all have ended", |run| run.started_processes().is_empty());
}

#[test]
fn the_parents_death_ends_everything_when_the_parent_is_a_process() {
    expect_all_to_end_with_the_parent(parent_of_an_init("-p TERM").start(), |process| {
        process.arguments().get(1).is_some_and(|word| word == "pause")
    });
}

#[test]
fn a_parent_that_dies_before_its_death_can_be_told_is_noticed() {
    require!("strace");
    let rule = format!("inject=prctl:{DELAY}");
    // The last two are what a terminal would have sent to the program, in the init's group, as well.
    for (options, signal) in
        [("-p TERM", libc::SIGTERM), ("-c -p INT", libc::SIGINT), ("-c -p HUP", libc::SIGHUP)]
    {
        let run = parent_of_an_init(options).strace(["-f", "-e", &rule]).start();
        // The init is about to ask for the signal, and has to find out by itself that it is too late.
        // The number of the call itself is another one in a 32-bit init.
        let asking = format!(" {:#x} {signal:#x} ", libc::PR_SET_PDEATHSIG);
        expect_all_to_end_with_the_parent(run, |process| process.system_call().contains(&asking));
    }
}
