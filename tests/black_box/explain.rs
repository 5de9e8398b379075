//! What the init explains: who stopped it, who held the shutdown up, by whom the program was killed.
//! Each case is made to happen for real, and the words are read.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{
    Container, ControlGroup, LIMIT, Outcome, PLACES, PROBE, Process, Run, Scratch, must_not_skip, require,
    require_root, skipped, spawn, sys,
};

/// Users that have no process anywhere else.
const LONELY: u32 = 54_040;
const NOBODY: u32 = 65_534;

/// How much later than in theory things may happen on a machine that has other work to do.
const SLACK: Duration = Duration::from_millis(900);

/// What it says that is of this level.
fn of_level<'a>(outcome: &'a Outcome, level: &str) -> Vec<&'a str> {
    outcome.log().into_iter().filter(|(found, _)| *found == level).map(|(_, text)| text).collect()
}

/// The process that has told its pid in a line `LABEL PID`.
#[track_caller]
fn labelled(run: &mut Run, label: &str) -> Process {
    let mut found = None;
    run.wait_until(&format!("{label} has told its pid"), |run| {
        let lines = run.stdout();
        let pid = lines.lines().find_map(|line| line.strip_prefix(label)?.strip_prefix(' ')?.parse().ok());
        found = pid.and_then(|pid: i32| run.processes().into_iter().find(|it| it.inner_pid == pid));
        found.is_some()
    });
    found.expect("the condition was met")
}

// ------------------------------------------------------------ who stopped it

/// Requires that a stop signal has been told of in these words.
#[track_caller]
fn expect_stopped_by(outcome: &Outcome, signal: &str, from: &str) {
    let expected = format!("received signal {signal} {from}");
    let told = of_level(outcome, "INFO");
    assert!(told.contains(&expected.as_str()), "{expected:?} is missing: {outcome:#?}");
}

#[test]
fn who_stopped_it_is_told_outside_the_container() {
    require_root!();
    for (number, name) in [(15, "15 (SIGTERM)"), (2, "2 (SIGINT)"), (3, "3 (SIGQUIT)")] {
        let mut run = Container::as_pid_1().options(["-v"]).probe("say ready; pause").start();
        run.wait_for_line("ready");
        run.signal(number);
        expect_stopped_by(&run.wait(LIMIT), name, "from outside the container");
    }
    // Without -v nobody wants to know.
    let mut run = Container::as_pid_1().probe("say ready; pause").start();
    run.wait_for_line("ready");
    run.signal(libc::SIGTERM);
    run.wait(LIMIT).expect_code(143).expect_silence();
}

#[test]
fn who_stopped_it_is_told_by_pid_name_and_user() {
    require_root!();
    let scratch = Scratch::new();
    let probe = scratch.probe().into_os_string();
    for place in PLACES {
        for user in [0, LONELY] {
            let script = "name villain; pid villain; kill TERM init; pause";
            let container = place().options(["-v"]).init(scratch.init()).user(user, user).probing();
            let mut run = container.program([probe.clone(), script.into()]).start();
            let outcome = run.wait(LIMIT).expect_code(143);
            let pid = outcome.stdout.trim().strip_prefix("villain ").expect("its pid").to_owned();
            expect_stopped_by(&outcome, "15 (SIGTERM)", &format!("from process {pid} (villain), uid {user}"));
        }
    }
    // Outside PID 1 it can be somebody who is not below it: this very process.
    let mut run = Container::as_subreaper().options(["-v"]).probe("say ready; pause").start();
    run.wait_for_line("ready");
    run.signal(libc::SIGTERM);
    let own = Process::read(std::process::id() as i32).expect("this process").named();
    expect_stopped_by(&run.wait(LIMIT), "15 (SIGTERM)", &format!("from process {own}, uid 0"));
}

