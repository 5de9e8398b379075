//! The cases, from what POSIX, the manual pages and people who use inits say, and not from
//! what any init does. Each is run without an option, as PID 1 of a container if it does not
//! say otherwise, and gives what it has seen in a few words.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::{Container, Exit, Report, Run, Scratch, Stream, find_tool, recorded, set_of};

pub struct Case {
    pub name: &'static str,
    /// What says that it ought to be so.
    pub source: &'static str,
    pub expected: &'static str,
    /// The program without which it can't be tried.
    pub needs: Option<&'static str>,
    /// What is seen with the init of this path.
    pub run: fn(&Path) -> String,
}

/// What happens at once on an idle machine.
const SOON: Duration = Duration::from_secs(5);

const fn case(
    name: &'static str,
    source: &'static str,
    expected: &'static str,
    run: fn(&Path) -> String,
) -> Case {
    Case { name, source, expected, needs: None, run }
}

pub const CASES: &[Case] = &[
    case("exit code of the program", "wait(2)", "exit 7", |init| ends(pid_1(init).probe("exit 7"))),
    case("exit code 255", "wait(2)", "exit 255", |init| ends(pid_1(init).probe("exit 255"))),
    case("program killed by SIGSEGV", "POSIX sh, Exit Status", "exit 139", |init| {
        ends(pid_1(init).probe("die SEGV"))
    }),
    case("program killed by a real-time signal", "signal(7)", "exit 192", |init| {
        ends(pid_1(init).probe("die 64"))
    }),
    case("program not found", "POSIX sh, Exit Status", "exit 127", |init| {
        ends(pid_1(init).program(["/no/such/program"]))
    }),
    case("program not executable", "POSIX sh, Exit Status", "exit 126", |init| {
        ends(pid_1(init).program(["/etc/passwd"]))
    }),
    case("program behind a loop of links", "POSIX sh, Exit Status", "exit 126", |init| {
        let scratch = Scratch::new();
        symlink(scratch.join("loop"), scratch.join("loop")).expect("a link");
        ends(pid_1(init).program([scratch.join("loop")]))
    }),
    case("script without #!", "POSIX exec, ENOEXEC", "exit 5", |init| {
        let scratch = Scratch::new();
        ends(pid_1(init).program([scratch.file("script", "exit 5\n", 0o755)]))
    }),
    case(
        "options after the program are the program's",
        "POSIX, Utility Syntax Guidelines 9",
        "exit 7",
        |init| ends(pid_1(init).arguments(["sh", "-c", "exit 7"])),
    ),
    Case {
        needs: Some("busybox"),
        ..case("nothing but itself in the image", "tini #210, FROM scratch", "exit 7", in_an_empty_image)
    },
    case("standard input closed", "POSIX exec, file descriptors", "exit 7", |init| {
        ends(pid_1(init).stdin(Stream::Closed).probe("exit 7"))
    }),
    case("SIGCHLD ignored by the caller", "wait(2), ECHILD", "exit 7", |init| {
        ends(pid_1(init).ignored(set_of(&[libc::SIGCHLD])).probe("sleep 100; exit 7"))
    }),
    case("signals that reach the program, of 61", "signal(7)", "all", all_signals),
    case("the same signal again, after the first was seen", "signal(7)", "2", |init| signals(init, 2)),
    case("SIGTERM as soon as the init listens, 30 times", "dumb-init #136", "0 lost", early_signals),
    case("signal mask of the program", "execve(2)", "as given", |init| {
        let given = set_of(&[libc::SIGUSR1, 40]);
        handed_over(pid_1(init).blocked(given), "blocked", given)
    }),
    case("signals that the program ignores", "POSIX exec; nohup(1)", "as given", |init| {
        let given = set_of(&[libc::SIGHUP, libc::SIGPIPE, libc::SIGTTOU]);
        handed_over(pid_1(init).ignored(given), "ignored", given)
    }),
    case("SIGTERM to a stopped program", "signal(7): SIGCONT", "exit 143", |init| {
        let mut run = pid_1(init).probe("say ready; stop").start();
        run.wait_until_within(SOON, "it is stopped", |run| run.program().state == 'T');
        run.signal(libc::SIGTERM);
        end(&mut run)
    }),
    case("SIGWINCH to a program of another user", "kill(2), EPERM; tini B5", "exit 7", forbidden_signal),
    case("1000 orphans collected", "wait(2), NOTES", "0 zombies", |init| {
        let mut run = pid_1(init).probe("orphans 1000; say made; pause").start();
        run.wait_for_line("made");
        zombies(&mut run)
    }),
    case(
        "1000 orphans collected, not being PID 1",
        "PR_SET_CHILD_SUBREAPER(2const)",
        "0 zombies, come to it",
        |init| {
            let mut run = Container::as_subreaper()
                .init(init)
                .probe("orphans 1000; daemon { pause }; say made; pause")
                .start();
            run.wait_for_line("made");
            let zombies = zombies(&mut run);
            let init = run.pid();
            let come = comes(SOON, || run.processes().iter().filter(|it| it.parent == init).count() == 2);
            format!("{zombies}, {}", if come { "come to it" } else { "pass it by" })
        },
    ),
    case("who is left when the program ends", "tini #180, dumb-init #212", "cleans up", |init| {
        cleans_up(pid_1(init), "exit 0")
    }),
    case("who is left when the container is stopped", "tini #180, #229", "cleans up", |init| {
        cleans_up(pid_1(init), "await TERM; exit 0")
    }),
    case("who is left, not being PID 1", "tini #172", "nobody left", |init| {
        let mut run = Container::as_subreaper()
            .init(init)
            .probe("daemon { say ready; pause }; sleep 200; exit 7")
            .start();
        run.wait_for_line("ready");
        if end(&mut run) != "exit 7" {
            return end(&mut run);
        }
        let left = run.started_processes().len();
        if left == 0 { "nobody left".into() } else { format!("{left} left") }
    }),
    case("the end when nobody is left", "s6-overlay #586", "at once", |init| {
        // On a busy machine once in three times is enough.
        let mut seen = String::new();
        for _ in 0..3 {
            let mut run = pid_1(init).probe("daemon { cleanup 100 }; say left; exit 7").start();
            run.wait_for_line("left");
            let begun = Instant::now();
            seen = match end(&mut run).as_str() {
                "exit 7" if begun.elapsed() < Duration::from_millis(1200) => return "at once".into(),
                "exit 7" => format!("after {:.1} s", begun.elapsed().as_secs_f32()),
                other => other.into(),
            };
        }
        seen
    }),
    case("wake-ups in 3 s of idleness", "tini B18", "0", idle),
    case("descriptors of the init beyond 0 to 2", "catatonit #12", "0", |init| {
        let (reader, _writer) = std::io::pipe().expect("a pipe");
        let mut run = pid_1(init).descriptor(7, reader).probe("say ready; pause").start();
        run.wait_for_line("ready");
        // Its own, for signals and timers, nobody waits for the end of.
        u8::from(!comes(SOON, || !run.init().descriptors().contains(&7))).to_string()
    }),
    case("directory of the init", "dumb-init #210, umount(2) EBUSY", "/", |init| {
        let scratch = Scratch::new();
        let mut run = pid_1(init).directory(scratch.path()).probe("say ready; pause").start();
        run.wait_for_line("ready");
        let left = comes(SOON, || run.init().is_in_root());
        if left { "/".into() } else { "as given".into() }
    }),
    case("LISTEN_PID for the init", "sd_listen_fds(3)", "the program", |init| {
        let run = pid_1(init).env("LISTEN_PID", "1").probe("status");
        let mut run = run.start();
        let exit = end(&mut run);
        let report = Report::read(&run.stdout());
        match (exit.as_str(), report.variable("LISTEN_PID")) {
            ("exit 0", Some(pid)) if pid == report.get("pid") => "the program".into(),
            ("exit 0", _) => "the init".into(),
            _ => exit,
        }
    }),
    case("Ctrl-C on the terminal", "termios(3), VINTR", "exit 130", |init| typed(init, b"\x03")),
    case("Ctrl-Z on the terminal, then Ctrl-C", "setpgid(2), orphaned groups", "exit 130", |init| {
        typed(init, b"\x1a")
    }),
];

