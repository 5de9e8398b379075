//! Executing a program by name, as `execvp(3)`: the search of PATH, and the shell
//! for a script without a `#!` line.

use core::mem::MaybeUninit;

use crate::sys::{self, Errno, File, Strings, Text, join};
use crate::text::after;

/// Where a program is looked for when PATH is not set (`execvp(3)`).
const DEFAULT_PATH: Text = Text::from(c"/bin:/usr/bin");

/// The longest path that the kernel takes, its closing null included (PATH_MAX).
const PATH_MAX: usize = libc::PATH_MAX as usize;

/// The longest name of a file (NAME_MAX).
const NAME_MAX: usize = 255;

/// Replaces this process by the program `argv`, with `environment`, looked for in its
/// PATH, which stands at `path`. Returns only the error, the one that `execvp(3)` would
/// give.
pub(super) fn execute(argv: Strings, environment: Strings, path: Option<Strings>) -> Errno {
    let Some((program, _)) = argv.split_first() else { return Errno::ENOENT };
    if program.has(b'/') {
        return run(program, argv, environment);
    }
    let path = path.and_then(|place| place.split_first()?.0.strip_prefix(Text::from(c"PATH=")));
    search(program, path.unwrap_or(DEFAULT_PATH), &mut |candidate| run(candidate, argv, environment))
}

/// Tries `name` in each folder of `path`; an empty one is the current directory.
/// The error of the first that is neither missing nor refused, else EACCES if one
/// was refused, else ENOENT.
fn search(name: Text, path: Text, run: &mut dyn FnMut(Text) -> Errno) -> Errno {
    if name.is_empty() {
        return Errno::ENOENT;
    }
    if !name.skip(NAME_MAX).is_empty() {
        return Errno::ENAMETOOLONG;
    }
    let mut outcome = Errno::ENOENT;
    let mut folders = Some(path);
    while let Some(folder) = folders {
        // The init's stack is as large as it ever was: a page less in every container.
        let tried = run_in::<256>(folder, name, run).or_else(|| run_in::<PATH_MAX>(folder, name, run));
        match tried.unwrap_or(Errno::ENOENT) {
            Errno::EACCES => outcome = Errno::EACCES,
            Errno::ENOENT | Errno::ENOTDIR | Errno::ESTALE | Errno::ENODEV | Errno::ETIMEDOUT => {}
            error => return error,
        }
        folders = after(folder, b':');
    }
    outcome
}

/// Runs `name` in the first of `folders`, if its path is not longer than `SIZE`.
#[inline(never)]
fn run_in<const SIZE: usize>(folders: Text, name: Text, run: &mut dyn FnMut(Text) -> Errno) -> Option<Errno> {
    candidate(&mut [MaybeUninit::uninit(); SIZE], folders, name).map(run)
}

/// The path of `name` in the first of `folders`, if `room` is large enough.
fn candidate<'r>(room: &'r mut [MaybeUninit<u8>], folders: Text, name: Text) -> Option<Text<'r>> {
    let is_here = matches!(folders.first(), b':' | 0);
    let slash = if is_here { Text::EMPTY } else { Text::from(c"/") };
    join(room, &[folders, slash], b':', name)
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
    let mut start = [MaybeUninit::uninit(); 128];
    let Ok(start) = File::open(program).and_then(|file| file.read(&mut start)) else { return false };
    let first = start.iter().find(|byte| matches!(byte, 0 | b'\n'));
    first != Some(&0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::CString;
    use std::string::String;
    use std::vec::Vec;

    /// Where `search` looks, in order, when each try answers with `errors`.
    fn tried(name: &str, path: &str, errors: &[Errno]) -> (Vec<String>, Errno) {
        let mut tried = Vec::new();
        let [name, path] = [name, path].map(|text| CString::new(text).unwrap());
        let outcome = search(Text::from(&name), Text::from(&path), &mut |candidate| {
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
        assert_eq!(tried("a:b", "/x:/y", &[]).0, ["/x/a:b", "/y/a:b"]);
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
        fn every_folder_that_fits_is_tried(folders in prop::collection::vec(
            prop_oneof!["[a-z/]{0,9}", (4090usize..4100).prop_map(|length| "x".repeat(length))],
            1..6,
        )) {
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
