//! When the program has ended, whoever is left is asked to end, waited for, and killed when the time
//! is up; the code is the program's.

use std::fs;
use std::ops::Range;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{
    Container, LIMIT, Outcome, PLACES, Run, Scratch, init_path, probe_path, recorded, require, require_root,
    spawn, sys,
};

/// How much later than in theory things may happen on a machine that has other work to do.
const SLACK: Duration = Duration::from_millis(900);
/// The time for the rest when no grace period is set.
const DEFAULT_DRAIN: Duration = Duration::from_secs(2);
/// A user that has no process anywhere else, and the next one.
const LONELY: u32 = 54_020;
/// The code of every program here.
const CODE: i32 = 7;

/// What the program leaves: a script of as many processes that get ready.
struct Rest<'a> {
    script: &'a str,
    ready: usize,
}

const ONE_THAT_CLEANS_UP: Rest = Rest { script: "daemon { cleanup 500 };", ready: 1 };
const ONE_THAT_IGNORES_TERM: Rest = Rest { script: "daemon { ignore-term };", ready: 1 };

/// A run whose program is about to end.
struct Leaving {
    run: Run,
    /// Just before it was told to.
    told: Instant,
}

impl Leaving {
    /// The end of the init.
    #[track_caller]
    fn wait(&mut self) -> (Outcome, Duration) {
        let outcome = self.run.wait(LIMIT);
        (outcome, self.told.elapsed())
    }

    /// Requires that it ended with the program's code in this span since the program was told to
    /// end, and left nobody.
    #[track_caller]
    fn expect_end(&mut self, span: Range<Duration>) -> Outcome {
        let (outcome, after) = self.wait();
        assert!(span.contains(&after), "ended after {after:?}, not in {span:?}: {outcome:#?}");
        assert_eq!(self.run.started_processes().len(), 0, "all have ended");
        outcome.expect_code(CODE)
    }
}

/// From then on, and a little.
fn at(time: Duration) -> Range<Duration> {
    time..time + SLACK
}

/// Starts a program that leaves these, and waits until all are ready.
#[track_caller]
fn start(container: Container, rest: &Rest) -> Run {
    let script = format!("block USR1; {} await USR1; exit {CODE}", rest.script);
    let mut run = container.probe(&script).start();
    run.wait_for_lines("ready", rest.ready);
    run
}

/// Starts a program that leaves these, and lets it end.
#[track_caller]
fn leave(container: Container, rest: &Rest) -> Leaving {
    end(start(container, rest))
}

/// Lets the program of [`start`] end: it alone is told.
#[track_caller]
fn end(mut run: Run) -> Leaving {
    let told = Instant::now();
    run.signal_program(libc::SIGUSR1);
    Leaving { run, told }
}

/// How many have said that their clean-up is complete.
fn cleaned(outcome: &Outcome) -> usize {
    outcome.stdout.lines().filter(|line| *line == "clean").count()
}

#[test]
fn who_needs_a_while_to_clean_up_is_given_it_and_no_more() {
    require_root!();
    for place in PLACES {
        for options in [&[][..], &["-t", "20s"], &["-c"]] {
            let container = place().options(options.iter().copied());
            let mut leaving = leave(container, &ONE_THAT_CLEANS_UP);
            let outcome = leaving.expect_end(at(Duration::from_millis(500))).expect_silence();
            assert_eq!(cleaned(&outcome), 1);
        }
    }
}

#[test]
fn members_of_the_programs_group_are_asked_as_well() {
    require_root!();
    for place in PLACES {
        let rest = Rest { script: "fork { cleanup 100 }; fork { record TERM };", ready: 2 };
        let outcome = leave(place(), &rest).expect_end(at(Duration::from_millis(100)));
        assert_eq!((cleaned(&outcome), recorded(&outcome.stdout)), (1, vec![libc::SIGTERM]));
    }
}

