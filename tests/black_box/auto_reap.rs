//! Where the kernel can tell the program's status by itself, orphans cost the init nothing; and
//! neither a status nor an orphan is lost when that is switched on, switched off, or refused.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{
    Container, LIMIT, PLACES, Run, Scratch, log_line, recorded, require, require_root, skip, skipped, sys,
};

/// Ends the test where the kernel can't tell, in CI as well, whose kernels are of all ages.
macro_rules! require_auto_reap {
    () => {
        if !sys::tells_of_the_collected() {
            skipped("this kernel does not tell of processes that were collected");
            return;
        }
    };
}

/// Statements after which the kernel collects orphans, where it can tell.
const SWITCHED_ON: &str = "orphans-until-ignored CHLD;";

/// What orphans cost the init so far.
#[derive(Debug)]
struct Cost {
    wake_ups: u64,
    ticks: u64,
}

fn cost(run: &Run) -> Cost {
    let init = run.init();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", init.pid)).expect("the init is there");
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let tick = |place: usize| fields.get(place).and_then(|it| it.parse::<u64>().ok()).expect("ticks");
    let wake_ups = init.field("voluntary_ctxt_switches").parse().expect("a number");
    // User and system time are the 14th and 15th field, the state the third.
    Cost { wake_ups, ticks: tick(11) + tick(12) }
}

/// Lets a program make so many orphans, and gives what they cost the init.
#[track_caller]
fn cost_of_orphans(container: Container, count: usize) -> (Run, Cost) {
    let script = format!("block USR1; say ready; await USR1; orphans {count}; say done; await USR1; exit 7");
    let mut run = container.probe(&script).start();
    run.wait_for_line("ready");
    run.wait_until("the init waits", |run| run.init().state == 'S');
    let before = cost(&run);
    run.signal_program(libc::SIGUSR1);
    run.wait_for_line("done");
    run.wait_until("all orphans are collected", |run| run.processes().len() == 1);
    let after = cost(&run);
    (run, Cost { wake_ups: after.wake_ups - before.wake_ups, ticks: after.ticks - before.ticks })
}

#[test]
fn orphans_cost_the_init_nothing() {
    require_root!();
    require_auto_reap!();
    const COUNT: usize = 3_000;
    for place in PLACES {
        for options in [&[][..], &["-c"], &["-S"], &["-t", "5s"]] {
            let (mut run, cost) = cost_of_orphans(place().options(options.iter().copied()), COUNT);
            println!("{COUNT} orphans: {cost:?}");
            assert!(cost.wake_ups <= 5 && cost.ticks <= 1, "{cost:?}");
            assert!(run.init().ignores(libc::SIGCHLD));
            run.signal_program(libc::SIGUSR1);
            run.wait(LIMIT).expect_code(7);
        }
    }
}

#[test]
fn meanwhile_it_wakes_up_for_nothing_but_news() {
    require_root!();
    require_auto_reap!();
    for place in PLACES {
        for options in [&[][..], &["-t", "10s"]] {
            let script = format!("{SWITCHED_ON} say ready; pause");
            let mut run = place().options(options.iter().copied()).probe(&script).start();
            run.wait_for_line("ready");
            run.expect_idle(&format!("{options:?}"));
            assert!(run.init().ignores(libc::SIGCHLD));
        }
    }
}

#[test]
fn who_wants_to_see_each_orphan_sees_it() {
    require_root!();
    const COUNT: usize = 500;
    for place in PLACES {
        for (options, level) in [("-w", "WARN"), ("-vv", "DEBUG"), ("-vvv", "DEBUG")] {
            let (mut run, _) = cost_of_orphans(place().options([options]), COUNT);
            assert!(!run.init().ignores(libc::SIGCHLD));
            run.signal_program(libc::SIGUSR1);
            let outcome = run.wait(LIMIT).expect_code(7);
            let tells = |line: &&str| {
                log_line(line).is_some_and(|(found, _, text)| {
                    found == level && text.starts_with("collected process") && text.ends_with("exited with 0")
                })
            };
            assert_eq!(outcome.stderr.lines().filter(tells).count(), COUNT, "{options}");
        }
        // Who waits for the last of them, and who may have to follow the program's stops.
        for container in [place().options(["-W"]), place().terminal()] {
            let (mut run, _) = cost_of_orphans(container, 20);
            assert!(!run.init().ignores(libc::SIGCHLD));
            run.signal_program(libc::SIGUSR1);
            run.wait(LIMIT).expect_code(7);
        }
    }
}

