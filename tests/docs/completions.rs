//! Completions for three shells, made from the table of options, and tried in the shells.

use std::process::Command;
use std::time::Duration;

use crate::generated::whole;
use crate::help::{self, Opt};
use crate::process::{Running, command, run};
use crate::words::about;
use crate::{PROJECT, find};

const BASH: &str = "completions/tini-rs.bash";
const ZSH: &str = "completions/_tini-rs";
const FISH: &str = "completions/tini-rs.fish";

/// The words that say that a file is made, behind the shell's mark of a comment.
const MADE: &str = "Completion for tini-rs, made from its table of options by tests/docs.\n";

/// What can stand for a value.
fn kind(option: &Opt) -> &str {
    match option.value.as_deref() {
        Some("SIG" | "SIG:SIG") => "signal",
        Some("DIR") => "directory",
        Some(_) => "value",
        None => "none",
    }
}

/// All the ways to write options of a kind: `-x` and `--long`.
fn written(of_kind: &str) -> Vec<String> {
    help::options().filter(|option| of_kind == kind(option)).flat_map(names).collect()
}

fn names(option: &Opt) -> Vec<String> {
    let letters = option.letter.into_iter().chain(about(option).other_letter);
    letters.map(|letter| format!("-{letter}")).chain([format!("--{}", option.long)]).collect()
}

fn bash() -> String {
    let all: Vec<String> = help::options().flat_map(names).collect();
    let (signal, directory, value) = (written("signal"), written("directory"), written("value"));
    format!(
        r#"# {MADE}
_tini_rs() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} place=1
    COMPREPLY=()
    # Up to the program, the first word that is no option.
    while ((place < COMP_CWORD)); do
        case ${{COMP_WORDS[place]}} in
        {with_value})
            ((place += 2))
            ;;
        --)
            ((place += 1))
            break
            ;;
        -*) ((place += 1)) ;;
        *) break ;;
        esac
    done
    if ((place > COMP_CWORD)); then
        case ${{COMP_WORDS[COMP_CWORD - 1]}} in
        {signal}) mapfile -t COMPREPLY < <(compgen -A signal -- "$word") ;;
        {directory}) mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
        esac
    elif ((place == COMP_CWORD)) && [[ $word == -* && ${{COMP_WORDS[place - 1]}} != -- ]]; then
        mapfile -t COMPREPLY < <(compgen -W "{all}" -- "$word")
    elif ((place == COMP_CWORD)); then
        mapfile -t COMPREPLY < <(compgen -c -- "$word")
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$place"
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}}
complete -o filenames -F _tini_rs tini-rs
"#,
        with_value = [signal.clone(), directory.clone(), value].concat().join(" | "),
        signal = signal.join(" | "),
        directory = directory.join(" | "),
        all = all.join(" "),
    )
}

fn zsh() -> String {
    let mut text = format!("#compdef tini-rs\n# {MADE}\n_arguments -s -S \\\n");
    for option in help::options() {
        // Quotes and brackets would end what stands in them.
        let does = option.does.replace('\'', "'\\''").replace('[', "\\[").replace(']', "\\]");
        let does = does.replace(':', "\\:");
        let value = option.value.as_deref().unwrap_or_default();
        let value = value.replace('[', "\\[").replace(']', "\\]").replace(':', "\\:");
        let takes = match kind(option) {
            "none" => String::new(),
            "signal" => format!(":{value}:_signals -s"),
            "directory" => format!(":{value}:_directories"),
            _ => format!(":{value}: "),
        };
        for name in names(option) {
            // A long name and its value may stand together; what is repeatable is not known here.
            let name = match (option.value.is_some(), name.starts_with("--")) {
                (true, true) => format!("{name}="),
                (true, false) => format!("{name}+"),
                (false, _) => name,
            };
            text += &format!("    '*{name}[{does}]{takes}' \\\n");
        }
    }
    text + "    '(-)1:program: _command_names -e' \\\n    '*::arguments: _normal'\n"
}

