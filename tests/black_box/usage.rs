//! The command line and the environment: what is understood is done, what is not is said in one
//! line before anything is started.

use std::path::Path;
use std::process::Command;

use crate::support::{
    Container, LIMIT, Outcome, Report, Scratch, given_init, log_line, probe_command, probe_path, require_root,
};

/// Requires that nothing was started, and that one line says why.
#[track_caller]
fn expect_refusal(container: Container, what: &str, texts: &[&str]) {
    let outcome = container.run();
    assert_eq!(outcome.code(), 1, "{what}: {outcome:#?}");
    assert_eq!(outcome.stdout, "", "{what}");
    outcome.expect_one_line("ERROR", texts);
}

#[test]
fn a_bad_option_is_refused_in_one_line() {
    let cases: [(&[&str], &[&str]); 36] = [
        // Not an option.
        (&["-x"], &["-x", "--help"]),
        (&["-vx"], &["-x"]),
        (&["--nonsense"], &["--nonsense", "--help"]),
        (&["--nonsense=3"], &["--nonsense"]),
        (&["--grace-periods=3"], &["--grace-periods"]),
        // More than one option begins like this.
        (&["--s"], &["--s"]),
        (&["--ver"], &["--ver"]),
        // A value that the option does not take.
        (&["--verbose=3"], &["--verbose", "3"]),
        (&["--single-child=no"], &["--single-child", "no"]),
        // A value that it cannot take.
        (&["-t", "soon"], &["-t", "soon", "10s"]),
        (&["-t", "5x"], &["-t", "5x"]),
        (&["-t", ""], &["-t", "10s"]),
        (&["-t", "-1"], &["-t", "-1"]),
        (&["-t1.5"], &["-t", "1.5"]),
        (&["-t99999999999999999999"], &["-t", "99999999999999999999"]),
        (&["--grace-period", "10 s"], &["--grace-period", "10 s"]),
        (&["--grace-period="], &["--grace-period"]),
        (&["-p", "NONSENSE"], &["-p", "NONSENSE", "TERM"]),
        (&["-p", "65"], &["-p", "65"]),
        (&["-p", "0"], &["-p", "0"]),
        (&["-p", "RTMIN+31"], &["-p", "RTMIN+31"]),
        (&["-p", ""], &["-p"]),
        (&["-r", "TERM"], &["-r", "TERM", "SIGNAL"]),
        (&["-r", "TERM:"], &["-r", "TERM:"]),
        (&["-r", "TERM:NONSENSE"], &["-r", "TERM:NONSENSE"]),
        (&["-r", "TERM:QUIT:HUP"], &["-r", "TERM:QUIT:HUP"]),
        (&["-r", "KILL:TERM"], &["-r", "KILL:TERM"]),
        (&["-r", "STOP:TERM"], &["-r", "STOP:TERM"]),
        (&["-r", "CHLD:TERM"], &["-r", "CHLD:TERM"]),
        (&["-r", "0:15"], &["-r", "0:15"]),
        (&["-e", "256"], &["-e", "256", "255"]),
        (&["-e", "-1"], &["-e", "-1"]),
        (&["-e", "one"], &["-e", "one"]),
        (&["-e", ""], &["-e"]),
        (&["-e", "1:256"], &["-e", "1:256"]),
        (&["-e1:"], &["-e", "1:"]),
    ];
    let scratch = Scratch::new();
    let witness = scratch.join("witness");
    for (options, texts) in cases {
        let container = Container::as_subreaper()
            .options(options.iter().copied())
            .probe(&format!("touch {}", witness.display()));
        expect_refusal(container, &format!("{options:?}"), texts);
        assert!(!witness.exists(), "{options:?} has started the program");
    }
}

#[test]
fn an_option_without_its_value_and_a_missing_program_are_refused_in_one_line() {
    let cases: [(&[&str], &[&str]); 10] = [
        (&["-t"], &["-t", "10s"]),
        (&["-vt"], &["-t"]),
        (&["-p"], &["-p", "TERM"]),
        (&["-r"], &["-r", "SIGNAL"]),
        (&["-e"], &["-e", "255"]),
        (&["--grace-period"], &["--grace-period"]),
        (&[], &["no program", "usage"]),
        (&["--"], &["no program"]),
        (&["-v"], &["no program"]),
        (&["-t", "5s", "--"], &["no program"]),
    ];
    for (arguments, texts) in cases {
        let container = Container::as_subreaper().arguments(arguments.iter().copied());
        expect_refusal(container, &format!("{arguments:?}"), texts);
    }
}

