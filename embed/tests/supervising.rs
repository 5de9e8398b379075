//! `Init::spawn`: programs under a host that has threads, other children and signals of
//! its own.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tini_embed::{Config, Event, ExitCode, Init, Signal, Supervised};

const LIMIT: Duration = Duration::from_secs(30);

fn signal(number: i32) -> Signal {
    Signal::new(number).unwrap()
}

/// In a script it stands for a loop that lasts longer than a test, and not for ever.
const STAY: &str = "for i in $(seq 3000); do sleep 0.05; done";

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Waits, and fails where that would never end.
fn wait(program: &Supervised) -> ExitStatus {
    let mut descriptor = [PollFd::new(program.as_fd(), PollFlags::POLLIN)];
    let limit = PollTimeout::try_from(LIMIT).unwrap();
    assert_eq!(poll(&mut descriptor, limit).unwrap(), 1, "{} does not end", program.id());
    program.try_wait().unwrap().expect("it is over once that is readable")
}

/// Reads what the program says up to `word`.
fn read_until(program: &mut Supervised, word: &str) -> String {
    let stdout = program.stdout.as_mut().unwrap();
    let (mut text, mut byte) = (String::new(), [0]);
    while !text.ends_with(word) {
        let mut descriptor = [PollFd::new(stdout.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut descriptor, PollTimeout::try_from(LIMIT).unwrap()).unwrap(), 1, "{text:?}");
        assert_eq!(stdout.read(&mut byte).unwrap(), 1, "{text:?}");
        text.push(byte[0].into());
    }
    text
}

/// Reads all that is said until nobody is left who could say more.
fn read_to_end(mut stream: impl Read + AsFd) -> String {
    let (mut text, mut bytes) = (Vec::new(), [0; 4096]);
    loop {
        let mut descriptor = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut descriptor, PollTimeout::try_from(LIMIT).unwrap()).unwrap(), 1, "{text:?}");
        match stream.read(&mut bytes).unwrap() {
            0 => return String::from_utf8(text).unwrap(),
            count => text.extend_from_slice(&bytes[..count]),
        }
    }
}

fn is_alive(process: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

#[test]
fn every_status_is_told_several_at_a_time() {
    let init = Init::new(Config::new());
    let programs: Vec<_> = (0..64)
        .map(|code| (code << 8, format!("exit {code}")))
        .chain([9, 15, 34, 35, 50, 64].map(|signal| (signal, format!("kill -{signal} $$; sleep 30"))))
        .map(|(status, script)| (status, init.spawn(shell(&script)).unwrap()))
        .collect();
    for (status, program) in &programs {
        assert_eq!(wait(program), ExitStatus::from_raw(*status));
        assert_eq!(program.wait().unwrap(), ExitStatus::from_raw(*status), "again");
    }
}

#[test]
fn what_can_t_be_executed_is_told_by_spawn() {
    let init = Init::new(Config::new());
    let error = init.spawn(Command::new("/nowhere")).err().unwrap();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn who_is_left_behind_is_asked_and_has_time_to_clean_up() {
    let init = Init::new(Config::new());
    // A daemon: in a session of its own, and no child of the program's any more.
    let daemon = &format!("trap 'sleep 0.3; echo cleaned; exit' TERM; echo ready; {STAY}");
    let mut command = shell("setsid sh -c \"$0\" & read line; exit 7");
    command.arg(daemon).stdout(Stdio::piped()).stdin(Stdio::piped());
    let mut program = init.spawn(command).unwrap();
    read_until(&mut program, "ready\n");
    drop(program.stdin.take());
    read_until(&mut program, "cleaned\n");
    assert_eq!(wait(&program).code(), Some(7));
}

#[test]
fn who_does_not_end_in_time_is_killed_wherever_it_went() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&events);
    let init = Init::new(Config::new());
    let stubborn = &format!("trap '' TERM; echo $$ ready; {STAY}");
    let mut command = shell(&format!("setsid sh -c \"$0\" & trap '' TERM; {STAY}"));
    command.arg(stubborn).stdout(Stdio::piped());
    let mut program = init.spawn_watched(command, move |event| seen.lock().unwrap().push(event)).unwrap();
    let daemon = read_until(&mut program, " ready\n").trim_end_matches(" ready\n").to_owned();
    let began = Instant::now();
    program.stop(Duration::from_millis(300)).unwrap();
    assert_eq!(wait(&program).signal(), Some(libc::SIGKILL));
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(5), "{took:?}");
    assert!(!is_alive(&daemon), "{daemon}");

    let events = events.lock().unwrap();
    let id = program.id() as i32;
    let forwarded = events.contains(&Event::Forwarded { signal: Signal::TERM, process: id, group: true });
    assert!(forwarded, "{events:?}");
    for process in [id, daemon.parse().unwrap()] {
        assert!(events.contains(&Event::Killed { process, group: false }), "{process}: {events:?}");
    }
    let status = ExitStatus::from_raw(libc::SIGKILL);
    assert!(events.contains(&Event::Reaped { process: id, status }), "{events:?}");
}

