//! The machine that an example finds: tini-rs installed, control groups, an image or two.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::cases::Init;
use crate::files::{PROJECT, Place, explain, find_program};
use crate::process::{LIMIT, Running, command};

/// Where the examples look for the init.
const INSTALLED: &str = "/usr/local/bin/tini-rs";
/// Where they look for Podman's pause process.
const PAUSE: &str = "/usr/local/libexec/tini-rs/catatonit";

pub struct Stage {
    pub place: Place,
}

impl Stage {
    pub fn new(place: Place) -> Result<Self, String> {
        let stage = Stage { place };
        stage.install()?;
        stage.enter_control_groups()?;
        Ok(stage)
    }

    /// Puts the init where its packages would, in nobody else's sight.
    fn install(&self) -> Result<(), String> {
        let (upper, work) = (self.place.create("local/upper")?, self.place.create("local/work")?);
        let options = format!("lowerdir=/usr/local,upperdir={},workdir={}", upper.display(), work.display());
        mount(Some("overlay"), "/usr/local", Some("overlay"), MsFlags::empty(), Some(options.as_str()))
            .map_err(|error| format!("a writable copy over /usr/local: {error}"))?;
        let init = Path::new(INSTALLED);
        explain(init, fs::copy(self.place.init(Init::Ours), init))?;
        let pause = Path::new(PAUSE);
        explain(pause, pause.parent().map_or(Ok(()), fs::create_dir_all))?;
        explain(pause, symlink(init, pause))
    }

    /// Goes into control groups of the sandbox's own and makes them all that there is to be seen,
    /// since not every engine can be told below which one to make its own. They go with the sandbox.
    fn enter_control_groups(&self) -> Result<(), String> {
        let root = Path::new("/sys/fs/cgroup");
        let parts = explain(root, fs::read_dir(root))?.flatten().map(|entry| entry.path());
        let hierarchies = parts.chain([root.to_owned()]).filter(|path| path.join("cgroup.procs").exists());
        let name = self.place.control_group.trim_start_matches('/');
        let hierarchies: Vec<_> = hierarchies.map(|path| (path.join(name), path)).collect();
        for (group, hierarchy) in &hierarchies {
            // Controllers that share a hierarchy have a link each.
            explain(group, fs::create_dir_all(group))?;
            // Empty at first, and then nobody can be put there (cpusets(7)).
            for file in ["cpuset.cpus", "cpuset.mems"] {
                if let Ok(all) = fs::read(hierarchy.join(file)) {
                    explain(group, fs::write(group.join(file), all))?;
                }
            }
            explain(group, fs::write(group.join("cgroup.procs"), "0"))?;
        }
        unshare(CloneFlags::CLONE_NEWCGROUP).map_err(|error| format!("control groups: {error}"))?;
        for (group, hierarchy) in &hierarchies {
            mount(Some(group), hierarchy, None::<&str>, MsFlags::MS_BIND, None::<&str>)
                .map_err(|error| format!("{} over its hierarchy: {error}", group.display()))?;
        }
        Ok(())
    }

    /// An archive of an image of these programs and nothing else.
    pub fn image(&self, name: &str, programs: &[(&str, &Path)]) -> Result<String, String> {
        let root = self.place.create(name)?;
        for directory in ["dev", "etc", "proc", "run", "sys", "tmp"] {
            self.place.create(&format!("{name}/{directory}"))?;
        }
        for (path, program) in programs {
            self.place.install(program, &format!("{name}/{path}"))?;
        }
        self.place.archive(&root)
    }

    /// The image of a program that knows nothing of an init.
    pub fn app(&self) -> Result<String, String> {
        self.image("app", &[("app", &self.place.programs.guest)])
    }

    /// The same with the init in it.
    pub fn app_with_init(&self) -> Result<String, String> {
        let programs = [("app", &*self.place.programs.guest), ("tini-rs", self.place.init(Init::Ours))];
        self.image("app-with-init", &programs)
    }

    /// The init, and what copies it.
    pub fn init_with_cp(&self) -> Result<String, String> {
        let busybox = find_program("busybox").ok_or("busybox not found")?;
        self.image("tini-rs-with-cp", &[("bin/cp", &busybox), ("tini-rs", self.place.init(Init::Ours))])
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.place.join("log")).unwrap_or_default()
    }
}

/// An example's path.
pub fn example(file: &str) -> String {
    format!("{PROJECT}/examples/{file}")
}

/// An example's text.
pub fn text(file: &str) -> Result<String, String> {
    let path = PathBuf::from(example(file));
    explain(&path, fs::read_to_string(&path))
}

/// All of them, but for the one that cargo would build.
pub fn example_files() -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("the examples").flatten() {
            let path = entry.path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let root = PathBuf::from(example(""));
    let mut found = Vec::new();
    walk(&root, &mut found);
    let names = found.iter().filter_map(|path| path.strip_prefix(&root).ok()?.to_str());
    names.map(str::to_owned).collect()
}

/// Starts a daemon, whose output goes to the file `log`.
pub fn start_daemon(place: &Place, words: &[&str]) -> Result<Running, String> {
    let mut shell = command(["sh", "-c", "exec \"$@\" >\"$0\" 2>&1", &place.word("log")]);
    shell.args(words);
    Running::start(shell)
}

/// What is expected of `straggler`, wherever it runs: its code, and that the process that it left
/// was heard to the end.
pub fn expect_straggler(running: Running) -> Result<(), String> {
    running.finish(LIMIT)?.expect(7)?.expect_line("clean").map(drop)
}
