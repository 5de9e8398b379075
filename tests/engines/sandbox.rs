//! Where an engine runs: in PID, mount, network and IPC namespaces of its own, within a time.
//!
//! The test runs itself again in there, twice: once as PID 1, which prepares the mounts and collects
//! what the engine's daemons leave, and once as its child, which tries the cases. With PID 1 the
//! kernel ends everything, however the test ends; its mounts and files go with the mount namespace.
//! What is left to be tidied outside is a folder, empty by then, and control groups.

use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;
use std::{env, process};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sys::wait::{WaitStatus, wait};

use crate::cases::{CASES, Engine};
use crate::files::{Place, Programs, explain, find_program};
use crate::process::{Running, indent, until};
use crate::table::{self, Cell};
use crate::vm;

/// Which part of the run this process is: [`PREPARING`], [`TRYING`], or, unset, the one outside.
const STAGE: &str = "TINI_ENGINES_STAGE";
const PREPARING: &str = "prepare";
const TRYING: &str = "try";
/// What the stages hand down.
const FOLDER: &str = "TINI_ENGINES_FOLDER";
const GROUP: &str = "TINI_ENGINES_GROUP";
const INIT: &str = "TINI_ENGINES_INIT";
const GUEST: &str = "TINI_ENGINES_GUEST";
const TOOLCHAIN: &str = "TINI_ENGINES_TOOLCHAIN";
const REGISTRY: &str = "TINI_ENGINES_REGISTRY";

/// Among the programs that a test needs: a kernel for a machine.
pub const KERNEL: &str = "vmlinuz";
/// The mark of a line that is a cell of the table, and not evidence.
const CELL: &str = "cell: ";
/// How long an engine may take for all its cases. None takes half of it.
const ENGINE_LIMIT: Duration = Duration::from_secs(120);
/// How long the kernel may take to let a control group go after its last process.
const CONTROL_GROUP_LIMIT: Duration = Duration::from_secs(5);

/// The whole test of an engine, in whichever of the processes.
pub fn test(test: &str, row: &str, needs: &[&str], start: impl Fn(Place) -> Result<Box<dyn Engine>, String>) {
    match env::var(STAGE).as_deref() {
        Ok(PREPARING) => prepare(),
        Ok(_) => try_cases(start),
        Err(_) => watch(test, row, needs),
    }
}

/// Outside: starts the sandbox, waits for its end, tidies, reports.
fn watch(test: &str, row: &str, needs: &[&str]) {
    // One engine at a time: they are to be measured.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());

    if let Some(missing) = what_is_missing(needs) {
        assert!(env::var_os("CI").is_none_or(|value| value.is_empty()), "{row}: {missing}");
        table::tell(&format!("skipped: {missing}"));
        table::add(row, [format!("skipped: {missing}")]);
        return;
    }
    let outcome = Programs::prepare().and_then(|programs| {
        let folder = Folder::new(test)?;
        Running::start(folder.sandbox(test, &programs)?)?.finish(ENGINE_LIMIT)
    });
    let (passed, text) = match outcome {
        Ok(ended) => (ended.code == 0, ended.output),
        Err(error) => (false, error),
    };
    // In the report of a timeout the lines are set off.
    let cells = text.lines().filter_map(|line| line.trim_start_matches([' ', '|']).strip_prefix(CELL));
    let mut cells: Vec<String> = cells.map(str::to_owned).collect();
    cells.resize(CASES.len(), Cell::failed().to_string());
    table::add(row, cells);
    assert!(passed, "{row}\n{text}");
}