/// Ends of the program, and the codes for them.
fn ends() -> Vec<(String, i32)> {
    let exits = [0, 1, 7, 255].map(|code| (format!("exit {code}"), code));
    let kills = [1, 9, 11, 15, 32, 34, 64].map(|signal| (format!("die {signal}"), 128 + signal));
    let threads =
        [("thread { exit 7 }", 7), ("thread { die TERM }", 143), ("thread { sleep 20; exit 3 }", 3)];
    let threads = threads.map(|(end, code)| (end.to_owned(), code));
    exits.into_iter().chain(kills).chain(threads).collect()
}

#[test]
fn it_is_over_when_the_programs_end_was_asked_for() {
    require_root!();
    require_auto_reap!();
    for place in PLACES {
        let script = format!("block TERM USR1; {SWITCHED_ON} say ready; await USR1; exit 7");
        let mut run = place().options(["-t", "20s"]).probe(&script).start();
        run.wait_for_line("ready");
        assert!(run.init().ignores(libc::SIGCHLD));
        run.signal(libc::SIGTERM);
        run.wait_until("orphans are the init's again", |run| !run.init().ignores(libc::SIGCHLD));
        run.signal_program(libc::SIGUSR1);
        run.wait(LIMIT).expect_code(7).expect_silence();
    }
}

#[test]
fn the_programs_code_is_right_while_orphans_end() {
    require_root!();
    require_auto_reap!();
    for place in PLACES {
        for (end, code) in ends() {
            // Others go on making orphans while it ends.
            let script = format!("{SWITCHED_ON} daemon {{ orphans 200 }}; orphans 20; {end}");
            let outcome = place().probe(&script).run().expect_code(code);
            let warnings = outcome.stderr.lines().count();
            assert_eq!(warnings, usize::from(code == 137), "{outcome:#?}");
        }
    }
}

#[test]
fn that_a_core_was_dumped_is_told() {
    require_root!();
    // What the kernel makes of it without an init.
    let scratch = Scratch::new();
    let crash = |container: Container, script: &str| {
        let container = container.options(["-v"]).directory(scratch.path());
        container.limit(libc::RLIMIT_CORE, libc::RLIM_INFINITY).probe(script).run().expect_code(139)
    };
    let dumps = {
        use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "ulimit -c unlimited; kill -SEGV $$"]).current_dir(scratch.path()).process_group(0);
        let mut shell = crate::support::spawn(&mut shell);
        shell.wait().expect("a shell").core_dumped()
    };
    if !dumps {
        skip!("no cores are dumped here, see core_pattern");
    }
    for place in PLACES {
        for before in ["orphans 2;", ""] {
            let outcome = crash(place(), &format!("{before} crash SEGV"));
            assert!(outcome.stderr.contains("was killed by SIGSEGV (core dumped)"), "{outcome:#?}");
            let outcome = crash(place(), &format!("{before} die SEGV"));
            assert!(outcome.stderr.contains("was killed by SIGSEGV\n"), "{outcome:#?}");
        }
    }
}

#[test]
fn who_is_left_when_it_is_switched_off_is_asked_and_waited_for() {
    require_root!();
    require_auto_reap!();
    for place in PLACES {
        let left = "daemon { cleanup 200 };".repeat(5);
        let script = format!("block USR1; {SWITCHED_ON} {left} await USR1; exit 7");
        let mut run = place().options(["-t", "20s"]).probe(&script).start();
        run.wait_for_lines("ready", 5);
        run.signal_program(libc::SIGUSR1);
        let outcome = run.wait(LIMIT).expect_code(7).expect_silence();
        assert_eq!(outcome.stdout.lines().filter(|line| *line == "clean").count(), 5, "{outcome:#?}");
        assert_eq!(run.started_processes().len(), 0);
        // And killed when the time is up, the program included.
        let script = format!("{SWITCHED_ON} daemon {{ ignore-term }}; ignore-term");
        let mut run = place().options(["-t", "200ms"]).probe(&script).start();
        run.wait_for_lines("ready", 2);
        run.signal(libc::SIGTERM);
        run.wait(LIMIT).expect_code(137);
        assert_eq!(run.started_processes().len(), 0);
    }
}

