//! What a supervision is set up with: from code, from the environment, from words
//! like the binary's. What the words mean is `tini_rs`'s business alone.

use std::ffi::{CString, OsStr, OsString};
use std::fmt::{self, Display, Formatter};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::time::Duration;

use tini_rs::cli::{self, Personality, Reach, Request};
use tini_rs::exit::{ExitCode, Remap};
use tini_rs::signal::Signal;
use tini_rs::supervisor::Policy;
use tini_rs::sys::{Id, Text};

use crate::sys::Words;

/// How a program is supervised. The defaults are the binary's.
#[derive(Clone, Debug)]
pub struct Config {
    policy: Policy,
    remap: Remap,
    reach: Reach,
    parent_death_signal: Option<Signal>,
    warn_on_reap: bool,
    verbosity: u8,
    user: Id,
    group: Id,
    directory: Option<CString>,
    always: bool,
    pub(crate) program: Vec<OsString>,
    pub(crate) added_variables: Vec<(OsString, OsString)>,
}

/// What words like the binary's ask for, see [`Config::from_args`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Asked {
    /// To run a program this way.
    Run(Box<Config>),
    /// To print this text and exit: help, version or licence.
    Print(String),
}

/// Why words could not be understood: what was given, what is accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UsageError(String);

impl Display for UsageError {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// Of the binary under its own name.
pub(crate) fn personality() -> &'static Personality {
    Personality::of(Text::from(c"tini-rs"))
}

impl Default for Config {
    fn default() -> Config {
        Config::new()
    }
}

impl Config {
    /// The defaults, whatever the environment says.
    #[must_use]
    pub fn new() -> Config {
        let mut words = Words::new(Vec::new(), Vec::new());
        let (program, environment) = words.strings();
        Config::copied_from(&cli::Config::new(personality(), program, environment))
    }

    /// The defaults and what the environment says in the binary's variables,
    /// `TINI_GRACE_PERIOD=10s` and so on.
    ///
    /// # Errors
    /// The first variable whose value can't be understood.
    pub fn from_env() -> Result<Config, UsageError> {
        match Config::from_args(["", "--", "program"])? {
            Asked::Run(mut config) => {
                config.program.clear();
                Ok(*config)
            }
            Asked::Print(text) => Err(UsageError(text)),
        }
    }

    /// What `args` say, which are the binary's: its name, options, `--`, a program and
    /// its arguments ([`Config::program`]); and what the environment says besides.
    ///
    /// # Errors
    /// The first word or variable that can't be understood.
    pub fn from_args<S: Into<OsString>>(args: impl IntoIterator<Item = S>) -> Result<Asked, UsageError> {
        let argv = args.into_iter().map(|word| c_string(word.into())).collect::<Result<_, _>>()?;
        let mut environment = Vec::new();
        for (name, value) in std::env::vars_os() {
            environment.push(c_string(joined(&name, &value))?);
        }
        let mut words = Words::new(argv, environment);
        let (argv, environment) = words.strings();
        let mut config = cli::Config::new(personality(), argv, environment);
        let request = match cli::parse(personality(), argv, &mut config) {
            Ok(Request::Run) => return Ok(Asked::Run(Box::new(Config::copied_from(&config)))),
            Ok(request) => request,
            Err(error) => return Err(UsageError(error.to_string())),
        };
        let mut text = Vec::new();
        cli::print(personality(), request, &mut |piece| text.extend_from_slice(piece));
        Ok(Asked::Print(String::from_utf8_lossy(&text).into_owned()))
    }

    fn copied_from(config: &cli::Config) -> Config {
        let bytes = |text: Text| OsString::from_vec(text.bytes().to_vec());
        let own = |text: &Text| std::env::vars_os().any(|(n, v)| joined(&n, &v).as_bytes() == text.bytes());
        let added = config.environment.map(|(text, _)| text).filter(|text| !own(text));
        let cut = |text: Text| {
            let text = bytes(text).into_vec();
            let equals = text.iter().position(|byte| *byte == b'=')?;
            let (name, value) = (text.get(..equals)?, text.get(equals + 1..)?);
            Some((OsString::from_vec(name.to_vec()), OsString::from_vec(value.to_vec())))
        };
        Config {
            policy: config.policy,
            remap: config.remap,
            reach: config.reach,
            parent_death_signal: config.parent_death_signal,
            warn_on_reap: config.warn_on_reap,
            verbosity: config.verbosity,
            user: config.user,
            group: config.group,
            directory: config.directory.and_then(|text| CString::new(text.bytes()).ok()),
            always: false,
            program: config.program.map(|(text, _)| bytes(text)).collect(),
            added_variables: added.filter_map(cut).collect(),
        }
    }

    /// This configuration as the library has it, with `words` for what it borrows.
    pub(crate) fn lend<'a>(&'a self, words: &'a mut Words) -> cli::Config<'a> {
        let (program, environment) = words.strings();
        let mut config = cli::Config::new(personality(), program, environment);
        config.policy = self.policy;
        // There is a program: the caller, or what it spawns.
        config.policy.pause = false;
        config.remap = self.remap;
        config.reach = self.reach;
        config.parent_death_signal = self.parent_death_signal;
        config.warn_on_reap = self.warn_on_reap;
        config.verbosity = self.verbosity;
        config.user = self.user;
        config.group = self.group;
        config.directory = self.directory.as_deref().map(Text::from);
        config
    }

