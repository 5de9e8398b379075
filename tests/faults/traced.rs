//! Runs under strace: what they call, and what comes of them when strace does something to it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::scenarios::Scenario;
use crate::support::{Container, Exit, Outcome};

/// How long a run may take. One that is not PID 1 looks for its descendants among all processes of
/// the machine, and strace makes that a hundred times slower.
const LIMIT: Duration = Duration::from_secs(60);

/// What came of a run.
pub struct Traced {
    pub outcome: Outcome,
    /// What strace wrote, from the init's exec on.
    pub lines: Vec<String>,
    /// Processes that it left behind.
    pub left: Vec<i32>,
}

/// How often each system call stands in these lines.
fn count<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for line in lines {
        let name = line.split('(').next().unwrap_or_default();
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if line.contains('(') && !name.is_empty() && name.bytes().all(is_name) {
            *calls.entry(name.to_owned()).or_default() += 1;
        }
    }
    calls
}

/// Whether a process becomes another program here.
fn is_exec(line: &str) -> bool {
    line.contains("execve") && line.ends_with(" = 0")
}

/// Runs it with these rules of what strace does to a call, in its children as well if they are
/// followed; traces those calls, and those that wait. A run that does not end is an error.
pub fn run(container: Container, rules: &[&str], follow: bool) -> Result<Traced, String> {
    let names: String =
        rules.iter().flat_map(|rule| [",", rule.split(':').next().unwrap_or_default()]).collect();
    let mut options = vec!["-e".into(), format!("trace=execve,rt_sigtimedwait,ppoll,wait4{names}")];
    options.extend(rules.iter().flat_map(|rule| ["-e".into(), format!("inject={rule}")]));
    options.extend(follow.then(|| "-f".into()));
    let mut run = container.strace(options).try_start()?;
    let outcome = catch_unwind(AssertUnwindSafe(|| run.wait(LIMIT))).map_err(|panic| {
        let evidence = panic.downcast_ref::<String>().cloned();
        evidence.unwrap_or_else(|| "it hangs".into())
    })?;
    let left = run.started_processes().iter().map(|process| process.pid).collect();
    Ok(Traced { outcome, lines: run.trace(), left })
}

/// The lines of a run in which nothing is done to it but what the scenario is without.
fn lines_of(scenario: &Scenario, options: &[&str]) -> Vec<String> {
    let rules = scenario.without.iter().flat_map(|rule| ["-e".to_owned(), format!("inject={rule}")]);
    let options = options.iter().copied().map(str::to_owned).chain(rules);
    let mut run = (scenario.container)().strace(options).start();
    let outcome = run.wait(LIMIT);
    assert_eq!(outcome.exit, Exit::Code(scenario.code), "{}: {outcome:#?}", scenario.name);
    run.trace()
}

/// The system calls that the init itself makes, and how often; an exec is among them if it becomes
/// the program.
pub fn calls_of(scenario: &Scenario) -> BTreeMap<String, usize> {
    let lines = lines_of(scenario, &["-e", "signal=none"]);
    let own = lines.iter().skip(1);
    let end = own.clone().position(|line| is_exec(line)).map_or(lines.len(), |place| place + 1);
    count(own.take(end).map(String::as_str))
}

/// The lines up to the one in which it waits for the last time.
fn before_the_end(lines: &[String]) -> impl Iterator<Item = &str> {
    let waits = |line: &String| line.starts_with("rt_sigtimedwait(") || line.starts_with("ppoll(");
    let end = lines.iter().rposition(waits).map_or(0, |place| place + 1);
    lines.iter().take(end).skip(1).map(String::as_str)
}

/// Those that it makes until it waits for the last time.
pub fn calls_before_the_end(scenario: &Scenario) -> BTreeMap<String, usize> {
    count(before_the_end(&lines_of(scenario, &["-e", "signal=none"])))
}

impl Traced {
    /// Whether the init, and not only its child, called this so often before it waited for the last time.
    pub fn has_called(&self, call: &str, times: usize) -> bool {
        count(before_the_end(&self.lines)).get(call).is_some_and(|found| *found >= times)
    }
}

/// Those of its child, up to the one that makes it the program.
pub fn calls_of_child(scenario: &Scenario) -> BTreeMap<String, usize> {
    let lines = lines_of(scenario, &["-f", "-e", "signal=none"]);
    let mut lines = lines.iter().map(|line| line.split_once(' ').expect("a pid, and what it does"));
    let (init, _) = lines.next().expect("the init's exec");
    let child = lines.filter(|(pid, _)| *pid != init).map(|(_, line)| line.trim_start());
    count(child.take_while(|line| !is_exec(line)))
}