#[test]
fn signals_are_passed_on_meanwhile_in_their_order() {
    require_root!();
    require_auto_reap!();
    const ROUNDS: usize = 20;
    const LAST: i32 = 64;
    let sent = || (34..LAST).chain([libc::SIGUSR1, libc::SIGHUP]);
    for place in PLACES {
        // Not in the program's group, where the signals would come as well.
        let script = format!("{SWITCHED_ON} daemon {{ setsid; orphans 3000 }}; record {LAST}");
        for options in [&[][..], &["-c"], &["-S"]] {
            let mut run = place().options(options.iter().copied()).probe(&script).start();
            run.wait_for_line("ready");
            assert!(run.init().ignores(libc::SIGCHLD));
            for round in 1..=ROUNDS {
                sent().for_each(|signal| run.signal(signal));
                run.wait_until("all signals of the round have come", |run| {
                    recorded(&run.stdout()).len() >= round * sent().count()
                });
            }
            run.signal(LAST);
            let outcome = run.wait(LIMIT).expect_code(0).expect_silence();
            let found = recorded(&outcome.stdout);
            let of_kind = |real_time: bool| {
                let kind = move |signal: &i32| (*signal >= 34) == real_time;
                let sent = (0..ROUNDS).flat_map(|_| sent()).filter(kind);
                (found.iter().copied().filter(kind).collect::<Vec<_>>(), sent.collect::<Vec<_>>())
            };
            let (found, mut sent) = of_kind(true);
            sent.push(LAST);
            assert_eq!(found, sent, "real-time signals keep their order");
            let (mut found, mut sent) = of_kind(false);
            found.sort_unstable();
            sent.sort_unstable();
            assert_eq!(found, sent);
        }
    }
}

#[test]
fn signals_meanwhile_reach_whom_they_should() {
    require_root!();
    require_auto_reap!();
    let members = |extra: &str| format!("{SWITCHED_ON} {extra} fork {{ record TERM }}; record TERM");
    for place in PLACES {
        // Options, what the program does before, and how many get the signal.
        let cases: [(&[&str], &str, usize); 4] = [
            (&[], "", 2),
            (&["-c"], "", 1),
            (&["-S"], "", 2),
            // In a group that somebody else leads.
            (&[], "join { pause };", 2),
        ];
        for (options, extra, count) in cases {
            let mut run = place().options(options.iter().copied()).probe(&members(extra)).start();
            run.wait_for_lines("ready", 2);
            run.signal(libc::SIGUSR1);
            run.wait_until("the signal has come", |run| recorded(&run.stdout()).len() >= count);
            run.signal(libc::SIGTERM);
            let outcome = run.wait(LIMIT).expect_code(0);
            let times = recorded(&outcome.stdout).iter().filter(|it| **it == libc::SIGUSR1).count();
            assert_eq!(times, count, "{options:?} {extra:?} {outcome:#?}");
        }
        // A stopped program is continued to act on TERM.
        let mut run = place().probe(&format!("{SWITCHED_ON} say ready; pause")).start();
        run.wait_for_line("ready");
        run.signal_program(libc::SIGSTOP);
        run.wait_until("the program is stopped", |run| run.program().state == 'T');
        run.signal(libc::SIGTERM);
        run.wait(LIMIT).expect_code(143).expect_silence();
    }
}