#[test]
fn a_bad_variable_is_refused_in_one_line() {
    let cases = [
        ("TINI_GRACE_PERIOD", "soon", "10s"),
        ("TINI_GRACE_PERIOD", "5x", "10s"),
        ("TINI_PARENT_DEATH_SIGNAL", "NONSENSE", "TERM"),
        ("TINI_PARENT_DEATH_SIGNAL", "65", "64"),
        ("TINI_REWRITE", "TERM", "SIGNAL"),
        ("TINI_REWRITE", "TERM:QUIT,KILL:HUP", "SIGNAL"),
        ("TINI_REMAP_EXIT", "143,999", "255"),
        ("TINI_REMAP_EXIT", "one", "255"),
        ("TINI_VERBOSITY", "much", "4"),
        ("TINI_VERBOSITY", "-1", "4"),
    ];
    let scratch = Scratch::new();
    let witness = scratch.join("witness");
    for (name, value, accepted) in cases {
        // Of a list it is enough to name the item.
        let bad = value.rsplit(',').next().unwrap_or(value);
        let container =
            Container::as_subreaper().env(name, value).probe(&format!("touch {}", witness.display()));
        expect_refusal(container, &format!("{name}={value}"), &[name, bad, accepted]);
        assert!(!witness.exists(), "{name}={value} has started the program");
    }
}

#[test]
fn an_option_beats_a_bad_or_another_variable() {
    require_root!();
    let with = |name: &str, value: &str, options: &[&str]| {
        Container::as_pid_1().env(name, value).options(options.iter().copied())
    };
    // First what the variable does alone, last a bad one.
    for (value, options, code) in [
        ("7:9", &[][..], 9),
        ("7:9", &["-e", "7:3"], 3),
        ("7:9", &["-e", "8:3"], 7),
        ("7:9,one", &["-e", "7:3"], 3),
    ] {
        with("TINI_REMAP_EXIT", value, options).probe("exit 7").run().expect_code(code);
    }
    for (value, options, has_time) in [
        ("0", &[][..], false),
        ("0", &["-t", "20s"], true),
        ("20s", &["-t0"], false),
        ("soon", &["-t20s"], true),
    ] {
        let script = "block TERM; daemon { cleanup 200 }; exit 7";
        let outcome = with("TINI_GRACE_PERIOD", value, options).probe(script).run().expect_code(7);
        assert_eq!(outcome.stdout.contains("clean"), has_time, "{value} {options:?} {outcome:#?}");
    }
    for (value, options, code) in [
        ("USR1:TERM", &[][..], 143),
        ("USR1:TERM", &["-r", "USR1:HUP"], 129),
        ("USR1", &["-r", "USR1:HUP"], 129),
    ] {
        let mut run = with("TINI_REWRITE", value, options).probe("say ready; pause").start();
        run.wait_for_line("ready");
        run.signal(libc::SIGUSR1);
        run.wait(LIMIT).expect_code(code);
    }
    for (name, option) in [("TINI_PARENT_DEATH_SIGNAL", "-pTERM"), ("TINI_VERBOSITY", "-q")] {
        with(name, "nonsense", &[option]).probe("exit 7").run().expect_code(7).expect_silence();
    }
    assert!(leads_a_group(Container::as_pid_1().env("TINI_SINGLE_CHILD", "1").options(["-g"])));
    assert!(!leads_a_group(Container::as_pid_1().env("TINI_KILL_PROCESS_GROUP", "1").options(["-c"])));
    let loud = Container::as_pid_1().env("TINI_VERBOSITY", "4");
    loud.options(["-q"]).probe("orphans 3").run().expect_code(0).expect_silence();
}

