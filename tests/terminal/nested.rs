//! An init below an init, or in a script.

use crate::bench::{Bench, Kind, Verdict, need};
use crate::session::{Program, Session, probe_words, quoted};
use crate::shell::{stop, to_foreground};

const SCRIPT: &str = "ready; record INT QUIT WINCH HUP CONT PWR";

fn started(mut session: Session, line: Option<&str>) -> Verdict<(Session, Program, i32)> {
    let mut shell = 0;
    if let Some(line) = line {
        shell = session.shell_group();
        session.enter(line)?;
    }
    let program = session.ready()?;
    session.told("p recording")?;
    Ok((session, program, shell))
}

/// The init twice, from a shell.
fn twice_in_a_shell(bench: &Bench) -> Verdict<(Session, Program, i32)> {
    let session = Session::shell(bench)?;
    let line = quoted(&[bench.words(false)?, bench.words(false)?, probe_words(SCRIPT)].concat());
    started(session, Some(&line))
}

/// The init in a script that goes on afterwards.
fn in_a_script(bench: &Bench) -> Verdict<(Session, Program, i32)> {
    let session = Session::shell(bench)?;
    let content = format!("{}\necho code=$?\n", session.line(SCRIPT)?);
    session.files.file("script", content, 0o644);
    let line = format!("sh {}", session.path_of("script"));
    started(session, Some(&line))
}

/// The init twice, the outer one PID 1: an image with an init, and `--init`.
fn twice_as_pid_1(bench: &Bench) -> Verdict<(Session, Program, i32)> {
    let program = [bench.words(false)?, probe_words(SCRIPT)].concat();
    started(Session::as_pid_1(bench, &program)?, None)
}

/// The init below Debian's tini as PID 1, which is Docker's own.
fn below_tini(bench: &Bench) -> Verdict<(Session, Program, i32)> {
    let tini = [need("tini")?.into_os_string(), "--".into()].to_vec();
    let words = [tini, bench.words(false)?, probe_words(SCRIPT)].concat();
    started(Session::in_namespace(bench, |it| it.interactive(), words)?, None)
}

/// The init below a shell that another one runs as PID 1.
fn in_a_shell_below_pid_1(bench: &Bench) -> Verdict<(Session, Program, i32)> {
    let session = Session::shell_below_pid_1(bench)?;
    let line = session.line(SCRIPT)?;
    started(session, Some(&line))
}

fn ctrl_c((mut session, program, _): (Session, Program, i32)) -> Verdict {
    Ok(session.each_once(&program, "INT", |it| it.press("\x03"))?)
}

fn ctrl_z_and_fg((mut session, program, shell): (Session, Program, i32)) -> Verdict {
    for _ in 0..2 {
        stop(&mut session, &program, shell)?;
        to_foreground(&mut session, &program)?;
        session.each_once(&program, "INT", |it| it.press("\x03"))?;
    }
    Ok(())
}

fn ctrl_z_without_a_shell((mut session, program, _): (Session, Program, i32)) -> Verdict {
    let is_stopped_for_a_moment = session.bench.init == Kind::Ours;
    for _ in 0..2 {
        session.press("\x1a")?;
        if is_stopped_for_a_moment {
            session.told("p got CONT")?;
        }
        session.each_once(&program, "INT", |it| it.press("\x03"))?;
    }
    Ok(())
}

pub fn shell_ctrl_c(bench: &Bench) -> Verdict {
    ctrl_c(twice_in_a_shell(bench)?)
}

pub fn shell_fg(bench: &Bench) -> Verdict {
    ctrl_z_and_fg(twice_in_a_shell(bench)?)
}

pub fn script_ctrl_c(bench: &Bench) -> Verdict {
    ctrl_c(in_a_script(bench)?)
}

pub fn script_fg(bench: &Bench) -> Verdict {
    ctrl_z_and_fg(in_a_script(bench)?)
}

pub fn pid_1_ctrl_c(bench: &Bench) -> Verdict {
    ctrl_c(twice_as_pid_1(bench)?)
}

pub fn pid_1_ctrl_z(bench: &Bench) -> Verdict {
    ctrl_z_without_a_shell(twice_as_pid_1(bench)?)
}

pub fn below_tini_ctrl_c(bench: &Bench) -> Verdict {
    ctrl_c(below_tini(bench)?)
}

pub fn shell_below_pid_1_ctrl_c(bench: &Bench) -> Verdict {
    ctrl_c(in_a_shell_below_pid_1(bench)?)
}

pub fn shell_below_pid_1_fg(bench: &Bench) -> Verdict {
    ctrl_z_and_fg(in_a_shell_below_pid_1(bench)?)
}
