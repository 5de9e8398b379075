//! A signal, or a delay, at each system call of each scenario: wherever the init or its child is
//! just then, the program is told of the one, and nothing depends on the other.

use std::fmt::{self, Display, Formatter};

use crate::scenarios::{CHILDREN, SCENARIOS, Scenario, WAITING};
use crate::support::{Exit, require, require_root};
use crate::traced::{self, calls_before_the_end, calls_of, calls_of_child};
use crate::{Harm, do_all};

/// A call is disturbed.
struct Disturbance {
    scenario: &'static Scenario,
    call: String,
    /// By what and when, as strace has it.
    what: String,
    in_child: bool,
    /// A signal that comes this time, and is to end the program.
    signal: Option<(usize, i32)>,
}

impl Display for Disturbance {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write!(f, "{}: {} {}", self.scenario.name, self.victim(), self.what)
    }
}

impl Harm for Disturbance {
    fn victim(&self) -> String {
        format!("{}{}", self.call, if self.in_child { " in the child" } else { "" })
    }

    fn run(&self) -> (bool, Result<(), String>) {
        let Disturbance { scenario, call, what, in_child, signal } = self;
        let own = format!("{call}:{what}");
        let mut rules = scenario.without.to_vec();
        rules.push(&own);
        let run = match traced::run((scenario.container)(), &rules, *in_child) {
            Ok(run) => run,
            Err(why) => return (true, Err(why)),
        };
        // What comes in which order, and how often, is not the same in each run.
        let is_done = *in_child || signal.is_none_or(|(time, _)| run.has_called(call, time));
        let is_fine = match (run.outcome.exit, signal) {
            _ if !is_done => true,
            (Exit::Code(code), Some((_, signal))) => code == 128 + signal,
            (Exit::Code(code), None) => code == scenario.code || scenario.also.contains(&code),
            (Exit::Signal(_), _) => false,
        };
        let verdict = if is_fine && run.left.is_empty() {
            Ok(())
        } else {
            Err(format!("not what is documented, and leaves {:?} behind\n{:#?}", run.left, run.outcome))
        };
        (is_done, verdict)
    }
}

#[test]
fn a_signal_at_any_system_call_reaches_the_program() {
    // strace's come from the kernel, which makes a difference for those of a terminal.
    let signals = [("TERM", libc::SIGTERM), ("USR1", libc::SIGUSR1), ("SEGV", libc::SIGSEGV), ("37", 37)];
    require_root!();
    require!("strace");
    let mut all = Vec::new();
    for scenario in &WAITING {
        for (call, times) in calls_before_the_end(scenario) {
            for (time, (name, number)) in (1..=times).flat_map(|time| signals.map(|signal| (time, signal))) {
                // Until the first of all has blocked it, the kernel drops it, or it ends the init.
                if call != "rt_sigprocmask" || time > 1 {
                    all.push(Disturbance {
                        scenario,
                        call: call.clone(),
                        what: format!("signal={name}:when={time}"),
                        in_child: false,
                        signal: Some((time, number)),
                    });
                }
            }
        }
    }
    do_all(all);
}

#[test]
fn a_child_killed_on_its_way_to_the_program_counts_as_the_program() {
    require_root!();
    require!("strace");
    let mut all = Vec::new();
    for scenario in &CHILDREN {
        let own = calls_of(scenario);
        for (call, times) in calls_of_child(scenario) {
            // The init has done it before, and is not what is to be hit.
            let time = if call == "execve" { 2 } else { 1 };
            if time > times || own.contains_key(&call) {
                continue;
            }
            for (name, number) in [("TERM", libc::SIGTERM), ("KILL", libc::SIGKILL)] {
                all.push(Disturbance {
                    scenario,
                    call: call.clone(),
                    what: format!("signal={name}:when={time}"),
                    in_child: true,
                    signal: Some((time, number)),
                });
            }
        }
    }
    do_all(all);
}

#[test]
fn nothing_depends_on_how_long_a_system_call_takes() {
    /// For all calls of a kind together, and for each.
    const MILLISECONDS: [usize; 2] = [400, 50];
    require_root!();
    require!("strace");
    let mut all = Vec::new();
    let mut add = |scenario, call: &str, times: usize, in_child| {
        let [together, each] = MILLISECONDS;
        // None of those that close thousands of descriptors one by one.
        let Some(delay @ 1..) = together.checked_div(times).map(|delay| delay.min(each)) else { return };
        for when in ["enter", "exit"] {
            let what = format!("delay_{when}={delay}ms");
            all.push(Disturbance { scenario, call: call.to_owned(), what, in_child, signal: None });
        }
    };
    for scenario in &SCENARIOS {
        for (call, times) in calls_of(scenario).into_iter().filter(|(call, _)| call != "exit_group") {
            add(scenario, &call, times, false);
        }
    }
    for scenario in &CHILDREN {
        for (call, times) in calls_of_child(scenario) {
            add(scenario, &call, times, true);
        }
    }
    do_all(all);
}
