//! The init started from an interactive shell, which has job control.

use crate::bench::{Bench, Mode, Verdict};
use crate::pid1::stray_terminal;
use crate::session::{Program, Session, same, state};

/// A shell in which the init runs a program that does this; the shell's process group.
fn running(bench: &Bench, script: &str) -> Verdict<(Session, Program, i32)> {
    let mut session = Session::shell(bench)?;
    let shell = session.shell_group();
    let line = session.line(script)?;
    session.enter(&line)?;
    let program = session.ready()?;
    Ok((session, program, shell))
}

/// The same with a program that records these signals; it has been seen to do so.
fn recording(bench: &Bench, signals: &str) -> Verdict<(Session, Program, i32)> {
    let (mut session, program, shell) = running(bench, &format!("ready; record {signals} PWR"))?;
    session.told("p recording")?;
    Ok((session, program, shell))
}

/// Types Ctrl-Z: the shell has its prompt and the terminal back, and the program is stopped.
pub fn stop(session: &mut Session, program: &Program, shell: i32) -> Verdict {
    session.press("\x1a")?;
    session.prompt_after("Stopped")?;
    session.stopped(program.pid)?;
    session.stopped(program.init)?;
    Ok(session.foreground(shell)?)
}

/// `fg`: the program hears of it, and has the terminal if it has any.
pub fn to_foreground(session: &mut Session, program: &Program) -> Verdict {
    session.enter("fg")?;
    session.told("p got CONT")?;
    if session.bench.mode != Mode::Session && program.has_terminal {
        session.foreground(program.group)?;
    }
    Ok(())
}

pub fn ctrl_c(bench: &Bench) -> Verdict {
    let (mut session, program, _) = recording(bench, "INT QUIT WINCH HUP CONT")?;
    Ok(session.each_once(&program, "INT", |it| it.press("\x03"))?)
}

pub fn ctrl_backslash(bench: &Bench) -> Verdict {
    let (mut session, program, _) = recording(bench, "INT QUIT WINCH HUP CONT")?;
    Ok(session.each_once(&program, "QUIT", |it| it.press("\x1c"))?)
}

pub fn window_size(bench: &Bench) -> Verdict {
    let (mut session, program, _) = recording(bench, "INT QUIT WINCH HUP CONT")?;
    Ok(session.each_once(&program, "WINCH", |it| it.tty().resize())?)
}

/// Ctrl-C without anybody who handles it: the shell is back, and knows.
pub fn ctrl_c_ends(bench: &Bench) -> Verdict {
    let (mut session, _, shell) = running(bench, "ready; pause")?;
    session.press("\x03")?;
    session.prompt()?;
    session.enter("echo code=$?")?;
    session.prompt_after("code=130")?;
    Ok(same("the foreground group", session.shell_group(), shell)?)
}

pub fn ctrl_z(bench: &Bench) -> Verdict {
    let (mut session, program, shell) = recording(bench, "CONT")?;
    stop(&mut session, &program, shell)?;
    session.enter("jobs")?;
    Ok(session.prompt_after("Stopped")?)
}

/// A program that takes the stop itself and stops later, as editors do.
pub fn ctrl_z_handled(bench: &Bench) -> Verdict {
    let script = "ready; block TSTP CONT; report blocked; await TSTP; report tidied; \
                  unblock TSTP; kill TSTP; await CONT; read";
    let (mut session, program, shell) = running(bench, script)?;
    session.told("p blocked")?;
    stop(&mut session, &program, shell)?;
    session.told("p tidied")?;
    to_foreground(&mut session, &program)?;
    session.enter("hello")?;
    session.told("p read hello")?;
    Ok(session.prompt().map(drop)?)
}

/// Twice, since the second time differs if anything was left behind by the first.
pub fn fg(bench: &Bench) -> Verdict {
    let (mut session, program, shell) = recording(bench, "CONT INT")?;
    for _ in 0..2 {
        stop(&mut session, &program, shell)?;
        to_foreground(&mut session, &program)?;
        session.ctrl_c(&program)?;
    }
    Ok(())
}

