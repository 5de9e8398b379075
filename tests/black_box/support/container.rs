//! What to start and in which surroundings.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{PipeReader, PipeWriter};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use super::launch::{Plan, Proc, launch};
use super::run::{Pipes, Run, Tracer};
use super::turns::Turn;
use super::{LIMIT, Outcome, Scratch, init_path, probe, probe_command};

/// The `PATH` of every container that does not set one.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The variable by which everything that a run started can be found again.
pub const MARKER: &str = "BLACK_BOX_RUN";

/// What the init finds on one of its three standard descriptors.
pub enum Stream {
    /// A pipe whose other end the [`Run`] has.
    Captured,
    Null,
    Closed,
    /// A pipe whose other end is gone: end of file to a reader, `EPIPE` to a writer.
    Broken,
    /// A pipe that takes no more, and is never read.
    Full,
    Given(OwnedFd),
}

/// An init that is not yet started, and its surroundings.
pub struct Container {
    plan: Plan,
    init: PathBuf,
    name: Option<OsString>,
    options: Vec<OsString>,
    program: Vec<OsString>,
    arguments: Option<Vec<OsString>>,
    environment: BTreeMap<OsString, OsString>,
    streams: [Stream; 3],
    descriptors: Vec<(OwnedFd, RawFd)>,
    terminal: Option<OwnedFd>,
    strace: Option<Vec<OsString>>,
    control_group: Option<PathBuf>,
    alone: bool,
}

impl Container {
    /// The init as PID 1 of a new PID and mount namespace, with a `/proc` of its own.
    pub fn as_pid_1() -> Self {
        let mut container = Self::as_subreaper();
        container.plan.namespaces = true;
        container.plan.proc = Proc::Fresh;
        container
    }

    /// The init as an ordinary process of the host.
    pub fn as_subreaper() -> Self {
        Container {
            plan: Plan::default(),
            init: init_path(),
            name: None,
            options: Vec::new(),
            program: Vec::new(),
            arguments: None,
            environment: BTreeMap::from([("PATH".into(), PATH.into())]),
            streams: [Stream::Null, Stream::Captured, Stream::Captured],
            descriptors: Vec::new(),
            terminal: None,
            strace: None,
            control_group: None,
            alone: false,
        }
    }

    /// Options of the init, before the `--`.
    pub fn options<S: Into<OsString>>(mut self, options: impl IntoIterator<Item = S>) -> Self {
        self.options.extend(options.into_iter().map(Into::into));
        self
    }

