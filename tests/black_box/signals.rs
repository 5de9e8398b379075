//! No signal is lost, none is made up, and each goes where it belongs.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{
    Container, Exit, LIMIT, PLACES, Process, Run, Scratch, is_linked_with_libc, recorded, require,
    require_root, spawn, sys,
};

/// The first signal that the kernel queues: each one that is sent arrives.
const FIRST_QUEUED: i32 = 32;
/// How often each signal is sent in a row.
const ROW: usize = 100;
/// A user that is nobody else.
const USER: u32 = 54_010;

/// All signals that an init can and has to pass on.
fn forwardable() -> impl DoubleEndedIterator<Item = i32> {
    let kept = [libc::SIGKILL, libc::SIGSTOP, libc::SIGCHLD];
    (1..=sys::LAST_SIGNAL).filter(move |signal| !kept.contains(signal))
}

/// Starts a probe whose script begins to record; returns when so many processes do.
#[track_caller]
fn start_recorders(container: Container, script: &str, count: usize) -> Run {
    let mut run = container.probe(script).start();
    run.wait_for_lines("ready", count);
    run
}

/// Waits until a recorder has seen this signal so many times.
#[track_caller]
fn wait_for_signals(run: &mut Run, signal: i32, count: usize) {
    let what = format!("signal {signal} is recorded {count} times");
    run.wait_until(&what, |run| {
        let seen = recorded(&run.stdout());
        seen.iter().filter(|it| **it == signal).count() >= count
    });
}

/// Sends `last`, at which the recorder exits with 0, and gives all that it has recorded. A higher
/// number is taken later, so what was sent before has arrived by then.
#[track_caller]
fn finish(mut run: Run, last: i32) -> Vec<i32> {
    run.signal(last);
    let outcome = run.wait(LIMIT).expect_code(0);
    recorded(&outcome.stdout)
}

/// How often each signal was recorded.
fn counts(recorded: &[i32]) -> BTreeMap<i32, usize> {
    recorded.iter().fold(BTreeMap::new(), |mut counts, signal| {
        *counts.entry(*signal).or_default() += 1;
        counts
    })
}

/// Requires that of a row of each of these signals all have arrived, or of those that the kernel
/// does not queue at least one.
#[track_caller]
fn expect_rows(recorded: &[i32], sent: impl IntoIterator<Item = i32>) {
    let counts = counts(recorded);
    for signal in sent {
        let count = counts.get(&signal).copied().unwrap_or_default();
        let enough = if signal < FIRST_QUEUED { 1..=ROW } else { ROW..=ROW };
        assert!(enough.contains(&count), "signal {signal} came {count} times: {counts:?}");
    }
}

#[test]
fn each_signal_from_outside_reaches_the_program_as_it_was_sent() {
    require_root!();
    for place in PLACES {
        // The one that ends the recorder has its turn in the other row.
        for last in [64, 63] {
            let mut run = start_recorders(place(), &format!("record {last}"), 1);
            let sent = || forwardable().filter(|signal| *signal != last);
            for signal in sent() {
                (0..ROW).for_each(|_| run.signal(signal));
                // A stop signal removes a SIGCONT that waits, and the other way round.
                wait_for_signals(&mut run, signal, 1);
            }
            if last < sys::LAST_SIGNAL {
                wait_for_signals(&mut run, sys::LAST_SIGNAL, ROW);
            }
            expect_rows(&finish(run, last), sent());
        }
    }
}

#[test]
fn each_signal_from_inside_reaches_the_program_as_it_was_sent() {
    require_root!();
    for place in PLACES {
        // Together, SIGCONT and the stop signals would remove each other.
        let with_stops = |signal: &i32| *signal != libc::SIGCONT;
        let with_cont = |signal: &i32| !(libc::SIGTSTP..=libc::SIGTTOU).contains(signal);
        let groups: [fn(&i32) -> bool; 2] = [with_stops, with_cont];
        for choose in groups {
            let sent: Vec<i32> = forwardable().filter(choose).filter(|it| *it < 64).collect();
            let words: Vec<String> = forwardable().map(|it| it.to_string()).collect();
            let kills = |signal: &i32| format!("kill {signal} init;").repeat(ROW);
            let kills: String = sent.iter().map(kills).collect();
            let script = format!("block {}; {kills} record 64", words.join(" "));
            let run = start_recorders(place(), &script, 1);
            expect_rows(&finish(run, 64), sent);
        }
    }
}