/// What keeps this test from being run here.
fn what_is_missing(needs: &[&str]) -> Option<String> {
    let mut tools = needs.iter().chain(&["unshare", "setpriv", "setsid", "tar"]);
    let missing = tools.find(|&&tool| match tool {
        KERNEL => vm::kernel().is_none(),
        program => find_program(program).is_none(),
    });
    match missing {
        Some(program) => Some(format!("{program} not found")),
        None if !nix::unistd::geteuid().is_root() => {
            Some("root not found: sandboxes are made by it alone".to_owned())
        }
        None => match Command::new("unshare").args(NAMESPACES).arg("true").output() {
            Ok(tried) if tried.status.success() => None,
            Ok(tried) => {
                Some(format!("namespaces not found: {}", String::from_utf8_lossy(&tried.stderr).trim()))
            }
            Err(error) => Some(format!("unshare: {error}")),
        },
    }
}

/// What `unshare(1)` is asked for.
const NAMESPACES: [&str; 7] =
    ["--fork", "--kill-child", "--pid", "--mount-proc", "--mount", "--net", "--ipc"];

/// What the folders and control groups of all sandboxes are called, followed by the number of their
/// test process.
const NAME: &str = "tini-rs-engines-";

/// The folder of a sandbox as it is seen outside, and its control groups.
struct Folder {
    path: PathBuf,
    group: String,
}

impl Folder {
    fn new(test: &str) -> Result<Self, String> {
        Self::tidy_after_others();
        let folder = Self::named(format!("{NAME}{}-{test}", process::id()));
        explain(&folder.path, fs::create_dir_all(&folder.path))?;
        Ok(folder)
    }

    fn named(group: String) -> Self {
        Folder { path: env::temp_dir().join(&group), group }
    }

    /// Removes what test processes have left that were killed.
    fn tidy_after_others() {
        for entry in fs::read_dir(env::temp_dir()).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let number = name.strip_prefix(NAME).and_then(|rest| rest.split('-').next());
            if number.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
                drop(Folder::named(name));
            }
        }
    }

    /// The command that runs this test as PID 1 of new namespaces. Whoever ends it ends them.
    fn sandbox(&self, test: &str, programs: &Programs) -> Result<Command, String> {
        let executable = env::current_exe().map_err(|error| format!("the test's own path: {error}"))?;
        let mut sandbox = Command::new("setpriv");
        sandbox.args(["--pdeathsig", "KILL", "unshare"]).args(NAMESPACES);
        sandbox.arg(executable).args(["--exact", test, "--nocapture", "--test-threads=1"]);
        sandbox.env(STAGE, PREPARING).env(FOLDER, &self.path).env(GROUP, &self.group);
        sandbox.env(INIT, &programs.init).env(GUEST, &programs.guest);
        sandbox.env(TOOLCHAIN, &programs.toolchain).env(REGISTRY, &programs.registry);
        // Debian's own engines go before others; what they keep in a home stays in here.
        let others = env::var("PATH").unwrap_or_default();
        sandbox
            .env("PATH", format!("/usr/bin:/usr/sbin:/bin:/sbin:{others}"))
            .env("HOME", self.path.join("home"));
        for variable in
            ["XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DOCKER_HOST", "CONTAINER_HOST"]
        {
            sandbox.env_remove(variable);
        }
        Ok(sandbox)
    }

    /// The control groups that the engine has made, in every hierarchy.
    fn control_groups(&self) -> impl Iterator<Item = PathBuf> {
        let root = Path::new("/sys/fs/cgroup");
        let hierarchies = fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
        let groups = std::iter::once(root.to_owned()).chain(hierarchies).map(|path| path.join(&self.group));
        groups.filter(|path| path.is_dir())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
        for group in self.control_groups() {
            if let Err(error) = until(CONTROL_GROUP_LIMIT, || remove_control_group(&group)) {
                table::tell(&format!("left behind: {error}"));
            }
        }
    }
}

/// Removes a control group and those below it. Its files are the kernel's.
fn remove_control_group(group: &Path) -> Result<(), String> {
    for entry in explain(group, fs::read_dir(group))?.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_control_group(&entry.path())?;
        }
    }
    explain(group, fs::remove_dir(group))
}