    /// The program and its arguments, after the `--`.
    pub fn program<S: Into<OsString>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.program = words.into_iter().map(Into::into).collect();
        self
    }

    /// The program is a [`probe`] that runs this script.
    pub fn probe(self, script: &str) -> Self {
        self.probing().program(probe_command(script))
    }

    /// The same as a user that has no process elsewhere and can have only so many; init and probe
    /// are copied to where this user may run them.
    pub fn bounded_probe(self, scratch: &Scratch, user: u32, processes: u64, script: &str) -> Self {
        self.init(scratch.init())
            .user(user, user)
            .limit(libc::RLIMIT_NPROC, processes)
            .probing()
            .program([scratch.probe().into_os_string(), script.into()])
    }

    /// The test binary is a probe wherever it is run.
    pub fn probing(self) -> Self {
        self.env(probe::VARIABLE, "1")
    }

    /// All that follows the name of the init on its command line, as it stands: no `--` is put in.
    pub fn arguments<S: Into<OsString>>(mut self, words: impl IntoIterator<Item = S>) -> Self {
        self.arguments = Some(words.into_iter().map(Into::into).collect());
        self
    }

    /// The executable to start in the init's place.
    pub fn init(mut self, path: impl Into<PathBuf>) -> Self {
        self.init = path.into();
        self
    }

    /// The init's `argv[0]`; otherwise its path.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// A variable of the init's environment, which is otherwise empty but for `PATH`.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.into(), value.into());
        self
    }

    pub fn without_env(mut self, name: &str) -> Self {
        self.environment.remove(OsStr::new(name));
        self
    }

    pub fn stdin(mut self, stream: Stream) -> Self {
        self.streams[0] = stream;
        self
    }

    pub fn stdout(mut self, stream: Stream) -> Self {
        self.streams[1] = stream;
        self
    }

    pub fn stderr(mut self, stream: Stream) -> Self {
        self.streams[2] = stream;
        self
    }

    /// One more descriptor that the init inherits.
    pub fn descriptor(mut self, number: RawFd, fd: impl Into<OwnedFd>) -> Self {
        self.descriptors.push((fd.into(), number));
        self
    }

    /// The signal mask that the init inherits.
    pub fn blocked(mut self, mask: u64) -> Self {
        self.plan.mask = mask;
        self
    }

    /// The signals that the init inherits as ignored.
    pub fn ignored(mut self, signals: u64) -> Self {
        self.plan.ignored = signals;
        self
    }

    /// A resource limit, soft and hard, e.g. `libc::RLIMIT_NPROC`.
    pub fn limit(mut self, resource: libc::__rlimit_resource_t, value: u64) -> Self {
        self.plan.limits.push((resource, value, value));
        self
    }

    /// No other run goes on meanwhile: there will be thousands of processes.
    pub fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// The control group that the init is in, a folder of the hierarchy.
    pub fn control_group(mut self, folder: &Path) -> Self {
        self.control_group = Some(folder.join("cgroup.procs"));
        self
    }

    /// The kernel answers the init and all below it these system calls with this error, as a seccomp
    /// profile makes it.
    pub fn refused(mut self, calls: &[libc::c_long], error: i32) -> Self {
        self.plan.refused = Some(refusal(calls, error));
        self
    }

    /// The init is executed by a shell, in a mount namespace of its own, after these commands.
    pub fn after(mut self, commands: &str) -> Self {
        let shell = ["-m", "--propagation", "private", "sh", "-c"].map(OsString::from);
        let script = OsString::from(format!("{commands} && exec \"$@\""));
        let mut words: Vec<OsString> = shell.into_iter().chain([script, "sh".into()]).collect();
        words.push(self.init.clone().into());
        words.extend(
            self.command_line().into_iter().skip(1).map(|word| OsString::from_vec(word.into_bytes())),
        );
        self.init = "/usr/bin/unshare".into();
        self.arguments(words)
    }

    /// User and group, without supplementary groups.
    pub fn user(mut self, user: u32, group: u32) -> Self {
        self.plan.user = Some((user, group));
        self
    }

    pub fn no_new_privileges(mut self) -> Self {
        self.plan.no_new_privileges = true;
        self
    }

    /// Takes every capability away, for ever.
    pub fn no_capabilities(mut self) -> Self {
        self.plan.no_capabilities = true;
        self
    }

    pub fn directory(mut self, path: &Path) -> Self {
        self.plan.directory = Some(c_string(path));
        self
    }

    /// Another root directory, as which alone the init sees the files; there is no `/proc` in it.
    pub fn root(mut self, path: &Path) -> Self {
        self.plan.root = Some(c_string(path));
        self
    }

    /// The root directory is read-only.
    pub fn read_only(mut self) -> Self {
        self.plan.read_only = true;
        self
    }

    /// Nothing in `/proc`.
    pub fn without_proc(mut self) -> Self {
        self.plan.proc = Proc::Empty;
        self
    }

    /// The host's `/proc`, where the numbers are other ones.
    pub fn with_host_proc(mut self) -> Self {
        self.plan.proc = Proc::AsItIs;
        self
    }

    pub fn new_session(mut self) -> Self {
        self.plan.new_session = true;
        self
    }

    /// The init leads a session whose controlling terminal is a new pty, its standard input. The other
    /// end is [`Run::terminal`].
    pub fn terminal(mut self) -> Self {
        let pty = nix::pty::openpty(None, None).expect("a pty");
        for end in [&pty.master, &pty.slave] {
            let flags = FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC);
            fcntl(end, flags).expect("a descriptor that no program inherits");
        }
        self.terminal = Some(pty.master);
        self.plan.controlling_terminal = true;
        self.stdin(Stream::Given(pty.slave)).new_session()
    }

    /// The same, with standard output and error on the terminal as well.
    pub fn interactive(self) -> Self {
        let mut container = self.terminal();
        let Stream::Given(slave) = &container.streams[0] else { unreachable!("a terminal was given") };
        let copy = || Stream::Given(slave.try_clone().expect("one more descriptor"));
        (container.streams[1], container.streams[2]) = (copy(), copy());
        container
    }

    pub fn new_group(mut self) -> Self {
        self.plan.new_group = true;
        self
    }

    /// Traces the init with these options of strace, among them `-f` if its children are to be
    /// traced as well. It is attached from outside, so that the init keeps its pid and its parent;
    /// see [`Run::trace`].
    pub fn strace<S: Into<OsString>>(mut self, options: impl IntoIterator<Item = S>) -> Self {
        self.strace = Some(options.into_iter().map(Into::into).collect());
        self
    }

    /// Starts it and waits for its end.
    pub fn run(self) -> Outcome {
        self.start().wait(LIMIT)
    }

    /// Starts it; returns when the init has been executed.
    pub fn start(self) -> Run {
        self.try_start().unwrap_or_else(|error| panic!("cannot start the init: {error}"))
    }

    /// Starts it, or tells why that was not possible.
    pub fn try_start(mut self) -> Result<Run, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let turn = Turn::new(self.alone);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // Always as long, so that the environment is as large in each run.
        let marker = format!("{}-{number:08}", std::process::id());
        self.environment.insert(MARKER.into(), marker.clone().into());

        let mut plan = std::mem::take(&mut self.plan);
        plan.executable = c_string(&self.init);
        plan.arguments = self.command_line();
        plan.environment = self
            .environment
            .iter()
            .map(|(name, value)| {
                let mut line = name.clone();
                line.push("=");
                line.push(value);
                c_string(&line)
            })
            .collect();

        let [stdin, stdout, stderr] = self.streams;
        let mut pipes = Pipes::default();
        let given = [
            input(stdin, &mut pipes)?,
            output(stdout, &mut pipes.stdout, &mut pipes.kept)?,
            output(stderr, &mut pipes.stderr, &mut pipes.kept)?,
        ];
        plan.descriptors = given
            .iter()
            .zip(0..)
            .filter_map(|(fd, number)| Some((fd.as_ref()?.as_raw_fd(), number)))
            .chain(self.descriptors.iter().map(|(fd, n)| (fd.as_raw_fd(), *n)))
            .collect();

        let namespace = plan.namespaces;
        let waiting = launch(plan)?;
        if let Some(file) = &self.control_group {
            std::fs::write(file, waiting.pid.to_string()).map_err(|error| format!("{file:?}: {error}"))?;
        }
        drop(given);
        drop(self.descriptors);
        let tracer = match self.strace {
            Some(options) => Some(Tracer::attach(waiting.pid, &options)?),
            None => None,
        };
        let pid = waiting.open()?;
        let mut run = Run::new(pid, Instant::now(), namespace, marker, pipes, tracer);
        run.terminal = self.terminal;
        run.turn = Some(turn);
        Ok(run)
    }

    /// `argv` of the init.
    fn command_line(&self) -> Vec<CString> {
        let name = self.name.as_deref().unwrap_or(self.init.as_os_str());
        let mut words = vec![name.to_owned()];
        match &self.arguments {
            Some(arguments) => words.extend(arguments.iter().cloned()),
            None => {
                words.extend(self.options.iter().cloned());
                words.push("--".into());
                words.extend(self.program.iter().cloned());
            }
        }
        words.iter().map(c_string).collect()
    }
}