#[test]
fn standard_signals_that_come_one_by_one_all_arrive() {
    require_root!();
    for place in PLACES {
        let mut run = start_recorders(place(), "record 64", 1);
        for count in 1..=ROW {
            run.signal(libc::SIGUSR1);
            wait_for_signals(&mut run, libc::SIGUSR1, count);
        }
        let expected = BTreeMap::from([(libc::SIGUSR1, ROW), (64, 1)]);
        assert_eq!(counts(&finish(run, 64)), expected);
    }
}

/// Stops a process and waits until it is.
#[track_caller]
fn stop(run: &mut Run, find: fn(&mut Run) -> Process) {
    let process = find(run);
    sys::kill(process.pid, libc::SIGSTOP).expect("the process is there");
    run.wait_until("the process is stopped", |run| find(run).state == 'T');
}

#[test]
fn real_time_signals_keep_their_number_and_order() {
    require_root!();
    for place in PLACES {
        let mut run = start_recorders(place(), "record 64", 1);
        stop(&mut run, |run| run.init());
        let sent = || forwardable().filter(|signal| (FIRST_QUEUED..64).contains(signal));
        for signal in sent().rev() {
            (0..ROW).for_each(|_| run.signal(signal));
        }
        run.signal(64);
        run.signal(libc::SIGCONT);
        let outcome = run.wait(LIMIT).expect_code(0);
        // What the kernel would have given the program if it had been sent to it: the lowest first.
        let mut expected: Vec<i32> = sent().flat_map(|signal| [signal; ROW]).collect();
        expected.push(64);
        let mut found = recorded(&outcome.stdout);
        found.retain(|signal| *signal != libc::SIGCONT);
        assert_eq!(found, expected);
    }
}

#[test]
fn signals_go_to_the_programs_process_group() {
    require_root!();
    for place in PLACES {
        for options in [&[][..], &["-g"]] {
            let container = place().options(options.iter().copied());
            let script = "fork { record 64 }; record 64";
            let run = start_recorders(container, script, 2);
            run.signal(libc::SIGUSR1);
            let counts = counts(&finish(run, 64));
            assert_eq!((counts[&libc::SIGUSR1], counts[&64]), (2, 2), "{counts:?}");
        }
    }
}

#[test]
fn signals_to_a_single_child_go_to_nobody_else() {
    require_root!();
    let single = |place: fn() -> Container| place().new_session().options(["-c"]);
    let leader = |place: fn() -> Container| place().new_session().env("TINI_KILL_PROCESS_GROUP", "0");
    for container in PLACES.into_iter().flat_map(|place| [single(place), leader(place)]) {
        let mut run = start_recorders(container, "fork { record 62 }; record 64", 2);
        run.signal(libc::SIGUSR1);
        wait_for_signals(&mut run, libc::SIGUSR1, 1);
        // If the other one had got the signal, it would tell so before this one.
        let program = run.program().pid;
        let other = run.processes().into_iter().find(|it| it.pid != program);
        sys::kill(other.expect("a member of the group").pid, 62).expect("it is there");
        wait_for_signals(&mut run, 62, 1);
        let mut found = finish(run, 64);
        // Of that one's end the kernel tells its parent, the program.
        found.retain(|signal| *signal != libc::SIGCHLD);
        assert_eq!(found, [libc::SIGUSR1, 62, 64]);
    }
}

/// Options of the init.
type Options = &'static [&'static str];