#[test]
fn options_end_at_the_first_word_that_is_none() {
    require_root!();
    let words = ["-l", "--version", "-h", "--", "-x", "--nonsense", "-t"];
    for (before, after) in
        [(&[][..], &words[..]), (&["--"], &words), (&["-g"], &words), (&["-g", "--"], &words)]
    {
        let before = before.iter().map(|word| (*word).into());
        let arguments = before.chain(probe_command("status")).chain(after.iter().map(|word| (*word).into()));
        let outcome =
            Container::as_pid_1().probing().arguments(arguments).run().expect_code(0).expect_silence();
        assert_eq!(Report::read(&outcome.stdout).all("arg"), words);
    }
    // Only the first -- is the init's.
    let outcome = Container::as_pid_1().arguments(["--", "--"]).run().expect_code(127);
    outcome.expect_one_line("ERROR", &["--"]);
    // A single - is a name.
    let outcome = Container::as_pid_1().arguments(["-", "x"]).run().expect_code(127);
    outcome.expect_one_line("ERROR", &["-"]);
}

#[test]
fn options_can_be_written_in_all_the_usual_ways() {
    require_root!();
    let ways: [&[&str]; 17] = [
        &["-e", "7"],
        &["-e7"],
        &["-ge7"],
        &["-sge7"],
        &["-sg", "-e7"],
        &["-gse", "7"],
        &["-e7:0"],
        &["--remap-exit", "7"],
        &["--remap-exit=7"],
        &["--remap", "7"],
        &["--rem=7"],
        &["-t5s", "-e7"],
        &["-t", "1m30s", "-e7"],
        &["--grace-period=500ms", "-e7"],
        &["--grace", "5", "-e7"],
        &["-r", "TERM:QUIT", "-rHUP:0", "--rewrite=USR1:none", "-rRTMIN+3:15", "-e7"],
        &["-pSIGTERM", "-e7", "-q"],
    ];
    for options in ways {
        Container::as_pid_1()
            .options(options.iter().copied())
            .probe("exit 7")
            .run()
            .expect_code(0)
            .expect_silence();
    }
    let outcome = Container::as_pid_1().options(["-vvge7"]).probe("exit 7").run().expect_code(0);
    assert!(outcome.stderr.lines().all(|line| log_line(line).is_some()), "{outcome:#?}");
    assert_ne!(outcome.stderr, "");
}

#[test]
fn every_value_can_be_given_by_environment() {
    require_root!();
    for (name, value) in [
        ("TINI_GRACE_PERIOD", "10s"),
        ("TINI_GRACE_PERIOD", "1m30s"),
        ("TINI_KILL_PROCESS_GROUP", "1"),
        ("TINI_SINGLE_CHILD", "1"),
        ("TINI_SUBREAPER", ""),
        ("TINI_PARENT_DEATH_SIGNAL", "TERM"),
        ("TINI_PARENT_DEATH_SIGNAL", "15"),
        ("TINI_REWRITE", "TERM:QUIT,15:3,HUP:none,RTMIN+3:TERM"),
        ("TINI_REMAP_EXIT", "143,130:1"),
        ("TINI_WARN_ON_REAP", "1"),
        ("TINI_VERBOSITY", "1"),
        ("TINI_UNHEARD_OF", "nonsense"),
    ] {
        let outcome = Container::as_pid_1().env(name, value).probe("exit 7").run();
        assert_eq!((outcome.code(), outcome.stderr.as_str()), (7, ""), "{name}={value}");
    }
}

/// Whether the program leads a group of its own, as it does unless it is a single child.
#[track_caller]
fn leads_a_group(container: Container) -> bool {
    let outcome = container.probe("status").run().expect_code(0).expect_silence();
    let found = Report::read(&outcome.stdout);
    found.get("pgid") == found.get("pid")
}

#[test]
fn a_variable_can_switch_off_as_well_as_on() {
    require_root!();
    let switches = [
        ("0", false),
        ("false", false),
        ("no", false),
        ("off", false),
        ("", true),
        ("1", true),
        ("true", true),
        ("yes", true),
        ("on", true),
        ("anything", true),
    ];
    for (value, is_on) in switches {
        let single = Container::as_pid_1().env("TINI_SINGLE_CHILD", value);
        assert_eq!(!leads_a_group(single), is_on, "TINI_SINGLE_CHILD={value:?}");
        let warned =
            Container::as_pid_1().env("TINI_WARN_ON_REAP", value).probe("orphans 3").run().expect_code(0);
        assert_eq!(!warned.stderr.is_empty(), is_on, "TINI_WARN_ON_REAP={value:?}");
    }
}

