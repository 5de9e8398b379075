//! What holds by whatever name ours is called: the names, and the variables of its own.

use crate::support::{Container, LIMIT, Report, require_root};

/// The names of other inits, of each kind one that runs programs; and its own.
const NAMES: [&str; 5] = ["tini", "dumb-init", "catatonit", "pid1", "tini-rs"];

fn called(name: &str) -> Container {
    Container::as_pid_1().name(name)
}

#[test]
fn a_name_and_its_other_names_are_one() {
    require_root!();
    for (name, others) in [
        ("tini", &["tini-static", "docker-init", "/sbin/docker-init", "./tini", "/usr/bin/tini"][..]),
        ("catatonit", &["podman-init", "/run/podman-init", "/catatonit"]),
        ("dumb-init", &["/usr/bin/dumb-init", "//dumb-init"]),
        ("pid1", &["/sbin/pid1"]),
        ("tini-rs", &["", "init", "tini/", "tini2", "TINI", "/tini/x", "pause2"]),
    ] {
        for word in ["-h", "-V", "-x"] {
            let told = |name| {
                let outcome = called(name).arguments([word]).run();
                (outcome.exit, outcome.stdout, outcome.stderr)
            };
            let expected = told(name);
            for other in others {
                assert_eq!(told(other), expected, "{other:?} and {name:?} {word}");
            }
        }
    }
}

#[test]
fn its_own_variables_work_by_every_name() {
    require_root!();
    for name in NAMES {
        let with = |variable: &str, value: &str| called(name).env(variable, value);
        with("TINI_REMAP_EXIT", "7:9").probe("exit 7").run().expect_code(9);

        let mut run = with("TINI_REWRITE", "TERM:USR1").probe("record USR1").start();
        run.wait_for_line("ready");
        run.signal(libc::SIGTERM);
        run.wait(LIMIT).expect_code(0);

        let mut run = with("TINI_GRACE_PERIOD", "100ms").probe("ignore-term").start();
        run.wait_for_line("ready");
        run.signal(libc::SIGTERM);
        run.wait(LIMIT).expect_code(137);

        let script = "block USR1; fork { cleanup 100 }; await USR1; exit 3";
        for (variable, value, ends) in
            [("TINI_GRACE_PERIOD", "20s", "ready\nclean\n"), ("TINI_GRACE_PERIOD", "0", "ready\n")]
        {
            let mut run = with(variable, value).probe(script).start();
            run.wait_for_line("ready");
            run.signal(libc::SIGUSR1);
            let outcome = run.wait(LIMIT).expect_code(3);
            assert_eq!(outcome.stdout, ends, "{name}: {variable}={value}");
        }

        let outcome = with("TINI_VERBOSITY", "3").probe("exit 3").run().expect_code(3);
        assert_ne!(outcome.stderr, "", "{name}");
        let mut run = with("TINI_WARN_ON_REAP", "1").probe("block TERM; orphans 1; await TERM").start();
        run.wait_for_log("exited with");
        run.signal(libc::SIGTERM);
        run.wait(LIMIT).expect_code(0);

        let report = |variable: &str, value: &str| {
            let outcome = with(variable, value).probe("status").run().expect_code(0).expect_silence();
            Report::read(&outcome.stdout)
        };
        let alone = report("TINI_SINGLE_CHILD", "1");
        assert_eq!((alone.get("pgid"), alone.get("sid")), ("0", "0"), "{name}");
        let leader = report("TINI_SESSION", "1");
        assert_eq!((leader.get("pgid"), leader.get("sid")), ("2", "2"), "{name}");
        let grouped = report("TINI_KILL_PROCESS_GROUP", "1");
        assert_eq!(grouped.get("pgid"), "2", "{name}");

        let mut run = with("TINI_WAIT_ALL", "1").probe("daemon { sleep 100; say last }; exit 3").start();
        let outcome = run.wait(LIMIT).expect_code(3);
        assert_eq!(outcome.stdout, "last\n", "{name}");

        let mut run = with("TINI_PAUSE", "1").arguments::<&str>([]).start();
        run.wait_until("it waits", |run| run.init().state == 'S');
        run.signal(libc::SIGTERM);
        run.wait(LIMIT).expect_code(0);
    }
}

#[test]
fn a_bad_variable_is_a_mistake_by_every_name() {
    require_root!();
    for name in NAMES {
        let outcome = called(name).env("TINI_GRACE_PERIOD", "soon").probe("say started").run();
        assert_eq!(outcome.code(), if name == "pid1" { 2 } else { 1 }, "{name}");
        assert_eq!(outcome.stdout, "", "{name}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{name}: {outcome:#?}");
        assert!(outcome.stderr.contains("TINI_GRACE_PERIOD"), "{name}: {outcome:#?}");
    }
}

#[test]
fn announced_sockets_and_watchdogs_are_handed_over_by_every_name() {
    require_root!();
    for name in NAMES {
        let container = called(name).env("LISTEN_PID", "1").env("WATCHDOG_PID", "1").env("LISTEN_FDS", "1");
        let file = std::fs::File::open("/dev/null").expect("/dev/null");
        let outcome = container.descriptor(3, file).probe("status").run().expect_code(0).expect_silence();
        let found = Report::read(&outcome.stdout);
        assert_eq!(found.variable("LISTEN_PID"), Some("2"), "{name}");
        assert_eq!(found.variable("WATCHDOG_PID"), Some("2"), "{name}");
        assert_eq!(found.get("fds"), "0 1 2 3", "{name}");
    }
}