#[test]
fn signals_are_rewritten_and_dropped_by_name_and_number() {
    require_root!();
    let cases: [(Options, &str, &[i32], &[i32]); 11] = [
        (&["-r", "HUP:TERM"], "", &[1], &[15]),
        (&["-r", "1:15"], "", &[1], &[15]),
        (&["--rewrite", "SIGHUP:SIGUSR1"], "", &[1], &[10]),
        (&["-r", "HUP:0", "-r", "QUIT:none"], "", &[1, 3, 10], &[10]),
        (&["-r", "RTMIN+3:TERM"], "", &[37], &[15]),
        (&["-r", "TERM:RTMAX-1"], "", &[15], &[63]),
        (&["-r", "32:33"], "", &[32], &[33]),
        // A rule is applied once: what comes of one is not looked up again.
        (&["-r", "HUP:USR1", "-r", "USR1:USR2"], "", &[1], &[10]),
        (&[], "HUP:QUIT,USR1:0,RTMIN+3:TERM", &[10, 1, 37], &[3, 15]),
        (&[], "15:0", &[15], &[]),
        (&["-r", "HUP:USR1"], "HUP:0", &[1], &[10]),
    ];
    for (options, variable, sent, expected) in cases {
        let mut container = Container::as_pid_1().options(options.iter().copied());
        if !variable.is_empty() {
            container = container.env("TINI_REWRITE", variable);
        }
        let mut run = start_recorders(container, "record 64", 1);
        sent.iter().for_each(|signal| run.signal(*signal));
        for signal in expected {
            wait_for_signals(&mut run, *signal, 1);
        }
        let mut found = finish(run, 64);
        found.sort_unstable();
        let mut expected = expected.to_vec();
        expected.push(64);
        assert_eq!(found, expected, "{options:?} {variable:?}");
    }
}

#[test]
fn a_program_that_moved_to_another_group_and_that_group_still_get_signals() {
    require_root!();
    for place in PLACES {
        let script = "join { record 64 }; record 64";
        let mut run = start_recorders(place(), script, 2);
        let program = run.program();
        assert_ne!(program.inner_group, program.inner_pid, "it has moved");
        run.signal(libc::SIGUSR1);
        let counts = counts(&finish(run, 64));
        assert_eq!((counts[&libc::SIGUSR1], counts[&64]), (2, 2), "{counts:?}");
    }
}

#[test]
fn a_program_in_the_inits_own_group_gets_each_signal_once() {
    require_root!();
    for place in PLACES {
        let mut run = start_recorders(place().new_session(), "join init; record 64", 1);
        assert_eq!(run.program().inner_group, run.init().inner_pid, "it has moved");
        for signal in [libc::SIGUSR1, 34] {
            run.signal(signal);
            wait_for_signals(&mut run, signal, 1);
        }
        assert_eq!(finish(run, 64), [libc::SIGUSR1, 34, 64]);
    }
}

/// A probe that can become root, whom an init of another user may neither signal nor kill.
fn setuid_probe(scratch: &Scratch) -> PathBuf {
    let probe = scratch.probe();
    fs::set_permissions(&probe, Permissions::from_mode(0o4755)).expect("a setuid program");
    probe
}

#[test]
fn a_program_that_the_init_may_not_signal_does_not_end_it() {
    require_root!();
    for place in PLACES {
        let scratch = Scratch::new();
        let (init, probe) = (scratch.init(), setuid_probe(&scratch));
        let mut run = place()
            .init(init)
            .user(USER, USER)
            .probing()
            .program([probe.into_os_string(), "setuid 0; record 64".into()])
            .start();
        run.wait_for_line("ready");
        for signal in [libc::SIGWINCH, libc::SIGHUP, libc::SIGTERM] {
            run.signal(signal);
        }
        // One line for each of them.
        run.wait_for_log("SIGTERM");
        run.wait_for_log("SIGHUP");
        run.wait_for_log("SIGWINCH");
        run.signal_program(64);
        let outcome = run.wait(LIMIT).expect_code(0);
        assert_eq!(recorded(&outcome.stdout), [64]);
    }
}

#[test]
fn a_program_that_cannot_be_killed_takes_no_time_beyond_the_grace_period() {
    require_root!();
    let scratch = Scratch::new();
    let (init, probe) = (scratch.init(), setuid_probe(&scratch));
    let outcome = Container::as_pid_1()
        .init(init)
        .user(USER, USER)
        .probing()
        .options(["-t", "300ms"])
        .program([probe.into_os_string(), "ignore TERM; kill TERM init; setuid 0; sleep 20000".into()])
        .run()
        .expect_code(137);
    assert!(outcome.elapsed < Duration::from_millis(1900), "{outcome:#?}");
}

#[test]
fn who_cannot_be_killed_and_is_left_behind_is_named() {
    require_root!();
    let scratch = Scratch::new();
    let (init, probe) = (scratch.init(), setuid_probe(&scratch));
    let script = "block USR1; daemon { setuid 0; say ready; sleep 4000 }; await USR1; exit 7";
    let mut run = Container::as_subreaper()
        .init(init)
        .user(USER, USER)
        .probing()
        .options(["-t", "100ms"])
        .program([probe.into_os_string(), script.into()])
        .start();
    run.wait_for_line("ready");
    run.signal_program(libc::SIGUSR1);
    let outcome = run.wait(LIMIT).expect_code(7);
    let (_, after) = outcome.stderr.split_once("some can't be killed\n").expect("it is said");
    assert!(after.contains("is still there"), "{outcome:#?}");
}

