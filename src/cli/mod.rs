//! What the init was asked to do: argv and environment in, a [`Config`] out.
//!
//! Parsing decides nothing but what the words mean; it starts nothing and knows no
//! system call. An option beats the environment; the environment says the same
//! things in variables, since `docker run --init` passes no options.

use core::fmt::{self, Display, Formatter};
use core::ops::ControlFlow;

use crate::exit::Remap;
use crate::signal::Signal;
use crate::supervisor::Policy;
use crate::sys::{Strings, Text};
use crate::text::{Name, cut, each_part, number};

mod help;
mod options;
mod values;

pub use help::{Print, help, license, version};
pub use options::{NATIVE, Opt, Setting};

use options::FOREIGN_VARIABLES;

/// Everything a run depends on.
#[derive(Clone, Copy)]
pub struct Config<'a> {
    /// What is done when.
    pub policy: Policy,
    /// Which of the program's exit codes are told as others (`-e`).
    pub remap: Remap,
    /// The program stays in the init's process group, and signals go to it alone (`-c`).
    pub single_child: bool,
    /// The signal to receive when the parent dies (`-p`).
    pub parent_death_signal: Option<Signal>,
    /// Warn of each orphan collected (`-w`).
    pub warn_on_reap: bool,
    /// 0 errors, 1 warnings, 2 what is done, 3 details, 4 everything.
    pub verbosity: u8,
    /// The program and its arguments.
    pub program: Strings<'a>,
    /// The environment, for the program as it is.
    pub environment: Strings<'a>,
    /// The value of PATH, if it is set.
    pub path: Option<Text<'a>>,
    /// Where in `environment` LISTEN_PID and WATCHDOG_PID stand.
    pub pid_variables: [Option<Strings<'a>>; PID_VARIABLES.len()],
}

/// The variables that name the process that they are for (`sd_listen_fds(3)`,
/// `sd_watchdog_enabled(3)`).
pub const PID_VARIABLES: [&str; 2] = ["LISTEN_PID=", "WATCHDOG_PID="];

impl<'a> Config<'a> {
    /// Warnings are shown, the rest is not.
    pub const VERBOSITY: u8 = 1;
    const MOST_VERBOSE: u8 = 4;

    /// The settings without any option or variable.
    #[must_use]
    pub fn new(program: Strings<'a>, environment: Strings<'a>) -> Config<'a> {
        Config {
            policy: Policy::default(),
            remap: Remap::default(),
            single_child: false,
            parent_death_signal: None,
            warn_on_reap: false,
            verbosity: Config::VERBOSITY,
            program,
            environment,
            path: None,
            pid_variables: [None; PID_VARIABLES.len()],
        }
    }
}

/// What was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// To run the program.
    Run,
    /// To print the options, and exit.
    Help,
    /// To print the version, and exit.
    Version,
    /// To print the licence, and exit.
    License,
}

/// Why the words could not be understood. Displayed as one line: what was given,
/// what is accepted.
#[derive(Clone, Copy, Debug)]
pub enum UsageError<'a> {
    /// No option has this letter.
    UnknownLetter(u8),
    /// No option has this long name.
    UnknownOption(&'a [u8]),
    /// More than one has a long name that begins so.
    AmbiguousOption(&'a [u8]),
    /// It takes a value, and there is none.
    MissingValue(&'static Opt),
    /// It takes none, and there is this one.
    UnexpectedValue(&'static Opt, &'a [u8]),
    /// It was given a value that it can't take.
    BadOption(&'static Opt, &'a [u8]),
    /// Its variable was.
    BadVariable(&'static Opt, &'a [u8]),
    /// There is nothing to run.
    NoProgram,
}

impl Display for UsageError<'_> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let accepted = |option: &Opt| Name(option.setting.accepted().as_bytes());
        match *self {
            UsageError::UnknownLetter(letter) => unusable(f, "unknown option", "-", &[letter]),
            UsageError::UnknownOption(given) => unusable(f, "unknown option", "--", given),
            UsageError::AmbiguousOption(given) => {
                unusable(f, "more than one option begins with", "--", given)
            }
            UsageError::MissingValue(option) => {
                write!(f, "option {option} needs a value: {}", accepted(option))
            }
            UsageError::UnexpectedValue(option, given) => {
                write!(f, "option {option} takes no value, but was given \"{}\"", Name(given))
            }
            UsageError::BadOption(option, given) => {
                write!(f, "option {option}: \"{}\" is not {}", Name(given), accepted(option))
            }
            UsageError::BadVariable(option, given) => {
                write!(f, "{}: \"{}\" is not {}", Name(option.variable()), Name(given), accepted(option))
            }
            UsageError::NoProgram => {
                f.write_str("no program was given; usage: tini-rs [OPTIONS] [--] PROGRAM [ARGS...]")
            }
        }
    }
}