/// The program reads what is typed after `fg`.
pub fn fg_reads(bench: &Bench) -> Verdict {
    let script = "ready; block CONT; report blocked; await CONT; read; exit 5";
    let (mut session, program, shell) = running(bench, script)?;
    session.told("p blocked")?;
    stop(&mut session, &program, shell)?;
    to_foreground(&mut session, &program)?;
    session.enter("hello")?;
    session.told("p read hello")?;
    session.prompt()?;
    session.enter("echo code=$?")?;
    Ok(session.prompt_after("code=5")?)
}

pub fn bg(bench: &Bench) -> Verdict {
    let (mut session, program, shell) = recording(bench, "CONT INT")?;
    stop(&mut session, &program, shell)?;
    session.enter("bg")?;
    session.told("p got CONT")?;
    session.prompt()?;
    session.fence(&program)?;
    same("the foreground group", session.shell_group(), shell)?;
    let mark = session.reports.mark();
    session.ctrl_c_at_the_prompt()?;
    session.fence(&program)?;
    same("reports", session.reports.since(mark), vec!["p got PWR".to_owned()])?;
    // A job that runs is not told that it is in the foreground now; the keys are for it.
    session.enter("fg")?;
    session.foreground(group_of(program.init))?;
    session.ctrl_c(&program)?;
    stop(&mut session, &program, shell)
}

/// Nor is a program that reads when it is in the foreground again after `bg` and `fg`.
pub fn bg_fg_reads(bench: &Bench) -> Verdict {
    let script = "ready; block CONT USR1; report blocked; await CONT; await USR1; read; exit 5";
    let (mut session, program, shell) = running(bench, script)?;
    session.told("p blocked")?;
    stop(&mut session, &program, shell)?;
    session.enter("bg")?;
    session.told("p got CONT")?;
    session.prompt()?;
    session.enter("fg")?;
    session.foreground(group_of(program.init))?;
    session.signal(program.init, libc::SIGUSR1)?;
    session.told("p got USR1")?;
    session.enter("hello")?;
    session.told("p read hello")?;
    session.prompt()?;
    session.enter("echo code=$?")?;
    Ok(session.prompt_after("code=5")?)
}

fn group_of(pid: i32) -> i32 {
    // SAFETY: no memory is involved.
    unsafe { libc::getpgid(pid) }
}

/// `kill %1`: program and init have ended, of SIGTERM if the shell says of what.
fn kill_job(session: &mut Session, program: &Program) -> Verdict<Told> {
    session.enter("kill %1")?;
    let mut said = session.prompt()?;
    for pid in [program.pid, program.init] {
        session
            .wait_for(&format!("the state of {pid}"), None, |_| state(pid).filter(|state| *state != 'Z'))?;
    }
    // It is said before the next prompt at the latest.
    session.enter("echo on")?;
    said.push_str(&session.prompt()?);
    let has = |texts: &[&str]| texts.iter().any(|text| said.contains(text));
    if has(&["Terminated", "Exit 143"]) {
        Ok(Told::Yes)
    } else if has(&["Exit", "Done", "Killed"]) {
        Err(format!("not how SIGTERM ends a job: {said:?}").into())
    } else {
        Ok(Told::No)
    }
}

/// Whether the shell has told how its job ended. bash 5.2 does not if that happens while it still
/// tells that the job is stopped.
#[derive(PartialEq, Eq)]
enum Told {
    Yes,
    No,
}

/// Tries it again where the shell has not told.
fn until_told(mut attempt: impl FnMut() -> Verdict<Told>) -> Verdict {
    for _ in 0..10 {
        if attempt()? == Told::Yes {
            return Ok(());
        }
    }
    Err("the shell never tells how the job ended".to_owned().into())
}

