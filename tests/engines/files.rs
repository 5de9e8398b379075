//! What is put into the containers: the init, the guest, and file trees made of both.

use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::cases::Init;
use crate::process::{Running, command, run};

/// How long a compiler may take.
const COMPILER_LIMIT: Duration = Duration::from_secs(120);

/// The program's own folder.
pub const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

/// The two programs, ready to be copied, and what they are built with.
#[derive(Clone, Debug)]
pub struct Programs {
    pub init: PathBuf,
    pub guest: PathBuf,
    /// The Rust toolchain.
    pub toolchain: PathBuf,
    /// Where cargo keeps the crates that it has downloaded.
    pub registry: PathBuf,
}

impl Programs {
    /// Those of this run: the init is the one that `INIT` names, or built as it is shipped.
    pub fn prepare() -> Result<Self, String> {
        static PREPARED: OnceLock<Result<Programs, String>> = OnceLock::new();
        let prepare = || {
            let init = match env::var_os("INIT").filter(|path| !path.is_empty()) {
                Some(path) => {
                    fs::canonicalize(&path).map_err(|error| format!("INIT={}: {error}", path.display()))?
                }
                None => release_build()?,
            };
            Ok(Programs { init, guest: compile_guest()?, toolchain: toolchain()?, registry: registry() })
        };
        PREPARED.get_or_init(prepare).clone()
    }
}

/// The release binary. What cargo has built for the tests is the one for development.
fn release_build() -> Result<PathBuf, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("release-build");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo
        .args(["build", "--release", "--quiet", "--bin", "tini-rs", "--target-dir"])
        .arg(&target)
        .current_dir(PROJECT);
    Running::start(cargo)?.finish(COMPILER_LIMIT)?.expect(0)?;
    Ok(target.join("release/tini-rs"))
}

/// The guest, as a static program.
fn compile_guest() -> Result<PathBuf, String> {
    let source = Path::new(PROJECT).join("tests/engines/guest.rs");
    let guest = Path::new(env!("CARGO_TARGET_TMPDIR")).join("guest");
    let fresh = guest.with_extension(std::process::id().to_string());
    let mut rustc = compiler();
    rustc.args([
        "--edition",
        "2024",
        "--crate-name",
        "guest",
        "-Ctarget-feature=+crt-static",
        "-Cpanic=abort",
    ]);
    rustc.args(["-Copt-level=s", "-Cstrip=symbols", "-o"]).arg(&fresh).arg(source);
    Running::start(rustc)?.finish(COMPILER_LIMIT)?.expect(0)?;
    fs::rename(&fresh, &guest).map_err(|error| format!("{}: {error}", guest.display()))?;
    Ok(guest)
}

/// The Rust compiler that cargo uses.
fn compiler() -> Command {
    Command::new(env::var_os("RUSTC").unwrap_or("rustc".into()))
}

fn toolchain() -> Result<PathBuf, String> {
    let mut rustc = compiler();
    rustc.args(["--print", "sysroot"]);
    Ok(run(rustc)?.trim().into())
}

fn registry() -> PathBuf {
    let home = || Path::new(&env::var_os("HOME").unwrap_or_default()).join(".cargo");
    env::var_os("CARGO_HOME").map_or_else(home, PathBuf::from).join("registry")
}

/// Where one engine keeps all its files. They are gone with its sandbox.
#[derive(Clone, Debug)]
pub struct Place {
    pub directory: PathBuf,
    pub programs: Programs,
    /// The control group below which it puts its containers.
    pub control_group: String,
}

