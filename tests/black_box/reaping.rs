//! Every process that ends is collected, and neither deaths nor signals hide each other.

use std::time::{Duration, Instant};

use crate::support::{
    Container, LIMIT, PLACES, Run, Scratch, init_path, log_line, recorded, require, require_root, sys,
};

/// Orphans of a test: so many batches of so many.
const BATCHES: usize = 10;
const BATCH: usize = 1000;
/// What is prompt, on a machine with other work to do.
const PROMPT: Duration = Duration::from_secs(10);
/// A user that has no process anywhere else, and the next one.
const LONELY: u32 = 54_030;
/// How long so many orphans may take at the most.
const STORM_LIMIT: Duration = Duration::from_secs(120);
/// Signals of a storm: the kernel gives them out before SIGCHLD and keeps one of a kind. Real-time
/// ones would use up the queue that all processes of a user share.
const STORM: [i32; 3] = [libc::SIGHUP, libc::SIGUSR1, libc::SIGUSR2];

/// A script that makes all orphans of a test and tells of each batch.
fn orphans() -> String {
    format!("orphans {BATCH}; say batch;").repeat(BATCHES)
}

/// Waits until so many processes are left below the init, zombies counted.
#[track_caller]
fn expect_left(run: &mut Run, count: usize) {
    run.wait_until("all orphans are collected", |run| run.processes().len() == count);
}

#[track_caller]
fn expect_every_orphan_collected(place: fn() -> Container) {
    let script = format!("block TERM; {} await TERM; exit 7", orphans());
    let mut run = place().probe(&script).start();
    for batch in 1..=BATCHES {
        run.wait_for_lines("batch", batch);
    }
    expect_left(&mut run, 1);
    run.signal(libc::SIGTERM);
    run.wait(LIMIT).expect_code(7).expect_silence();
}

/// Between the clone and the init stands a program that has a child die and then execs it.
#[test]
fn a_child_that_ended_before_the_start_is_collected() {
    require_root!();
    require!("python3");
    let script = "import os, sys
if os.fork() == 0: os._exit(0)
os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
os.execv(sys.argv[1], sys.argv[1:])";
    let init = init_path().into_os_string().into_string().expect("a plain path");
    let mut run = Container::as_pid_1()
        .init("/usr/bin/env")
        .options(["python3", "-c", script, &init])
        .probe("block USR1; say ready; await USR1")
        .start();
    run.wait_for_line("ready");
    run.wait_until("the zombie is collected", |run| run.zombies() == 0);
    run.signal(libc::SIGUSR1);
    run.wait(LIMIT).expect_code(0);
}

#[test]
fn ten_thousand_orphans_leave_no_zombie() {
    require_root!();
    expect_every_orphan_collected(Container::as_pid_1);
}

#[test]
fn ten_thousand_orphans_leave_no_zombie_outside_pid_1() {
    expect_every_orphan_collected(Container::as_subreaper);
}

/// Sends real-time signals while orphans end, never more than the queue holds, and counts them.
#[track_caller]
fn expect_no_signal_lost_among_orphans(place: fn() -> Container) {
    const FIRST: i32 = 34;
    const LAST: i32 = 64;
    const ROW: usize = 10;
    // Not in the program's group, where the signals would come as well.
    let script = format!("daemon {{ {} pause }}; record {LAST}", orphans());
    let mut run = place().probe(&script).start();
    run.wait_for_line("ready");
    let sent = || (FIRST..LAST).flat_map(|signal| [signal; ROW]);
    let begun = Instant::now();
    let mut rounds = 0;
    let mut batches = 0;
    while batches < BATCHES {
        sent().for_each(|signal| run.signal(signal));
        rounds += 1;
        run.wait_until("all signals of the round have come", |run| {
            recorded(&run.stdout()).len() >= rounds * sent().count()
        });
        batches = run.stdout().lines().filter(|it| *it == "batch").count();
        assert!(begun.elapsed() < STORM_LIMIT, "the storm does not end\n{}", run.evidence());
    }
    expect_left(&mut run, 2);
    run.signal(LAST);
    let outcome = run.wait(LIMIT).expect_code(0).expect_silence();
    let mut found = recorded(&outcome.stdout);
    found.sort_unstable();
    let mut expected: Vec<i32> = (0..rounds).flat_map(|_| sent()).chain([LAST]).collect();
    expected.sort_unstable();
    println!("{} signals among {} orphans", found.len(), BATCHES * BATCH);
    assert!(found == expected, "sent {}, recorded {}", expected.len(), found.len());
}