/// What an option prints about the init.
#[track_caller]
fn printed(option: &str) -> String {
    let Outcome { stdout, .. } =
        Container::as_subreaper().arguments([option]).run().expect_code(0).expect_silence();
    assert!(stdout.ends_with('\n'), "{option}: {stdout:?}");
    stdout
}

#[test]
fn help_version_and_licence_are_printed_on_stdout() {
    require_root!();
    for options in [&["-h", "--help"][..], &["-V", "--version"], &["-l", "-L", "--license"]] {
        let text = printed(options[0]);
        assert!(options.iter().all(|option| printed(option) == text), "{options:?}");
    }
    let help = printed("-h");
    for word in [
        "Usage: tini-rs",
        "-t, --grace-period",
        "-g, --process-group",
        "-c, --single-child",
        "-s, --subreaper",
        "-p, --parent-death-signal",
        "-r, --rewrite",
        "-e, --remap-exit",
        "-w, --warn-on-reap",
        "-v, --verbose",
        "-q, --quiet",
        "-l, --license",
        "-V, --version",
        "-h, --help",
        "TINI_GRACE_PERIOD",
        "TINI_KILL_PROCESS_GROUP",
        "TINI_VERBOSITY",
    ] {
        assert!(help.contains(word), "{word:?} is missing in\n{help}");
    }
    assert!(help.lines().all(|line| line.len() <= 100), "{help}");
    let licence = printed("-l");
    assert!(licence.contains("MIT License") && licence.contains("WITHOUT WARRANTY OF ANY KIND"));
    // The first of them counts, whatever follows.
    let outcome = Container::as_pid_1().arguments(["-v", "--version", "-x"]).run().expect_code(0);
    assert!(outcome.stdout.contains("version"));
    let program = probe_path();
    let words = ["-V".as_ref(), program.as_os_str()];
    Container::as_pid_1().arguments(words).run().expect_code(0);
}

/// Version and commit as Docker's daemon reads them from the first line of an init's output.
fn as_dockerd_reads_it(output: &str) -> Option<(&str, &str)> {
    let line = output.trim().lines().next()?;
    let mut parts = line.splitn(2, " - ");
    let version = parts.next()?.trim().strip_prefix("tini version ")?;
    let commit = parts.next().and_then(|part| match part.trim().split('.').collect::<Vec<_>>()[..] {
        ["git", commit] => Some(commit),
        _ => None,
    });
    Some((version, commit.unwrap_or_default()))
}

/// Requires the commit of this clone, if it is one and the binary was built for this test.
#[track_caller]
fn expect_own_commit(commit: &str) {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR"));
    if given_init().is_some() || !tree.join(".git").exists() {
        return;
    }
    let git = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(tree).output();
    // Without git, or where it does not trust the owner, the build knows of no commit either.
    let head = git.ok().filter(|git| git.status.success()).map_or_else(Vec::new, |git| git.stdout);
    let head = String::from_utf8_lossy(&head);
    assert_eq!(commit.is_empty(), head.is_empty(), "{commit:?} of {head:?}");
    assert!(head.starts_with(commit), "{commit:?} of {head:?}");
}

#[test]
fn dockerd_understands_the_version() {
    let text = printed("--version");
    let (version, commit) = as_dockerd_reads_it(&text).unwrap_or_else(|| panic!("{text:?}"));
    assert!(version.starts_with(env!("CARGO_PKG_VERSION")), "{text:?}");
    println!("version {version:?}, commit {commit:?}");
    expect_own_commit(commit);
    // The reading itself, by outputs of which it is known how it goes.
    assert_eq!(as_dockerd_reads_it("tini version 0.13.0 - git.949e6fa\n"), Some(("0.13.0", "949e6fa")));
    assert_eq!(as_dockerd_reads_it("tini version 0.13.0\n"), Some(("0.13.0", "")));
    assert_eq!(as_dockerd_reads_it("tini version0.13.2\n"), None);
}
