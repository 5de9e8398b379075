//! All cases, by the row of the table to which they belong.

use std::time::Duration;

use crate::bench::{Case, Kind, Mode, Stop};
use crate::{nested, pid1, shell, tmux};

/// How long ours may take for a step. Generous, so that a busy machine is no failure.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A line of the table: every case of it has to hold.
pub struct Row {
    pub words: &'static str,
    /// What is known of those that ours is compared with.
    pub known: Known,
    pub cases: &'static [Case],
}

/// A peer's cell of the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cell {
    Yes,
    No,
    /// It has nothing of that kind.
    None,
}

/// What each of the peers was seen to do.
pub type Known = [Cell; 4];

const Y: Cell = Cell::Yes;
const N: Cell = Cell::No;
const X: Cell = Cell::None;

/// Runs a case for ours.
fn ours(case: &Case) {
    match case.run(Kind::Ours, LIMIT) {
        Ok(()) => {}
        Err(Stop::Failed(why)) => panic!("{}: {why}", case.name),
        Err(Stop::Skipped(why)) => crate::support::skip!("{why}"),
        Err(Stop::NotForIt) => panic!("{}: ours works in every mode", case.name),
    }
}

macro_rules! rows {
    ($($words:literal $known:tt { $($name:ident: $mode:ident, $module:ident::$function:ident;)+ })+) => {
        /// The table.
        pub const ROWS: &[Row] = &[
            $(Row {
                words: $words,
                known: $known,
                cases: &[
                    $(Case {
                        name: stringify!($name),
                        mode: Mode::$mode,
                        run: $module::$function,
                    },)+
                ],
            },)+
        ];

        $($(
            #[test]
            fn $name() {
                ours(&Case {
                    name: stringify!($name),
                    mode: Mode::$mode,
                    run: $module::$function,
                });
            }
        )+)+
    };
}