#[test]
fn a_sender_that_has_gone_is_told_by_its_number() {
    require_root!();
    for place in PLACES {
        let script =
            "block USR1; say ready; await USR1; fork { pid sender; kill TERM 1 }; wait; say sent; pause";
        let mut run = place().options(["-v"]).probe(script).start();
        run.wait_for_line("ready");
        // Stopped, so that it takes the signal in when its sender has long gone.
        run.signal(libc::SIGSTOP);
        run.wait_until("the init is stopped", |run| run.init().state == 'T');
        let number = if run.is_pid_1() {
            run.signal_program(libc::SIGUSR1);
            run.wait_for_line("sent");
            run.stdout().lines().find_map(|line| line.strip_prefix("sender ")?.parse().ok())
        } else {
            let script = format!("kill {}", run.pid());
            let mut sender = spawn(Command::new("/bin/sh").args(["-c", &script]));
            assert!(sender.wait().is_ok_and(|status| status.success()));
            Some(sender.id())
        };
        run.signal(libc::SIGCONT);
        let from = format!("from process {}, uid 0", number.expect("the sender's pid"));
        expect_stopped_by(&run.wait(LIMIT), "15 (SIGTERM)", &from);
    }
}

// ------------------------------------------------------- who held it up

/// One in each state that a process can hang in, beside those that hold it: all ignore TERM.
const ALL_STATES: &str = "
    daemon { ignore TERM; name ignorer; pid ignorer; say ready; pause };
    daemon { ignore TERM; name stopped; pid stopped; say ready; stop; stop; pause };
    daemon { ignore TERM; name parent; fork { name zombie; pid zombie }; pid parent; say ready; pause };
    daemon { ignore TERM; name tracer; traced { say never }; pid tracer; say ready; pause };
    daemon { ignore TERM; name waiter; pid waiter; vfork { name child; pid child; say ready; pause } };";
const READY: usize = 5;

/// The program of these processes: it ends, with 7, when it gets USR1.
fn leaving(script: &str) -> String {
    format!("block USR1; {script} await USR1; exit 7")
}

/// What is to be said of [`ALL_STATES`] at the deadline.
#[track_caller]
fn all_states(run: &mut Run) -> Vec<String> {
    let [ignorer, stopped, parent, zombie, tracer, waiter, child] =
        ["ignorer", "stopped", "parent", "zombie", "tracer", "waiter", "child"]
            .map(|label| labelled(run, label));
    let traced = run.processes().into_iter().find(|it| it.state == 't').expect("the traced one");
    let still = |process: &Process, why: &str| format!("process {} is still there{why}", process.named());
    vec![
        still(&ignorer, ", ignoring SIGTERM"),
        still(&stopped, ", stopped until it gets SIGCONT"),
        still(&parent, ", ignoring SIGTERM"),
        format!(
            "process {} has ended, but is not collected by its parent {}",
            zombie.named(),
            parent.named()
        ),
        still(&tracer, ", ignoring SIGTERM"),
        still(&traced, &format!(", held by its tracer {}", tracer.named())),
        still(&waiter, ", in a system call that can't be interrupted"),
        still(&child, ", ignoring SIGTERM"),
    ]
}

/// Requires that this, in whatever order, was said of those that were left at the deadline, after
/// that the time is up.
#[track_caller]
fn expect_left(outcome: &Outcome, mut expected: Vec<String>) {
    let mut told = of_level(outcome, "WARN");
    assert_eq!(told.remove(0), "the time is up: killing all processes that are left");
    told.sort_unstable();
    expected.sort_unstable();
    assert_eq!(told, expected, "{outcome:#?}");
}

#[test]
fn who_is_left_at_the_deadline_is_told_with_name_and_state() {
    require_root!();
    for place in PLACES {
        let mut run = place().options(["-t", "400ms"]).probe(&leaving(ALL_STATES)).start();
        run.wait_for_lines("ready", READY);
        let expected = all_states(&mut run);
        run.signal_program(libc::SIGUSR1);
        let outcome = run.wait(LIMIT).expect_code(7);
        expect_left(&outcome, expected);
        // Each at the level of a warning, and nothing besides.
        assert!(outcome.log().iter().all(|(level, _)| *level == "WARN"), "{outcome:#?}");
        // Who wants no warnings gets none.
        let mut run = place().options(["-q", "-t", "100ms"]).probe(&leaving(ALL_STATES)).start();
        run.wait_for_lines("ready", READY);
        run.signal_program(libc::SIGUSR1);
        run.wait(LIMIT).expect_code(7).expect_silence();
    }
}