#[test]
fn a_program_that_dies_while_a_debugger_holds_it_is_waited_for() {
    require_root!();
    require_auto_reap!();
    for place in PLACES {
        for (end, code) in [("await USR1; exit 7", 7), ("pause", 137)] {
            let tracer = "fork { setsid; pid tracer; trace-parent USR2 }";
            let script = format!("block USR1; {SWITCHED_ON} {tracer}; {end}");
            let mut run = place().probe(&script).start();
            run.wait_for_line("traced");
            let program = run.program();
            let tracer = run.stdout().lines().find_map(|line| line.strip_prefix("tracer ")?.parse().ok());
            let tracer: i32 = tracer.expect("the tracer's pid");
            let tracer = run.processes().into_iter().find(|it| it.inner_pid == tracer).expect("the tracer");
            let signal = if code == 7 { libc::SIGUSR1 } else { libc::SIGKILL };
            sys::kill(program.pid, signal).expect("the program is there");
            run.wait_until("the program has ended", |run| {
                run.processes().iter().any(|it| it.pid == program.pid && it.is_zombie())
            });
            // Its tracer has not let it go, so nobody else can know, and nobody is woken.
            run.wait_until("the init waits", |run| run.init().state == 'S');
            let before = cost(&run);
            std::thread::sleep(Duration::from_millis(100));
            assert!(!run.has_ended());
            assert!(cost(&run).wake_ups - before.wake_ups <= 2, "{:?} {before:?}", cost(&run));
            sys::kill(tracer.pid, libc::SIGUSR2).expect("the tracer is there");
            run.wait(LIMIT).expect_code(code);
        }
    }
}

/// Right after its start the init collects an orphan before it has taken the SIGCHLD for it.
#[test]
fn an_orphan_that_is_collected_before_it_is_told_of_does_not_keep_it_off() {
    require_root!();
    require!("strace");
    require_auto_reap!();
    let script = format!("orphans 1; say one; {SWITCHED_ON} exit 7");
    for place in PLACES {
        let late = ["-e", "trace=wait4", "-e", "inject=wait4:delay_enter=300000:when=1"];
        place().probe(&script).strace(late).run().expect_code(7).expect_silence();
    }
}

/// Numbers that look like chance, the same in each run.
fn chance(number: usize) -> usize {
    (number as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> 33
}

/// A program whose end comes in a storm of orphans that goes on, with a straggler that is asked to
/// end and cleans up: on when it makes orphans, off when it ends.
#[test]
fn switching_a_thousand_times_in_a_storm_loses_no_status_and_no_orphan() {
    require_root!();
    require_auto_reap!();
    const RUNS: usize = 1_000;
    const THREADS: usize = 4;
    let ends = ends();
    let next = AtomicUsize::new(0);
    let run_on = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= RUNS {
                return;
            }
            let (end, code) = &ends[number % ends.len()];
            let storm = "daemon { orphans 200 };";
            let straggler = "daemon { block TERM; say straggler; await TERM; orphans 2; say clean };";
            // At some moment of the storm, if not after its first orphan.
            let switch = if number.is_multiple_of(5) { "orphans 2;" } else { SWITCHED_ON };
            let moment = format!("orphans {};", chance(number) % 20);
            let script = format!("{straggler} {storm} {switch} {moment} {end}");
            // Outside PID 1 those that are left have to be found first, which takes longer.
            let place = PLACES[usize::from(number / ends.len() % 5 == 4)];
            let mut run = place().options(["-t", "20s"]).probe(&script).start();
            let outcome = run.wait(LIMIT).expect_code(*code);
            let lines: Vec<&str> = outcome.stdout.lines().collect();
            assert!(lines.is_empty() || lines == ["straggler", "clean"], "{end} {outcome:#?}");
            assert_eq!(outcome.stderr.lines().count(), usize::from(*code == 137), "{end} {outcome:#?}");
            assert_eq!(run.started_processes().len(), 0, "{end} {outcome:#?}");
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(run_on)).collect();
        for thread in threads {
            assert!(thread.join().is_ok(), "see above");
        }
    });
}

/// The calls that it is made of.
const CALLS: [(&str, libc::c_long); 5] = [
    ("pidfd_open", libc::SYS_pidfd_open),
    ("ioctl", libc::SYS_ioctl),
    ("signalfd4", libc::SYS_signalfd4),
    ("ppoll", libc::SYS_ppoll),
    ("pidfd_send_signal", libc::SYS_pidfd_send_signal),
];
/// What old kernels and seccomp profiles answer.
const ERRORS: [(&str, i32); 4] =
    [("ENOSYS", libc::ENOSYS), ("EPERM", libc::EPERM), ("EINVAL", libc::EINVAL), ("ENOTTY", libc::ENOTTY)];

/// A program that makes orphans, gets a signal, leaves somebody and ends.
const LIFE: &str = "block USR1 USR2; orphans 10; say ready; await USR1; say told; orphans 5; \
                    daemon { block TERM; say ready; await TERM; say clean }; await USR2; exit 7";

