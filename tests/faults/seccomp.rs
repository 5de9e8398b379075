//! Seccomp profiles: one from the days of Docker 18, one that allows the init nothing but what the
//! README says it needs, and for each system call one that refuses it that alone.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::scenarios::SCENARIOS;
use crate::support::{
    Container, Exit, LIMIT, PLACES, init_path, log_line, probe_path, require, require_root,
};
use crate::traced::calls_of;
use crate::{Harm, do_all};

/// Set for this binary when it is to take on a profile and execute its arguments: the numbers
/// that are allowed, or `old`, or `without` one number and its error.
const PROFILE: &str = "FAULTS_PROFILE";

/// Runs before `main`, as the probe does.
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = restrict;

extern "C" fn restrict() {
    let Ok(profile) = std::env::var(PROFILE) else { return };
    let filter = match profile.as_str() {
        "old" => old(),
        profile => {
            let numbers = |list: &str| list.split(' ').map(|it| it.parse().expect("a number")).collect();
            match profile.strip_prefix("without ") {
                Some(refused) => without(numbers(refused)),
                None => only(numbers(profile)),
            }
        }
    };
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    // SAFETY: the program outlives the calls; the rest are numbers.
    let taken = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program)
    };
    assert_eq!(taken, 0, "the profile is taken on");
    let mut arguments = std::env::args_os().skip(1);
    let mut command = std::process::Command::new(arguments.next().expect("a program"));
    command.args(arguments).env_remove(PROFILE);
    let error = std::os::unix::process::CommandExt::exec(&mut command);
    panic!("{error}");
}

fn statement(code: u32, k: u32) -> libc::sock_filter {
    jump(code, k, 0, 0)
}

fn jump(code: u32, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k }
}

const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const AT_LEAST: u32 = libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K;
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
/// Where `struct seccomp_data` has the number and the two halves of the instruction's address.
const NUMBER: u32 = 0;
const ADDRESS: [u32; 2] = [8, 12];
const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;

/// What the init's calls are asked, everything being allowed to everybody else. The init is where
/// nobody else is: below the addresses at which programs are put that can be anywhere.
fn of_the_init() -> Vec<libc::sock_filter> {
    const END_OF_INIT: u32 = 0x0100_0000;
    vec![
        statement(LOAD, ADDRESS[1]),
        jump(EQUAL, 0, 1, 0),
        statement(RETURN, libc::SECCOMP_RET_ALLOW),
        statement(LOAD, ADDRESS[0]),
        jump(AT_LEAST, END_OF_INIT, 0, 1),
        statement(RETURN, libc::SECCOMP_RET_ALLOW),
        statement(LOAD, NUMBER),
    ]
}

/// Allows the init these calls.
fn only(allowed: Vec<u32>) -> Vec<libc::sock_filter> {
    let mut filter = of_the_init();
    for number in allowed {
        filter.extend([jump(EQUAL, number, 0, 1), statement(RETURN, libc::SECCOMP_RET_ALLOW)]);
    }
    filter.push(statement(RETURN, REFUSE));
    filter
}

/// Refuses the init this call, with this error.
fn without(refused: Vec<u32>) -> Vec<libc::sock_filter> {
    let [number, error] = refused[..] else { panic!("a number and an error") };
    let mut filter = of_the_init();
    filter.extend([
        jump(EQUAL, number, 0, 1),
        statement(RETURN, libc::SECCOMP_RET_ERRNO | error),
        statement(RETURN, libc::SECCOMP_RET_ALLOW),
    ]);
    filter
}

/// Refuses everybody whatever came after Linux 4.10 (statx, pidfds, clone3, close_range, ...),
/// as the lists of those days do, and what containers were never allowed.
fn old() -> Vec<libc::sock_filter> {
    const FIRST_NEW: u32 = libc::SYS_statx as u32;
    let never = [
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_reboot,
        libc::SYS_setns,
        libc::SYS_unshare,
        libc::SYS_bpf,
        libc::SYS_keyctl,
        libc::SYS_userfaultfd,
        libc::SYS_perf_event_open,
        libc::SYS_ptrace,
    ];
    let mut filter =
        vec![statement(LOAD, NUMBER), jump(AT_LEAST, FIRST_NEW, 0, 1), statement(RETURN, REFUSE)];
    for number in never {
        filter.extend([jump(EQUAL, number as u32, 0, 1), statement(RETURN, REFUSE)]);
    }
    filter.push(statement(RETURN, libc::SECCOMP_RET_ALLOW));
    filter
}

