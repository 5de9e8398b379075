//! The exit code is always the program's, whatever else dies and however it dies.

use crate::support::{Container, LIMIT, PLACES, require_root};

/// Signals whose default action does not end a process: CHLD, CONT, STOP, TSTP, TTIN, TTOU, URG,
/// WINCH.
const HARMLESS: [i32; 8] = [17, 18, 19, 20, 21, 22, 23, 28];

/// Runs a script under an init with these options; its exit code. A healthy run is a silent one.
#[track_caller]
fn code_of(container: Container, options: &[&str], script: &str) -> i32 {
    container.options(options.iter().copied()).probe(script).run().expect_silence().code()
}

#[test]
fn passes_every_exit_code_on() {
    require_root!();
    for code in 0..=255 {
        assert_eq!(code_of(Container::as_pid_1(), &[], &format!("exit {code}")), code);
    }
}

#[test]
fn passes_exit_codes_on_outside_pid_1() {
    for code in [0, 1, 2, 125, 126, 127, 128, 143, 254, 255] {
        let found = code_of(Container::as_subreaper(), &[], &format!("exit {code}"));
        assert_eq!(found, code);
    }
}

#[test]
fn tells_death_by_every_signal_as_128_plus_its_number() {
    require_root!();
    for signal in (1..=64).filter(|signal| !HARMLESS.contains(signal)) {
        let outcome = Container::as_pid_1().probe(&format!("die {signal}")).run();
        assert_eq!(outcome.code(), 128 + signal, "death by signal {signal}: {outcome:#?}");
    }
}

#[test]
fn tells_death_by_a_signal_outside_pid_1() {
    for signal in [1, 6, 9, 11, 15, 31, 32, 33, 34, 64] {
        let outcome = Container::as_subreaper().probe(&format!("die {signal}")).run();
        assert_eq!(outcome.code(), 128 + signal, "death by signal {signal}: {outcome:#?}");
    }
}

#[test]
fn remaps_exit_codes() {
    require_root!();
    let cases: [(&[&str], &str, i32); 14] = [
        (&["-e", "143"], "die TERM", 0),
        (&["-e", "143"], "exit 143", 0),
        (&["-e143"], "exit 143", 0),
        (&["-e", "143"], "exit 142", 142),
        (&["-e", "143"], "exit 7", 7),
        (&["-e", "143:7"], "die TERM", 7),
        (&["-e", "143:7"], "exit 7", 7),
        (&["-e", "0:3"], "exit 0", 3),
        (&["-e", "143", "-e", "130:1"], "exit 130", 1),
        (&["-e", "143", "-e", "130:1"], "exit 143", 0),
        // A rule is applied once: what comes of one is not looked up again.
        (&["-e", "5:6", "-e", "6:7"], "exit 5", 6),
        (&["-e", "162"], "die RTMIN", 0),
        (&["--remap-exit", "255:254"], "exit 255", 254),
        (&["--remap-exit=1"], "exit 1", 0),
    ];
    for (options, script, code) in cases {
        let found = code_of(Container::as_pid_1(), options, script);
        assert_eq!(found, code, "{options:?} {script}");
    }
}

#[test]
fn remaps_exit_codes_by_environment() {
    require_root!();
    for (code, expected) in [(143, 0), (130, 1), (131, 131), (0, 0)] {
        let container = Container::as_pid_1().env("TINI_REMAP_EXIT", "143,130:1");
        assert_eq!(code_of(container, &[], &format!("exit {code}")), expected);
    }
}

#[test]
fn the_code_is_the_programs_whoever_else_ends() {
    require_root!();
    // Others end before the program, with it, and after it.
    let scripts = [
        "daemon { exit 3 }; daemon { die KILL }; fork { exit 4 }; wait; exit 7",
        "fork { exit 3 }; fork { die SEGV }; daemon { die RTMAX }; exit 7",
        "daemon { cleanup 50 }; fork { block TERM; await TERM; exit 9 }; exit 7",
        "orphans 50; fork { orphans 50; exit 8 }; exit 7",
        // The program's group and session are not what makes it the program.
        "setsid; fork { setsid; exit 3 }; exit 7",
    ];
    for place in PLACES {
        for script in scripts {
            assert_eq!(code_of(place(), &[], script), 7, "{script}");
        }
    }
}

#[test]
fn the_code_is_told_when_sigchld_was_inherited_as_ignored() {
    require_root!();
    for place in PLACES {
        for (script, code) in [("exit 7", 7), ("die TERM", 143), ("orphans 10; exit 3", 3)] {
            let container = place().ignored(1 << (libc::SIGCHLD - 1));
            assert_eq!(code_of(container, &[], script), code, "{script}");
        }
    }
}

/// `PTRACE_TRACEME` makes the init a tracer, as programs do that want to know whether they are
/// debugged: each signal stops them for it, one that does nothing as well.
#[test]
fn a_program_that_has_its_parent_trace_it_is_let_go() {
    require_root!();
    for place in PLACES {
        let run = |script| code_of(place(), &[], script);
        assert_eq!(run("trace-me; kill URG self; exit 7"), 7);
        assert_eq!(run("trace-me; fork { exit 3 }; wait; daemon { trace-me; kill URG self }; exit 7"), 7);
        assert_eq!(run("trace-me; kill TERM init; pause"), 143);
        // The SIGTRAP of an exec is for its tracer.
        assert_eq!(run("trace-me; exec /bin/true"), 0);
    }
}

#[test]
fn a_traced_program_hears_a_stop_where_the_kernel_collects_orphans() {
    require_root!();
    let script = "daemon { exit 0 }; sleep 50; daemon { exit 0 }; sleep 50; trace-me; kill URG self; pause";
    let mut run = Container::as_pid_1().probe(script).start();
    run.wait_until("the program is stopped, or waits", |run| {
        let program = run.program();
        program.state == 't' || program.system_call().starts_with(&libc::SYS_pause.to_string())
    });
    run.signal(libc::SIGTERM);
    run.wait(LIMIT).expect_code(143).expect_silence();
}
