//! The programs that the init is given: scripts in a small language, run by this test binary.
//!
//! A constructor runs before `main`, hence before Rust's runtime, which would ignore SIGPIPE and
//! open descriptors 0 to 2. So a probe sees mask, dispositions and descriptors exactly as the init
//! handed them over. It stays out of the way unless the variable [`VARIABLE`] is set; the script is
//! the first argument.
//!
//! Statements are separated by `;`, blocks stand in `{ }`, signals are numbers or names (`TERM`,
//! `RTMIN+3`). At the end of a script the probe exits with 0.
//!
//! | statement | meaning |
//! | --- | --- |
//! | `exit N`, `die SIG` | ends it, by itself or by a signal (without a core) |
//! | `crash SIG` | ends it by a signal, with a core where that is possible |
//! | `eat MIB` | uses so much memory |
//! | `name WORD` | calls itself so, `\xNN` being a byte |
//! | `say WORDS`, `complain WORDS` | a line on stdout, on stderr |
//! | `pid WORDS` | a line of these words and the pid |
//! | `status [FD]` | what it was given, one `key value` per line: see [`Report`] |
//! | `record SIG` | blocks all, says `ready`, then `signal N code C pid P uid U` for each; exits with 0 at SIG |
//! | `tally ROW` | blocks all, says `ready`, and `row` after each so many real-time signals; at TERM says `signal N times T` for each, exits with 0 |
//! | `ignore SIG...`, `default SIG...`, `block SIG...`, `unblock SIG...` | as they say |
//! | `await SIG` | waits for a blocked signal |
//! | `ignore-term` | ignores TERM, says `ready`, stays |
//! | `cleanup MS` | says `ready`; on TERM needs so long, says `clean`, exits with 0 |
//! | `pause`, `sleep MS` | stays for ever, or so long |
//! | `stop` | stops itself |
//! | `kill SIG init\|self\|group\|PID` | sends a signal; `init` is the parent |
//! | `fork { ... }` | a child that runs the block and exits with 0 |
//! | `daemon { ... }` | the same, double-forked, in a session of its own; back when it is started |
//! | `orphans N` | so many double-forked processes that end at once, each second one in a session of its own |
//! | `orphans-until-ignored SIG` | the same until the parent ignores SIG; exits with 98 if it does not |
//! | `wait` | until no child is left |
//! | `repeat { ... }` | the block again and again |
//! | `crowd N { ... }` | so many children that run the block |
//! | `vfork { ... }` | a child that runs the block; suspended, without being interruptible, until that has ended |
//! | `thread { ... }` | goes on with the block in another thread, while the first one has ended |
//! | `traced { ... }` | a child of which this is the tracer, and which it never lets begin with the block |
//! | `trace-me` | makes its parent its tracer |
//! | `trace-parent SIG` | becomes the tracer of its parent, which goes on; at SIG collects it |
//! | `forkbomb` | forks as much as it can, for ever, in all its copies |
//! | `setsid`, `setpgid` | a session, a process group of its own |
//! | `join init` | moves to the process group of its parent |
//! | `join { ... }` | a child in a group of its own runs the block; moves to that group |
//! | `setuid UID` | becomes this user, as a privileged process for good |
//! | `touch PATH`, `close FD` | makes a file, closes a descriptor |
//! | `exec WORDS` | becomes another program |

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use libc::{c_int, pid_t};

use super::{LIMIT, sys};

/// Set for a process that is to be a probe.
pub const VARIABLE: &str = "TINI_PROBE";
/// The exit code of a probe that was told nonsense.
const NONSENSE: i32 = 99;
/// The exit code of a probe that has waited in vain for what its parent does.
const IN_VAIN: i32 = 98;
/// Descriptors that `status` looks at.
const DESCRIPTORS: std::ops::Range<c_int> = 0..1024;

/// Runs before `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = become_probe;

extern "C" fn become_probe() {
    if let Some(script) = tokens_for(VARIABLE) {
        run(&parse(&mut script.into_iter().peekable()));
        leave(0);
    }
}

/// The words of the script that this process was given, if it is a probe: if `variable` is set.
pub fn tokens_for(variable: &str) -> Option<Vec<String>> {
    std::env::var_os(variable)?;
    Some(tokens(&std::env::args().nth(1).unwrap_or_default()))
}

/// One statement: its words, and the block that follows them.
#[derive(Debug, Default)]
struct Statement {
    words: Vec<String>,
    block: Vec<Statement>,
}

