//! A directory of a test's own, gone with it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{init_path, probe_path};

/// Held while a file is open for writing that may be executed afterwards, and while a child is
/// made: a child has copies of all descriptors for a moment, and a file that anybody has open for
/// writing can't be executed (`ETXTBSY`).
pub fn writing_or_forking() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A new empty directory that everybody can read, removed when dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("black-box-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a scratch directory");
        let scratch = Scratch { path };
        scratch.set_mode("", 0o755);
        scratch
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of `name` inside.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Makes a file of this content and mode.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>, mode: u32) -> PathBuf {
        let path = self.join(name);
        let _guard = writing_or_forking();
        fs::write(&path, content).expect("a scratch file");
        self.set_mode(name, mode);
        path
    }

    /// Makes a directory of this mode.
    pub fn directory(&self, name: &str, mode: u32) -> PathBuf {
        let path = self.join(name);
        fs::create_dir_all(&path).expect("a scratch directory");
        self.set_mode(name, mode);
        path
    }

    /// Copies an executable in, for all to run.
    pub fn program(&self, name: &str, from: &Path) -> PathBuf {
        let path = self.join(name);
        let _guard = writing_or_forking();
        fs::copy(from, &path).expect("a copy of a program");
        self.set_mode(name, 0o755);
        path
    }

    /// Copies the init in: where its own place may be closed to other users, or is out of sight.
    pub fn init(&self) -> PathBuf {
        self.program("init", &init_path())
    }

    /// Copies the probe in.
    pub fn probe(&self) -> PathBuf {
        self.program("probe", &probe_path())
    }

    fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.join(name), fs::Permissions::from_mode(mode))
            .expect("permissions of a scratch file");
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
