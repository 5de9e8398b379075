//! Who is measured, and how each is invoked.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No init: the program itself as PID 1.
    Alone,
    Floor,
    Ours,
    Peer,
}

pub struct Subject {
    pub name: String,
    pub kind: Kind,
    pub path: PathBuf,
    /// What stands between the init and the program.
    arguments: &'static [&'static str],
}

/// The inits that are looked for on `PATH`; what an init is called begins with one of
/// these, and tells how it is invoked: with the program's process group as the one that
/// gets the signals, where there is a choice, as is our default.
const KNOWN: [(&str, &[&str]); 6] = [
    ("tini-static", &["-g", "--"]),
    ("tini-rs", &["--"]),
    ("tini", &["-g", "--"]),
    ("dumb-init", &["--"]),
    ("catatonit", &["-g", "--"]),
    ("pid1", &["--"]),
];

impl Subject {
    pub fn new(name: &str, kind: Kind, path: &Path) -> Self {
        let known = KNOWN.iter().find(|(known, _)| name.starts_with(known));
        let arguments = match kind {
            Kind::Alone | Kind::Floor => &[],
            Kind::Ours | Kind::Peer => known.map_or(&["--"][..], |(_, arguments)| arguments),
        };
        Self { name: name.to_owned(), kind, path: path.to_owned(), arguments }
    }

    pub fn is_init(&self) -> bool {
        self.kind != Kind::Alone
    }

    /// The words of a command line that runs `program` under this init, and the file to
    /// execute.
    pub fn command_line(&self, program: &Path, arguments: &[&str]) -> (PathBuf, Vec<OsString>) {
        let mut words: Vec<OsString> = Vec::new();
        if self.is_init() {
            words.push(self.path.clone().into());
            words.extend(self.arguments.iter().map(OsString::from));
        }
        words.push(program.into());
        words.extend(arguments.iter().map(OsString::from));
        let file = if self.is_init() { self.path.clone() } else { program.to_owned() };
        (file, words)
    }
}

/// Every peer on `PATH`, then those that were named.
pub fn peers(named: &[String]) -> Result<Vec<Subject>, String> {
    let mut peers: Vec<Subject> = Vec::new();
    let on_path = |name: &str| {
        std::env::var_os("PATH")
            .and_then(|path| std::env::split_paths(&path).map(|at| at.join(name)).find(|at| is_program(at)))
    };
    for (name, _) in KNOWN {
        if name != "tini-rs" {
            peers.extend(on_path(name).map(|path| Subject::new(name, Kind::Peer, &path)));
        }
    }
    for init in named {
        let found = match init.split_once('=') {
            Some((name, path)) if is_program(path.as_ref()) => vec![(name.to_owned(), path.into())],
            Some((_, path)) => return Err(format!("--init {init}: {path} is no program")),
            None => programs_in(init.as_ref()).map_err(|error| format!("--init {init}: {error}"))?,
        };
        for (name, path) in found {
            let path = path.canonicalize().map_err(|error| format!("--init {init}: {error}"))?;
            peers.retain(|peer| peer.name != name);
            peers.push(Subject::new(&name, Kind::Peer, &path));
        }
    }
    Ok(peers)
}

fn programs_in(folder: &Path) -> std::io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str())
            && is_program(&path)
        {
            found.push((name.to_owned(), path));
        }
    }
    found.sort();
    Ok(found)
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}