impl Place {
    pub fn join(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    /// A path in it as a word for a command line.
    pub fn word(&self, path: &str) -> String {
        self.join(path).display().to_string()
    }

    /// The program for an init.
    pub fn init(&self, init: Init) -> &Path {
        match init {
            Init::Ours => &self.programs.init,
            Init::Control => &self.programs.guest,
        }
    }

    pub fn create(&self, path: &str) -> Result<PathBuf, String> {
        let path = self.join(path);
        explain(&path, fs::create_dir_all(&path))?;
        Ok(path)
    }

    pub fn write(&self, path: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.join(path);
        if let Some(parent) = path.parent() {
            explain(parent, fs::create_dir_all(parent))?;
        }
        explain(&path, fs::write(&path, text))?;
        Ok(path)
    }

    /// Puts a program where an engine looks for it, at once in place of another.
    pub fn install(&self, program: &Path, path: &str) -> Result<PathBuf, String> {
        let path = self.join(path);
        if let Some(parent) = path.parent() {
            explain(parent, fs::create_dir_all(parent))?;
        }
        let fresh = path.with_extension("new");
        explain(&fresh, fs::copy(program, &fresh))?;
        explain(&fresh, fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)))?;
        explain(&path, fs::rename(&fresh, &path))?;
        Ok(path)
    }

    /// A root directory with `/guest`, the empty directories that engines mount upon, and, if one is
    /// wanted, `/init`.
    pub fn root(&self, name: &str, init: Option<Init>) -> Result<PathBuf, String> {
        let root = self.create(name)?;
        // usr and etc are what systemd-nspawn takes a system by.
        for directory in ["dev", "etc", "proc", "run", "sys", "tmp", "usr", "var"] {
            self.create(&format!("{name}/{directory}"))?;
        }
        self.install(&self.programs.guest, &format!("{name}/guest"))?;
        if let Some(init) = init {
            self.install(self.init(init), &format!("{name}/init"))?;
        }
        Ok(root)
    }

    /// The same as an archive.
    pub fn archive(&self, root: &Path) -> Result<String, String> {
        let archive = root.with_extension("tar");
        run(command([
            "tar".as_ref(),
            "-C".as_ref(),
            root.as_os_str(),
            "-cf".as_ref(),
            archive.as_os_str(),
            ".".as_ref(),
        ]))?;
        Ok(archive.display().to_string())
    }
}

/// An error with the file that it is about.
pub fn explain<T>(path: &Path, result: io::Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("{}: {error}", path.display()))
}

/// Copies a folder, without those entries of it whose names are given.
pub fn copy_folder(from: &Path, to: &Path, without: &[&str]) -> Result<(), String> {
    explain(to, fs::create_dir_all(to))?;
    for entry in explain(from, fs::read_dir(from))? {
        let entry = explain(from, entry)?;
        let (name, path) = (entry.file_name(), entry.path());
        if without.iter().any(|other| name == *other) {
            continue;
        }
        let kind = explain(&path, entry.file_type())?;
        if kind.is_dir() {
            copy_folder(&path, &to.join(name), &[])?;
        } else if kind.is_symlink() {
            explain(&path, fs::read_link(&path).and_then(|target| symlink(target, to.join(name))))?;
        } else {
            explain(&path, fs::copy(&path, to.join(name)))?;
        }
    }
    Ok(())
}

/// An archive for the kernel's initial file system, of programs in its root directory
/// (Documentation/driver-api/early-userspace/buffer-format.rst). The kernel adds `/dev/console`.
pub fn initial_file_system(path: &Path, programs: &[(&str, &Path)]) -> Result<(), String> {
    let mut archive = Vec::new();
    for (number, (name, program)) in (1..).zip(programs) {
        let content = explain(program, fs::read(program))?;
        add_to_archive(&mut archive, number, name, 0o100_755, &content);
    }
    add_to_archive(&mut archive, 0, "TRAILER!!!", 0, &[]);
    let mut file = explain(path, File::create(path))?;
    explain(path, file.write_all(&archive))
}

fn add_to_archive(archive: &mut Vec<u8>, number: u32, name: &str, mode: u32, content: &[u8]) {
    let pad = |archive: &mut Vec<u8>| archive.resize(archive.len().next_multiple_of(4), 0);
    let length = |bytes: usize| u32::try_from(bytes).expect("a file below 4 GiB");
    archive.extend(b"070701");
    // Inode, mode, user, group, links, time, size, four device numbers, length of the name, checksum.
    let fields = [number, mode, 0, 0, 1, 0, length(content.len()), 0, 0, 0, 0, length(name.len() + 1), 0];
    archive.extend(fields.iter().flat_map(|field| format!("{field:08x}").into_bytes()));
    archive.extend(name.as_bytes());
    archive.push(0);
    pad(archive);
    archive.extend(content);
    pad(archive);
}

/// Where a program is on the `PATH`, or where administrators have it.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/bin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
}