fn pid_1(init: &Path) -> Container {
    Container::as_pid_1().init(init)
}

/// How it ended, or that it did not.
fn end(run: &mut Run) -> String {
    if !comes(SOON, || run.has_ended()) {
        return "hangs".into();
    }
    match run.wait(SOON).exit {
        Exit::Code(code) => format!("exit {code}"),
        Exit::Signal(signal) => format!("killed by {signal}"),
    }
}

fn ends(container: Container) -> String {
    end(&mut container.start())
}

fn in_an_empty_image(init: &Path) -> String {
    let busybox = find_tool("busybox").expect("it was looked for");
    let scratch = Scratch::new();
    let copy = scratch.program("init", init);
    let program = scratch.program("busybox", &busybox);
    assert!(copy.exists() && program.exists());
    let container = Container::as_pid_1().root(scratch.path()).init("/init");
    match container.program(["/busybox", "sh", "-c", "exit 7"]).try_start() {
        Ok(mut run) => end(&mut run),
        Err(_) => "needs a loader".into(),
    }
}

/// Whether `condition` comes to hold, in a time that is short for a person.
fn comes(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let limit = Instant::now() + limit;
    while !condition() {
        if Instant::now() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

/// Every signal that can be passed on. One after the other, since stops and SIGCONT take each
/// other back.
fn all_signals(init: &Path) -> String {
    let mut run = pid_1(init).probe("record 64").start();
    run.wait_for_line("ready");
    let mut missing = Vec::new();
    for signal in (1..=64).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP, libc::SIGCHLD].contains(signal)) {
        if run.has_ended() {
            return format!("ends at {}", missing.last().unwrap_or(&0));
        }
        run.signal(signal);
        if !comes(Duration::from_millis(300), || recorded(&run.stdout()).contains(&signal)) {
            missing.push(signal);
        }
        // Who makes a SIGSTOP of it has not passed it on.
        if run.processes().iter().any(|it| it.state == 'T') {
            run.signal_program(libc::SIGCONT);
        }
    }
    let list: Vec<String> = missing.iter().map(i32::to_string).collect();
    match list.len() {
        0 => "all".into(),
        1..=9 => format!("all but {}", list.join(", ")),
        many => (61 - many).to_string(),
    }
}