/// Words, `;`, `{` and `}`.
fn tokens(script: &str) -> Vec<String> {
    let mut spaced = String::new();
    for letter in script.chars() {
        match letter {
            ';' | '{' | '}' => spaced.extend([' ', letter, ' ']),
            _ => spaced.push(letter),
        }
    }
    spaced.split_whitespace().map(str::to_owned).collect()
}

/// Statements up to the end of the block.
fn parse(tokens: &mut std::iter::Peekable<std::vec::IntoIter<String>>) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut current = Statement::default();
    while let Some(token) = tokens.next() {
        match token.as_str() {
            "{" => current.block = parse(tokens),
            ";" | "}" => {
                statements.push(std::mem::take(&mut current));
                if token == "}" {
                    return statements;
                }
            }
            _ => current.words.push(token),
        }
    }
    statements.push(current);
    statements
}

/// Ends the process without anybody's exit handlers.
pub fn leave(code: i32) -> ! {
    // SAFETY: ends the process at once.
    unsafe { libc::_exit(code) }
}

/// Writes a line at once and as a whole.
fn write_line(fd: c_int, line: &str) {
    let line = format!("{line}\n");
    // SAFETY: writes from a string of this length.
    unsafe { libc::write(fd, line.as_ptr().cast(), line.len()) };
}

fn say(line: &str) {
    write_line(1, line);
}

/// Ends a probe whose script makes no sense.
fn nonsense(what: &str) -> ! {
    write_line(2, &format!("probe: {what}"));
    leave(NONSENSE)
}

fn number<T: std::str::FromStr>(word: &str) -> T {
    word.parse().unwrap_or_else(|_| nonsense(&format!("not a number: {word:?}")))
}

/// A signal by number or name.
fn signal(word: &str) -> c_int {
    if let Ok(number) = word.parse() {
        return number;
    }
    let real_time = |base: c_int, rest: &str| match rest {
        "" => base,
        _ => base + number::<c_int>(rest.trim_start_matches('+')),
    };
    if let Some(rest) = word.strip_prefix("RTMIN") {
        return real_time(34, rest);
    }
    if let Some(rest) = word.strip_prefix("RTMAX") {
        return real_time(sys::LAST_SIGNAL, rest);
    }
    match format!("SIG{word}").parse::<nix::sys::signal::Signal>() {
        Ok(signal) => signal as c_int,
        Err(_) => nonsense(&format!("not a signal: {word:?}")),
    }
}

fn signals(words: &[&str]) -> u64 {
    let numbers: Vec<c_int> = words.iter().map(|word| signal(word)).collect();
    sys::set_of(&numbers)
}

fn dispose(words: &[&str], disposition: libc::sighandler_t) {
    for word in words {
        sys::set_disposition(signal(word), disposition);
    }
}

fn pause() -> ! {
    loop {
        // SAFETY: no memory is involved.
        unsafe { libc::pause() };
    }
}

fn sleep(milliseconds: &str) {
    std::thread::sleep(Duration::from_millis(number(milliseconds)));
}

fn run(statements: &[Statement]) {
    for statement in statements {
        let words: Vec<&str> = statement.words.iter().map(String::as_str).collect();
        run_statement(&words, &statement.block);
    }
}

