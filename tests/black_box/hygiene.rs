//! What the init keeps of its surroundings, and what it hands on: the program gets everything, the
//! init keeps nothing that would be missed elsewhere.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::Path;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::support::{
    Container, LIMIT, PLACES, Report, Run, Scratch, Stream, init_path, probe_path, require, require_root,
};

/// The script of a program that tells what it was given and stays.
const REPORT_AND_STAY: &str = "status; say ready; pause";

/// Waits for the report of a program that stays.
#[track_caller]
fn report(run: &mut Run) -> Report {
    run.wait_for_line("ready");
    Report::read(&run.stdout())
}

#[test]
fn the_init_leaves_its_directory_and_the_program_stays_there() {
    require_root!();
    for place in PLACES {
        let scratch = Scratch::new();
        let directory = fs::canonicalize(scratch.path()).expect("it is there");
        let mut run = place().directory(&directory).probe(REPORT_AND_STAY).start();
        assert_eq!(Path::new(report(&mut run).get("cwd")), directory);
        run.wait_until("the init is in /", |run| run.init().is_in_root());
    }
}

/// Three descriptors that the init inherits, far apart.
fn with_descriptors(container: Container) -> Container {
    [3, 7, 200].into_iter().fold(container, |container, number| {
        container.descriptor(number, File::open("/dev/null").expect("it is there"))
    })
}

/// Requires that they are open in the program and closed in the init.
#[track_caller]
fn expect_descriptors_handed_over(container: Container) {
    let mut run = with_descriptors(container).probe(REPORT_AND_STAY).start();
    assert_eq!(report(&mut run).get("fds"), "0 1 2 3 7 200");
    run.wait_until("the init has closed what it inherited", |run| {
        run.init().descriptors().iter().all(|number| *number < 3)
    });
}

#[test]
fn inherited_descriptors_are_the_programs_alone() {
    require_root!();
    for place in PLACES {
        expect_descriptors_handed_over(place());
    }
}

#[test]
fn inherited_descriptors_are_closed_where_close_range_is_unknown_or_forbidden() {
    require_root!();
    require!("strace");
    for error in ["ENOSYS", "EPERM"] {
        let rule = format!("inject=close_range:error={error}");
        for place in PLACES {
            expect_descriptors_handed_over(place().strace(["-e", &rule]));
        }
        // Nowhere to look which ones are open.
        expect_descriptors_handed_over(Container::as_pid_1().without_proc().strace(["-e", &rule]));
    }
}

#[test]
fn a_pipe_that_the_program_closes_is_closed() {
    require_root!();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut run = Container::as_pid_1().descriptor(5, writer).probe("close 5; say ready; pause").start();
    run.wait_for_line("ready");
    // Only the init could still hold the other end.
    run.wait_until("the pipe is at its end", |_| {
        let mut end = [PollFd::new(reader.as_fd(), PollFlags::empty())];
        poll(&mut end, PollTimeout::ZERO).expect("a look at the pipe");
        end[0].revents().is_some_and(|it| it.contains(PollFlags::POLLHUP))
    });
}

#[test]
fn standard_descriptors_that_are_closed_stay_closed() {
    require_root!();
    for place in PLACES {
        for open in 0..8 {
            let scratch = Scratch::new();
            let path = scratch.join("report");
            let file = File::create(&path).expect("a file");
            let is_open = |number: i32| open & 1 << number != 0;
            let stream = |number| match is_open(number) {
                true => Stream::Null,
                false => Stream::Closed,
            };
            place()
                .stdin(stream(0))
                .stdout(stream(1))
                .stderr(stream(2))
                .descriptor(5, file)
                .probe("status 5; exit 7")
                .run()
                .expect_code(7);
            let expected: Vec<String> = (0..3)
                .filter(|number| is_open(*number))
                .chain([5])
                .map(|number| number.to_string())
                .collect();
            let found = Report::read(&fs::read_to_string(&path).expect("the report"));
            assert_eq!(found.get("fds"), expected.join(" "));
        }
    }
}

#[test]
fn variables_that_name_the_init_by_its_pid_name_the_program() {
    require_root!();
    for name in ["LISTEN_PID", "WATCHDOG_PID"] {
        // As PID 1 the program is 2. What is not exactly the init's pid is nobody's business.
        for (value, expected) in [("1", "2"), ("77", "77"), ("2", "2"), ("11", "11"), ("1x", "1x"), ("", "")]
        {
            let outcome = Container::as_pid_1()
                .env(name, value)
                .env("LISTEN_FDS", "1")
                .env("OTHER_PID", "1")
                .probe("status")
                .run()
                .expect_code(0)
                .expect_silence();
            let found = Report::read(&outcome.stdout);
            assert_eq!(found.variable(name), Some(expected), "{name}={value:?}");
            assert_eq!(found.variable("LISTEN_FDS"), Some("1"));
            assert_eq!(found.variable("OTHER_PID"), Some("1"));
            assert_eq!(found.get("pid"), "2");
        }
    }
}

#[test]
fn variables_are_rewritten_outside_pid_1_too() {
    // A shell puts its own pid into the environment and becomes the init.
    let outcome = Container::as_subreaper()
        .probing()
        .init("/bin/sh")
        .arguments([
            "-c".as_ref(),
            "LISTEN_PID=$$ WATCHDOG_PID=$$ OTHER=$$ exec \"$0\" -- \"$@\"".as_ref(),
            init_path().as_os_str(),
            probe_path().as_os_str(),
            "status".as_ref(),
        ])
        .run()
        .expect_code(0)
        .expect_silence();
    let found = Report::read(&outcome.stdout);
    assert_eq!(found.variable("LISTEN_PID"), Some(found.get("pid")));
    assert_eq!(found.variable("WATCHDOG_PID"), Some(found.get("pid")));
    assert_eq!(found.variable("OTHER"), Some(found.get("ppid")));
}

#[test]
fn a_closed_stdin_is_no_reason_to_fail() {
    require_root!();
    let mut run = Container::as_pid_1().new_session().stdin(Stream::Closed).probe("record TERM").start();
    run.wait_for_line("ready");
    run.signal(libc::SIGTERM);
    run.wait(LIMIT).expect_code(0).expect_silence();
}

#[test]
fn an_idle_init_wakes_up_for_nothing_but_news() {
    require_root!();
    for place in PLACES {
        for options in [&[][..], &["-t", "10s"], &["-W"]] {
            let mut run = place().options(options.iter().copied()).probe("say ready; pause").start();
            run.wait_for_line("ready");
            run.expect_idle(&format!("{options:?}"));
        }
        let mut run = place().terminal().stdout(Stream::Captured).probe("say ready; pause").start();
        run.wait_for_line("ready");
        run.expect_idle("with a terminal");
        // With nobody left but a daemon.
        for options in [&["-W"][..], &["-W", "-t", "10s"]] {
            let script = "daemon { say ready; pause }; exit 7";
            let mut run = place().options(options.iter().copied()).probe(script).start();
            run.wait_for_line("ready");
            run.wait_until("the daemon alone is left", |run| {
                let left = run.processes();
                left.len() == 1 && left[0].parent == run.pid()
            });
            run.expect_idle(&format!("{options:?}, with a daemon"));
            run.signal(libc::SIGTERM);
            run.wait(LIMIT).expect_code(7).expect_silence();
        }
    }
}