/// A string for the kernel.
fn c_string(text: impl AsRef<OsStr>) -> CString {
    CString::new(text.as_ref().to_owned().into_vec()).expect("no null byte in a string")
}

/// A filter that answers these calls with an error and lets all others pass (`seccomp(2)`).
fn refusal(calls: &[libc::c_long], error: i32) -> Vec<libc::sock_filter> {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let answer = |action: u32| statement(libc::BPF_RET | libc::BPF_K, action);
    // The number of the call comes first in what a filter sees.
    let mut filter = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
    for call in calls {
        let equal = statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, *call as u32);
        filter.push(libc::sock_filter { jf: 1, ..equal });
        filter.push(answer(libc::SECCOMP_RET_ERRNO | error as u32));
    }
    filter.push(answer(libc::SECCOMP_RET_ALLOW));
    filter
}

fn pipe() -> Result<(PipeReader, PipeWriter), String> {
    std::io::pipe().map_err(|error| format!("cannot make a pipe: {error}"))
}

fn null() -> Result<OwnedFd, String> {
    let file = File::options().read(true).write(true).open("/dev/null");
    file.map(OwnedFd::from).map_err(|error| error.to_string())
}

/// The init's end of its standard input.
fn input(stream: Stream, pipes: &mut Pipes) -> Result<Option<OwnedFd>, String> {
    Ok(match stream {
        Stream::Captured => {
            let (reader, writer) = pipe()?;
            pipes.stdin = Some(writer);
            Some(reader.into())
        }
        Stream::Broken => Some(pipe()?.0.into()),
        Stream::Full => panic!("an input cannot be full"),
        Stream::Null => Some(null()?),
        Stream::Closed => None,
        Stream::Given(fd) => Some(fd),
    })
}

/// The init's end of its standard output or error.
fn output(
    stream: Stream,
    capture: &mut Option<PipeReader>,
    kept: &mut Vec<OwnedFd>,
) -> Result<Option<OwnedFd>, String> {
    Ok(match stream {
        Stream::Captured => {
            let (reader, writer) = pipe()?;
            *capture = Some(reader);
            Some(writer.into())
        }
        Stream::Broken => Some(pipe()?.1.into()),
        Stream::Full => {
            let (reader, writer) = pipe()?;
            fill(&writer)?;
            kept.push(reader.into());
            Some(writer.into())
        }
        Stream::Null => Some(null()?),
        Stream::Closed => None,
        Stream::Given(fd) => Some(fd),
    })
}

/// Writes until no more is taken; writing blocks again afterwards.
pub fn fill(fd: impl AsFd) -> Result<(), String> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let set = |flags| fcntl(fd.as_fd(), FcntlArg::F_SETFL(flags)).map_err(|error| error.to_string());
    set(OFlag::O_NONBLOCK)?;
    for size in [4096, 1] {
        while nix::unistd::write(fd.as_fd(), &[b'.'; 4096][..size]).is_ok() {}
    }
    set(OFlag::empty())?;
    Ok(())
}