#[test]
fn a_program_that_is_left_at_the_deadline_is_told_as_well_and_not_that_it_was_killed() {
    require_root!();
    for place in PLACES {
        let mut run = place().options(["-t", "200ms"]).probe("ignore-term").start();
        run.wait_for_line("ready");
        let program = run.program().named();
        run.signal(libc::SIGTERM);
        let outcome = run.wait(LIMIT).expect_code(137);
        outcome.expect_killing(&[format!("process {program} is still there, ignoring SIGTERM")]);
    }
}

#[test]
fn a_name_that_may_hold_anything_steers_no_terminal_and_forges_no_line() {
    require_root!();
    // At most 15 bytes: a name that ends the field of /proc/PID/stat, one that steers a terminal,
    // one that forges a line, one that is no text, none.
    let names = [
        (r"a)\x20Z\x201\x20(b", "a) Z 1 (b"),
        (r"\x1b[31m\x1b]0;", r"\x1b[31m\x1b]0"),
        (r"\x0a[WARN\x0d\x08\x7f", r"\x0a[WARN\x0d\x08\x7f"),
        (r"\xff\xfe\x9b2J\xc3", r"\xff\xfe\x9b2J\xc3"),
        (r"\x00", ""),
        (r"()(", "()("),
    ];
    for place in PLACES {
        let daemons: String =
            names.iter().map(|(name, _)| format!("daemon {{ name {name}; ignore-term }};")).collect();
        let script = leaving(&daemons);
        let mut run = place().options(["-v", "-t", "200ms"]).probe(&script).start();
        run.wait_for_lines("ready", names.len());
        // The stop signal comes from one with such a name.
        run.signal_program(libc::SIGUSR1);
        let outcome = run.wait(LIMIT).expect_code(7);
        let is_control = |it: char| it.is_control() && it != '\n';
        assert!(!outcome.stderr.chars().any(is_control) && outcome.stderr.is_ascii(), "{outcome:#?}");
        let told = of_level(&outcome, "WARN");
        for (_, shown) in names {
            let end = format!(" ({shown}) is still there");
            assert_eq!(told.iter().filter(|line| line.contains(&end)).count(), 1, "{end:?} {outcome:#?}");
        }
        assert_eq!(told.len(), 1 + names.len(), "{outcome:#?}");
    }
    let script = r"name \x1b[2J\x0a; kill TERM init; pause";
    let outcome = Container::as_pid_1().options(["-v"]).probe(script).run().expect_code(143);
    expect_stopped_by(&outcome, "15 (SIGTERM)", r"from process 2 (\x1b[2J\x0a), uid 0");
}

#[test]
fn zombies_that_are_not_the_inits_are_told_when_the_rest_is_asked_to_end() {
    require_root!();
    let zombie = "block TERM USR2; name parent; fork { name zombie; pid zombie }; pid parent; say ready;";
    let script = leaving(&format!("daemon {{ {zombie} await TERM; await USR2 }};"));
    for place in PLACES {
        for (options, is_told) in [("-vv", true), ("-v", false)] {
            let mut run = place().options([options, "-t", "20s"]).probe(&script).start();
            run.wait_for_line("ready");
            let (zombie, parent) = (labelled(&mut run, "zombie").named(), labelled(&mut run, "parent"));
            run.wait_until("it is a zombie", |run| run.zombies() == 1);
            run.signal_program(libc::SIGUSR1);
            let line =
                format!("process {zombie} has ended, but is not collected by its parent {}", parent.named());
            if is_told {
                run.wait_for_log(&line);
            }
            sys::kill(parent.pid, libc::SIGUSR2).expect("the parent is there");
            let outcome = run.wait(LIMIT).expect_code(7);
            let told = of_level(&outcome, "WARN");
            assert_eq!(told, if is_told { vec![line.as_str()] } else { vec![] }, "{outcome:#?}");
        }
    }
}

/// A screenful of processes; the rest is only counted.
const SCREENFUL: usize = 20;

/// A program that leaves so many of these.
#[track_caller]
fn start_crowd(container: Container, count: usize, each: &str) -> Run {
    let crowd = format!("block TERM; crowd {count} {{ {each} pause }}; say ready;");
    let mut run = container.probe(&leaving(&crowd)).alone().start();
    run.wait_for_line("ready");
    run
}

