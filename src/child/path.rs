//! Executing a program by name, as `execvp(3)`: the search of PATH, and the shell
//! for a script without a `#!` line.

use crate::sys::{self, Errno, File, Room, Strings, Text};
use crate::text::parts;

/// Where a program is looked for when PATH is not set (`execvp(3)`).
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// The longest path that the kernel takes, its closing null included (PATH_MAX).
const PATH_MAX: usize = libc::PATH_MAX as usize;

/// The longest name of a file (NAME_MAX).
const NAME_MAX: usize = 255;

/// Replaces this process by the program `argv`, with `environment`, looked for in its
/// PATH, which stands at `path`. Returns only the error, the one that `execvp(3)` would
/// give.
pub(super) fn execute(argv: Strings, environment: Strings, path: Option<Strings>) -> Errno {
    let Some((program, _)) = argv.split_first() else { return Errno::ENOENT };
    let name = program.bytes();
    if program.has(b'/') {
        return run(program, argv, environment);
    }
    let path = path.and_then(|place| place.split_first()?.0.strip_prefix(b"PATH="));
    let path = path.map_or(DEFAULT_PATH, Text::bytes);
    search(name, path, &mut |candidate| run(candidate, argv, environment))
}

/// Tries `name` in each folder of `path`; an empty one is the current directory.
/// The error of the first that is neither missing nor refused, else EACCES if one
/// was refused, else ENOENT.
fn search(name: &[u8], path: &[u8], run: &mut dyn FnMut(Text) -> Errno) -> Errno {
    if name.is_empty() {
        return Errno::ENOENT;
    }
    if name.len() > NAME_MAX {
        return Errno::ENAMETOOLONG;
    }
    let mut outcome = Errno::ENOENT;
    for folder in parts(path, b':') {
        let slash = if folder.is_empty() { b"" } else { &b"/"[..] };
        let candidate = [folder, slash, name];
        // The init's stack is as large as it ever was: a page less in every container.
        let tried = run_in::<256>(&candidate, run).or_else(|| run_in::<PATH_MAX>(&candidate, run));
        match tried.unwrap_or(Errno::ENOENT) {
            Errno::EACCES => outcome = Errno::EACCES,
            Errno::ENOENT | Errno::ENOTDIR | Errno::ESTALE | Errno::ENODEV | Errno::ETIMEDOUT => {}
            error => return error,
        }
    }
    outcome
}

/// Runs what `parts` make together, if that is not longer than `SIZE`.
#[inline(never)]
fn run_in<const SIZE: usize>(parts: &[&[u8]], run: &mut dyn FnMut(Text) -> Errno) -> Option<Errno> {
    Room::<SIZE>::new().join(parts).map(run)
}

/// Executes the file `program`, or has the shell execute it if it is a text that
/// the kernel does not take for a program (POSIX, `exec`: ENOEXEC).
fn run(program: Text, argv: Strings, environment: Strings) -> Errno {
    match sys::execute(program, argv, environment) {
        Errno::ENOEXEC if is_text(program) => {}
        error => return error,
    }
    // The shell takes argv[0], then the script, then the arguments: two places
    // where the program's name had one. The init's own argv is in front of it.
    let shell = Text::from(c"/bin/sh");
    argv.with_two_first([shell, program], |longer| sys::execute(shell, longer, environment));
    Errno::ENOEXEC
}

/// Whether `program` looks like a script: it has no null byte in its first line.
/// A shell would run anything else line by line, and that is nobody's wish.
fn is_text(program: Text) -> bool {
    let mut start = [0; 128];
    let Ok(start) = File::open(program).and_then(|file| file.read(&mut start)) else { return false };
    let first = start.iter().find(|byte| matches!(byte, 0 | b'\n'));
    first != Some(&0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::String;
    use std::vec::Vec;

    /// Where `search` looks, in order, when each try answers with `errors`.
    fn tried(name: &str, path: &str, errors: &[Errno]) -> (Vec<String>, Errno) {
        let mut tried = Vec::new();
        let outcome = search(name.as_bytes(), path.as_bytes(), &mut |candidate| {
            tried.push(String::from_utf8(candidate.bytes().to_vec()).unwrap());
            errors.get(tried.len() - 1).copied().unwrap_or(Errno::ENOENT)
        });
        (tried, outcome)
    }

    #[test]
    fn folders_in_order_and_an_empty_one_is_here() {
        let (places, outcome) = tried("app", "/a:/b/::c:", &[]);
        assert_eq!(places, ["/a/app", "/b//app", "app", "c/app", "app"]);
        assert_eq!(outcome, Errno::ENOENT);
        assert_eq!(tried("app", "", &[]).0, ["app"]);
    }

    #[test]
    fn a_refused_one_is_remembered_while_looking_on() {
        let (places, outcome) = tried("app", "/a:/b:/c", &[Errno::EACCES, Errno::ENOENT, Errno::ENOTDIR]);
        assert_eq!((places.len(), outcome), (3, Errno::EACCES));
    }

    #[test]
    fn any_other_error_ends_the_search() {
        let (places, outcome) = tried("app", "/a:/b:/c", &[Errno::EACCES, Errno::ENOEXEC]);
        assert_eq!((places.len(), outcome), (2, Errno::ENOEXEC));
    }

    #[test]
    fn empty_and_too_long_names_are_not_looked_for() {
        assert_eq!(tried("", "/a", &[]), (Vec::new(), Errno::ENOENT));
        assert_eq!(tried(&"x".repeat(256), "/a", &[]), (Vec::new(), Errno::ENAMETOOLONG));
        assert_eq!(tried(&"x".repeat(255), "/a", &[]).0.len(), 1);
    }

    proptest! {
        #[test]
        fn every_folder_that_fits_is_tried(folders in prop::collection::vec("[a-z/]{0,9}|[a-z]{4090,4100}", 1..6)) {
            let path = folders.join(":");
            let expected: Vec<String> = folders
                .iter()
                .map(|folder| if folder.is_empty() { "app".into() } else { std::format!("{folder}/app") })
                .filter(|place: &String| place.len() < PATH_MAX)
                .collect();
            prop_assert_eq!(tried("app", &path, &[]).0, expected);
        }
    }
}