fn fish() -> String {
    let mut text = format!(
        "# {MADE}
# The program and its arguments, once the options have ended.
function __tini_rs_program
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case {with_value}
                set -e words[1]
                set -q words[1]
                or return 1
            case --
                set -e words[1]
                string join \\n -- $words
                return 0
            case '-*'
            case '*'
                string join \\n -- $words
                return 0
        end
        set -e words[1]
    end
    return 1
end

function __tini_rs_complete_program
    set -l words (string escape -- (__tini_rs_program)) (commandline -ct)
    complete -C (string join ' ' -- $words)
end

complete -c tini-rs -n '__tini_rs_program >/dev/null' -xa '(__tini_rs_complete_program)'
complete -c tini-rs -n 'not __tini_rs_program; and not string match -q -- \"-*\" (commandline -ct)' \
-xa '(complete -C (commandline -ct))'
",
        with_value = [written("signal"), written("directory"), written("value")].concat().join(" "),
    );
    for option in help::options() {
        let mut line = "complete -c tini-rs -n 'not __tini_rs_program'".to_owned();
        for name in names(option) {
            line += &match name.strip_prefix("--") {
                Some(long) => format!(" -l {long}"),
                None => format!(" -s {}", &name[1..]),
            };
        }
        line += match kind(option) {
            "none" => "",
            "signal" => {
                " -xa '(__fish_make_completion_signals; string replace -r \"^\\S+ \" \"\" -- $__kill_signals)'"
            }
            "directory" => " -xa '(__fish_complete_directories)'",
            _ => " -x",
        };
        text += &format!("{line} -d '{}'\n", option.does.replace('\'', "\\'"));
    }
    text
}

#[test]
fn completions_have_all_options() {
    whole(BASH, &bash());
    whole(ZSH, &zsh());
    whole(FISH, &fish());
}

/// What bash makes of a line that ends where the cursor is.
fn in_bash(line: &[&str]) -> Vec<String> {
    let script = format!(
        "source {PROJECT}/{BASH}; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _tini_rs; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let mut bash = command(["bash", "--norc", "-c", &script, "bash"]);
    bash.args(line).current_dir("/");
    let mut words: Vec<String> = run(bash).expect("bash").lines().map(str::to_owned).collect();
    // A command is found once in each folder of the PATH.
    words.dedup();
    words
}

#[test]
fn bash_completes() {
    let Some(_) = find("bash") else { return };
    assert_eq!(in_bash(&["tini-rs", "--gr"]), ["--grace-period"]);
    assert_eq!(in_bash(&["tini-rs", "-v", "--user", "7", "--wo"]), ["--workdir"]);
    assert_eq!(in_bash(&["tini-rs", "-p", "SIGTER"]), ["SIGTERM"]);
    assert_eq!(in_bash(&["tini-rs", "--workdir", "/et"]), ["/etc"]);
    assert_eq!(in_bash(&["tini-rs", "-t", "5s", "--", "unshar"]), ["unshare"]);
    assert!(in_bash(&["tini-rs", "unshare", "--gr"]).iter().all(|word| word != "--grace-period"));
    let all = in_bash(&["tini-rs", "-"]);
    assert_eq!(all.len(), help::options().map(|option| names(option).len()).sum::<usize>(), "{all:?}");
}

#[test]
fn fish_completes() {
    let Some(_) = find("fish") else { return };
    let complete = |line: &str| {
        let script = format!("source {PROJECT}/{FISH}; complete -C '{line}'");
        let said = run(command(["fish", "--no-config", "-c", &script])).expect("fish");
        said.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(complete("tini-rs --gr"), ["--grace-period"]);
    assert_eq!(complete("tini-rs -v --user 7 --wo"), ["--workdir"]);
    assert!(complete("tini-rs -p TER").contains(&"TERM".to_owned()), "{:?}", complete("tini-rs -p TER"));
    assert!(complete("tini-rs -t 5s -- unshar").contains(&"unshare".to_owned()));
    assert!(!complete("tini-rs unshare --gr").contains(&"--grace-period".to_owned()));
}

#[test]
fn zsh_completes() {
    let Some(_) = find("zsh") else { return };
    let mut zsh = Command::new("zsh");
    zsh.args(["-f", "-i"]).env("TERM", "dumb");
    let mut zsh = Running::start_on_terminal(&zsh).expect("zsh");
    let limit = Duration::from_secs(30);
    let setup = format!(
        "fpath=({PROJECT}/completions $fpath); autoload -Uz compinit; compinit -D; print 1+1=$((1+1))\n"
    );
    let mut type_and_see = |keys: &str, text: &str| {
        zsh.write(keys.as_bytes()).and_then(|()| zsh.wait_for(text, limit)).expect("zsh");
    };
    type_and_see(&setup, "1+1=2");
    // The tab completes, control and U removes the line.
    type_and_see("tini-rs --gr\t", "tini-rs --grace-period=");
    type_and_see("\x15tini-rs -v --user 7 --wo\t", "--user 7 --workdir=");
    type_and_see("\x15tini-rs -p SIGTER\t", "-p SIGTERM");
    type_and_see("\x15tini-rs -t 5s unshar\t", "-t 5s unshare");
}