    /// How long a shutdown may take before everybody left gets SIGKILL. Zero: no
    /// waiting for the rest, and no killing. By default the program has all the time
    /// it wants and the rest 2 s.
    #[must_use]
    pub fn grace_period(mut self, limit: Duration) -> Config {
        self.policy.grace_period = Some(limit.into());
        self
    }

    /// `from` is passed on as `to`, or not at all. The last rule for a signal counts.
    #[must_use]
    pub fn rewrite(mut self, from: Signal, to: Option<Signal>) -> Config {
        self.policy.rewrite.set(from, to);
        self
    }

    /// The program's end is no shutdown: the others go on until they end by themselves.
    #[must_use]
    pub fn wait_all(mut self, wait: bool) -> Config {
        self.policy.wait_all = wait;
        self
    }

    /// The program's exit code `from` is told as `to`.
    #[must_use]
    pub fn remap_exit(mut self, from: ExitCode, to: ExitCode) -> Config {
        self.remap.set(from, to);
        self
    }

    /// Whom signals go to, and where the program is put for that. By default it leads
    /// a process group of its own, and signals go to the group.
    #[must_use]
    pub fn reach(mut self, reach: Reach) -> Config {
        self.reach = reach;
        if reach == Reach::Session {
            self.policy.rewrite.stop_for_sure();
        }
        self
    }

    /// The init receives `signal`, and so passes it on, when its parent dies. For the
    /// kernel the parent of what [`Init::spawn`](crate::Init::spawn) starts is the
    /// calling thread (`PR_SET_PDEATHSIG(2const)`).
    #[must_use]
    pub fn parent_death_signal(mut self, signal: Signal) -> Config {
        self.parent_death_signal = Some(signal);
        self
    }

    /// Warn of each orphan collected.
    #[must_use]
    pub fn warn_on_reap(mut self, warn: bool) -> Config {
        self.warn_on_reap = warn;
        self
    }

    /// How much is said: 0 errors, 1 warnings (the default), 2 what is done, 3 details.
    #[must_use]
    pub fn verbosity(mut self, verbosity: u8) -> Config {
        self.verbosity = verbosity;
        self
    }

    /// The user and the group that the program runs as; the init keeps its own.
    #[must_use]
    pub fn user(mut self, user: u32, group: u32) -> Config {
        (self.user, self.group) = (Id(user), Id(group));
        self
    }

    /// [`become_init`](crate::become_init) forks even if the process is not PID 1.
    #[must_use]
    pub fn always(mut self, always: bool) -> Config {
        self.always = always;
        self
    }

    pub(crate) fn directory(&self) -> Option<&std::ffi::CStr> {
        self.directory.as_deref()
    }

    pub(crate) fn place(&self) -> (Reach, Id, Id) {
        (self.reach, self.user, self.group)
    }

    pub(crate) fn is_for_everybody(&self) -> bool {
        self.always
    }

    pub(crate) fn remapped(&self, code: ExitCode) -> ExitCode {
        self.remap.apply(code)
    }

    /// The program and its arguments, if the configuration came from words.
    #[must_use]
    pub fn program(&self) -> &[OsString] {
        &self.program
    }
}

fn joined(name: &OsStr, value: &OsStr) -> OsString {
    let mut variable = name.to_owned();
    variable.push("=");
    variable.push(value);
    variable
}

fn c_string(word: OsString) -> Result<CString, UsageError> {
    CString::new(word.into_vec()).map_err(|_| UsageError("a word with a null byte in it".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str]) -> Config {
        match Config::from_args(words.iter().copied()) {
            Ok(Asked::Run(config)) => *config,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn words_mean_what_they_mean_to_the_binary() {
        let config = run(&[
            "init",
            "-c",
            "-t5s",
            "-rHUP:0",
            "-e143",
            "--user",
            "1:2",
            "--workdir",
            "/x",
            "--",
            "a",
            "-b",
        ]);
        assert_eq!(config.policy.grace_period, Some(Duration::from_secs(5).into()));
        assert_eq!(config.policy.rewrite.apply(Signal::HUP), None);
        assert_eq!(config.remap.apply(ExitCode::new(143)), ExitCode::SUCCESS);
        assert_eq!((config.user, config.group), (Id(1), Id(2)));
        assert_eq!(config.directory.as_deref(), Some(c"/x"));
        assert_eq!(config.reach, Reach::Program);
        assert_eq!(config.program(), ["a", "-b"]);
    }

    #[test]
    fn variables_for_the_program_are_kept_with_the_last_of_a_name() {
        let config =
            run(&["init", "--env", "EMBED_A=1", "--env", "EMBED_B=2=3", "--env", "EMBED_A=4", "--", "a"]);
        let mut added = config.added_variables;
        added.sort();
        let expected = [("EMBED_A", "4"), ("EMBED_B", "2=3")].map(|(n, v)| (n.into(), v.into()));
        assert_eq!(added, expected);
    }

    #[test]
    fn what_is_not_understood_is_named_and_help_is_text() {
        let error = Config::from_args(["init", "-t", "soon", "--", "a"]).unwrap_err().to_string();
        assert!(error.contains("soon") && error.contains("grace-period"), "{error}");
        assert!(Config::from_args(["init"]).is_err(), "no program");
        match Config::from_args(["init", "--help"]) {
            Ok(Asked::Print(text)) => assert!(text.contains("--grace-period"), "{text}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_builder_and_words_agree() {
        let built = Config::new().grace_period(Duration::from_secs(5)).reach(Reach::Session);
        let read = run(&["init", "-S", "-t", "5", "--", "a"]);
        assert_eq!(format!("{:?}", built.policy), format!("{:?}", read.policy));
        assert_eq!(built.reach, read.reach);
    }
}
