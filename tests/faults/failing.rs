//! Each system call of each scenario fails: the first, the second, every time and from the second
//! on, in each of the ways that a kernel, a limit or a profile has. Which they are is asked of strace.
//!
//! What may come of it: the program's exit code, or one error that says why it could not be
//! started. In time, without a busy loop, and with nobody left behind.

use std::fmt::{self, Display, Formatter};

use crate::scenarios::{CHILDREN, SCENARIOS, STARTED, Scenario};
use crate::support::{Exit, log_line, require, require_root};
use crate::traced::{self, Traced, calls_of, calls_of_child};
use crate::{Harm, do_all};

const ERRORS: [&str; 6] = ["EINTR", "EAGAIN", "ENOMEM", "EPERM", "ENOSYS", "EIO"];
const FEW_ERRORS: [&str; 2] = ["EINTR", "EPERM"];
/// Who looks for others, and tells them to end, can't without these.
const TO_SEE_OFF: [&str; 6] = ["getdents64", "getpid", "kill", "openat", "prctl", "read"];
/// Without these the program would be somebody or somewhere else than it was asked to.
const TO_START: [&str; 4] = ["chdir", "setgroups", "setresgid", "setresuid"];
/// After a failure of these the kernel may have collected the program, and its exit code is lost.
const TO_KNOW_THE_CODE: [&str; 3] = ["ioctl", "pidfd_send_signal", "rt_sigaction"];

/// This call fails in this way in this scenario.
struct Fault {
    scenario: &'static Scenario,
    call: String,
    error: &'static str,
    /// Which time, as strace has it: `1`, `2`, `1+`, `2+`.
    when: &'static str,
    in_child: bool,
}

impl Display for Fault {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let Fault { scenario, error, when, .. } = self;
        write!(f, "{}: {} fails with {error} ({when})", scenario.name, self.victim())
    }
}

impl Harm for Fault {
    fn victim(&self) -> String {
        format!("{}{}", self.call, if self.in_child { " in the child" } else { "" })
    }

    fn run(&self) -> (bool, Result<(), String>) {
        let Fault { scenario, call, error, when, in_child } = self;
        let own = format!("{call}:error={error}:when={when}");
        let mut rules = scenario.without.to_vec();
        rules.push(&own);
        match traced::run((scenario.container)(), &rules, *in_child) {
            Ok(run) => {
                let has_failed = run.lines.iter().any(|line| line.contains("(INJECTED)"));
                (has_failed, self.judge(&run).map_err(|why| format!("{why}\n{:#?}", run.outcome)))
            }
            Err(why) => (false, Err(why)),
        }
    }
}

impl Fault {
    /// Whether that is one of the outcomes that there may be.
    fn judge(&self, Traced { outcome, lines, left }: &Traced) -> Result<(), String> {
        let Fault { scenario, call, error, .. } = self;
        let call = call.as_str();
        let is_started = outcome.stdout.lines().any(|line| line == STARTED);
        let said: Option<Vec<_>> = outcome.stderr.lines().map(log_line).collect();
        let errors: Vec<&str> = match said {
            Some(said) => said.iter().filter(|(level, ..)| *level == "ERROR").map(|it| it.2).collect(),
            None if scenario.says_it_otherwise => outcome.stderr.lines().collect(),
            None => return Err("something is said that is no line of the log".into()),
        };
        let is_told = scenario.is_mute || errors.len() == 1;
        let is_lost = errors.iter().any(|error| error.contains("has not kept the program's exit code"));
        let is_fine = match outcome.exit {
            Exit::Code(code) if code == scenario.code || scenario.also.contains(&code) => true,
            // Not started, or not printed.
            Exit::Code(1) if !is_started => is_told || call == "write",
            // Started and ended, and nobody knows how.
            Exit::Code(1) if TO_KNOW_THE_CODE.contains(&call) => is_lost && is_told,
            Exit::Code(126) if !is_started => is_told && call == "execve",
            _ => false,
        };
        if !is_fine {
            return Err("not what is documented".into());
        }
        if is_started && self.in_child && scenario.without.is_empty() && TO_START.contains(&call) {
            return Err("started all the same".into());
        }
        let waits = ["rt_sigtimedwait(", "ppoll(", "wait4("];
        let waits = lines.iter().filter(|line| waits.iter().any(|wait| line.contains(wait))).count();
        // That is how the call says that the time is up: told so at once, nobody can do better.
        let is_told_the_time = call == "rt_sigtimedwait" && *error == "EAGAIN";
        // Two or three for each look, of which there are fifty in a second.
        if !is_told_the_time && waits as u128 > 100 + outcome.elapsed.as_millis() / 5 {
            return Err(format!("a busy loop: waits {waits} times"));
        }
        if !left.is_empty() && !TO_SEE_OFF.contains(&call) {
            return Err(format!("leaves {left:?} behind"));
        }
        Ok(())
    }
}

#[test]
fn whatever_system_call_fails_the_outcome_is_a_documented_one() {
    require_root!();
    require!("strace");
    let mut faults = Vec::new();
    let mut add = |scenario, call: &str, in_child, whens: &[&'static str]| {
        for (when, error) in whens.iter().flat_map(|when| ERRORS.map(|error| (*when, error))) {
            // What was there and is no longer is rare enough.
            if when != "2+" || FEW_ERRORS.contains(&error) {
                faults.push(Fault { scenario, call: call.to_owned(), error, when, in_child });
            }
        }
    };
    for scenario in &SCENARIOS {
        let calls = calls_of(scenario);
        let becomes_program = calls.contains_key("execve");
        for (call, times) in &calls {
            let whens: &[_] = match (call.as_str(), times) {
                ("exit_group", _) => &[],
                // With the first exec it becomes the init.
                ("execve", _) => &["2"],
                (_, 1) if becomes_program => &["1"],
                (_, _) if becomes_program => &["1", "2"],
                // For ever, nothing tells of the program's end: see the other test of refusals.
                ("wait4", _) => &["1", "2"],
                (_, 1) => &["1", "1+"],
                // A clock that there is does not go away.
                ("clock_gettime", _) => &["1", "2", "1+"],
                _ => &["1", "2", "1+", "2+"],
            };
            add(scenario, call, false, whens);
        }
    }
    // Each time would be the program's too.
    for scenario in &CHILDREN {
        for (call, times) in calls_of_child(scenario) {
            let whens: &[_] = match (call.as_str(), times) {
                ("execve", 1) => &[],
                ("execve", _) => &["2"],
                (_, 1) => &["1"],
                _ => &["1", "2"],
            };
            add(scenario, &call, true, whens);
        }
    }
    do_all(faults);
}