/// The numbers of what the README lists, and of what else src/sys names.
const NUMBERS: [(&str, libc::c_long); 39] = [
    ("chdir", libc::SYS_chdir),
    ("clock_gettime", libc::SYS_clock_gettime),
    ("clone", libc::SYS_clone),
    ("close", libc::SYS_close),
    ("close_range", libc::SYS_close_range),
    ("execve", libc::SYS_execve),
    ("exit", libc::SYS_exit),
    ("exit_group", libc::SYS_exit_group),
    ("getdents64", libc::SYS_getdents64),
    ("geteuid", libc::SYS_geteuid),
    ("getpgid", libc::SYS_getpgid),
    ("getpid", libc::SYS_getpid),
    ("getppid", libc::SYS_getppid),
    ("getsid", libc::SYS_getsid),
    ("ioctl", libc::SYS_ioctl),
    ("kill", libc::SYS_kill),
    ("lseek", libc::SYS_lseek),
    ("openat", libc::SYS_openat),
    ("pidfd_open", libc::SYS_pidfd_open),
    ("pidfd_send_signal", libc::SYS_pidfd_send_signal),
    ("ppoll", libc::SYS_ppoll),
    ("prctl", libc::SYS_prctl),
    ("prlimit64", libc::SYS_prlimit64),
    ("ptrace", libc::SYS_ptrace),
    ("pwritev2", libc::SYS_pwritev2),
    ("read", libc::SYS_read),
    ("rt_sigaction", libc::SYS_rt_sigaction),
    ("rt_sigpending", libc::SYS_rt_sigpending),
    ("rt_sigprocmask", libc::SYS_rt_sigprocmask),
    ("rt_sigtimedwait", libc::SYS_rt_sigtimedwait),
    ("setgroups", libc::SYS_setgroups),
    ("setpgid", libc::SYS_setpgid),
    ("setresgid", libc::SYS_setresgid),
    ("setresuid", libc::SYS_setresuid),
    ("setsid", libc::SYS_setsid),
    ("signalfd4", libc::SYS_signalfd4),
    ("wait4", libc::SYS_wait4),
    ("waitid", libc::SYS_waitid),
    ("write", libc::SYS_write),
];

/// The calls in a paragraph of the README's section, those that begin with `lead`.
fn listed(lead: &str) -> BTreeSet<String> {
    let readme =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("the README");
    let section = readme.split("\n## ").find(|section| section.starts_with("System calls\n"));
    let section = section.expect("a section named System calls");
    let paragraph = section.split("\n\n").find(|paragraph| paragraph.starts_with(lead));
    let paragraph = paragraph.unwrap_or_else(|| panic!("no paragraph that begins with {lead:?}"));
    // Between backquotes.
    paragraph.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What src/sys calls on this architecture.
fn named() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sys");
    for file in fs::read_dir(folder).expect("src/sys") {
        let text = fs::read_to_string(file.expect("a file").path()).expect("a source");
        for part in text.split("SYS_").skip(1) {
            let end = part.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            found.insert(part[..end.unwrap_or(part.len())].to_owned());
        }
    }
    // Those of other architectures, and of the way through the C library.
    let elsewhere = ["pipe2", "geteuid32", "setgroups32", "setresgid32", "setresuid32"];
    found.into_iter().filter(|name| !name.is_empty() && !elsewhere.contains(&name.as_str())).collect()
}

fn numbers(names: &BTreeSet<String>) -> String {
    let number = |name: &String| {
        let found = NUMBERS.iter().find(|(known, _)| known == name);
        found.unwrap_or_else(|| panic!("no number of {name}")).1.to_string()
    };
    names.iter().map(number).collect::<Vec<_>>().join(" ")
}

/// The init under this profile, with a shell's script as its program.
fn container(profile: &str, place: fn() -> Container, options: &[&str], script: &str) -> Container {
    let init = init_path().into_os_string().into_string().expect("a plain path");
    let mut words = vec![init.as_str()];
    words.extend(options);
    words.extend(["--", "sh", "-c", script]);
    place().init(probe_path()).env(PROFILE, profile).arguments(words)
}

/// Its exit code.
fn under(profile: &str, place: fn() -> Container, options: &[&str], script: &str) -> i32 {
    let outcome = container(profile, place, options, script).start().wait(LIMIT);
    println!("{profile:.20}: {script:?}: {:?} {}", outcome.exit, outcome.stderr);
    outcome.code()
}

fn expect_all_works(profile: &str) {
    let orphans = "(sleep 0.05 &); (sleep 0.1 &); sleep 0.2; exit 7";
    let stubborn = "trap '' TERM; kill -TERM $PPID; sleep 0.1; while :; do sleep 1; done";
    let left = "(trap 'exit 0' TERM; while :; do sleep 0.05; done) & exit 7";
    for place in PLACES {
        assert_eq!(under(profile, place, &[], "exit 7"), 7);
        assert_eq!(under(profile, place, &["-S"], "exit 7"), 7);
        assert_eq!(under(profile, place, &[], orphans), 7);
        assert_eq!(under(profile, place, &["-t", "300ms"], stubborn), 137);
        assert_eq!(under(profile, place, &["-t", "10s"], left), 7);
        assert_eq!(under(profile, place, &[], "kill -USR1 $PPID; sleep 10"), 138);
        assert_eq!(under(profile, place, &["-vvvv", "--workdir", "/"], orphans), 7);
        assert_eq!(under(profile, place, &[], "kill -KILL $$"), 137);
    }
}

