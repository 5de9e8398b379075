//! Kubernetes' `pause`. No package has it, so what it does stands here as its documentation and its
//! source tell it: `-v` in any case and at any place prints the version, whatever else is given is
//! not looked at; INT and TERM end it with 0, nothing else does; it collects orphans.

use crate::support::{Container, LIMIT, PLACES, Run, require, require_root};

fn pause(place: fn() -> Container, words: &[&str]) -> Run {
    let mut run = place().name("/pause").arguments(words.iter().copied()).start();
    run.wait_until("it waits", |run| run.init().state == 'S');
    run
}

#[test]
fn the_version_is_asked_for_in_any_case_and_at_any_place() {
    require_root!();
    for words in [&["-v"][..], &["-V"], &["--", "-v"], &["x", "-v"], &["-v", "x"], &["-x", "-V"]] {
        let outcome =
            Container::as_pid_1().name("pause").arguments(words.iter().copied()).run().expect_code(0);
        let outcome = outcome.expect_silence();
        let version = env!("CARGO_PKG_VERSION");
        assert!(outcome.stdout.starts_with("pause"), "{words:?}: {outcome:#?}");
        assert!(outcome.stdout.contains(version), "{words:?}: {outcome:#?}");
        assert_eq!(outcome.stdout.lines().count(), 1, "{words:?}: {outcome:#?}");
    }
}

#[test]
fn term_and_int_end_it_with_0_and_nothing_else_does() {
    require_root!();
    for place in PLACES {
        // Nothing but these two, neither before nor after the first arguments were looked at.
        for words in [&[][..], &["x"], &["a", "b c"], &["-x"], &["--help"]] {
            for last in [libc::SIGTERM, libc::SIGINT] {
                let run = &mut pause(place, words);
                for signal in [1, 3, 10, 12, 13, 14, 17, 18, 20, 21, 22, 28, 34, 64] {
                    run.signal(signal);
                }
                run.signal(last);
                // pause itself tells the signal; ours is silent in a healthy run.
                let outcome = run.wait(LIMIT).expect_code(0).expect_silence();
                assert_eq!(outcome.stdout, "", "{words:?}");
            }
        }
    }
}

#[test]
fn orphans_are_collected() {
    require_root!();
    require!("nsenter");
    let mut run = pause(Container::as_pid_1, &[]);
    let mut enter = std::process::Command::new("nsenter");
    enter.args(["-p", "-m", "-t", &run.pid().to_string(), "sh", "-c", "sleep 0.05 & exit 0"]);
    assert!(enter.status().expect("nsenter").success());
    run.wait_until("the orphan has been collected", |run| run.processes().is_empty());
    run.signal(libc::SIGTERM);
    run.wait(LIMIT).expect_code(0).expect_silence();
}
