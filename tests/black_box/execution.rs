//! Finding and executing the program: as `execvp(3)` does it, and a failure told with 126 or 127
//! and one line that names the program and the reason.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::support::{Container, Outcome, PLACES, Scratch, find_tool, require, require_root};

/// A user without any rights.
const NOBODY: u32 = 65_534;

/// Why a file is of no use, in the init's words.
const NO_EXECUTABLE: &str = "Exec format error";
const NOT_FOUND: &str = "No such file";
const DENIED: &str = "Permission denied";

/// Requires that the program could not be executed, for a reason of these words.
#[track_caller]
fn expect_failure(outcome: &Outcome, code: i32, program: &str, words: &str) {
    assert_eq!(outcome.code(), code, "{program}: {outcome:#?}");
    assert_eq!(outcome.stdout, "", "{program}");
    outcome.expect_one_line("ERROR", &[program, words]);
}

#[test]
fn tells_why_a_program_cannot_be_executed() {
    require_root!();
    let scratch = Scratch::new();
    let make = |name: &str, content: &[u8], mode| {
        let path = scratch.file(name, content, mode);
        path.into_os_string().into_string().expect("a plain path")
    };
    let link = |name: &str, target: &str| {
        let path = scratch.join(name);
        symlink(target, &path).expect("a symbolic link");
        path.into_os_string().into_string().expect("a plain path")
    };
    let long = "n".repeat(300);
    let plain = make("plain", b"exit 0\n", 0o644);
    let cases = [
        // Not found: the program, what a link leads to, the interpreter.
        ("/no/such/program".to_owned(), 127, NOT_FOUND),
        ("no-such-program".to_owned(), 127, NOT_FOUND),
        ("./no-such-program".to_owned(), 127, NOT_FOUND),
        (link("dangling", "/no/such/target"), 127, NOT_FOUND),
        (make("lost", b"#!/no/such/interpreter\n", 0o755), 127, "No such file"),
        // Found, and of no use.
        ("/".to_owned(), 126, DENIED),
        ("/usr".to_owned(), 126, DENIED),
        (plain.clone(), 126, DENIED),
        (make("closed", b"#!/bin/sh\n", 0o644), 126, "Permission denied"),
        (make("elf", b"\x7fELF\0\x01\x02junk", 0o755), 126, "Exec format error"),
        (make("junk", &[0xfe, 0xed, 0, 1, 2, 3], 0o755), 126, "Exec format error"),
        (link("loop", "loop"), 126, "symbolic links"),
        (format!("{plain}/program"), 126, "Not a directory"),
        (format!("/{long}"), 126, "name too long"),
        (long, 126, "name too long"),
    ];
    for place in PLACES {
        for (program, code, words) in &cases {
            // A line of the log has its bounds, so of a very long name the start has to do.
            let shown = &program[..program.len().min(100)];
            let outcome = place().program([program]).run();
            expect_failure(&outcome, *code, shown, words);
        }
        let outcome = place().program([""]).run();
        expect_failure(&outcome, 127, "", NOT_FOUND);
    }
}

#[test]
fn tells_when_the_argument_list_is_too_long() {
    let scratch = Scratch::new();
    // The interpreter line makes the program's arguments longer than the init's own.
    let line = format!("#!/bin/sh -{}\n", "x".repeat(200));
    let script = scratch.file("script", line, 0o755);
    let init = scratch.init();
    let filled = |size: usize| {
        let filler = "y".repeat(100_000);
        let mut words = vec![script.clone().into_os_string()];
        words.extend((0..size / 100_000).map(|_| filler.clone().into()));
        words.push("y".repeat(size % 100_000).into());
        Container::as_subreaper().init(&init).name("i").program(words)
    };
    let is_too_much = |size| filled(size).try_start().is_err();
    // The kernel allows an eighth of the stack limit or more; the search finds the last size that
    // the init itself can be given.
    let (mut fits, mut too_much) = (0, 16 << 20);
    while fits + 1 < too_much {
        let middle = usize::midpoint(fits, too_much);
        if is_too_much(middle) {
            too_much = middle;
        } else {
            fits = middle;
        }
    }
    let outcome = filled(fits).run();
    expect_failure(&outcome, 126, "script", "Argument list too long");
}

#[test]
fn a_text_without_an_interpreter_line_is_run_by_the_shell() {
    require_root!();
    let scratch = Scratch::new();
    let script = scratch.file("script", "echo \"$0\" \"$@\"\nexit 9\n", 0o755);
    for place in PLACES {
        let by_path = place()
            .program([script.as_os_str(), "a b".as_ref(), "c".as_ref()])
            .run()
            .expect_code(9)
            .expect_silence();
        assert_eq!(by_path.stdout, format!("{} a b c\n", script.display()));
        let by_search = place()
            .env("PATH", scratch.path())
            .program(["script", "a b", "c"])
            .run()
            .expect_code(9)
            .expect_silence();
        assert_eq!(by_search.stdout, by_path.stdout);
    }
}

