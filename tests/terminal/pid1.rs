//! The init as PID 1, with a terminal (`docker run -it`) and without one.

use std::os::fd::OwnedFd;

use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};

use crate::bench::{Bench, Kind, Mode, Verdict};
use crate::session::{Program, Session, probe_words, same, state};
use crate::support::{Process, Stream};

/// A program on the terminal, ready to record these signals.
fn recording(bench: &Bench, signals: &str) -> Verdict<(Session, Program)> {
    let mut session = Session::as_pid_1(bench, &probe_words(&format!("ready; record {signals} PWR")))?;
    let program = begin(&mut session)?;
    Ok((session, program))
}

/// Waits for a program that is ready and records.
fn begin(session: &mut Session) -> Verdict<Program> {
    let program = session.ready()?;
    session.told("p recording")?;
    Ok(program)
}

pub fn ctrl_c(bench: &Bench) -> Verdict {
    let (mut session, program) = recording(bench, "INT QUIT WINCH HUP CONT")?;
    Ok(session.each_once(&program, "INT", |it| it.press("\x03"))?)
}

pub fn ctrl_backslash(bench: &Bench) -> Verdict {
    let (mut session, program) = recording(bench, "INT QUIT WINCH HUP CONT")?;
    Ok(session.each_once(&program, "QUIT", |it| it.press("\x1c"))?)
}

pub fn window_size(bench: &Bench) -> Verdict {
    let (mut session, program) = recording(bench, "INT QUIT WINCH HUP CONT")?;
    Ok(session.each_once(&program, "WINCH", |it| it.tty().resize())?)
}

pub fn hang_up(bench: &Bench) -> Verdict {
    let (mut session, program) = recording(bench, "INT QUIT WINCH HUP CONT")?;
    let mark = session.reports.mark();
    session.tty = None;
    session.told("p got HUP")?;
    session.fence(&program)?;
    let mut got = session.reports.since(mark);
    // The kernel sends it together with the SIGHUP to who leads the session.
    got.retain(|line| line != "p got CONT");
    Ok(same("what came with the hang-up", got, ["p got HUP", "p got PWR"].map(str::to_owned).to_vec())?)
}

/// A program that does by default what a stop from the terminal means.
pub fn ctrl_z(bench: &Bench) -> Verdict {
    let (mut session, program) = recording(bench, "INT CONT")?;
    for _ in 0..2 {
        session.press("\x1a")?;
        let is_stopped_for_a_moment = bench.init == Kind::Ours && bench.mode == Mode::Default;
        if is_stopped_for_a_moment {
            session.told("p got CONT")?;
        }
        session.ctrl_c(&program)?;
    }
    Ok(())
}

/// A program that takes the stop itself, as editors do.
pub fn ctrl_z_handled(bench: &Bench) -> Verdict {
    let (mut session, program) = recording(bench, "INT TSTP CONT")?;
    Ok(session.each_once(&program, "TSTP", |it| it.press("\x1a"))?)
}

pub fn operators_stop(bench: &Bench) -> Verdict {
    let (mut session, program) = recording(bench, "USR1 CONT")?;
    session.signal(program.pid, libc::SIGSTOP)?;
    session.stopped(program.pid)?;
    let mark = session.reports.mark();
    // The init knows of the stop when it has passed on signals of lower and higher number.
    for signal in [libc::SIGUSR1, libc::SIGPWR] {
        session.signal(program.init, signal)?;
        let waits = |_: &mut Session| {
            let pending = Process::read(program.pid).map(|it| it.signals("ShdPnd") | it.signals("SigPnd"));
            pending.is_some_and(|set| set >> (signal - 1) & 1 == 1)
        };
        session.wait_for(&format!("whether signal {signal} waits for the program"), true, waits)?;
    }
    same("the state of the program", state(program.pid), Some('T'))?;
    same("reports", session.reports.since(mark), Vec::new())?;
    session.signal(program.pid, libc::SIGCONT)?;
    for signal in ["USR1", "CONT", "PWR"] {
        session.told(&format!("p got {signal}"))?;
    }
    Ok(())
}

/// The program reads when a child that had the foreground is gone.
pub fn foreground_lost_to_reader(bench: &Bench) -> Verdict {
    let script = "ready; child { exit 0 }; wait; report alone; read; record PWR INT";
    let mut session = Session::as_pid_1(bench, &probe_words(script))?;
    let program = session.ready()?;
    session.told("p alone")?;
    session.enter("hello")?;
    session.told("p read hello")?;
    session.told("p recording")?;
    Ok(session.each_once(&program, "INT", |it| it.press("\x03"))?)
}

/// The same with a program that sets the terminal's modes.
pub fn foreground_lost_to_writer(bench: &Bench) -> Verdict {
    let script = "ready; child { exit 0 }; wait; set; record PWR INT";
    let mut session = Session::as_pid_1(bench, &probe_words(script))?;
    let program = session.ready()?;
    session.told("p set")?;
    session.told("p recording")?;
    Ok(session.each_once(&program, "INT", |it| it.press("\x03"))?)
}