#[inline(never)]
fn unusable(f: &mut Formatter, what: &str, dashes: &str, given: &[u8]) -> fmt::Result {
    let (what, dashes) = (Name(what.as_bytes()), Name(dashes.as_bytes()));
    write!(f, "{what} \"{dashes}{}\"; --help lists the options", Name(given))
}

/// `-t (--grace-period)`
impl Display for Opt {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write!(f, "-{} (--{})", Name(&[self.short]), Name(self.long()))
    }
}

/// Reads argv, then the environment for what argv leaves open, into `config`.
///
/// # Errors
/// The first word that could not be understood.
pub fn parse<'a>(argv: Strings<'a>, config: &mut Config<'a>) -> Result<Request, UsageError<'a>> {
    let mut reader = Reader { config, given: 0 };
    let request = reader.options(argv)?;
    if request == Request::Run {
        reader.variables()?;
    }
    Ok(request)
}

struct Reader<'c, 'a> {
    config: &'c mut Config<'a>,
    /// The settings that options made, a bit each.
    given: u32,
}

impl<'a> Reader<'_, 'a> {
    /// Up to the program, the first word that is no option (POSIX, "Utility Syntax
    /// Guidelines", 9).
    fn options(&mut self, argv: Strings<'a>) -> Result<Request, UsageError<'a>> {
        let (_, mut rest) = argv.split_first().ok_or(UsageError::NoProgram)?;
        loop {
            let (word, after) = rest.split_first().ok_or(UsageError::NoProgram)?;
            let request = if let Some(long) = word.strip_prefix(b"--") {
                rest = after;
                if long.is_empty() {
                    break;
                }
                self.long_option(long.bytes(), &mut rest)?
            } else if let Some(letters) = word.strip_prefix(b"-")
                && !letters.is_empty()
            {
                rest = after;
                self.letters(letters.bytes(), &mut rest)?
            } else {
                break;
            };
            if request != Request::Run {
                return Ok(request);
            }
        }
        if rest.split_first().is_none() {
            return Err(UsageError::NoProgram);
        }
        self.config.program = rest;
        Ok(Request::Run)
    }

    /// `-vvt5s`, `-t 5s`
    fn letters(&mut self, mut letters: &'a [u8], rest: &mut Strings<'a>) -> Result<Request, UsageError<'a>> {
        while let Some((letter, after)) = letters.split_first() {
            letters = after;
            let mut known = NATIVE.iter();
            let option = known.find(|option| option.short == *letter);
            let option = option.ok_or(UsageError::UnknownLetter(*letter))?;
            let attached = !option.value().is_empty() && !letters.is_empty();
            let value = attached.then(|| core::mem::take(&mut letters));
            let request = self.option(option, value, rest)?;
            if request != Request::Run {
                return Ok(request);
            }
        }
        Ok(Request::Run)
    }

    /// `--grace-period=5s`, `--grace-period 5s`, `--gr 5s`
    fn long_option(&mut self, word: &'a [u8], rest: &mut Strings<'a>) -> Result<Request, UsageError<'a>> {
        let (name, value) = cut(word, b'=');
        let mut found: Option<&Opt> = None;
        for option in &NATIVE {
            if option.long() == name {
                found = Some(option);
                break;
            }
            if option.long().starts_with(name) {
                if found.is_some_and(|other| other.setting != option.setting) {
                    return Err(UsageError::AmbiguousOption(name));
                }
                found = Some(option);
            }
        }
        let option = found.ok_or(UsageError::UnknownOption(name))?;
        if let Some(value) = value
            && option.value().is_empty()
        {
            return Err(UsageError::UnexpectedValue(option, value));
        }
        self.option(option, value, rest)
    }

    fn option(
        &mut self,
        option: &'static Opt,
        attached: Option<&'a [u8]>,
        rest: &mut Strings<'a>,
    ) -> Result<Request, UsageError<'a>> {
        let value = match attached {
            Some(value) => value,
            None if option.value().is_empty() => b"",
            None => {
                let (value, after) = rest.split_first().ok_or(UsageError::MissingValue(option))?;
                *rest = after;
                value.bytes()
            }
        };
        self.given |= option.setting.bit();
        let config = &mut *self.config;
        match option.setting {
            Setting::Help => return Ok(Request::Help),
            Setting::Version => return Ok(Request::Version),
            Setting::License => return Ok(Request::License),
            Setting::Verbose => {
                config.verbosity = config.verbosity.saturating_add(1).min(Config::MOST_VERBOSE)
            }
            Setting::Quiet => config.verbosity = config.verbosity.saturating_sub(1),
            Setting::Subreaper => {}
            Setting::ProcessGroup => config.single_child = false,
            Setting::SingleChild => config.single_child = true,
            Setting::WarnOnReap => config.warn_on_reap = true,
            Setting::GracePeriod | Setting::ParentDeathSignal | Setting::Rewrite | Setting::RemapExit => {
                self.value(option.setting, value).ok_or(UsageError::BadOption(option, value))?;
            }
        }
        Ok(Request::Run)
    }

    /// One walk over the environment, looking at first letters before more.
    fn variables(&mut self) -> Result<(), UsageError<'a>> {
        for (variable, place) in self.config.environment {
            match variable.first() {
                b'P' => {
                    if let Some(value) = variable.strip_prefix(b"PATH=") {
                        self.config.path = Some(value);
                    }
                }
                b'L' | b'W' => {
                    let places = self.config.pid_variables.iter_mut();
                    for (kept, name) in places.zip(PID_VARIABLES) {
                        if variable.strip_prefix(name.as_bytes()).is_some() {
                            *kept = Some(place);
                        }
                    }
                }
                b'T' | b'D' | b'C' => self.variable(variable)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn variable(&mut self, variable: Text<'a>) -> Result<(), UsageError<'a>> {
        for option in NATIVE.iter().filter(|option| !option.variable().is_empty()) {
            if let Some(value) =
                variable.strip_prefix(option.variable()).and_then(|rest| rest.strip_prefix(b"="))
            {
                if self.given & option.setting.overriding() == 0 {
                    let value = value.bytes();
                    self.set(option.setting, value).ok_or(UsageError::BadVariable(option, value))?;
                }
                return Ok(());
            }
        }
        for (name, setting) in FOREIGN_VARIABLES {
            if let Some(rest) = variable.strip_prefix(name.as_bytes())
                && (rest.is_empty() || name.ends_with('='))
                && self.given & setting.overriding() == 0
            {
                match setting {
                    Setting::SingleChild => self.config.single_child = true,
                    _ => self.config.verbosity = self.config.verbosity.max(3),
                }
            }
        }
        Ok(())
    }

    /// What a variable says.
    fn set(&mut self, setting: Setting, value: &'a [u8]) -> Option<()> {
        let on = values::boolean(value);
        let config = &mut *self.config;
        match setting {
            Setting::ProcessGroup => config.single_child |= !on,
            Setting::SingleChild => config.single_child |= on,
            Setting::WarnOnReap => config.warn_on_reap = on,
            Setting::Verbose => {
                let level = number(value).filter(|n| *n <= u32::from(Config::MOST_VERBOSE))?;
                config.verbosity = level as u8;
            }
            Setting::Rewrite | Setting::RemapExit => {
                let mut outcome = Some(());
                each_part(value, b',', &mut |rule| {
                    outcome = self.value(setting, rule);
                    if outcome.is_some() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                });
                outcome?;
            }
            _ => self.value(setting, value)?,
        }
        Some(())
    }

    /// What the value of an option says; nothing if it can't be understood.
    fn value(&mut self, setting: Setting, value: &[u8]) -> Option<()> {
        let config = &mut *self.config;
        match setting {
            Setting::GracePeriod => config.policy.grace_period = Some(values::duration(value)?),
            Setting::ParentDeathSignal => config.parent_death_signal = Some(Signal::parse(value)?),
            Setting::Rewrite => {
                let (from, to) = values::rewrite(value)?;
                config.policy.rewrite.set(from, to);
            }
            Setting::RemapExit => {
                let (from, to) = values::remap(value)?;
                config.remap.set(from, to);
            }
            _ => {}
        }
        Some(())
    }
}