/// Requires that a screenful of a crowd was told and then the number of the others.
#[track_caller]
fn expect_screenful(outcome: &Outcome, count: usize) {
    let told = of_level(outcome, "WARN");
    assert_eq!(told.len(), 1 + SCREENFUL + 1, "{told:#?}");
    assert!(told[1..=SCREENFUL].iter().all(|line| line.ends_with(" is still there")), "{told:#?}");
    assert_eq!(told[1 + SCREENFUL], format!("and {} more", count - SCREENFUL));
}

#[test]
fn of_ten_thousand_a_screenful_is_told_and_the_kill_is_in_time() {
    require_root!();
    const CROWD: usize = 10_000;
    const GRACE: Duration = Duration::from_secs(2);
    let mut run = start_crowd(Container::as_pid_1().options(["-t", "2s"]), CROWD, "");
    let program = run.program().pid;
    let asked = Instant::now();
    sys::kill(program, libc::SIGUSR1).expect("the program is there");
    run.wait_for_log("the time is up");
    let up = asked.elapsed();
    run.wait_for_log(" more");
    let explained = asked.elapsed();
    let outcome = run.wait(LIMIT).expect_code(7);
    println!("time up after {up:?}, explained after {explained:?}, ended after {:?}", asked.elapsed());
    assert!(up < GRACE + SLACK && explained < up + SLACK, "up {up:?}, explained {explained:?}");
    expect_screenful(&outcome, CROWD);
}

/// Each has to be found in /proc, which takes an init without optimisation its time.
#[test]
fn of_thousands_outside_pid_1_each_is_asked_once_and_a_screenful_is_told() {
    require_root!();
    const CROWD: usize = 5_000;
    // Each tells of a second TERM as well.
    let asked = "await TERM; say asked; await TERM; say asked;";
    let mut run = start_crowd(Container::as_subreaper().options(["-t", "2s"]), CROWD, asked);
    run.signal_program(libc::SIGUSR1);
    let outcome = run.wait(LIMIT).expect_code(7);
    assert_eq!(outcome.stdout.lines().filter(|line| *line == "asked").count(), CROWD);
    expect_screenful(&outcome, CROWD);
    assert_eq!(run.started_processes().len(), 0);
}

// ----------------------------------------------------------- what /proc hides

/// Requires that this is said once, and the rest of the run is as without it.
#[track_caller]
fn expect_said_once(outcome: &Outcome, text: &str) {
    let told = of_level(outcome, "WARN");
    assert_eq!(told.iter().filter(|line| line.contains(text)).count(), 1, "{text:?} {outcome:#?}");
}

const NO_PROC: &str = "looking for processes in /proc: No such file or directory";

#[test]
fn that_there_is_no_proc_is_said_once_and_breaks_nothing() {
    require_root!();
    require!("unshare");
    // One that can be reached as a member of the program's group, and that ignores TERM.
    let script = leaving("fork { ignore TERM; say ready; pause };");
    let hidden = "mount -t tmpfs none /proc";
    for place in PLACES {
        let container = place().options(["-v", "-t", "200ms"]).probe(&script).after(hidden);
        let mut run = container.start();
        run.wait_for_line("ready");
        run.signal_program(libc::SIGUSR1);
        let outcome = run.wait(LIMIT).expect_code(7);
        expect_said_once(&outcome, NO_PROC);
        assert_eq!(of_level(&outcome, "WARN").len(), 2, "{outcome:#?}");
        assert_eq!(run.started_processes().len(), 0);
        // A sender is told without its name.
        let container = place().options(["-v"]).probe("pid sender; kill TERM init; pause").after(hidden);
        let outcome = container.run().expect_code(143);
        let pid = outcome.stdout.trim().strip_prefix("sender ").expect("its pid");
        expect_stopped_by(&outcome, "15 (SIGTERM)", &format!("from process {pid}, uid 0"));
        // Who was killed is told of as far as it can be known.
        let outcome = place().probe("die KILL").after(hidden).run().expect_code(137);
        assert_eq!(of_level(&outcome, "WARN").len(), 1, "{outcome:#?}");
        // In a healthy run nobody looks.
        place().probe("exit 7").after(hidden).run().expect_code(7).expect_silence();
    }
}