#[test]
fn who_ignores_term_is_killed_at_the_deadline_not_before_not_after() {
    require_root!();
    let cases: [(&[&str], Duration); 4] = [
        (&[], DEFAULT_DRAIN),
        (&["-t", "1s"], Duration::from_secs(1)),
        (&["-t", "300ms"], Duration::from_millis(300)),
        (&["-t3"], Duration::from_secs(3)),
    ];
    for place in PLACES {
        for (options, limit) in cases {
            let container = place().options(options.iter().copied());
            let run = start(container, &ONE_THAT_IGNORES_TERM);
            let left = run.processes().into_iter().find(|it| it.ignores(libc::SIGTERM));
            let left = left.expect("the one that ignores TERM").named();
            let outcome = end(run).expect_end(at(limit));
            outcome.expect_killing(&[format!("process {left} is still there, ignoring SIGTERM")]);
        }
    }
}

#[test]
fn the_deadline_of_the_stop_signal_stands_when_the_program_ends() {
    require_root!();
    for place in PLACES {
        for stop in [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT] {
            let rest = Rest {
                script: &format!("{} block {stop}; say ready;", ONE_THAT_IGNORES_TERM.script),
                ready: 2,
            };
            let run = start(place().options(["-t", "1500ms"]), &rest);
            let asked = Instant::now();
            run.signal(stop);
            // Had the end of the program started the clock, it would be this much later.
            std::thread::sleep(Duration::from_millis(900).saturating_sub(asked.elapsed()));
            let mut leaving = end(run);
            leaving.told = asked;
            leaving.expect_end(at(Duration::from_millis(1500)));
        }
    }
}

#[test]
fn a_program_that_ignores_term_is_killed_at_the_deadline() {
    require_root!();
    for place in PLACES {
        let mut run = place().options(["-t", "1s"]).probe("fork { ignore-term }; ignore-term").start();
        run.wait_for_lines("ready", 2);
        let told = Instant::now();
        run.signal(libc::SIGTERM);
        let outcome = run.wait(LIMIT).expect_code(137);
        assert!(at(Duration::from_secs(1)).contains(&told.elapsed()), "{outcome:#?}");
        assert_eq!(run.started_processes().len(), 0, "all have ended");
    }
}

#[test]
fn a_second_term_is_passed_on_and_puts_nothing_off() {
    require_root!();
    const GRACE: Duration = Duration::from_secs(2);
    for place in PLACES {
        let mut run = place().options(["-t", "2s"]).probe("record 64").start();
        run.wait_for_line("ready");
        let told = Instant::now();
        for (count, moment) in [(1, Duration::ZERO), (2, GRACE / 2), (3, GRACE * 3 / 4)] {
            std::thread::sleep(moment.saturating_sub(told.elapsed()));
            run.signal(libc::SIGTERM);
            run.wait_until("it is passed on", |run| recorded(&run.stdout()).len() == count);
        }
        let outcome = run.wait(LIMIT).expect_code(137);
        assert!(at(GRACE).contains(&told.elapsed()), "{outcome:#?}");
        assert_eq!(recorded(&outcome.stdout), [libc::SIGTERM; 3]);
    }
}

#[test]
fn without_a_grace_period_the_program_has_all_the_time_it_needs() {
    require_root!();
    for place in PLACES {
        let mut run = place().probe("cleanup 3000").start();
        run.wait_for_line("ready");
        run.signal(libc::SIGTERM);
        let outcome = run.wait(LIMIT).expect_code(0).expect_silence();
        assert_eq!(cleaned(&outcome), 1);
    }
}

#[test]
fn a_stopped_one_is_continued_so_that_it_can_act_on_term() {
    require_root!();
    for place in PLACES {
        let script = "daemon { block TERM; say ready; stop; await TERM; say clean };";
        let mut run = start(place(), &Rest { script, ready: 1 });
        run.wait_until("it is stopped", |run| run.processes().iter().any(|it| it.state == 'T'));
        let outcome = end(run).expect_end(Duration::ZERO..DEFAULT_DRAIN).expect_silence();
        assert_eq!(cleaned(&outcome), 1);
    }
}

#[test]
fn signals_during_the_drain_do_no_harm() {
    require_root!();
    for place in PLACES {
        for options in [&[][..], &["-t", "20s"]] {
            let container = place().options(options.iter().copied());
            let mut leaving = leave(container, &ONE_THAT_CLEANS_UP);
            let program = |run: &Run| run.processes().len() > 1;
            leaving.run.wait_until("the program has ended", |run| !program(run));
            for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGTERM, 34] {
                leaving.run.signal(signal);
            }
            let outcome = leaving.expect_end(at(Duration::from_millis(500))).expect_silence();
            assert_eq!(cleaned(&outcome), 1);
        }
    }
}