// The columns of what is known: no init, tini, dumb-init, catatonit.
rows! {
    "PID 1: Ctrl-C, Ctrl-\\ and a new window size reach the program, once" [Y, Y, Y, Y] {
        pid_1_ctrl_c_reaches_the_program_once: Default, pid1::ctrl_c;
        pid_1_ctrl_backslash_reaches_the_program_once: Default, pid1::ctrl_backslash;
        pid_1_window_size_reaches_the_program_once: Default, pid1::window_size;
    }
    "… with the program in a session of its own" [X, X, Y, X] {
        pid_1_ctrl_c_reaches_the_programs_session_once: Session, pid1::ctrl_c;
        pid_1_ctrl_backslash_reaches_the_programs_session_once: Session, pid1::ctrl_backslash;
        pid_1_window_size_reaches_the_programs_session_once: Session, pid1::window_size;
    }
    "… with the program in the init's process group" [X, X, N, X] {
        pid_1_ctrl_c_is_not_passed_on_to_who_has_it: Left, pid1::ctrl_c;
        pid_1_ctrl_backslash_is_not_passed_on_to_who_has_it: Left, pid1::ctrl_backslash;
        pid_1_window_size_is_not_passed_on_to_who_has_it: Left, pid1::window_size;
    }
    "PID 1: the program hears of a hang-up, once" [Y, Y, Y, Y] {
        pid_1_hang_up_reaches_the_program_once: Default, pid1::hang_up;
    }
    "… in a session of its own" [X, X, Y, X] {
        pid_1_hang_up_reaches_the_programs_session_once: Session, pid1::hang_up;
    }
    "… in the init's process group" [X, X, Y, X] {
        pid_1_hang_up_is_passed_on_to_a_program_that_was_left_alone: Left, pid1::hang_up;
    }
    "PID 1: Ctrl-Z does not leave the container hanging" [Y, N, Y, Y] {
        pid_1_ctrl_z_does_not_hang: Default, pid1::ctrl_z;
        pid_1_ctrl_z_does_not_hang_a_session: Session, pid1::ctrl_z;
        pid_1_ctrl_z_does_not_hang_a_program_that_was_left_alone: Left, pid1::ctrl_z;
    }
    "PID 1: a program that handles Ctrl-Z itself gets it" [Y, Y, Y, N] {
        pid_1_ctrl_z_reaches_a_program_that_handles_it: Default, pid1::ctrl_z_handled;
        pid_1_ctrl_z_reaches_a_session_that_handles_it: Session, pid1::ctrl_z_handled;
    }
    "PID 1: a stop by `kill -STOP` stays until `kill -CONT`" [Y, Y, Y, Y] {
        pid_1_leaves_an_operators_stop_alone: Default, pid1::operators_stop;
        pid_1_leaves_an_operators_stop_of_a_session_alone: Session, pid1::operators_stop;
        pid_1_leaves_an_operators_stop_in_its_group_alone: Left, pid1::operators_stop;
    }
    "PID 1: a program whose child took the foreground and died has the terminal again" [N, N, N, N] {
        pid_1_gives_the_foreground_back_to_a_reader: Default, pid1::foreground_lost_to_reader;
        pid_1_gives_the_foreground_back_to_who_sets_modes: Default, pid1::foreground_lost_to_writer;
    }
    "PID 1: bash below it has job control" [Y, Y, Y, N] {
        pid_1_bash_has_job_control: Default, pid1::bash_has_job_control;
    }
    "… in a session of its own" [X, X, Y, X] {
        pid_1_bash_has_job_control_in_its_session: Session, pid1::bash_has_job_control;
    }
    "… in the init's process group" [X, X, Y, X] {
        pid_1_bash_has_job_control_when_left_alone: Left, pid1::bash_has_job_control;
    }
    "PID 1: vi goes on after Ctrl-Z" [Y, N, Y, N] {
        pid_1_vi_goes_on_after_ctrl_z: Default, tmux::vi_below_pid_1;
        pid_1_vi_goes_on_after_ctrl_z_in_its_session: Session, tmux::vi_below_pid_1;
        pid_1_vi_goes_on_after_ctrl_z_when_left_alone: Left, tmux::vi_below_pid_1;
    }
    "PID 1 without a terminal: signals go through, nothing is said" [Y, Y, Y, Y] {
        pid_1_without_a_terminal_says_nothing: Default, pid1::without_a_terminal;
        pid_1_without_a_terminal_says_nothing_for_a_session: Session, pid1::without_a_terminal;
        pid_1_without_a_terminal_says_nothing_when_it_leaves_it_alone: Left, pid1::without_a_terminal;
    }
    "PID 1: stdin closed, redirected, or another terminal: runs, with Ctrl-C" [Y, N, Y, Y] {
        pid_1_with_stdin_closed: Default, pid1::input_closed;
        pid_1_with_stdin_from_dev_null: Default, pid1::input_null;
        pid_1_with_stdin_from_a_pipe: Default, pid1::input_pipe;
        pid_1_with_stdin_from_another_terminal: Default, pid1::input_other_terminal;
        pid_1_with_a_terminal_that_controls_nobody: Default, pid1::without_a_controlling_terminal;
    }
    "From a shell: Ctrl-C, Ctrl-\\ and a new window size reach the program, once" [Y, Y, Y, Y] {
        shell_ctrl_c_reaches_the_program_once: Default, shell::ctrl_c;
        shell_ctrl_backslash_reaches_the_program_once: Default, shell::ctrl_backslash;
        shell_window_size_reaches_the_program_once: Default, shell::window_size;
        shell_ctrl_c_ends_the_program: Default, shell::ctrl_c_ends;
    }
    "… with the program in a session of its own" [X, X, Y, X] {
        shell_ctrl_c_is_passed_on_to_a_session_once: Session, shell::ctrl_c;
        shell_ctrl_backslash_is_passed_on_to_a_session_once: Session, shell::ctrl_backslash;
        shell_window_size_is_passed_on_to_a_session_once: Session, shell::window_size;
        shell_ctrl_c_ends_a_session: Session, shell::ctrl_c_ends;
        shell_session_has_no_terminal: Session, shell::has_no_terminal;
    }
    "… with the program in the init's process group" [X, X, N, X] {
        shell_ctrl_c_is_not_passed_on_to_who_has_it: Left, shell::ctrl_c;
        shell_ctrl_backslash_is_not_passed_on_to_who_has_it: Left, shell::ctrl_backslash;
        shell_window_size_is_not_passed_on_to_who_has_it: Left, shell::window_size;
        shell_ctrl_c_ends_who_was_left_alone: Left, shell::ctrl_c_ends;
    }
    "From a shell: Ctrl-Z gives the prompt back, `fg` and `bg` go on" [Y, N, Y, N] {
        shell_has_its_prompt_back_after_ctrl_z: Default, shell::ctrl_z;
        shell_fg_goes_on: Default, shell::fg;
        shell_fg_gives_the_keys_to_the_program: Default, shell::fg_reads;
        shell_bg_goes_on_without_the_terminal: Default, shell::bg;
        shell_bg_and_fg_give_the_keys_to_the_program: Default, shell::bg_fg_reads;
        shell_fg_of_a_pipeline_goes_on: Default, shell::fg_in_a_pipeline;
        person_in_tmux_has_jobs: Default, tmux::jobs;
    }
    "… with the program in a session of its own" [X, X, Y, X] {
        shell_has_its_prompt_back_after_ctrl_z_for_a_session: Session, shell::ctrl_z;
        shell_fg_goes_on_with_a_session: Session, shell::fg;
        shell_bg_goes_on_with_a_session: Session, shell::bg;
        person_in_tmux_has_jobs_with_a_session: Session, tmux::jobs;
    }
    "… with the program in the init's process group" [X, X, Y, X] {
        shell_has_its_prompt_back_after_ctrl_z_for_who_was_left_alone: Left, shell::ctrl_z;
        shell_fg_goes_on_with_who_was_left_alone: Left, shell::fg;
        shell_fg_gives_the_keys_to_who_was_left_alone: Left, shell::fg_reads;
        shell_bg_goes_on_with_who_was_left_alone: Left, shell::bg;
        person_in_tmux_has_jobs_with_who_was_left_alone: Left, tmux::jobs;
    }
    "From a shell: a program that handles Ctrl-Z itself does so before it stops" [Y, N, N, N] {
        shell_has_its_prompt_back_when_the_program_handles_ctrl_z: Default, shell::ctrl_z_handled;
        shell_has_its_prompt_back_when_who_was_left_alone_handles_ctrl_z: Left, shell::ctrl_z_handled;
    }
    "From a shell: vi stops and draws its screen again" [Y, N, N, N] {
        shell_vi_stops_and_resumes: Default, tmux::vi;
        shell_busybox_vi_stops_and_resumes: Default, tmux::busybox_vi;
        shell_vi_stops_and_resumes_when_left_alone: Left, tmux::vi;
    }
    "From a shell: `kill %1` ends a running and a stopped job, 143" [Y, N, Y, N] {
        shell_kill_ends_a_stopped_job: Default, shell::kill_stopped;
        shell_kill_ends_a_running_job: Default, shell::kill_running;
        shell_kill_ends_a_continued_job: Default, shell::kill_continued;
        shell_kill_ends_a_stopped_session: Session, shell::kill_stopped;
        shell_keeps_the_terminal_when_a_stopped_job_dies: Default, shell::stopped_and_killed;
        shell_kill_ends_who_was_left_alone_and_stopped: Left, shell::kill_stopped;
    }
    "From a shell: the terminal is as before, whatever the program did and however it died" [N, N, N, N] {
        shell_has_its_modes_back: Default, shell::left_raw;
        shell_has_its_modes_back_after_a_kill: Default, shell::left_raw_and_killed;
        shell_has_the_foreground_back: Default, shell::left_to_child;
        shell_has_the_terminal_back_after_a_kill: Default, shell::left_to_child_and_killed;
    }
    "In a script: the next command can read from the terminal" [Y, N, Y, N] {
        script_goes_on_with_the_terminal: Default, shell::script_after_exit;
    }
    "… and finds it as before, whatever the program did and however it died" [N, N, N, N] {
        script_has_its_modes_back: Default, shell::script_after_raw;
        script_has_its_modes_back_after_a_kill: Default, shell::script_after_raw_and_killed;
        script_has_the_foreground_back_from_a_child: Default, shell::script_after_child_left;
        script_has_the_foreground_back_from_a_dead_child: Default, shell::script_after_child_gone;
        script_has_the_terminal_back_after_a_kill: Default, shell::script_after_child_and_killed;
    }
    "In the background: the terminal stays the shell's" [Y, N, Y, N] {
        background_steals_no_foreground: Default, shell::background_steals_nothing;
        background_end_changes_nothing: Default, shell::background_ends;
    }
    "In the background: who reads the terminal is stopped, the shell says so, `fg` goes on" [Y, N, N, N] {
        background_reader_is_stopped_and_goes_on: Default, shell::background_reader;
    }
    "From a shell: stdin closed, redirected, or another terminal: runs, nothing is said" [Y, N, Y, Y] {
        shell_with_stdin_closed: Default, shell::input_closed;
        shell_with_stdin_from_dev_null: Default, shell::input_null;
        shell_with_stdin_from_a_pipe: Default, shell::input_pipe;
        shell_with_stdin_from_another_terminal: Default, shell::input_other_terminal;
        shell_without_a_controlling_terminal: Default, shell::without_a_controlling_terminal;
    }
    "… and Ctrl-C reaches the program, once" [Y, N, Y, Y] {
        shell_ctrl_c_with_stdin_closed: Default, shell::ctrl_c_with_input_closed;
        shell_ctrl_c_with_stdin_from_dev_null: Default, shell::ctrl_c_with_input_null;
        shell_ctrl_c_in_a_pipeline: Default, shell::ctrl_c_in_a_pipeline;
    }
    "Init below init, from a shell: Ctrl-C once, Ctrl-Z and `fg`" [Y, N, N, N] {
        nested_in_a_shell_ctrl_c_comes_once: Default, nested::shell_ctrl_c;
        nested_in_a_shell_fg_goes_on: Default, nested::shell_fg;
    }
    "Init in a script: Ctrl-C once, Ctrl-Z and `fg`" [Y, N, Y, N] {
        script_ctrl_c_comes_once: Default, nested::script_ctrl_c;
        script_fg_goes_on: Default, nested::script_fg;
    }
    "Init below itself as PID 1: Ctrl-C once, Ctrl-Z does not hang" [Y, N, Y, Y] {
        nested_as_pid_1_ctrl_c_comes_once: Default, nested::pid_1_ctrl_c;
        nested_as_pid_1_ctrl_z_does_not_hang: Default, nested::pid_1_ctrl_z;
    }
    "Init below `docker run --init` (tini): Ctrl-C once" [Y, Y, Y, Y] {
        nested_below_tini_ctrl_c_comes_once: Default, nested::below_tini_ctrl_c;
    }
    "Init in a bash that it runs as PID 1: Ctrl-C once, Ctrl-Z and `fg`" [Y, N, Y, N] {
        nested_in_its_bash_ctrl_c_comes_once: Default, nested::shell_below_pid_1_ctrl_c;
        nested_in_its_bash_fg_goes_on: Default, nested::shell_below_pid_1_fg;
    }
}