#[test]
fn a_stop_takes_no_longer_than_the_program_and_a_second_one_is_never_later() {
    let init = Init::new(Config::new().grace_period(Duration::from_secs(3600)));
    let mut command = shell(&format!("trap 'exit 5' TERM; echo ready; {STAY}"));
    command.stdout(Stdio::piped());
    let mut program = init.spawn(command).unwrap();
    read_until(&mut program, "ready\n");
    program.stop(Duration::from_secs(3600)).unwrap();
    assert_eq!(wait(&program).code(), Some(5));
    assert_eq!(program.stop(LIMIT).unwrap_err().raw_os_error(), Some(libc::ESRCH), "it is over");

    let mut command = shell(&format!("trap '' TERM; echo ready; {STAY}"));
    command.stdout(Stdio::piped());
    let mut program = init.spawn(command).unwrap();
    read_until(&mut program, "ready\n");
    program.stop(Duration::from_secs(3600)).unwrap();
    program.stop(Duration::ZERO).unwrap();
    assert_eq!(wait(&program).signal(), Some(libc::SIGKILL));
}

#[test]
fn the_hosts_own_children_are_left_alone() {
    let mut own = shell("exit 9").spawn().unwrap();
    let mut living = Command::new("sleep").arg("300").spawn().unwrap();
    let init = Init::new(Config::new());
    let mut command = shell("trap '' TERM; echo ready; sleep 300");
    command.stdout(Stdio::piped());
    let mut program = init.spawn(command).unwrap();
    read_until(&mut program, "ready\n");
    program.stop(Duration::ZERO).unwrap();
    assert_eq!(wait(&program).signal(), Some(libc::SIGKILL));
    assert_eq!(own.wait().unwrap().code(), Some(9));
    assert!(is_alive(&living.id().to_string()));
    living.kill().unwrap();
    living.wait().unwrap();
}

#[test]
fn signals_of_the_host_reach_all_programs_and_its_own_handlers() {
    let chosen = [1, 10, 12, 28, 37, 64].map(signal);
    let handled = Arc::new(AtomicUsize::new(0));
    let own = Arc::clone(&handled);
    // SAFETY: an atomic is all that it touches.
    unsafe {
        signal_hook::low_level::register(libc::SIGUSR1, move || {
            own.fetch_add(1, Ordering::SeqCst);
        })
    }
    .unwrap();
    let init = Init::new(Config::new()).forwarding(chosen).unwrap();
    let words = chosen.map(|signal| signal.number().to_string()).join(" ");
    // bash, since dash can trap but the signals that it has names for.
    let script = format!(
        "for s in {words}; do trap \"echo got $s.\" $s; done; trap 'exit 4' TERM; echo ready; for i in $(seq 9000); do sleep 0.02; done"
    );
    let mut programs: Vec<_> = (0..3)
        .map(|_| {
            let mut command = Command::new("bash");
            command.args(["-c", &script]).stdout(Stdio::piped());
            init.spawn(command).unwrap()
        })
        .collect();
    programs.iter_mut().for_each(|program| drop(read_until(program, "ready\n")));
    for signal in chosen {
        let own = Signal::new(signal.number().into()).unwrap();
        // SAFETY: no memory is involved.
        unsafe { libc::kill(libc::getpid(), own.number().into()) };
        for program in &mut programs {
            read_until(program, &format!("got {}.\n", signal.number()));
        }
    }
    assert_eq!(handled.load(Ordering::SeqCst), 1, "the host's own handler is called as well");
    for program in &programs {
        program.stop(LIMIT).unwrap();
        assert_eq!(wait(program).code(), Some(4));
    }
    for refused in [9, 19, 11] {
        assert!(Init::new(Config::new()).forwarding([signal(refused)]).is_err(), "{refused}");
    }
}