/// The calls of the init after it has got the program's status.
fn calls_after_the_end(run: &mut Run) -> Vec<String> {
    let trace = run.trace();
    let is_status = |line: &String| line.contains("wait") && line.contains("WEXITSTATUS");
    let end = trace.iter().position(is_status).expect("the status is collected");
    trace[end + 1..].to_vec()
}

/// Whether a call may take time.
fn may_sleep(call: &str) -> bool {
    ["timedwait", "sleep", "poll", "select", "futex", "pause"].iter().any(|it| call.contains(it))
}

#[test]
fn exits_at_once_when_nobody_is_left() {
    require_root!();
    require!("strace");
    for place in PLACES {
        for options in [&[][..], &["-t", "20s"], &["-t", "0"]] {
            let container = place().options(options.iter().copied());
            let mut run = container.strace(["-e", "trace=all"]).probe("exit 7").start();
            run.wait(LIMIT).expect_code(CODE).expect_silence();
            let calls = calls_after_the_end(&mut run);
            println!("{} calls after the program's end", calls.len());
            assert!(!calls.iter().any(|call| may_sleep(call)), "{calls:#?}");
        }
    }
}

#[test]
fn a_grace_period_of_nothing_waits_for_nobody() {
    require_root!();
    require!("strace");
    for place in PLACES {
        let with = |option: &str| place().options(["-t", option]);
        for container in [with("0"), with("0s"), place().env("TINI_GRACE_PERIOD", "0")] {
            let container = container.strace(["-e", "trace=all"]);
            let mut leaving = leave(container, &ONE_THAT_IGNORES_TERM);
            leaving.wait().0.expect_code(CODE).expect_silence();
            let calls = calls_after_the_end(&mut leaving.run);
            assert!(!calls.iter().any(|call| may_sleep(call)), "{calls:#?}");
        }
    }
}

#[test]
fn several_hundred_are_asked_and_waited_for() {
    require_root!();
    const COUNT: usize = 300;
    for place in PLACES {
        let script = "daemon { cleanup 100 }; fork { cleanup 10 };".repeat(COUNT / 2);
        let mut leaving = leave(place(), &Rest { script: &script, ready: COUNT });
        let span = Duration::from_millis(100)..DEFAULT_DRAIN;
        let outcome = leaving.expect_end(span).expect_silence();
        assert_eq!(cleaned(&outcome), COUNT);
    }
}

#[test]
fn several_hundred_that_ignore_term_are_killed() {
    require_root!();
    const COUNT: usize = 300;
    for place in PLACES {
        let script = ONE_THAT_IGNORES_TERM.script.repeat(COUNT);
        let rest = Rest { script: &script, ready: COUNT };
        leave(place(), &rest).expect_end(at(DEFAULT_DRAIN));
    }
}

#[test]
fn descendants_of_descendants_are_asked_however_they_went_away() {
    require_root!();
    // Children of the rest, in groups and sessions of their own, with and without a parent.
    let script = "fork { setpgid; fork { setsid; fork { cleanup 50 }; cleanup 50 }; cleanup 50 };
        daemon { daemon { fork { cleanup 50 }; cleanup 50 }; fork { setpgid; cleanup 50 };
        cleanup 50 };";
    for place in PLACES {
        let mut leaving = leave(place(), &Rest { script, ready: 7 });
        let span = Duration::from_millis(50)..DEFAULT_DRAIN;
        let outcome = leaving.expect_end(span).expect_silence();
        assert_eq!(cleaned(&outcome), 7);
    }
}

#[test]
fn the_code_is_the_programs_and_remapped_also_when_the_rest_is_killed() {
    require_root!();
    for place in PLACES {
        let container = place().options(["-t", "200ms", "-e", "7:9", "-e", "137:1"]);
        let mut leaving = leave(container, &ONE_THAT_IGNORES_TERM);
        leaving.wait().0.expect_code(9);
        let container = place().options(["-t", "200ms", "-e", "137:5"]);
        let mut run = container.probe("ignore-term").start();
        run.wait_for_line("ready");
        run.signal(libc::SIGTERM);
        run.wait(LIMIT).expect_code(5);
    }
}