pub fn kill_stopped(bench: &Bench) -> Verdict {
    until_told(|| {
        let (mut session, program, shell) = recording(bench, "CONT")?;
        stop(&mut session, &program, shell)?;
        kill_job(&mut session, &program)
    })
}

pub fn kill_running(bench: &Bench) -> Verdict {
    until_told(|| {
        let mut session = Session::shell(bench)?;
        let line = session.line("ready; record CONT PWR")?;
        session.enter(&format!("{line} &"))?;
        let program = session.ready()?;
        session.told("p recording")?;
        session.prompt()?;
        kill_job(&mut session, &program)
    })
}

/// `bg` and then `kill %1`.
pub fn kill_continued(bench: &Bench) -> Verdict {
    until_told(|| {
        let (mut session, program, shell) = recording(bench, "CONT")?;
        stop(&mut session, &program, shell)?;
        session.enter("bg")?;
        session.told("p got CONT")?;
        session.prompt()?;
        kill_job(&mut session, &program)
    })
}

/// The program of a stopped job is killed by somebody else: when the shell continues the job the init
/// ends, and takes no terminal along that is the shell's.
pub fn stopped_and_killed(bench: &Bench) -> Verdict {
    let (mut session, program, shell) = recording(bench, "CONT")?;
    let modes = session.tty().modes();
    stop(&mut session, &program, shell)?;
    session.signal(program.pid, libc::SIGKILL)?;
    let is_dead = |_: &mut Session| matches!(state(program.pid), None | Some('Z'));
    session.wait_for("whether the program is dead", true, is_dead)?;
    session.enter("bg")?;
    session.prompt()?;
    session.wait_for("the init", None, |_| state(program.init).filter(|state| *state != 'Z'))?;
    same("the foreground group", session.shell_group(), shell)?;
    same("the terminal's modes", session.tty().modes(), modes)?;
    session.enter("echo alive=$((1+1))")?;
    Ok(session.prompt_after("alive=2")?)
}

/// What a program does to the terminal before it ends in some way.
const RAW: &str = "raw; exit 3";
const RAW_KILLED: &str = "raw; kill KILL";
const CHILD_LEFT: &str = "child { pause }; exit 3";
const CHILD_GONE: &str = "child { exit 0 }; wait; exit 3";
const CHILD_KILLED: &str = "raw; child { pause }; kill KILL";

/// The init has gone: the shell has the terminal as it was before.
fn shell_gets_it_back(bench: &Bench, script: &str) -> Verdict {
    let mut session = Session::shell(bench)?;
    let shell = session.shell_group();
    let modes = session.tty().modes();
    let line = session.line(script)?;
    session.enter(&line)?;
    session.prompt()?;
    same("the foreground group", session.shell_group(), shell)?;
    same("the terminal's modes", session.tty().modes(), modes)?;
    // With the modes as they were the line is ended by the key that ends it.
    session.enter("echo code=$?")?;
    let code = if script.contains("exit 3") { "code=3" } else { "code=137" };
    Ok(session.prompt_after(code)?)
}

pub fn left_raw(bench: &Bench) -> Verdict {
    shell_gets_it_back(bench, RAW)
}

pub fn left_raw_and_killed(bench: &Bench) -> Verdict {
    shell_gets_it_back(bench, RAW_KILLED)
}

pub fn left_to_child(bench: &Bench) -> Verdict {
    shell_gets_it_back(bench, CHILD_LEFT)
}

pub fn left_to_child_and_killed(bench: &Bench) -> Verdict {
    shell_gets_it_back(bench, CHILD_KILLED)
}

