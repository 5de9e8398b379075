//! The README's table of what inits do, filled in by running them: each row is a command, and a cell
//! is what it printed. With those inits installed that it is about, the table is held against them.

use std::fmt::Write;
use std::time::Duration;

use crate::generated::part;
use crate::process::{Running, command};
use crate::{BINARY, find, skipped};

/// The columns. The native binary is run under its own name.
const INITS: [&str; 5] = ["tini-rs", "tini", "dumb-init", "catatonit", "pid1"];

/// A row: what is looked at, and a command that prints what it sees. `$INIT` is the init, `$PID1`
/// runs it as PID 1 of a container.
const ROWS: [(&str, &str); 9] = [
    (
        "the processes that the program leaves may clean up",
        r#"$PID1 $INIT -- sh -c '(trap "sleep .2; echo yes >said; exit" TERM; >up; while :; do sleep .1; done) &
until [ -e up ]; do sleep .1; done'; cat said 2>/dev/null || echo no, killed"#,
    ),
    (
        "it leaves nobody behind when it is not PID 1",
        r#"$INIT -- sh -c 'setsid sh -c "echo \$\$ >up; exec sleep 9" & until [ -s up ]; do sleep .1; done' 2>/dev/null
kill -KILL $(cat up) 2>/dev/null && echo no || echo yes"#,
    ),
    (
        "a program that is stopped hears a TERM",
        r#"timeout -s KILL 3 $PID1 $INIT -- sh -c '(sleep .3; kill 1) & kill -STOP $$' >/dev/null 2>&1
[ $? = 143 ] && echo yes || echo no"#,
    ),
    (
        "USR1 reaches the program",
        r#"$PID1 $INIT -- sh -c 'trap "exit 5" USR1; (sleep .3; kill -USR1 1) & sleep 1 & wait; wait'
[ $? = 5 ] && echo yes || echo no"#,
    ),
    (
        "the program's options are its own",
        r#"[ "$($PID1 $INIT echo -l 2>/dev/null)" = -l ] && echo yes || echo no"#,
    ),
    (
        "it works where SIGCHLD is ignored",
        r#"timeout -s KILL 3 $PID1 env --ignore-signal=CHLD $INIT -- true && echo yes || echo no, hangs"#,
    ),
    (
        "it works with a closed standard input",
        r#"$PID1 $INIT -- true <&- 2>/dev/null && echo yes || echo no"#,
    ),
    (
        "a signal that is ignored stays so in the program",
        r#"(trap '' HUP; exec $PID1 $INIT -- grep SigIgn /proc/self/status) | grep -q '[13579bdf]$' && echo yes || echo no"#,
    ),
    (
        "its codes for a program that is not there, and for one that is none",
        r#"$PID1 $INIT -- /nonexistent 2>/dev/null; code=$?
$PID1 $INIT -- /etc/passwd 2>/dev/null; echo $code, $?"#,
    ),
];

/// What the command of a row prints with this init.
fn cell(command_line: &str, init: &str) -> String {
    let folder = std::env::temp_dir().join(format!("tini-rs-peers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut shell = command(["bash", "--norc", "-c", command_line]);
    shell.env("INIT", init).env("PID1", "unshare --fork --pid --mount-proc --kill-child");
    shell.current_dir(&folder);
    let ended = Running::start(shell).and_then(|running| running.finish(Duration::from_secs(60)));
    let said = ended.expect("bash").output;
    let _ = std::fs::remove_dir_all(folder);
    said.lines().last().unwrap_or_default().to_owned()
}

#[test]
fn the_table_of_inits_is_what_they_do() {
    if !nix::unistd::geteuid().is_root() {
        return skipped("not root");
    }
    let found: Vec<_> = INITS.iter().skip(1).map(|init| find(init)).collect();
    if found.iter().any(Option::is_none) {
        return;
    }
    let others = found.into_iter().flatten().map(|path| path.display().to_string());
    let paths: Vec<String> = [BINARY.to_owned()].into_iter().chain(others).collect();

    let mut text = format!("| | | {} |\n|{}\n", INITS.join(" | "), " --- |".repeat(INITS.len() + 2));
    for (letter, (what, line)) in ('a'..).zip(ROWS) {
        let cells: Vec<String> = paths.iter().map(|path| cell(line, path)).collect();
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{what}: {cells:?}");
        writeln!(text, "| {letter} | {what} | {} |", cells.join(" | ")).expect("a string");
    }
    text += "\n<details><summary>The commands, as root, with INIT the init and PID1 \
             <code>unshare --fork --pid --mount-proc --kill-child</code></summary>\n\n```sh\n";
    for (letter, (_, line)) in ('a'..).zip(ROWS) {
        writeln!(text, "# {letter}\n{line}").expect("a string");
    }
    text += "```\n\n</details>\n";
    part("README.md", ["<!-- inits -->", "<!-- /inits -->"], &text);
}
