//! The binary's own black-box tests, run on [`become_init`](tini_embed::become_init):
//! the same files, with the example `as_init` in the binary's place.

use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Families of tests that are about the init and not about the binary or a personality.
const FAMILIES: [&str; 9] = [
    "exit_codes::",
    "hygiene::",
    "logging::",
    "modes::",
    "reaping::",
    "real_programs::",
    "shutdown::",
    "signals::",
    "start::",
];

/// What is the binary's alone, and why.
const NOT_THIS: [&str; 12] = [
    // The program is the caller, so there is always one.
    "modes::a_pause_",
    // std opens /dev/null in the place of a closed descriptor before `main`.
    "hygiene::standard_descriptors_that_are_closed_stay_closed",
    // The exec is std's: it resets SIGPIPE, searches PATH by itself, and the words for its
    // failure are the example's.
    "start::hands_mask_and_dispositions_over_exactly",
    "modes::a_path_that_is_given_is_the_one_that_is_searched",
    "modes::what_can_t_be_had_is_told_in_one_line_and_nothing_is_started",
    "logging::names_from_outside_cannot_forge_a_line_or_steer_a_terminal",
    "logging::levels_are_padded_to_five_letters",
    "logging::a_last_word_to_a_stderr_that_takes_nothing_ends_in_the_right_code",
    "logging::help_to_a_stdout_that_takes_nothing_ends",
    "start::a_fork_that_fails_is_told_and_ends_it_with_1",
    // The C library and std set themselves up before `main`.
    "start::blocks_signals_by_its_first_system_call",
    "signals::a_signal_at_any_moment",
];

#[test]
fn what_the_binary_promises_become_init_keeps() {
    // Cargo puts examples beside the folder of the test binaries.
    let own = std::env::current_exe().unwrap();
    let example = own.ancestors().nth(2).map(|folder| folder.join("examples/as_init"));
    let example = example.filter(|path| path.is_file()).expect("cargo has built the example");
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    if !manifest.is_file() {
        let _ = writeln!(std::io::stderr(), "skipped: the binary's tests are not here");
        return;
    }
    let mut tests = Command::new(env!("CARGO"));
    tests.args(["test", "--quiet", "--package", "tini-rs", "--test", "black_box", "--manifest-path"]);
    tests.arg(manifest).arg("--").args(FAMILIES);
    tests.args(NOT_THIS.iter().flat_map(|name| ["--skip", name]));
    let status = tests.env("INIT", example).status().unwrap();
    assert!(status.success(), "see above");
}