#[test]
fn a_signal_that_cannot_be_passed_on_does_not_end_the_init() {
    require_root!();
    require!("strace");
    for place in PLACES {
        for error in ["ESRCH", "EPERM", "ENOSYS"] {
            let rule = format!("inject=kill:error={error}:when=1");
            let container = place().strace(["-e", "trace=kill", "-e", &rule]);
            let mut run = start_recorders(container, "record 64", 1);
            run.signal(libc::SIGUSR1);
            run.wait_for_log("SIGUSR1");
            run.signal(64);
            let outcome = run.wait(LIMIT).expect_code(0);
            assert_eq!(recorded(&outcome.stdout), [64], "{error}");
            outcome.expect_one_line("WARN", &["SIGUSR1"]);
        }
    }
}

#[test]
fn a_stopped_program_is_continued_so_that_it_can_act_on_term() {
    require_root!();
    for place in PLACES {
        // And on what else asks it to stop, as an image's STOPSIGNAL may be.
        for signal in [libc::SIGINT, libc::SIGQUIT] {
            let mut run = start_recorders(place(), &format!("record {signal}"), 1);
            stop(&mut run, Run::program);
            run.signal(signal);
            run.wait(LIMIT).expect_code(0).expect_silence();
        }
        for (script, code) in [("record TERM", 0), ("say ready; pause", 143)] {
            let mut run = start_recorders(place(), script, 1);
            stop(&mut run, Run::program);
            run.signal(libc::SIGTERM);
            run.wait(LIMIT).expect_code(code).expect_silence();
        }
        // Whatever is made of the TERM.
        let mut run = start_recorders(place().options(["-r", "TERM:USR1"]), "record USR1", 1);
        stop(&mut run, Run::program);
        run.signal(libc::SIGTERM);
        run.wait(LIMIT).expect_code(0).expect_silence();
    }
}

#[test]
fn the_members_of_a_stopped_programs_group_are_continued_with_it() {
    require_root!();
    for place in PLACES {
        let script = "fork { record TERM }; record TERM";
        let mut run = start_recorders(place(), script, 2);
        let group = run.program().pid;
        sys::kill(-group, libc::SIGSTOP).expect("the group is there");
        run.wait_until("all are stopped", |run| run.processes().iter().all(|it| it.state == 'T'));
        run.signal(libc::SIGTERM);
        let outcome = run.wait(LIMIT).expect_code(0);
        let counts = counts(&recorded(&outcome.stdout));
        assert_eq!(counts[&libc::SIGTERM], 2, "{counts:?}");
    }
}

#[test]
fn a_program_that_is_not_stopped_gets_no_cont() {
    require_root!();
    for place in PLACES {
        let run = start_recorders(place(), "record 64", 1);
        let sent = [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM];
        sent.iter().for_each(|signal| run.signal(*signal));
        assert_eq!(counts(&finish(run, 64)), counts(&[2, 3, 15, 64]));
    }
}

#[test]
fn a_stopped_program_stays_stopped_by_other_signals() {
    require_root!();
    for place in PLACES {
        let mut run = start_recorders(place(), "record 64", 1);
        stop(&mut run, Run::program);
        run.signal(libc::SIGUSR1);
        // Pending: the init has passed it on.
        run.wait_until("the program has the signal", |run| {
            run.program().signals("ShdPnd") & 1 << (libc::SIGUSR1 - 1) != 0
        });
        assert_eq!(run.program().state, 'T');
        run.signal(libc::SIGCONT);
        let mut found = finish(run, 64);
        found.sort_unstable();
        assert_eq!(found, [libc::SIGUSR1, libc::SIGCONT, 64]);
    }
}

/// How often a signal is sent at a moment of chance.
const MOMENTS: u64 = 1000;
/// The signal that follows it and ends whoever has not got the first; a higher number, so that it
/// is taken after the first.
const FOLLOWING: i32 = 34;

/// Numbers without a pattern (SplitMix64), the same in every run.
fn chance(number: u64) -> f64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