#[test]
fn a_profile_as_old_as_docker_18_is_no_hindrance() {
    require_root!();
    expect_all_works("old");
}

#[test]
fn the_system_calls_are_those_of_the_readme() {
    let [needed, used] = ["It needs", "It uses"].map(listed);
    assert_eq!(needed.union(&used).cloned().collect::<BTreeSet<_>>(), named());
    assert!(needed.is_disjoint(&used));
    require_root!();
    require!("strace");
    for scenario in &SCENARIOS {
        let seen = calls_of(scenario);
        let unknown: Vec<_> =
            seen.keys().filter(|call| !needed.contains(*call) && !used.contains(*call)).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?} are not in the README", scenario.name);
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn the_system_calls_of_the_readme_are_enough() {
    require_root!();
    let [needed, used] = ["It needs", "It uses"].map(listed);
    expect_all_works(&numbers(&needed.union(&used).cloned().collect()));
    // With those alone that it can't do without, it starts, collects, passes on and tells.
    let needed = numbers(&needed);
    for place in PLACES {
        assert_eq!(under(&needed, place, &[], "exit 7"), 7);
        assert_eq!(under(&needed, place, &[], "kill -USR1 $PPID; sleep 10"), 138);
        assert_eq!(under(&needed, place, &[], "(sleep 0.05 &); sleep 0.1; exit 7"), 7);
        assert_eq!(under(&needed, place, &[], "kill -KILL $$"), 137);
    }
}

/// Without a call that it needs it does not work: the profile is not looked past.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_profile_that_lacks_a_call_is_felt() {
    require_root!();
    let mut needed = listed("It needs");
    assert!(needed.remove("clone"));
    assert_eq!(under(&numbers(&needed), Container::as_pid_1, &[], "exit 7"), 1);
}

/// A profile refuses the init this call, always.
#[cfg(target_arch = "x86_64")]
struct Refusal {
    call: &'static str,
    number: libc::c_long,
    error: i32,
    is_pid_1: bool,
    options: &'static [&'static str],
    script: &'static str,
    codes: &'static [i32],
}

#[cfg(target_arch = "x86_64")]
impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Refusal { call, error, is_pid_1, script, .. } = self;
        let place = if *is_pid_1 { "PID 1" } else { "not PID 1" };
        write!(f, "{call} refused with {error}, {place}, {script:?}")
    }
}

#[cfg(target_arch = "x86_64")]
impl Harm for Refusal {
    fn victim(&self) -> String {
        self.call.to_owned()
    }

    fn run(&self) -> (bool, Result<(), String>) {
        let Refusal { call, number, error, is_pid_1, options, script, codes } = self;
        let place = if *is_pid_1 { Container::as_pid_1 } else { Container::as_subreaper };
        let mut run =
            match container(&format!("without {number} {error}"), place, options, script).try_start() {
                Ok(run) => run,
                Err(why) => return (true, Err(why)),
            };
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.wait(LIMIT)));
        let Ok(outcome) = outcome else { return (true, Err("it hangs".into())) };
        let errors = outcome.stderr.lines().filter_map(log_line).filter(|(level, ..)| *level == "ERROR");
        let is_told = errors.count() == 1;
        let is_fine = match (outcome.exit, *call) {
            (exit, "clone" | "rt_sigprocmask") => exit == Exit::Code(1) && is_told,
            (exit, "execve") => exit == Exit::Code(126) && is_told,
            (Exit::Code(code), _) => codes.contains(&code),
            _ => false,
        };
        (true, if is_fine { Ok(()) } else { Err(format!("not what is documented\n{outcome:#?}")) })
    }
}

/// strace's errors come to one that is traced, for whom no signal is ignored.
#[cfg(target_arch = "x86_64")]
#[test]
fn whatever_system_call_is_refused_for_ever_the_outcome_is_a_documented_one() {
    require_root!();
    let cases: [(&[&str], &str, &[i32]); 4] = [
        (&[], "exit 7", &[7]),
        (&[], "(sleep 0.05 &); (sleep 0.1 &); sleep 0.2; exit 7", &[7]),
        (&["-t", "200ms"], "trap '' TERM; sleep 30 & exit 7", &[7]),
        // If it is not told to end, it ends by itself.
        (&["-t", "200ms"], "trap '' TERM; kill -TERM $PPID; sleep 1; exit 7", &[7, 137]),
    ];
    let mut all = Vec::new();
    for (call, number) in NUMBERS {
        for error in [libc::EPERM, libc::ENOSYS] {
            for is_pid_1 in [true, false] {
                for (options, script, codes) in cases {
                    // Nothing tells it of the program's end, so somebody has to ask for it.
                    if call == "wait4" && !script.contains("kill -TERM") {
                        continue;
                    }
                    all.push(Refusal { call, number, error, is_pid_1, options, script, codes });
                }
            }
        }
    }
    do_all(all);
}