#[test]
fn standard_streams_end_with_the_program() {
    let init = Init::new(Config::new().wait_all(true));
    let mut command = shell("sleep 300 >/dev/null 2>&1 </dev/null & exit 0");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = init.spawn(command).unwrap();
    // The daemon lives, and so does the init, but nobody who could write.
    let text = read_to_end(program.stdout.take().unwrap()) + &read_to_end(program.stderr.take().unwrap());
    assert_eq!(text, "");
    assert_eq!(program.try_wait().unwrap(), None);
    program.stop(Duration::ZERO).unwrap();
    assert_eq!(wait(&program).code(), Some(0));
}

#[test]
fn codes_are_remapped_and_events_go_into_a_channel() {
    let (sender, receiver) = mpsc::channel();
    let init = Init::new(Config::new().remap_exit(ExitCode::new(143), ExitCode::SUCCESS));
    let on_event = move |event| {
        let _ = sender.send(event);
    };
    let program = init.spawn_watched(shell("kill -TERM $$; sleep 30"), on_event).unwrap();
    assert_eq!(wait(&program).code(), Some(0));
    let events: Vec<Event> = receiver.iter().collect();
    let status = ExitStatus::from_raw(libc::SIGTERM);
    assert!(events.contains(&Event::Reaped { process: program.id() as i32, status }), "{events:?}");
}

#[test]
fn one_that_is_dropped_is_supervised_and_collected_all_the_same() {
    let (sender, receiver) = mpsc::channel();
    let init = Init::new(Config::new());
    let program = init
        .spawn_watched(shell("sleep 0.1; exit 3"), move |event| {
            let _ = sender.send(event);
        })
        .unwrap();
    let id = program.id() as i32;
    drop((program, init));
    let event = receiver.recv_timeout(LIMIT).unwrap();
    assert_eq!(event, Event::Reaped { process: id, status: ExitStatus::from_raw(3 << 8) });
    assert!(receiver.recv_timeout(LIMIT).is_err(), "the channel is closed when it is over");
}

#[test]
fn an_init_that_is_killed_is_told_as_that() {
    let init = Init::new(Config::new());
    let program = init.spawn(shell("exec sleep 300")).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", program.id())).unwrap();
    let parent = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().nth(1).unwrap();
    // SAFETY: no memory is involved.
    unsafe { libc::kill(parent.parse().unwrap(), libc::SIGKILL) };
    assert_eq!(wait(&program).signal(), Some(libc::SIGKILL));
    // SAFETY: as above; it is nobody's now.
    unsafe { libc::kill(program.id() as i32, libc::SIGKILL) };
}

#[test]
fn the_program_has_the_mask_that_its_command_gives_it_and_leads_its_group() {
    let init = Init::new(Config::new());
    let mut command = Command::new("cat");
    // SAFETY: a system call and nothing else.
    unsafe {
        command.pre_exec(|| {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&mut set);
            libc::sigaddset(&mut set, libc::SIGUSR2);
            libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
            Ok(())
        });
    }
    command.args(["/proc/self/status", "/proc/self/stat"]).stdout(Stdio::piped());
    let mut program = init.spawn(command).unwrap();
    let text = read_to_end(program.stdout.take().unwrap());
    assert!(text.contains("SigBlk:\t0000000000000800\n"), "{text}");
    assert!(text.contains("ShdPnd:\t0000000000000000\n"), "{text}");
    let group = text.rsplit_once(')').unwrap().1.split_ascii_whitespace().nth(2).unwrap();
    assert_eq!(group, program.id().to_string());
    assert!(wait(&program).success());
}

#[test]
fn hosts_that_spawn_from_many_threads_at_once_wait_for_their_own() {
    let init = Init::new(Config::new());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let init = &init;
            scope.spawn(move || {
                for number in 0..25 {
                    let code = thread * 25 + number;
                    let program = init.spawn(shell(&format!("sleep 0.01 & exit {code}"))).unwrap();
                    assert_eq!(wait(&program).code(), Some(code));
                    // A child of the host's own in between, by std.
                    assert_eq!(shell("exit 3").status().unwrap().code(), Some(3));
                }
            });
        }
    });
}