/// A program that blocks all signals as its first act, then exits with 128 plus the number of the
/// first that comes: no init can do better. Behind the C library's start where the init is.
fn control(scratch: &Scratch) -> PathBuf {
    const SOURCE: &str = r#"
#include <sys/syscall.h>
static long call(long number, long a, long b, long c, long d) {
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return number;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b,
        x2 __asm__("x2") = c, x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
#elif defined(__riscv)
    register long a7 __asm__("a7") = number, a0 __asm__("a0") = a, a1 __asm__("a1") = b,
        a2 __asm__("a2") = c, a3 __asm__("a3") = d;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2), "r"(a3) : "memory");
    return a0;
#else
#error "no system call here"
#endif
}
#ifdef HOSTED
int main(void) {
#else
void _start(void) {
#endif
    unsigned long all = -1UL;
    call(SYS_rt_sigprocmask, 0, (long)&all, 0, 8);
    call(SYS_exit, 128 + call(SYS_rt_sigtimedwait, (long)&all, 0, 0, 8), 0, 0, 0);
}
"#;
    let program = scratch.join("control");
    let mut compiler = Command::new("cc");
    compiler.args(["-xc", "-", "-O2", "-static"]).arg("-o").arg(&program).stdin(Stdio::piped());
    if is_linked_with_libc() {
        compiler.arg("-DHOSTED");
    } else {
        compiler.args(["-nostdlib", "-ffreestanding", "-fno-stack-protector"]);
    }
    let mut compiler = spawn(&mut compiler);
    let mut stdin = compiler.stdin.take().expect("a pipe");
    stdin.write_all(SOURCE.as_bytes()).expect("the compiler reads");
    drop(stdin);
    assert!(compiler.wait().expect("a child").success(), "the control does not compile");
    program
}

/// Sends TERM so long after the execution, and tells whether it has come to anything.
#[track_caller]
fn arrives(container: Container, moment: Duration) -> bool {
    let mut run = container.start();
    let started = Instant::now();
    while started.elapsed() < moment {
        std::hint::spin_loop();
    }
    run.signal(libc::SIGTERM);
    // Until somebody acts on it: it may be too early for this one as well.
    run.wait_until("a signal ends it", |run| {
        let _ = run.has_ended() || {
            run.signal(FOLLOWING);
            false
        };
        run.has_ended()
    });
    match run.wait(LIMIT).exit {
        Exit::Code(143) => true,
        // What comes before the first instruction ends an ordinary process.
        Exit::Signal(libc::SIGTERM) => true,
        Exit::Code(code) if code == 128 + FOLLOWING => false,
        other => panic!("TERM {moment:?} after the execution came to {other:?}"),
    }
}

/// Up to 3 ms, most of them early, where all is in motion.
fn moments() -> impl Iterator<Item = Duration> {
    (0..MOMENTS).map(|number| Duration::from_secs_f64(0.003 * chance(number).powi(3)))
}

/// What comes before the first instruction of a PID 1 is dropped by the kernel; how much that is,
/// is seen beside a program that can't be faster.
#[test]
fn a_signal_at_any_moment_reaches_the_program_of_pid_1() {
    require_root!();
    require!("cc");
    let scratch = Scratch::new();
    let control = control(&scratch);
    let (mut lost, mut unavoidable) = (0_u32, 0_u32);
    for moment in moments() {
        lost += u32::from(!arrives(Container::as_pid_1().probe("pause"), moment));
        unavoidable += u32::from(!arrives(Container::as_pid_1().init(&control).probe("pause"), moment));
    }
    println!("{lost} of {MOMENTS} lost; {unavoidable} with the control");
    // The difference of two counts of the same chance is within five of its deviations.
    let deviation = f64::from(lost + unavoidable).sqrt();
    let bound = f64::from(unavoidable) + 5.0 * deviation.max(1.0);
    assert!(f64::from(lost) <= bound, "{lost} of {MOMENTS} lost, {unavoidable} at the least");
}

#[test]
fn a_signal_at_any_moment_reaches_the_program_or_ends_an_init_that_is_not_pid_1() {
    // What comes before its first instruction ends it: there is nothing that can't be helped.
    let lost = moments().filter(|moment| !arrives(Container::as_subreaper().probe("pause"), *moment)).count();
    assert_eq!(lost, 0, "lost of {MOMENTS}");
}