#[test]
fn another_namespaces_proc_names_nobody() {
    require_root!();
    // Of the host, where the same numbers are other processes: as PID 1 all are reached without it.
    let script = leaving("name own; daemon { ignore-term };");
    let container = Container::as_pid_1().with_host_proc();
    let mut run = container.options(["-v", "-t", "200ms"]).probe(&script).start();
    run.wait_for_line("ready");
    run.signal_program(libc::SIGUSR1);
    let outcome = run.wait(LIMIT).expect_code(7);
    expect_said_once(&outcome, NO_PROC);
    assert_eq!(of_level(&outcome, "WARN").len(), 2, "{outcome:#?}");
    let script = "kill TERM init; pause";
    let outcome = Container::as_pid_1().with_host_proc().options(["-v"]).probe(script).run();
    expect_stopped_by(&outcome, "15 (SIGTERM)", "from process 2, uid 0");
}

#[test]
fn a_proc_that_can_only_be_read_or_shows_only_the_users_own_is_enough() {
    require_root!();
    require!("unshare", "setpriv");
    let nobody = format!("setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups --");
    let scratch = Scratch::new();
    let probe = scratch.probe().into_os_string();
    let script = leaving(ALL_STATES);
    for place in PLACES {
        for setup in [
            "mount -o remount,ro,bind /proc".to_owned(),
            format!("mount -t proc -o hidepid=2 none /proc && set -- {nobody} \"$@\""),
            format!("mount -t proc -o hidepid=2,subset=pid none /proc && set -- {nobody} \"$@\""),
        ] {
            // Somebody else's, and of the same user, who is not below the init.
            let mut bystander = Command::new(&probe);
            bystander.env(PROBE, "1").arg("pause").uid(NOBODY).stdin(Stdio::null());
            let bystander = Bystander(spawn(&mut bystander));
            let container = place().options(["-p", "TERM", "-t", "400ms"]).init(scratch.init());
            let container = container.probing().program([probe.clone(), script.clone().into()]);
            let mut run = container.after(&setup).start();
            run.wait_for_lines("ready", READY);
            let expected = all_states(&mut run);
            run.signal_program(libc::SIGUSR1);
            expect_left(&run.wait(LIMIT).expect_code(7), expected);
            assert_eq!(run.started_processes().len(), 0);
            bystander.expect_alive();
        }
    }
}

/// A process that has nothing to do with an init.
struct Bystander(Child);