/// PID 1 of the sandbox: makes the mounts, then collects whatever ends until the cases are through.
fn prepare() -> ! {
    let code = match mount_all().and_then(|()| run_cases()) {
        Ok(code) => code,
        Err(error) => {
            println!("{error}");
            1
        }
    };
    process::exit(code)
}

/// Hides from the engine what it must not touch: writable copies lie over it.
fn mount_all() -> Result<(), String> {
    let folder = PathBuf::from(variable(FOLDER)?);
    let scratch = |path: &Path| {
        mount(Some("tmpfs"), path, Some("tmpfs"), MsFlags::empty(), Some("mode=755"))
            .map_err(|error| format!("a file system over {}: {error}", path.display()))
    };
    scratch(&folder)?;
    scratch(Path::new("/run"))?;
    scratch(Path::new("/dev/shm"))?;
    // The engines' own folders are below these, together with what may be needed.
    for (name, path) in [("etc", "/etc"), ("lib", "/var/lib")] {
        let layers = folder.join("layers").join(name);
        let (upper, work) = (layers.join("upper"), layers.join("work"));
        explain(&upper, fs::create_dir_all(&upper).and_then(|()| fs::create_dir_all(&work)))?;
        let options = format!("lowerdir={path},upperdir={},workdir={}", upper.display(), work.display());
        let options = CString::new(options).map_err(|error| error.to_string())?;
        mount(Some("overlay"), path, Some("overlay"), MsFlags::empty(), Some(options.as_c_str()))
            .map_err(|error| format!("a writable copy over {path}: {error}"))?;
    }
    let home = folder.join("home");
    explain(&home, fs::create_dir(&home))
}

/// Runs the cases in a child; gives their exit code.
fn run_cases() -> Result<i32, String> {
    // The executable's path may lie under one of the mounts.
    let child = Command::new("/proc/self/exe")
        .args(env::args_os().skip(1))
        .env(STAGE, TRYING)
        .spawn()
        .map_err(|error| format!("the test itself: {error}"))?;
    let child = child.id().cast_signed();
    loop {
        match wait() {
            Ok(WaitStatus::Exited(pid, code)) if pid.as_raw() == child => return Ok(code),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid.as_raw() == child => {
                return Err(format!("the cases were ended by {signal}"));
            }
            Err(Errno::ECHILD) => return Err("the cases got lost".to_owned()),
            // Somebody else's. One killed by a real-time signal is an error to nix.
            Ok(_) | Err(_) => {}
        }
    }
}

/// Inside: starts the engine and tries the cases.
fn try_cases(start: impl Fn(Place) -> Result<Box<dyn Engine>, String>) -> ! {
    // The harness has left its line unfinished.
    println!();
    let engine = place().and_then(start);
    let mut passed = true;
    match &engine {
        Ok(engine) => {
            for (name, case) in CASES {
                let result = match engine.not_here(name) {
                    Some(why) => Ok(Cell::not_here(why)),
                    None => catch_unwind(AssertUnwindSafe(|| case(engine.as_ref())))
                        .unwrap_or_else(|_| Err("the case panicked".to_owned())),
                };
                let cell = result.unwrap_or_else(|error| {
                    passed = false;
                    println!("{name} failed: {error}\n  the engine said:\n{}", indent(&engine.log()));
                    Cell::failed()
                });
                println!("{CELL}{cell}");
            }
        }
        Err(error) => {
            passed = false;
            println!("the engine does not start: {error}");
        }
    }
    drop(engine);
    let _ = std::io::stdout().flush();
    process::exit(i32::from(!passed))
}

fn place() -> Result<Place, String> {
    let programs = Programs {
        init: variable(INIT)?.into(),
        guest: variable(GUEST)?.into(),
        toolchain: variable(TOOLCHAIN)?.into(),
        registry: variable(REGISTRY)?.into(),
    };
    Ok(Place {
        directory: variable(FOLDER)?.into(),
        programs,
        control_group: format!("/{}", variable(GROUP)?),
    })
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("{name}: {error}"))
}