fn run_statement(words: &[&str], block: &[Statement]) {
    match words {
        [] => run(block),
        ["exit", code] => leave(number(code)),
        ["die", by] => die(signal(by)),
        ["crash", by] => crash(signal(by)),
        ["eat", mebibytes] => eat(number(mebibytes)),
        ["name", name] => rename(name),
        ["say", words @ ..] => say(&words.join(" ")),
        ["complain", words @ ..] => write_line(2, &words.join(" ")),
        // SAFETY: no memory is involved.
        ["pid", words @ ..] => say(&format!("{} {}", words.join(" "), unsafe { libc::getpid() })),
        ["status"] => write_line(1, &status()),
        ["status", fd] => write_line(number(fd), &status()),
        ["record", last] => record(signal(last)),
        ["tally", row] => tally(number(row)),
        ["ignore", words @ ..] => dispose(words, libc::SIG_IGN),
        ["default", words @ ..] => dispose(words, libc::SIG_DFL),
        ["block", words @ ..] => sys::block(signals(words)),
        ["unblock", words @ ..] => sys::unblock(signals(words)),
        ["await", word] => {
            sys::wait_for_signal(sys::set_of(&[signal(word)]), None);
        }
        ["ignore-term"] => {
            dispose(&["TERM"], libc::SIG_IGN);
            say("ready");
            pause();
        }
        ["cleanup", milliseconds] => {
            sys::block(sys::set_of(&[libc::SIGTERM]));
            say("ready");
            sys::wait_for_signal(sys::set_of(&[libc::SIGTERM]), None);
            sleep(milliseconds);
            say("clean");
            leave(0);
        }
        ["pause"] => pause(),
        ["sleep", milliseconds] => sleep(milliseconds),
        ["stop"] => send(libc::SIGSTOP, "self"),
        ["kill", word, target] => send(signal(word), target),
        ["fork"] => {
            fork(|| run(block));
        }
        ["daemon"] => daemon(true, || run(block)),
        ["orphans", count] => {
            for index in 0..number::<u32>(count) {
                daemon(index % 2 == 1, || ());
            }
        }
        ["orphans-until-ignored", word] => {
            let mut index = 0_u32;
            let deadline = Instant::now() + LIMIT;
            while !parent_ignores(signal(word)) {
                if Instant::now() > deadline {
                    write_line(2, &format!("after {index} orphans the parent does not ignore {word}"));
                    leave(IN_VAIN);
                }
                daemon(index % 2 == 1, || ());
                index += 1;
            }
        }
        ["crowd", count] => {
            for _ in 0..number::<u32>(count) {
                fork_at_last(|| run(block));
            }
        }
        ["vfork"] => vfork(|| run(block)),
        ["thread"] => go_on_in_another_thread(block),
        ["traced"] => hold(|| run(block)),
        ["trace-me"] => _ = ptrace(libc::PTRACE_TRACEME, 0),
        ["trace-parent", word] => trace_parent(signal(word)),
        ["wait"] => while wait_for(-1) {},
        ["repeat"] => loop {
            run(block);
        },
        ["forkbomb"] => forkbomb(),
        ["setsid"] => {
            // SAFETY: no memory is involved.
            unsafe { libc::setsid() };
        }
        ["setpgid"] => {
            // SAFETY: no memory is involved.
            unsafe { libc::setpgid(0, 0) };
        }
        ["join", "init"] => {
            // SAFETY: no memory is involved.
            unsafe { libc::setpgid(0, libc::getpgid(libc::getppid())) };
        }
        ["join"] => join(|| run(block)),
        // SAFETY: no memory is involved.
        ["setuid", user] => unsafe {
            libc::setuid(number(user));
        },
        ["touch", path] => {
            if let Err(error) = std::fs::write(path, "") {
                nonsense(&format!("{path}: {error}"));
            }
        }
        ["close", fd] => {
            // SAFETY: nothing in this process uses the descriptor.
            unsafe { libc::close(number(fd)) };
        }
        ["exec", program, arguments @ ..] => {
            let error = std::process::Command::new(program).args(arguments).exec();
            nonsense(&format!("{program}: {error}"));
        }
        _ => nonsense(&format!("not a statement: {words:?}")),
    }
}

/// Ends itself by a signal, as far as that signal ends a process.
fn die(signal: c_int) {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit outlives the call; the other call takes numbers.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
        libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
    }
    sys::set_disposition(signal, libc::SIG_DFL);
    sys::unblock(sys::set_of(&[signal]));
    send(signal, "self");
    nonsense(&format!("signal {signal} did not end it"));
}

/// The same, with a core if limits and `core_pattern` have it so.
fn crash(signal: c_int) -> ! {
    sys::set_disposition(signal, libc::SIG_DFL);
    sys::unblock(sys::set_of(&[signal]));
    send(signal, "self");
    nonsense(&format!("signal {signal} did not end it"))
}

/// Uses memory, each page of it.
fn eat(mebibytes: usize) {
    let mut eaten: Vec<u8> = Vec::new();
    for _ in 0..mebibytes {
        eaten.resize(eaten.len() + (1 << 20), 1);
    }
    std::hint::black_box(&eaten);
}

/// Takes another name, which may hold any byte (`\xNN`).
fn rename(name: &str) {
    let mut bytes = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        if let Some(digits) = rest.strip_prefix("\\x").and_then(|rest| rest.get(..2)) {
            bytes.push(u8::from_str_radix(digits, 16).unwrap_or_else(|_| nonsense(digits)));
            rest = &rest[4..];
        } else {
            bytes.extend(first.to_string().bytes());
            rest = &rest[first.len_utf8()..];
        }
    }
    bytes.push(0);
    // SAFETY: the name ends with a null byte.
    unsafe { libc::prctl(libc::PR_SET_NAME, bytes.as_ptr(), 0, 0, 0) };
}