/// Everything that people do with jobs, in a bash that the init runs.
pub fn bash_has_job_control(bench: &Bench) -> Verdict {
    let mut session = Session::shell_below_pid_1(bench)?;
    let shell = session.shell_group();
    let line = |script: &str| crate::session::quoted(&probe_words(script));
    session.enter(&line("ready; record CONT PWR"))?;
    let program = session.ready()?;
    session.told("p recording")?;
    session.foreground(program.group)?;
    session.press("\x1a")?;
    session.prompt_after("Stopped")?;
    same("the state of the program", state(program.pid), Some('T'))?;
    session.foreground(shell)?;
    session.enter("jobs")?;
    session.prompt_after("Stopped")?;
    session.enter("bg")?;
    session.told("p got CONT")?;
    session.prompt()?;
    let alone = Program { init: program.pid, ..program.clone() };
    session.fence(&alone)?;
    same("the foreground group", session.shell_group(), shell)?;
    session.enter("fg")?;
    session.foreground(program.group)?;
    session.press("\x03")?;
    session.prompt()?;
    session.enter("echo code=$?")?;
    session.prompt_after("code=130")?;
    session.foreground(shell)?;
    writes_with_tostop(&mut session)
}

fn writes_with_tostop(session: &mut Session) -> Verdict {
    session.enter("stty tostop")?;
    session.prompt()?;
    let line = crate::session::quoted(&probe_words("ready; write hello; report wrote"));
    session.enter(&format!("{line} &"))?;
    let program = session.ready()?;
    session.prompt()?;
    session.stopped(program.pid)?;
    session.enter("jobs -l")?;
    session.prompt_after("Stopped (tty output)")?;
    session.enter("fg")?;
    session.told("p wrote")?;
    session.prompt_after("\nhello\r\n")?;
    Ok(())
}

/// Signals go through, and nothing is said of a terminal that is not there.
pub fn without_a_terminal(bench: &Bench) -> Verdict {
    let words = [bench.words(true)?, probe_words("ready; record HUP INT TSTP CONT WINCH PWR")].concat();
    let mut session = Session::in_namespace(bench, |it| it.new_session(), words)?;
    let program = begin(&mut session)?;
    let mut signals = vec![("HUP", libc::SIGHUP), ("INT", libc::SIGINT), ("WINCH", libc::SIGWINCH)];
    // Some keep it to themselves; to a session it is passed on as SIGSTOP.
    if bench.init == Kind::Ours && bench.mode != Mode::Session {
        signals.push(("TSTP", libc::SIGTSTP));
    }
    for (name, signal) in signals {
        session.each_once(&program, name, |it| it.signal(program.init, signal))?;
    }
    Ok(same("standard error", session.run.stderr(), String::new())?)
}

/// PID 1 on its controlling terminal, but with a standard input as a shell's words make it.
fn with_input(bench: &Bench, redirection: &str) -> Verdict {
    let script = format!("exec 2>&1; exec \"$@\" {redirection}");
    let shell = ["/bin/sh", "-c", &script, "sh"].map(Into::into).to_vec();
    let words = [shell, bench.words(true)?, probe_words("ready; record INT PWR")].concat();
    let mut session = Session::in_namespace(bench, |it| it.interactive(), words)?;
    let program = begin(&mut session)?;
    session.each_once(&program, "INT", |it| it.press("\x03"))?;
    // Where the key is echoed nobody else has written.
    let said = session.tty().text().replace("^C", "");
    Ok(same("on the terminal", said, String::new())?)
}

pub fn input_closed(bench: &Bench) -> Verdict {
    with_input(bench, "<&-")
}

pub fn input_null(bench: &Bench) -> Verdict {
    with_input(bench, "</dev/null")
}

pub fn input_pipe(bench: &Bench) -> Verdict {
    // The reading end of a pipe without a process at the other end, so that the shell stays PID 1.
    with_input(bench, "<<end\nline\nend")
}

/// The two ends of a pty that controls nobody.
pub fn stray_terminal() -> (PtyMaster, OwnedFd, String) {
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).expect("a pty");
    grantpt(&master).and_then(|()| unlockpt(&master)).expect("a pty of its own");
    let path = ptsname_r(&master).expect("a name");
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let slave = nix::fcntl::open(path.as_str(), flags, nix::sys::stat::Mode::empty()).expect("its slave");
    (master, slave, path)
}

pub fn input_other_terminal(bench: &Bench) -> Verdict {
    let (_master, _slave, path) = stray_terminal();
    with_input(bench, &format!("<{path}"))
}

/// A terminal that controls nobody, and no other one.
pub fn without_a_controlling_terminal(bench: &Bench) -> Verdict {
    let (_master, slave, _) = stray_terminal();
    let words = [bench.words(true)?, probe_words("ready; record INT PWR")].concat();
    let mut session = Session::in_namespace(bench, |it| it.new_session().stdin(Stream::Given(slave)), words)?;
    let program = begin(&mut session)?;
    session.each_once(&program, "INT", |it| it.signal(program.init, libc::SIGINT))?;
    Ok(same("standard error", session.run.stderr(), String::new())?)
}