/// How often SIGTERM arrives of so many times.
fn signals(init: &Path, times: usize) -> String {
    let mut run = pid_1(init).probe("record 64").start();
    run.wait_for_line("ready");
    for sent in 1..=times {
        run.signal(libc::SIGTERM);
        comes(Duration::from_secs(2), || recorded(&run.stdout()).len() >= sent);
    }
    recorded(&run.stdout()).len().to_string()
}

/// Sends SIGTERM the moment that the init has blocked or caught it: before that the kernel
/// drops it, for PID 1, and nobody can do anything about it.
fn early_signals(init: &Path) -> String {
    let mut lost = 0;
    for _ in 0..30 {
        let mut run = pid_1(init).probe("say ready; pause").start();
        let limit = Instant::now() + SOON;
        let term = set_of(&[libc::SIGTERM]);
        while !run.has_ended() && Instant::now() < limit {
            let init = run.init();
            // While it waits for signals, /proc shows those as not blocked (`do_sigtimedwait`).
            let has_begun = run.stdout().contains("ready");
            if (init.signals("SigBlk") | init.signals("SigCgt")) & term != 0 || has_begun {
                run.signal(libc::SIGTERM);
                break;
            }
        }
        // Nobody has anything to do with it any more, but the program goes on.
        let mut idle = 0;
        comes(Duration::from_secs(20), || {
            let mut processes = run.processes().into_iter().chain([run.init()]);
            let rests = processes
                .all(|it| it.state == 'S' && (it.signals("ShdPnd") | it.signals("SigPnd")) & term == 0);
            let rests = rests && run.stdout().contains("ready");
            idle = if rests { idle + 1 } else { 0 };
            run.has_ended() || idle >= 10
        });
        lost += u32::from(!run.has_ended());
    }
    format!("{lost} lost")
}