/// Whether the parent ignores this signal.
fn parent_ignores(signal: c_int) -> bool {
    // SAFETY: no memory is involved.
    let parent = unsafe { libc::getppid() };
    super::Process::read(parent).is_some_and(|parent| parent.ignores(signal))
}

/// A child, for whose end this process waits in `clone(2)` itself.
fn vfork(work: impl FnOnce()) {
    let flags = libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: without CLONE_VM the child has its own memory, as after fork.
    if unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) } == 0 {
        work();
        leave(0);
    }
}

/// Ends the first thread, so that the end of another one is the end of the process. Both at
/// once is what the kernel makes a wrong code of, see `src/auto_reap.rs`.
fn go_on_in_another_thread(block: &[Statement]) -> ! {
    let first_lives = || {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while first_lives() {
                std::thread::sleep(Duration::from_millis(1));
            }
            run(block);
            leave(0);
        });
        // SAFETY: ends this thread alone, and without unwinding, so that what is lent stays.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
        unreachable!("the thread has ended");
    })
}

/// `ptrace(2)` with numbers alone.
fn ptrace(request: libc::c_uint, process: pid_t) -> bool {
    // SAFETY: neither address nor data is a pointer in the requests used here.
    unsafe { libc::ptrace(request, process, 0, 0) == 0 }
}

/// A child that has stopped before its work, and goes on only if its tracer, this process, says so.
fn hold(work: impl FnOnce()) {
    let child = fork(|| {
        ptrace(libc::PTRACE_TRACEME, 0);
        send(libc::SIGSTOP, "self");
        work();
    });
    let Some(child) = child else { nonsense("cannot fork") };
    // Back when it has stopped.
    wait_for(child);
}

fn trace_parent(last: c_int) {
    // SAFETY: no memory is involved.
    let parent = unsafe { libc::getppid() };
    sys::block(sys::set_of(&[last]));
    if !ptrace(libc::PTRACE_SEIZE, parent) {
        nonsense(&format!("cannot trace: {}", std::io::Error::last_os_error()));
    }
    say("traced");
    sys::wait_for_signal(sys::set_of(&[last]), None);
    wait_for(parent);
}

fn send(signal: c_int, target: &str) {
    // SAFETY: no memory is involved.
    let (own, parent) = unsafe { (libc::getpid(), libc::getppid()) };
    let target: pid_t = match target {
        "self" => own,
        "init" => parent,
        "group" => 0,
        pid => number(pid),
    };
    if let Err(error) = sys::kill(target, signal) {
        write_line(2, &format!("probe: kill {target}: {error}"));
    }
}

/// A child that does `work` and exits with 0; its pid, or `None` if there can be none.
fn fork(work: impl FnOnce()) -> Option<pid_t> {
    // SAFETY: a probe has one thread.
    match unsafe { libc::fork() } {
        0 => {
            work();
            leave(0)
        }
        pid => (pid > 0).then_some(pid),
    }
}

/// Waits for a child, or for any (-1); false if there is none.
fn wait_for(pid: pid_t) -> bool {
    // SAFETY: no status is asked for.
    unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) > 0 }
}

