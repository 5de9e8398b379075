//! What the init is made to bear. Each load goes on in rounds until its time is up, at least for
//! one, and panics as soon as anything is lost.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::Figures;
use crate::support::{Container, ControlGroup, LIMIT, Outcome, PLACES, Run, Stream, sys};

/// A load, and the share that it has of all the time.
pub struct Load {
    pub name: &'static str,
    pub init: &'static str,
    pub share: u32,
    /// Runs it until then. An error is why that is not possible here.
    pub run: fn(Instant) -> Result<Figures, String>,
}

/// Those that are lived through by one init bear on it to the end.
pub const LOADS: [Load; 10] = [
    Load { name: "orphans", init: "PID 1", share: 6, run: |until| orphans(Container::as_pid_1(), until) },
    Load {
        name: "orphans",
        init: "PID 1, without pidfd",
        share: 6,
        run: |until| orphans(Container::as_pid_1().refused(&[libc::SYS_pidfd_open], libc::ENOSYS), until),
    },
    Load {
        name: "orphans",
        init: "subreaper",
        share: 6,
        run: |until| orphans(Container::as_subreaper(), until),
    },
    Load { name: "orphans, each told of", init: "PID 1", share: 1, run: told_orphans },
    Load {
        name: "signals among orphans",
        init: "PID 1",
        share: 1,
        run: |it| signals(Container::as_pid_1, it),
    },
    Load {
        name: "signals among orphans",
        init: "subreaper",
        share: 1,
        run: |it| signals(Container::as_subreaper, it),
    },
    Load { name: "fork bombs", init: "PID 1", share: 1, run: |it| fork_bombs(Container::as_pid_1, it) },
    Load {
        name: "fork bombs",
        init: "subreaper",
        share: 1,
        run: |it| fork_bombs(Container::as_subreaper, it),
    },
    Load { name: "neighbours out of memory", init: "PID 1", share: 1, run: out_of_memory },
    Load { name: "starts, 150 at a time", init: "both", share: 3, run: starts },
];

/// Whether there is to be one more round.
fn goes_on(until: Instant) -> bool {
    Instant::now() < until
}

/// Waits until the init has no process left but so many; all that have ended are collected then.
#[track_caller]
fn expect_left(run: &mut Run, count: usize) {
    run.wait_until("all orphans are collected", |run| run.processes().len() == count);
}

/// Ends the program by TERM, of which it dies.
#[track_caller]
fn end(mut run: Run) -> Outcome {
    run.signal(libc::SIGTERM);
    run.wait(LIMIT).expect_code(143)
}

/// Processes whose parents are gone, as fast as they can be made.
fn orphans(container: Container, until: Instant) -> Result<Figures, String> {
    const BATCH: u64 = 2_000;
    let script = format!("block USR1; repeat {{ orphans {BATCH}; say batch; await USR1 }}");
    let mut run = container.alone().probe(&script).start();
    let mut figures = Figures::default();
    let mut batches = 0;
    loop {
        batches += 1;
        run.wait_for_lines("batch", batches);
        expect_left(&mut run, 1);
        figures.look_at(&run);
        figures.done += BATCH;
        if !goes_on(until) {
            break;
        }
        run.signal(libc::SIGUSR1);
    }
    end(run).expect_silence();
    Ok(figures)
}

/// The same with a line of the log for each: none is missed, none told of twice.
fn told_orphans(until: Instant) -> Result<Figures, String> {
    const BATCH: usize = 2_000;
    let mut figures = Figures::default();
    loop {
        let script = format!("orphans {BATCH}; say batch; pause");
        let mut run = Container::as_pid_1().alone().options(["-w"]).probe(&script).start();
        run.wait_for_line("batch");
        expect_left(&mut run, 1);
        let outcome = end(run);
        let told = outcome.log().iter().filter(|(_, text)| text.ends_with("which exited with 0")).count();
        assert_eq!((told, outcome.log().len()), (BATCH, BATCH), "orphans told of, lines of the log");
        figures.done += BATCH as u64;
        if !goes_on(until) {
            return Ok(figures);
        }
    }
}