#[test]
fn who_joined_the_container_from_outside_is_asked_and_waited_for() {
    require_root!();
    require!("nsenter");
    let scratch = Scratch::new();
    let said = scratch.join("said");
    let mut run = start(Container::as_pid_1(), &Rest { script: "", ready: 0 });
    let mut joined = run.join("cleanup 500", &said);
    let outcome = end(run).expect_end(at(Duration::from_millis(500)));
    outcome.expect_silence();
    assert_eq!(fs::read_to_string(said).expect("a scratch file"), "ready\nclean\n");
    assert!(joined.wait().expect("a child").success(), "it has ended by itself");
}

/// Ends all processes of a user, whatever they do: none escapes between two looks.
struct Sweeper(u32);

impl Drop for Sweeper {
    fn drop(&mut self) {
        let mut command = Command::new("/bin/sh");
        let _ = spawn(command.args(["-c", "kill -KILL -1"]).uid(self.0)).wait();
    }
}

#[test]
fn a_fork_bomb_is_killed_at_the_deadline() {
    require_root!();
    const PROCESSES: u64 = 60;
    let script =
        format!("ignore TERM; block USR1; say ready; daemon {{ forkbomb }}; await USR1; exit {CODE}");
    for (user, place) in (LONELY..).zip(PLACES) {
        let scratch = Scratch::new();
        let container = place().options(["-t", "1s"]);
        let container = container.bounded_probe(&scratch, user, PROCESSES, &script);
        let mut run = container.start();
        let _sweeper = Sweeper(user);
        run.wait_until("the limit is reached", |run| run.processes().len() as u64 >= PROCESSES * 3 / 4);
        end(run).expect_end(at(Duration::from_secs(1)));
    }
}

/// The init outside PID 1, with nothing in its `/proc`.
fn with_empty_proc(script: &str) -> Container {
    Container::as_subreaper().probe(script).after("mount -t tmpfs none /proc")
}

#[test]
fn the_programs_group_is_asked_where_proc_tells_nothing() {
    require_root!();
    require!("unshare");
    let script = "block USR1; fork { cleanup 300 }; await USR1; exit 7";
    let mut run = with_empty_proc(script).start();
    run.wait_for_line("ready");
    let outcome = end(run).expect_end(at(Duration::from_millis(300)));
    assert_eq!(cleaned(&outcome), 1);
}

#[test]
fn the_init_does_not_wait_for_ever_where_proc_tells_nothing() {
    require_root!();
    require!("unshare");
    let script = "block USR1; daemon { ignore-term }; await USR1; exit 7";
    let mut run = with_empty_proc(script).start();
    run.wait_for_line("ready");
    let (outcome, after) = end(run).wait();
    // What cannot be found cannot be killed: two seconds for TERM, two for KILL.
    let span = DEFAULT_DRAIN..DEFAULT_DRAIN * 2 + SLACK;
    assert!(span.contains(&after), "ended after {after:?}: {outcome:#?}");
    outcome.expect_code(CODE);
}

#[test]
fn nobody_else_is_touched_where_proc_is_another_namespaces() {
    require_root!();
    const BYSTANDERS: usize = 30;
    // The first process of the namespace starts the init, and others beside it; what the host's
    // /proc tells of their numbers is about processes of the host.
    let scratch = Scratch::new();
    let program = scratch.file("program", "#!/bin/sh\nsleep 100 &\n", 0o755);
    let (init, program) = (init_path(), program.display());
    let bystanders = "fork { record 64 };".repeat(BYSTANDERS);
    let script = format!(
        "fork {{ block USR1; say ready; await USR1; exec {} -- {program} }}; {bystanders} pause",
        init.display()
    );
    let mut run =
        Container::as_pid_1().with_host_proc().init(probe_path()).probing().arguments([script]).start();
    run.wait_for_lines("ready", 1 + BYSTANDERS);
    let second = run.processes().into_iter().find(|it| it.inner_pid == 2);
    let second = second.expect("the init to be");
    sys::kill(second.pid, libc::SIGUSR1).expect("it is there");
    run.wait_until("the init has ended", |run| {
        run.processes().iter().all(|it| it.inner_pid != 2 || it.is_zombie())
    });
    assert_eq!(recorded(&run.stdout()), [0; 0]);
}