/// Requires that such a run comes to its end with the right code, and leaves nobody and no zombie.
#[track_caller]
fn expect_life(container: Container, what: &str) -> crate::support::Outcome {
    let mut run = container.options(["-t", "20s"]).probe(LIFE).start();
    run.wait_for_line("ready");
    run.signal(libc::SIGUSR1);
    // Where the signal could not be passed on that is said, and the program is told by others.
    run.wait_until("the signal has come, or a warning", |run| {
        run.stdout().contains("told") || run.stderr().contains("SIGUSR1 could not be passed on")
    });
    if !run.stdout().contains("told") {
        run.signal_program(libc::SIGUSR1);
    }
    run.wait_for_lines("ready", 2);
    run.wait_until(&format!("no zombie is left with {what}"), |run| run.processes().len() == 2);
    run.signal_program(libc::SIGUSR2);
    let outcome = run.wait(LIMIT).expect_code(7);
    assert!(outcome.stdout.ends_with("clean\n"), "{what}: {outcome:#?}");
    assert_eq!(run.started_processes().len(), 0, "{what}: {outcome:#?}");
    outcome
}

/// Requires that an end which the kernel does not tell of is told of by the init, which goes on.
#[track_caller]
fn expect_unknown_end(container: Container) {
    let script = format!("block USR1; {SWITCHED_ON} daemon {{ cleanup 50 }}; await USR1; exit 7");
    let mut run = container.options(["-t", "20s"]).probe(&script).start();
    run.wait_for_line("ready");
    run.signal_program(libc::SIGUSR1);
    let outcome = run.wait(LIMIT).expect_code(1);
    outcome.expect_one_line("ERROR", &["the kernel has not kept the program's exit code"]);
    assert!(outcome.stdout.ends_with("clean\n"), "{outcome:#?}");
}

#[test]
fn a_call_that_is_refused_once_or_always_loses_nothing() {
    require_root!();
    require!("strace");
    let can_tell = sys::tells_of_the_collected();
    for (call, _) in CALLS {
        for (error, _) in ERRORS {
            for when in ["1", "2", "3", "1+", "2+", "3+"] {
                let trace = format!("trace={call}");
                let rule = format!("inject={call}:error={error}:when={when}");
                let container = Container::as_pid_1().new_session().strace(["-e", &trace, "-e", &rule]);
                println!("{rule}");
                // The first one is the search for a terminal, the second one tries whether the kernel
                // tells: whoever was told so then, and is not told at the end, can't know the code.
                if (call, when) == ("ioctl", "3+") && can_tell {
                    expect_unknown_end(container);
                    continue;
                }
                let outcome = expect_life(container, &rule);
                // The first time it is only tried out, and nothing is lost nor said.
                let may_fail = call == "pidfd_send_signal" && !when.starts_with('1');
                assert!(may_fail || outcome.stderr.is_empty(), "{rule}: {outcome:#?}");
            }
        }
    }
}

#[test]
fn dispositions_and_waiting_that_are_refused_now_and_then_lose_nothing() {
    require_root!();
    require!("strace");
    let whens = [("rt_sigaction", &["1", "2", "3", "1+", "2+", "3+"][..]), ("wait4", &["1", "2", "3", "4"])];
    for (call, whens) in whens {
        for (error, _) in ERRORS {
            for when in whens {
                let trace = format!("trace={call}");
                let rule = format!("inject={call}:error={error}:when={when}");
                let container = Container::as_pid_1().new_session().strace(["-e", &trace, "-e", &rule]);
                let outcome = expect_life(container, &rule);
                // What it can't do without it says.
                let is_said = |line: &str| call == "wait4" && line.contains("wait4: ");
                assert!(outcome.stderr.lines().all(is_said), "{rule}: {outcome:#?}");
            }
        }
    }
}

#[test]
fn a_seccomp_profile_that_refuses_all_of_it_loses_nothing() {
    require_root!();
    let calls = CALLS.map(|(_, number)| number);
    for place in PLACES {
        for (name, error) in ERRORS {
            expect_life(place().refused(&calls, error), name).expect_silence();
            for (call, number) in CALLS {
                let outcome = expect_life(place().refused(&[number], error), call);
                outcome.expect_silence();
            }
        }
    }
}