/// A child, as soon as there can be one.
fn fork_at_last(work: impl Fn()) -> pid_t {
    loop {
        if let Some(pid) = fork(&work) {
            return pid;
        }
        let error = std::io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::EAGAIN) {
            nonsense(&format!("cannot fork: {error}"));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A grandchild whose parent is gone.
fn daemon(own_session: bool, work: impl Fn()) {
    let middle = fork_at_last(|| {
        if own_session {
            // SAFETY: no memory is involved.
            unsafe { libc::setsid() };
        }
        fork_at_last(&work);
    });
    wait_for(middle);
}

/// Moves to the process group that a new child leads.
fn join(work: impl FnOnce()) {
    // Set on both sides, so that it holds for whoever goes on first.
    // SAFETY: no memory is involved.
    let lead = |pid: pid_t| unsafe { libc::setpgid(pid, pid) };
    let leader = fork(|| {
        lead(0);
        work();
    });
    let Some(leader) = leader else {
        nonsense("cannot fork");
    };
    lead(leader);
    // SAFETY: no memory is involved.
    if unsafe { libc::setpgid(0, leader) } < 0 {
        nonsense("cannot join the group");
    }
}

fn forkbomb() -> ! {
    loop {
        // SAFETY: a probe has one thread.
        if unsafe { libc::fork() } < 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn record(last: c_int) -> ! {
    sys::set_mask(sys::ALL_SIGNALS);
    say("ready");
    loop {
        let Some(got) = sys::wait_for_signal(sys::ALL_SIGNALS, None) else {
            nonsense("cannot wait for signals");
        };
        say(&format!("signal {} code {} pid {} uid {}", got.signal, got.code, got.pid, got.uid));
        if got.signal == last {
            leave(0);
        }
    }
}

fn tally(row: u64) -> ! {
    let mut times = [0_u64; sys::LAST_SIGNAL as usize + 1];
    let mut all = 0;
    sys::set_mask(sys::ALL_SIGNALS);
    say("ready");
    loop {
        match sys::wait_for_signal(sys::ALL_SIGNALS, None) {
            Some(got) if got.signal >= 32 => {
                times[got.signal as usize] += 1;
                all += 1;
                if all % row == 0 {
                    say("row");
                }
            }
            Some(got) if got.signal == libc::SIGTERM => break,
            _ => {}
        }
    }
    for (signal, times) in times.iter().enumerate().skip(32) {
        say(&format!("signal {signal} times {times}"));
    }
    leave(0)
}

/// Everything that the init hands over; of argv what follows the script.
fn status() -> String {
    // SAFETY: these calls take and give numbers only.
    let (pid, parent, group, session, user, privileges) = unsafe {
        (
            libc::getpid(),
            libc::getppid(),
            libc::getpgid(0),
            libc::getsid(0),
            libc::getuid(),
            libc::prctl(libc::PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
        )
    };
    // SAFETY: F_GETFD takes no pointer.
    let is_open = |fd: &c_int| unsafe { libc::fcntl(*fd, libc::F_GETFD) } >= 0;
    let open: Vec<String> = DESCRIPTORS.filter(is_open).map(|fd| fd.to_string()).collect();
    let directory = std::env::current_dir().unwrap_or_default();
    let mut lines = vec![
        format!("pid {pid}"),
        format!("ppid {parent}"),
        format!("pgid {group}"),
        format!("sid {session}"),
        format!("cwd {}", directory.display()),
        format!("blocked {:016x}", sys::mask()),
        format!("ignored {:016x}", sys::ignored()),
        format!("pending {:016x}", sys::pending()),
        format!("fds {}", open.join(" ")),
        format!("uid {user}"),
        format!("nonewprivs {privileges}"),
    ];
    let text = |value: OsString| value.to_string_lossy().escape_debug().to_string();
    lines.extend(std::env::args_os().skip(2).map(|argument| format!("arg {}", text(argument))));
    lines.extend(std::env::vars_os().map(|(name, value)| {
        let line = [name.as_bytes(), b"=", value.as_bytes()].concat();
        format!("env {}", text(OsString::from_vec(line)))
    }));
    lines.push("end".to_owned());
    lines.join("\n")
}

/// What the statement `status` has written.
pub struct Report(Vec<(String, String)>);

impl Report {
    pub fn read(text: &str) -> Self {
        let pair = |line: &str| {
            let (key, value) = line.split_once(' ')?;
            Some((key.to_owned(), value.to_owned()))
        };
        Report(text.lines().filter_map(pair).collect())
    }

    /// All values of a key, in order: `arg` and `env` come more than once.
    pub fn all(&self, key: &str) -> Vec<&str> {
        let of_key = self.0.iter().filter(|(found, _)| found == key);
        of_key.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a key that comes once: `pid`, `ppid`, `pgid`, `sid`, `cwd`, `fds`, `uid`,
    /// `nonewprivs`.
    #[track_caller]
    pub fn get(&self, key: &str) -> &str {
        match self.all(key)[..] {
            [value] => value,
            _ => panic!("not exactly one {key:?} in {:#?}", self.0),
        }
    }

    /// A set of signals: `blocked`, `ignored`, `pending`.
    #[track_caller]
    pub fn signals(&self, key: &str) -> u64 {
        u64::from_str_radix(self.get(key), 16).expect("a set of signals")
    }

    /// A variable of the environment.
    pub fn variable(&self, name: &str) -> Option<&str> {
        let lines = self.all("env").into_iter();
        lines
            .filter_map(|line| line.split_once('='))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }
}

/// The signals that the statement `record` has told of, in order, whoever received them.
pub fn recorded(stdout: &str) -> Vec<c_int> {
    let number = |line: &str| line.strip_prefix("signal ")?.split(' ').next()?.parse().ok();
    stdout.lines().filter_map(number).collect()
}