/// Real-time signals, which are never merged, in rows that the queue has room for.
fn signals(place: fn() -> Container, until: Instant) -> Result<Figures, String> {
    const KINDS: std::ops::RangeInclusive<i32> = 34..=sys::LAST_SIGNAL;
    const EACH: usize = 10;
    let row = || KINDS.flat_map(|signal| [signal; EACH]);
    // The orphans' maker is in a session of its own, where the signals do not come.
    let script = format!("daemon {{ repeat {{ orphans 100; sleep 2 }} }}; tally {}", row().count());
    let mut run = place().alone().probe(&script).start();
    run.wait_for_line("ready");
    let mut figures = Figures::default();
    let mut rows = 0;
    loop {
        row().for_each(|signal| run.signal(signal));
        rows += 1;
        run.wait_for_lines("row", rows);
        figures.look_at(&run);
        if !goes_on(until) {
            break;
        }
    }
    run.signal(libc::SIGTERM);
    let outcome = run.wait(LIMIT).expect_code(0).expect_silence();
    let found: BTreeMap<i32, usize> = outcome
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("signal ")?.split_once(" times "))
        .filter_map(|(signal, times)| Some((signal.parse().ok()?, times.parse().ok()?)))
        .filter(|(_, times)| *times > 0)
        .collect();
    let sent = KINDS.map(|signal| (signal, rows * EACH)).collect();
    assert_eq!(found, sent, "how often each signal came");
    figures.done = (rows * row().count()) as u64;
    Ok(figures)
}

/// A bomb that does not care for TERM is seen off in time, and nobody stays behind.
fn fork_bombs(place: fn() -> Container, until: Instant) -> Result<Figures, String> {
    const PROCESSES: u32 = 24;
    const GRACE: Duration = Duration::from_millis(200);
    let group = ControlGroup::of_any_version("pids", "bombs")?;
    group.limit_processes(PROCESSES)?;
    let mut figures = Figures::default();
    let mut slowest = Duration::ZERO;
    loop {
        let options = ["-t".to_owned(), format!("{}ms", GRACE.as_millis())];
        let container = place().alone().control_group(group.folder()).options(options);
        let refused = group.forks_refused();
        let mut run = container.probe("ignore TERM; forkbomb").start();
        run.wait_until("the bomb is as large as it can be", |_| group.forks_refused() > refused);
        run.signal(libc::SIGTERM);
        let stopped = Instant::now();
        run.wait(LIMIT).expect_code(137);
        slowest = slowest.max(stopped.elapsed());
        assert_eq!(group.processes(), [], "somebody has survived");
        figures.done += 1;
        if !goes_on(until) {
            break;
        }
    }
    let after = slowest.saturating_sub(GRACE);
    figures.note = format!("at the latest {after:.0?} after the deadline");
    Ok(figures)
}

/// Orphans that eat until the kernel kills them; neither the init nor the program suffers.
fn out_of_memory(until: Instant) -> Result<Figures, String> {
    const LIMIT_MIB: u64 = 48;
    const EATERS: usize = 2;
    let group = ControlGroup::of_any_version("memory", "eaters")?;
    group.limit_memory(LIMIT_MIB)?;
    let eaters = format!("daemon {{ eat {} }};", 4 * LIMIT_MIB).repeat(EATERS);
    let script = format!("block USR1; repeat {{ {eaters} say batch; await USR1 }}");
    let mut run = Container::as_pid_1().control_group(group.folder()).alone().probe(&script).start();
    let mut figures = Figures::default();
    let mut batches = 0;
    loop {
        batches += 1;
        run.wait_for_lines("batch", batches);
        expect_left(&mut run, 1);
        figures.look_at(&run);
        assert_eq!(group.killed_for_memory(), (batches * EATERS) as u64, "killed for want of memory");
        if !goes_on(until) {
            break;
        }
        run.signal(libc::SIGUSR1);
    }
    end(run).expect_silence();
    figures.done = (batches * EATERS) as u64;
    Ok(figures)
}

/// Inits that are started side by side and live at the same time, each with a code of its own.
fn starts(until: Instant) -> Result<Figures, String> {
    const THREADS: usize = 6;
    const OF_EACH: usize = 25;
    let mut figures = Figures::default();
    loop {
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                scope.spawn(move || {
                    let start = |index: usize| {
                        let code = (thread * OF_EACH + index) % 100;
                        // It says so before it can be told to end.
                        let script = format!("trap 'exit {code}' TERM; echo; read x");
                        let place = PLACES[index % PLACES.len()];
                        let container = place().stdin(Stream::Captured).stderr(Stream::Null);
                        let run = container.program(["/bin/sh", "-c", &script]).start();
                        (code as i32, run)
                    };
                    let mut runs: Vec<(i32, Run)> = (0..OF_EACH).map(start).collect();
                    for (code, run) in &mut runs {
                        run.wait_until("the program is ready", |run| run.stdout() == "\n");
                        run.signal(libc::SIGTERM);
                        run.wait(LIMIT).expect_code(*code);
                    }
                });
            }
        });
        figures.done += (THREADS * OF_EACH) as u64;
        if !goes_on(until) {
            return Ok(figures);
        }
    }
}