impl Bystander {
    #[track_caller]
    fn expect_alive(mut self) {
        let ended = self.0.try_wait().expect("a child of this process");
        assert_eq!(ended, None, "a bystander was signalled");
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

// ------------------------------------------------------------ the summary

/// The figures of the summary: milliseconds, orphans collected, ended when asked, killed.
#[track_caller]
fn summary(outcome: &Outcome) -> [u128; 4] {
    let told = of_level(outcome, "INFO");
    let last = told.last().expect("something is told");
    let text = last.strip_prefix("shut down in ").unwrap_or_else(|| panic!("no summary: {outcome:#?}"));
    let words = ["ms; orphans collected:", ", ended when asked:", ", killed:"];
    let text = words.iter().fold(text.to_owned(), |text, words| text.replace(words, ""));
    let figures: Vec<u128> = text.split_whitespace().map(|word| word.parse().expect("a figure")).collect();
    figures.try_into().expect("four figures")
}

#[test]
fn the_shutdown_is_summed_up_at_the_end() {
    require_root!();
    const TOOK: Duration = Duration::from_millis(300);
    for place in PLACES {
        // Three end by themselves, two when they are asked.
        let script = "daemon { cleanup 100 }; daemon { cleanup 300 }; orphans 3; cleanup 0";
        let mut run = place().options(["-vv", "-t", "20s"]).probe(script).start();
        run.wait_for_lines("ready", 3);
        run.wait_until("the orphans are collected", |run| run.processes().len() == 3);
        let asked = Instant::now();
        run.signal(libc::SIGTERM);
        let outcome = run.wait(LIMIT).expect_code(0);
        let most = asked.elapsed();
        let [milliseconds, collected, ended, killed] = summary(&outcome);
        assert!((TOOK.as_millis()..=most.as_millis()).contains(&milliseconds), "{most:?} {outcome:#?}");
        assert_eq!((collected, ended, killed), (5, 2, 0), "{outcome:#?}");
        // From the program's end, when nobody has asked for it.
        let script = leaving("daemon { cleanup 300 };");
        let mut run = place().options(["-v", "-t", "20s"]).probe(&script).start();
        run.wait_for_line("ready");
        let asked = Instant::now();
        run.signal_program(libc::SIGUSR1);
        let outcome = run.wait(LIMIT).expect_code(7);
        let most = asked.elapsed();
        let [milliseconds, collected, ended, killed] = summary(&outcome);
        assert!((TOOK.as_millis()..=most.as_millis()).contains(&milliseconds), "{most:?} {outcome:#?}");
        assert_eq!((collected, ended, killed), (1, 1, 0), "{outcome:#?}");
    }
    // Who is killed is collected outside PID 1 alone.
    let script = leaving("daemon { cleanup 10 }; daemon { ignore-term }; daemon { ignore-term };");
    for (place, collected) in PLACES.into_iter().zip([1, 3]) {
        let mut run = place().options(["-v", "-t", "200ms"]).probe(&script).start();
        run.wait_for_lines("ready", 3);
        run.signal_program(libc::SIGUSR1);
        let outcome = run.wait(LIMIT).expect_code(7);
        assert_eq!(summary(&outcome)[1..], [collected, 1, 2], "{outcome:#?}");
    }
}

// ------------------------------------------------------- who killed the program

/// The limit of a test's control group, and more than that.
const LIMIT_MIB: u64 = 64;
const TOO_MUCH_MIB: u64 = 200;
const KILLED: &str = "the program was killed: somebody sent it SIGKILL";

/// A control group of this version with a limit of memory, or why there can be none.
fn limited_group(version: u32, name: &str) -> Result<ControlGroup, String> {
    let group = ControlGroup::new(version, "memory", name)?;
    group.limit_memory(LIMIT_MIB)?;
    Ok(group)
}

/// What is done for a container to see this group: nothing, the group at the root without a
/// namespace of its own, or the namespace's root.
fn views(group: &ControlGroup) -> [String; 3] {
    let (root, folder) = (group.root().display(), group.folder().display());
    let (kind, options) = if group.version() == 1 { ("cgroup", "-o memory") } else { ("cgroup2", "") };
    [
        "true".to_owned(),
        format!("mount --bind {folder} {root}"),
        format!(
            "umount {root} && set -- unshare -C sh -c 'mount -t {kind} {options} none {root} && exec \"$@\"' sh \"$@\""
        ),
    ]
}

/// A file system with files as a control group of version 2 has them: `memory.events` counts so many.
fn forged_group(path: &str, killed: u32) -> String {
    let folder = format!("/sys/fs/cgroup{path}");
    let events =
        format!("printf 'low 0\\nhigh 3\\nmax 9\\noom 1\\noom_kill {killed}\\n' >{folder}/memory.events");
    let limit = format!("echo {} >{folder}/memory.max", LIMIT_MIB << 20);
    format!("mount -t tmpfs none /sys/fs/cgroup && mkdir -p {folder} && {events} && {limit}")
}

/// Requires that a run tells of no memory in every view of groups of this version.
#[track_caller]
fn expect_explained(version: u32) {
    for (number, place) in PLACES.into_iter().enumerate() {
        for view in 0..3 {
            let name = format!("{version}-{number}-{view}");
            let group = match limited_group(version, &name) {
                Ok(group) => group,
                Err(why) => {
                    // A layout has the controller in one version, and not in the other.
                    let has_other = limited_group(3 - version, &name).is_ok();
                    assert!(has_other || !must_not_skip(), "cannot run here: {why}");
                    return skipped(&why);
                }
            };
            let view = &views(&group)[view];
            let start =
                |script: &str| place().control_group(group.folder()).probe(script).after(view).start();
            // Nobody is short of memory: somebody kills it.
            let mut run = start("say ready; pause");
            run.wait_for_line("ready");
            run.signal_program(libc::SIGKILL);
            let outcome = run.wait(LIMIT).expect_code(137);
            assert_eq!(of_level(&outcome, "WARN"), [KILLED], "{view}");
            // The init asks for nothing, so it is never the one that is killed.
            let outcome = start(&format!("eat {TOO_MUCH_MIB}; pause")).wait(LIMIT).expect_code(137);
            let told = of_level(&outcome, "WARN");
            let expected = if number == 0 {
                format!(
                    "out of memory: the container's limit of {LIMIT_MIB} MiB was reached, processes killed for it: 1"
                )
            } else {
                format!(
                    "probably out of memory: its control group's limit of {LIMIT_MIB} MiB was reached, processes killed for it: 1"
                )
            };
            assert!(told.len() == 1 && told[0].starts_with(&expected), "{view}: {expected} {outcome:#?}");
            println!("version {version}, {view}: {}", told[0]);
        }
    }
}

#[test]
fn that_memory_ran_out_is_told_with_the_limit_of_version_1() {
    require_root!();
    require!("unshare");
    expect_explained(1);
}

#[test]
fn that_memory_ran_out_is_told_with_the_limit_of_version_2() {
    require_root!();
    require!("unshare");
    expect_explained(2);
}

/// Where the kernel has no such group to offer: the files that it would have, in the places where a
/// container sees them.
#[test]
fn the_files_of_version_2_are_read_where_they_are() {
    require_root!();
    require!("unshare");
    let own = fs::read_to_string("/proc/self/cgroup").expect("the groups of this process");
    let Some(path) = own.lines().find_map(|line| line.strip_prefix("0::")) else {
        return skipped("no hierarchy of version 2");
    };
    if own.lines().any(|line| line.contains(":memory:")) {
        println!("the memory controller is in version 1, and its files are hidden here");
    }
    for place in [path, "", &format!("/unified{path}")] {
        for (killed, told) in [
            (0, KILLED),
            (2, "out of memory: the container's limit of 64 MiB was reached, processes killed for it: 2"),
        ] {
            let container = Container::as_pid_1().probe("die KILL").after(&forged_group(place, killed));
            let outcome = container.run().expect_code(137);
            let text = outcome.expect_one_line("WARN", &[told]);
            assert!(text.starts_with(told), "{place:?} {text:?}");
        }
    }
    // Nonsense is no evidence.
    for text in ["oom_kill x", "oom_kill", "oom_kill -1", "", "group_oom_kill 7"] {
        let forged = format!("{} && echo '{text}' >/sys/fs/cgroup/memory.events", forged_group("", 3));
        let outcome = Container::as_pid_1().probe("die KILL").after(&forged).run().expect_code(137);
        outcome.expect_one_line("WARN", &[KILLED]);
    }
}

#[test]
fn only_a_sigkill_that_is_not_the_inits_is_explained() {
    require_root!();
    for place in PLACES {
        for end in ["exit 137", "die TERM", "die SEGV", "fork { die KILL }; wait; exit 7"] {
            place().probe(end).run().stderr.is_empty().then_some(()).expect(end);
        }
        // A signal that the init was told to make a SIGKILL of.
        let mut run = place().options(["-r", "TERM:KILL"]).probe("say ready; pause").start();
        run.wait_for_line("ready");
        run.signal(libc::SIGTERM);
        run.wait(LIMIT).expect_code(137).expect_silence();
    }
}

#[test]
fn a_code_that_is_remapped_is_told_with_what_it_was() {
    require_root!();
    for place in PLACES {
        for (rule, end, told) in [
            ("7", "exit 7", "exits with 0 in place of the program's code 7"),
            ("143:3", "die TERM", "exits with 3 in place of the program's code 143"),
        ] {
            let code = if rule == "7" { 0 } else { 3 };
            let outcome = place().options(["-v", "-e", rule]).probe(end).run().expect_code(code);
            assert!(of_level(&outcome, "INFO").contains(&told), "{outcome:#?}");
            place().options(["-e", rule]).probe(end).run().expect_code(code).expect_silence();
            // Nothing to tell of a rule for another code.
            let outcome = place().options(["-v", "-e", rule]).probe("exit 9").run().expect_code(9);
            assert!(!outcome.stderr.contains("in place of"), "{outcome:#?}");
        }
    }
}