#[test]
fn a_text_is_of_no_use_where_there_is_no_shell() {
    require_root!();
    let root = Scratch::new();
    root.init();
    root.file("script", "exit 9\n", 0o755);
    let outcome = Container::as_pid_1().root(root.path()).init("/init").program(["/script"]).run();
    expect_failure(&outcome, 126, "/script", NO_EXECUTABLE);
}

#[test]
fn searches_bin_and_usr_bin_when_path_is_unset() {
    require_root!();
    for place in PLACES {
        place().without_env("PATH").program(["sh", "-c", "exit 5"]).run().expect_code(5).expect_silence();
        let outcome = place().without_env("PATH").program(["no-such-program"]).run();
        expect_failure(&outcome, 127, "no-such-program", NOT_FOUND);
    }
}

#[test]
fn an_empty_element_of_path_is_the_current_directory() {
    require_root!();
    let scratch = Scratch::new();
    scratch.file("here", "#!/bin/sh\nexit 5\n", 0o755);
    for place in PLACES {
        for path in ["", ":/no/such", "/no/such:", "/no/such::/neither", "."] {
            place()
                .env("PATH", path)
                .directory(scratch.path())
                .program(["here"])
                .run()
                .expect_code(5)
                .expect_silence();
        }
    }
}

/// A directory of programs: `open` has one, `closed` is closed to all but root, `plain` has one
/// without the right to execute it.
struct Shelf {
    scratch: Scratch,
    init: PathBuf,
}

impl Shelf {
    fn new() -> Self {
        let scratch = Scratch::new();
        let init = scratch.init();
        for (directory, mode) in [("open", 0o755), ("closed", 0o700), ("plain", 0o755)] {
            scratch.directory(directory, mode);
        }
        scratch.file("open/tool", "#!/bin/sh\nexit 5\n", 0o755);
        scratch.file("closed/tool", "#!/bin/sh\nexit 6\n", 0o755);
        scratch.file("plain/tool", "#!/bin/sh\nexit 7\n", 0o644);
        Shelf { scratch, init }
    }

    /// A run as nobody, with these directories as `PATH`.
    fn search(&self, directories: &[&str]) -> Outcome {
        let directories = directories.iter().map(|name| self.scratch.join(name));
        let path = std::env::join_paths(directories).expect("a search path");
        Container::as_pid_1().init(&self.init).user(NOBODY, NOBODY).env("PATH", path).program(["tool"]).run()
    }
}

#[test]
fn an_unusable_directory_of_path_does_not_end_the_search() {
    require_root!();
    let shelf = Shelf::new();
    for before in ["closed", "plain", "missing", "init"] {
        let outcome = shelf.search(&[before, "open"]).expect_code(5);
        assert_eq!(outcome.stderr, "", "{before}");
    }
}

#[test]
fn a_program_that_only_others_may_execute_was_found() {
    require_root!();
    let shelf = Shelf::new();
    for directories in [&["closed"][..], &["plain"], &["closed", "missing"], &["missing", "plain"]] {
        expect_failure(&shelf.search(directories), 126, "tool", DENIED);
    }
    expect_failure(&shelf.search(&["missing"]), 127, "tool", NOT_FOUND);
}

#[test]
fn works_in_an_empty_root() {
    require_root!();
    let root = Scratch::new();
    root.init();
    let bare = || Container::as_pid_1().root(root.path()).init("/init");
    // The init is the only file there is, so it is the program, too.
    type Change = fn(Container) -> Container;
    let runs: [(&str, Change); 6] = [
        ("as it is", |it| it),
        ("read-only", Container::read_only),
        ("as nobody", |it| it.user(NOBODY, NOBODY)),
        ("no_new_privs", Container::no_new_privileges),
        ("without capabilities", Container::no_capabilities),
        ("all of it", |it| it.read_only().no_capabilities().no_new_privileges().user(12_345, 54_321)),
    ];
    for (what, change) in runs {
        let outcome = change(bare()).program(["/init", "-V"]).run();
        assert_eq!(outcome.code(), 0, "{what}: {outcome:#?}");
        assert!(outcome.stdout.contains("version"), "{what}: {outcome:#?}");
        assert_eq!(outcome.stderr, "", "{what}");
    }
    bare().options(["-V"]).run().expect_code(0);
}

#[test]
fn works_in_a_root_with_nothing_but_a_static_program() {
    require_root!();
    require!("busybox");
    let root = Scratch::new();
    root.init();
    root.program("busybox", &find_tool("busybox").expect("it is installed"));
    let outcome = Container::as_pid_1()
        .root(root.path())
        .read_only()
        .init("/init")
        .program(["/busybox", "sh", "-c", "echo $$; exit 7"])
        .run()
        .expect_code(7)
        .expect_silence();
    assert_eq!(outcome.stdout, "2\n");
}