#[test]
fn no_signal_is_lost_in_a_storm_of_orphans() {
    require_root!();
    expect_no_signal_lost_among_orphans(Container::as_pid_1);
}

#[test]
fn no_signal_is_lost_in_a_storm_of_orphans_outside_pid_1() {
    expect_no_signal_lost_among_orphans(Container::as_subreaper);
}

#[test]
fn a_signal_comes_through_an_endless_storm_of_orphans() {
    require_root!();
    let endless = "daemon { orphans 1000; say storm; orphans 4000000000 };".repeat(3);
    for (user, place) in (LONELY..).zip(PLACES) {
        // Bounded, as three can be faster than one, and there are other tests.
        let scratch = Scratch::new();
        let script = format!("{endless} pause");
        let container = place().bounded_probe(&scratch, user, 500, &script);
        let mut run = container.start();
        run.wait_for_lines("storm", 3);
        run.signal(libc::SIGTERM);
        // Its makers are asked to end as well, so that the storm ends.
        run.wait(PROMPT).expect_code(143).expect_silence();
    }
}

#[test]
fn the_programs_end_is_seen_in_an_endless_storm_of_signals() {
    require_root!();
    for place in PLACES {
        let script = "ignore HUP USR1 USR2; block TERM; say ready; await TERM; exit 7";
        let mut run = place().probe(script).start();
        run.wait_for_line("ready");
        let init = sys::pidfd_open(run.pid()).expect("the init is there");
        let begun = Instant::now();
        // Until it is not there any more.
        let send = |signal: &i32| sys::pidfd_kill(&init, *signal).is_ok();
        let storm = || while begun.elapsed() < PROMPT && STORM.iter().all(send) {};
        std::thread::scope(|scope| {
            scope.spawn(storm);
            scope.spawn(storm);
            run.wait_until("the storm has begun", |run| run.init().signals("ShdPnd") != 0);
            run.signal_program(libc::SIGTERM);
            run.wait(PROMPT).expect_code(7).expect_silence();
        });
    }
}

#[test]
fn every_status_of_an_orphan_is_told_as_it_is() {
    require_root!();
    let real_time = || 32..=sys::LAST_SIGNAL;
    let deaths: String = real_time().map(|it| format!("daemon {{ die {it} }};")).collect();
    let exits: String = (200..210).map(|it| format!("daemon {{ exit {it} }};")).collect();
    for place in PLACES {
        let script = format!("{deaths} {exits} block USR1; say done; await USR1; die 39");
        let mut run = place().options(["-w"]).probe(&script).start();
        run.wait_for_line("done");
        expect_left(&mut run, 1);
        run.signal(libc::SIGUSR1);
        let outcome = run.wait(LIMIT).expect_code(128 + 39);
        let mut found: Vec<&str> = outcome
            .stderr
            .lines()
            .filter_map(|line| Some(log_line(line)?.2.split_once(", which ")?.1))
            .collect();
        found.sort_unstable();
        let death = |signal| format!("was killed by {}", name(signal));
        let mut expected: Vec<String> = real_time().map(death).collect();
        expected.extend((200..210).map(|code| format!("exited with {code}")));
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
}

/// What the init calls a signal above the standard ones: the C library's own have no name.
fn name(signal: i32) -> String {
    match signal {
        ..34 => format!("signal {signal}"),
        34 => "SIGRTMIN".to_owned(),
        _ => format!("SIGRTMIN+{}", signal - 34),
    }
}