/// The same in a script, whose shell has no job control and repairs nothing: the script's next
/// command finds the terminal as the one before did, and can read from it.
fn script_gets_it_back(bench: &Bench, script: &str) -> Verdict {
    let mut session = Session::shell(bench)?;
    let probe = |script: &str| crate::session::quoted(&crate::session::probe_words(script));
    let commands = [
        probe("name before; modes"),
        session.line(script)?,
        format!("code=$?\n{}", probe("name after; modes; report going on; read")),
        "exit $code".to_owned(),
    ];
    session.files.file("script", commands.join("\n"), 0o644);
    session.enter(&format!("sh {}", session.path_of("script")))?;
    let before = session.told("before modes")?;
    let after = session.told("after modes")?;
    same("the terminal's modes", after, before)?;
    session.told("after going on")?;
    session.enter("hello")?;
    session.told("after read hello")?;
    session.prompt()?;
    session.enter("echo code=$?")?;
    let code = if script.contains("kill KILL") { "code=137" } else { "code=3" };
    Ok(session.prompt_after(code)?)
}

pub fn script_after_exit(bench: &Bench) -> Verdict {
    script_gets_it_back(bench, "exit 3")
}

pub fn script_after_raw(bench: &Bench) -> Verdict {
    script_gets_it_back(bench, RAW)
}

pub fn script_after_raw_and_killed(bench: &Bench) -> Verdict {
    script_gets_it_back(bench, RAW_KILLED)
}

pub fn script_after_child_left(bench: &Bench) -> Verdict {
    script_gets_it_back(bench, CHILD_LEFT)
}

pub fn script_after_child_gone(bench: &Bench) -> Verdict {
    script_gets_it_back(bench, CHILD_GONE)
}

pub fn script_after_child_and_killed(bench: &Bench) -> Verdict {
    script_gets_it_back(bench, CHILD_KILLED)
}

/// Nothing that the program does with the terminal is of the shell's session.
pub fn has_no_terminal(bench: &Bench) -> Verdict {
    let mut session = Session::shell(bench)?;
    let shell = session.shell_group();
    let line = session.line("tty; exit 4")?;
    session.enter(&line)?;
    session.told("p tty no")?;
    session.prompt()?;
    session.enter("echo code=$?")?;
    session.prompt_after("code=4")?;
    Ok(same("the foreground group", session.shell_group(), shell)?)
}

/// In the background: the terminal stays the shell's, whose user types on.
pub fn background_steals_nothing(bench: &Bench) -> Verdict {
    let mut session = Session::shell(bench)?;
    let shell = session.shell_group();
    let line = session.line("ready; record INT PWR")?;
    session.enter(&format!("{line} &"))?;
    let program = session.ready()?;
    session.told("p recording")?;
    session.prompt()?;
    session.fence(&program)?;
    same("the foreground group", session.shell_group(), shell)?;
    let mark = session.reports.mark();
    session.ctrl_c_at_the_prompt()?;
    session.enter("echo alive=$((1+1))")?;
    session.prompt_after("alive=2")?;
    session.fence(&program)?;
    Ok(same("reports", session.reports.since(mark), vec!["p got PWR".to_owned()])?)
}

/// In the background until its end.
pub fn background_ends(bench: &Bench) -> Verdict {
    let mut session = Session::shell(bench)?;
    let shell = session.shell_group();
    let modes = session.tty().modes();
    let line = session.line("ready; exit 7")?;
    session.enter(&format!("{line} &"))?;
    session.told("p ready")?;
    session.prompt()?;
    session.enter("wait $!; echo code=$?")?;
    session.prompt_after("code=7")?;
    same("the terminal's modes", session.tty().modes(), modes)?;
    Ok(same("the foreground group", session.shell_group(), shell)?)
}