/// Whether the program gets this set as it was.
fn handed_over(container: Container, field: &str, given: u64) -> String {
    let mut run = container.probe("status").start();
    let exit = end(&mut run);
    if exit != "exit 0" {
        return exit;
    }
    let got = Report::read(&run.stdout()).signals(field);
    let list = |set: u64| -> Vec<String> {
        (1..=64).filter(|signal| set >> (signal - 1) & 1 != 0).map(|signal: u32| signal.to_string()).collect()
    };
    match (list(given & !got), list(got & !given)) {
        (lost, more) if lost.is_empty() && more.is_empty() => "as given".into(),
        (lost, more) if more.is_empty() => format!("without {}", lost.join(", ")),
        (lost, more) if lost.is_empty() => format!("and {}", more.join(", ")),
        (lost, more) => format!("without {}, and {}", lost.join(", "), more.join(", ")),
    }
}

/// The init is an ordinary user, and the program, setuid, somebody else.
fn forbidden_signal(init: &Path) -> String {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new();
    let (init, probe) = (scratch.program("init", init), scratch.probe());
    std::fs::set_permissions(&probe, Permissions::from_mode(0o4755)).expect("a setuid program");
    let script = "setuid 0; say ready; sleep 300; exit 7";
    let container = Container::as_pid_1().init(init).user(54_100, 54_100).probing();
    let mut run = container.program([probe.into_os_string(), script.into()]).start();
    run.wait_for_line("ready");
    run.signal(libc::SIGWINCH);
    end(&mut run)
}

fn zombies(run: &mut Run) -> String {
    let collected = comes(SOON, || run.zombies() == 0);
    format!("{} zombies", if collected { 0 } else { run.zombies() })
}

/// Whether somebody who needs 300 ms after SIGTERM gets them.
fn cleans_up(container: Container, program: &str) -> String {
    let script = format!("block TERM; daemon {{ setsid; cleanup 300 }}; {program}");
    let script = if program.starts_with("exit") { script.replace("exit", "sleep 200; exit") } else { script };
    let mut run = container.probe(&script).start();
    run.wait_for_line("ready");
    if !program.starts_with("exit") {
        run.signal(libc::SIGTERM);
    }
    match end(&mut run).as_str() {
        "hangs" => "hangs".into(),
        _ if run.stdout().contains("clean") => "cleans up".into(),
        _ => "is killed".into(),
    }
}

fn idle(init: &Path) -> String {
    let mut run = pid_1(init).probe("say ready; pause").start();
    run.wait_for_line("ready");
    let all = |run: &Run| -> u64 {
        let threads = std::fs::read_dir(format!("/proc/{}/task", run.pid())).expect("threads");
        let count = |path: &Path| -> u64 {
            let status = std::fs::read_to_string(path.join("status")).unwrap_or_default();
            let counts = status.lines().filter(|line| line.contains("voluntary_ctxt_switches"));
            counts.filter_map(|line| line.rsplit_once('\t')?.1.parse::<u64>().ok()).sum()
        };
        threads.filter_map(|thread| Some(count(&thread.ok()?.path()))).sum()
    };
    // Until it has come to rest.
    let mut before = all(&run);
    for _ in 0..50 {
        std::thread::sleep(Duration::from_millis(50));
        let now = all(&run);
        if now == before {
            break;
        }
        before = now;
    }
    std::thread::sleep(Duration::from_secs(3));
    (all(&run) - before).to_string()
}

/// Types this, and Ctrl-C once the program is seen to go on, or half a second later.
fn typed(init: &Path, keys: &[u8]) -> String {
    let mut run =
        pid_1(init).terminal().stdout(Stream::Captured).probe("default TSTP INT; say ready; pause").start();
    run.wait_for_line("ready");
    let terminal = run.terminal.take().expect("a terminal");
    nix::unistd::write(&terminal, keys).expect("a key is pressed");
    if keys != b"\x03" {
        std::thread::sleep(Duration::from_millis(500));
        if run.program().state == 'T' {
            return "stopped for ever".into();
        }
        nix::unistd::write(&terminal, b"\x03").expect("a key is pressed");
    }
    let ended = end(&mut run);
    drop(terminal);
    ended
}