/// In the background, a program that reads from the terminal is stopped; the shell shows it so.
pub fn background_reader(bench: &Bench) -> Verdict {
    let mut session = Session::shell(bench)?;
    let shell = session.shell_group();
    let line = session.line("ready; read; exit 7")?;
    session.enter(&format!("{line} &"))?;
    let program = session.ready()?;
    session.prompt()?;
    session.stopped(program.pid)?;
    session.stopped(program.init)?;
    session.enter("jobs")?;
    session.prompt_after("Stopped")?;
    same("the foreground group", session.shell_group(), shell)?;
    session.enter("fg")?;
    session.foreground(program.group)?;
    session.enter("hello")?;
    session.told("p read hello")?;
    session.prompt()?;
    session.enter("echo code=$?")?;
    Ok(session.prompt_after("code=7")?)
}

/// The init and its program run to their end whatever standard input is; nothing is said, and the
/// terminal is as before.
fn with_input(bench: &Bench, line: impl FnOnce(&str) -> String) -> Verdict {
    let mut session = Session::shell(bench)?;
    let shell = session.shell_group();
    let modes = session.tty().modes();
    let errors = session.path_of("errors");
    let command = format!("{} 2>{errors}", session.line("ready; exit 7")?);
    session.enter(&line(&command))?;
    session.told("p ready")?;
    session.prompt()?;
    session.enter("echo code=$?")?;
    session.prompt_after("code=7")?;
    same("standard error", session.file("errors"), String::new())?;
    same("the terminal's modes", session.tty().modes(), modes)?;
    Ok(same("the foreground group", session.shell_group(), shell)?)
}

pub fn input_closed(bench: &Bench) -> Verdict {
    with_input(bench, |line| format!("{line} <&-"))
}

pub fn input_null(bench: &Bench) -> Verdict {
    with_input(bench, |line| format!("{line} </dev/null"))
}

pub fn input_pipe(bench: &Bench) -> Verdict {
    with_input(bench, |line| format!("echo hello | {line}"))
}

pub fn input_other_terminal(bench: &Bench) -> Verdict {
    let (_master, _slave, path) = stray_terminal();
    with_input(bench, |line| format!("{line} <{path}"))
}

/// Standard input is the shell's terminal, which controls another session.
pub fn without_a_controlling_terminal(bench: &Bench) -> Verdict {
    crate::bench::need("setsid")?;
    with_input(bench, |line| format!("setsid -w {line}"))
}

/// Ctrl-C is for the job in the foreground, wherever its standard input comes from.
fn ctrl_c_with_input(bench: &Bench, line: impl FnOnce(&str) -> String) -> Verdict {
    let mut session = Session::shell(bench)?;
    let command = session.line("ready; record INT PWR")?;
    session.enter(&line(&command))?;
    let program = session.ready()?;
    session.told("p recording")?;
    Ok(session.each_once(&program, "INT", |it| it.press("\x03"))?)
}

pub fn ctrl_c_with_input_closed(bench: &Bench) -> Verdict {
    ctrl_c_with_input(bench, |line| format!("{line} <&-"))
}

pub fn ctrl_c_with_input_null(bench: &Bench) -> Verdict {
    ctrl_c_with_input(bench, |line| format!("{line} </dev/null"))
}

/// As the last of a pipeline the init does not lead its job's group.
pub fn ctrl_c_in_a_pipeline(bench: &Bench) -> Verdict {
    ctrl_c_with_input(bench, |line| format!("sleep 1000 | {line}"))
}

/// Ctrl-Z and `fg` of a pipeline, of which the init is the last.
pub fn fg_in_a_pipeline(bench: &Bench) -> Verdict {
    let mut session = Session::shell(bench)?;
    let shell = session.shell_group();
    let command = session.line("ready; record CONT INT PWR")?;
    // A shell's child that is not yet what it is to be ignores stops.
    let first = crate::session::quoted(&crate::session::probe_words("name first; report up; pause"));
    session.enter(&format!("{first} | {command}"))?;
    let program = session.ready()?;
    session.reports.rewind();
    session.told("first up")?;
    session.reports.rewind();
    session.told("p recording")?;
    stop(&mut session, &program, shell)?;
    to_foreground(&mut session, &program)?;
    Ok(session.ctrl_c(&program)?)
}
