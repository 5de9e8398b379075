//! What the init was asked to do: argv and environment in, a [`Config`] out.
//!
//! Parsing decides nothing but what the words mean; it starts nothing and knows no
//! system call. An option beats the environment; the environment says the same
//! things in variables, since `docker run --init` passes no options.

use core::fmt::{self, Display, Formatter};

use crate::exit::Remap;
use crate::signal::Signal;
use crate::supervisor::Policy;
use crate::sys::{Strings, Text, add_variable};
use crate::text::{Line, Piece, cut, display, number, parts, same};

mod help;
mod options;
mod personality;
mod values;

pub use help::{Print, help, license, version};
pub use options::{NATIVE, Opt, Setting};
pub use personality::{Personality, Texts};

use options::VARIABLES_BY_NAME;

/// Whom signals go to, and where the program is put for that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// The program leads a session of its own, with the terminal; signals go to its
    /// process group.
    Session,
    /// It leads a process group of its own, and signals go to the group.
    Group,
    /// It leads a process group of its own, and signals go to it alone.
    Leader,
    /// It stays in the init's process group, and signals go to it alone.
    Program,
}

/// Everything a run depends on.
#[derive(Clone, Copy)]
pub struct Config<'a> {
    /// What is done when.
    pub policy: Policy,
    /// Which of the program's exit codes are told as others (`-e`).
    pub remap: Remap,
    /// Whom signals go to (`-g`, `-c`, `-S`).
    pub reach: Reach,
    /// The signal to receive when the parent dies (`-p`).
    pub parent_death_signal: Option<Signal>,
    /// Warn of each orphan collected (`-w`).
    pub warn_on_reap: bool,
    /// 0 errors, 1 warnings, 2 what is done, 3 details, 4 everything.
    pub verbosity: u8,
    /// The user and the group that the program runs as, the init's own if not set.
    pub user: Option<u32>,
    /// See `user`.
    pub group: Option<u32>,
    /// The directory that the program runs in, the init's own if not set.
    pub directory: Option<Text<'a>>,
    /// The program and its arguments; none in pause mode.
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
    const MOST_VERBOSE: u8 = 4;

    /// The settings of `personality` without any option or variable.
    #[must_use]
    pub fn new(personality: &Personality, program: Strings<'a>, environment: Strings<'a>) -> Config<'a> {
        Config {
            policy: Policy {
                grace_period: personality.grace_period,
                pause: personality.pauses,
                ..Policy::default()
            },
            remap: Remap::default(),
            reach: personality.reach,
            parent_death_signal: None,
            warn_on_reap: false,
            verbosity: 1,
            user: None,
            group: None,
            directory: None,
            program,
            environment,
            path: None,
            pid_variables: [None; PID_VARIABLES.len()],
        }
    }
}

impl<'a> Config<'a> {
    /// What the program was called.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        self.program.split_first().map_or(&[], |(name, _)| name.bytes())
    }
}

/// What was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// To run the program, or to pause.
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
pub struct UsageError<'a> {
    /// With `%` for the option, what was given, and what is accepted.
    template: &'static str,
    option: Option<Opt>,
    given: &'a [u8],
}

impl<'a> UsageError<'a> {
    fn of_word(template: &'static str, given: &'a [u8]) -> UsageError<'a> {
        UsageError { template, option: None, given }
    }

    fn of_option(template: &'static str, option: Opt, given: &'a [u8]) -> UsageError<'a> {
        UsageError { template, option: Some(option), given }
    }
}

const UNKNOWN_LETTER: &str = "unknown option \"-%\"; --help lists the options";
const UNKNOWN_OPTION: &str = "unknown option \"--%\"; --help lists the options";
const AMBIGUOUS_OPTION: &str = "more than one option begins with \"--%\"; --help lists the options";
const MISSING_VALUE: &str = "option % needs a value%: %";
const UNEXPECTED_VALUE: &str = "option % takes no value, but was given \"%\"";
const BAD_OPTION: &str = "option %: \"%\" is not %";
const BAD_VARIABLE: &str = "variable \"%\": its value is not %";
const NO_PROGRAM: &str = "no program was given; usage: [OPTIONS] [--] PROGRAM [ARGS...]";

impl Piece for UsageError<'_> {
    fn write(&self, line: &mut Line) {
        match &self.option {
            None => line.fill(self.template, &[&self.given]),
            Some(option) => {
                let accepted = option.setting.accepted().as_bytes();
                let pieces: [&dyn Piece; 3] = [option, &self.given, &accepted];
                let named = usize::from(core::ptr::eq(self.template, BAD_VARIABLE));
                line.fill(self.template, pieces.get(named..).unwrap_or_default());
            }
        }
    }
}

impl Display for UsageError<'_> {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        display(self, f)
    }
}

/// Reads argv, then the environment for what argv leaves open, into `config`.
///
/// # Errors
/// The first word that could not be understood.
pub fn parse<'a>(
    personality: &'static Personality,
    argv: Strings<'a>,
    config: &mut Config<'a>,
) -> Result<Request, UsageError<'a>> {
    let mut reader = Reader { personality, config, given: 0, kept: argv, additions: 0 };
    let request = reader.options(argv)?;
    if request == Request::Run {
        reader.variables()?;
        reader.add_variables();
        if reader.config.reach == Reach::Session {
            reader.config.policy.rewrite.stop_for_sure();
        }
        if !reader.config.policy.pause && reader.config.program.is_empty() {
            return Err(UsageError::of_word(NO_PROGRAM, b""));
        }
    }
    Ok(request)
}

struct Reader<'c, 'a> {
    personality: &'static Personality,
    config: &'c mut Config<'a>,
    /// The settings that options made, a bit each.
    given: u32,
    /// Where in argv the last variable for the program is kept, see `keep`, and how
    /// many there are.
    kept: Strings<'a>,
    additions: usize,
}

impl<'a> Reader<'_, 'a> {
    /// Up to the program, the first word that is no option (POSIX, "Utility Syntax
    /// Guidelines", 9).
    fn options(&mut self, argv: Strings<'a>) -> Result<Request, UsageError<'a>> {
        let (_, mut rest) = argv.split_first().ok_or(UsageError::of_word(NO_PROGRAM, b""))?;
        if self.personality.pauses {
            let asks = |word: Text| same(word.bytes(), b"-v");
            return Ok(if rest.any(|(word, _)| asks(word)) { Request::Version } else { Request::Run });
        }
        while let Some((word, after)) = rest.split_first() {
            let Some(letters) = word.strip_prefix(b"-").filter(|letters| !letters.is_empty()) else { break };
            rest = after;
            let request = match letters.strip_prefix(b"-") {
                Some(long) if long.is_empty() => break,
                Some(long) => self.long_option(long, &mut rest)?,
                None => self.letters(letters, &mut rest)?,
            };
            if request != Request::Run {
                return Ok(request);
            }
        }
        self.config.program = rest;
        Ok(Request::Run)
    }

    /// `-vvt5s`, `-t 5s`
    fn letters(&mut self, mut letters: Text<'a>, rest: &mut Strings<'a>) -> Result<Request, UsageError<'a>> {
        while let Some((letter, after)) = letters.split_first() {
            let spelled = letters.bytes().get(..1).unwrap_or_default();
            let option =
                self.personality.options().find(|option| option.letter() == letter && letter != b' ');
            let option = option.ok_or(UsageError::of_word(UNKNOWN_LETTER, spelled))?;
            let mut attached = Some(after).filter(|after| option.long().1 && !after.is_empty());
            if self.personality.letter_equals {
                attached = attached.map(|value| value.strip_prefix(b"=").unwrap_or(value));
            }
            let request = self.option(option, attached, rest)?;
            if request != Request::Run || attached.is_some() {
                return Ok(request);
            }
            letters = after;
        }
        Ok(Request::Run)
    }

    /// `--grace-period=5s`, `--grace-period 5s`, `--gr 5s`
    fn long_option(&mut self, word: Text<'a>, rest: &mut Strings<'a>) -> Result<Request, UsageError<'a>> {
        let (name, value) = cut(word.bytes(), b'=');
        let mut found: Option<Opt> = None;
        for option in self.personality.options() {
            let (long, _) = option.long();
            if !long.starts_with(name) {
                continue;
            }
            if found.is_some_and(|other| other.setting != option.setting) {
                return Err(UsageError::of_word(AMBIGUOUS_OPTION, name));
            }
            found = Some(option);
            if long.len() == name.len() {
                break;
            }
        }
        let option = found.ok_or(UsageError::of_word(UNKNOWN_OPTION, name))?;
        if let Some(value) = value
            && !option.long().1
        {
            return Err(UsageError::of_option(UNEXPECTED_VALUE, option, value));
        }
        let attached = word.strip_prefix(name).and_then(|rest| rest.strip_prefix(b"="));
        self.option(option, attached, rest)
    }

    fn option(
        &mut self,
        option: Opt,
        attached: Option<Text<'a>>,
        rest: &mut Strings<'a>,
    ) -> Result<Request, UsageError<'a>> {
        let mut text = Text::from(c"");
        if let Some(attached) = attached {
            text = attached;
        } else if option.long().1 {
            let after;
            (text, after) = rest.split_first().ok_or(UsageError::of_option(MISSING_VALUE, option, b""))?;
            *rest = after;
        }
        self.given |= option.setting.overriding();
        let value = text.bytes();
        match option.setting {
            Setting::Help => return Ok(Request::Help),
            Setting::Version => return Ok(Request::Version),
            Setting::License => return Ok(Request::License),
            Setting::Workdir => self.config.directory = Some(text),
            Setting::Env if value.first() != Some(&b'=') && cut(value, b'=').1.is_some() => self.keep(text),
            setting => self.set(setting, value).ok_or(UsageError::of_option(BAD_OPTION, option, value))?,
        }
        Ok(Request::Run)
    }

    /// Keeps a variable for the program in the next place of argv: this one has been
    /// read, since an option took it or one behind it.
    fn keep(&mut self, variable: Text<'a>) {
        if let Some((_, next)) = self.kept.split_first() {
            next.put(variable);
            self.kept = next;
            self.additions = self.additions.wrapping_add(1);
        }
    }

    /// Puts the variables that were kept into the program's environment, the last
    /// first, so that of two with one name the later stays.
    fn add_variables(&mut self) {
        if self.additions == 0 {
            return;
        }
        let config = &mut *self.config;
        let mut added = 0usize;
        for _ in 0..self.additions {
            let Some((variable, _)) = self.kept.split_first() else { break };
            if add_variable(&mut config.program, &mut config.environment, added, variable) {
                added = added.wrapping_add(1);
            }
            let Some(before) = self.kept.with_place_before() else { break };
            self.kept = before;
        }
        (config.path, config.pid_variables) = (None, [None; PID_VARIABLES.len()]);
        let environment = config.environment;
        environment.for_each(|(variable, place)| self.note(variable, place));
    }

    /// One walk over the environment, looking at first letters before more.
    fn variables(&mut self) -> Result<(), UsageError<'a>> {
        for (variable, place) in self.config.environment {
            match variable.first() {
                b'P' | b'L' | b'W' => self.note(variable, place),
                b'T' | b'D' | b'C' => self.variable(variable)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Notes what starting the program needs to know of its environment.
    fn note(&mut self, variable: Text<'a>, place: Strings<'a>) {
        // Of two the first counts (`getenv(3)`).
        if let Some(value) = variable.strip_prefix(b"PATH=") {
            self.config.path = self.config.path.or(Some(value));
        }
        for (kept, name) in self.config.pid_variables.iter_mut().zip(PID_VARIABLES) {
            if variable.strip_prefix(name.as_bytes()).is_some() {
                kept.get_or_insert(place);
            }
        }
    }

    /// What a variable says, in every personality the same.
    fn variable(&mut self, variable: Text<'a>) -> Result<(), UsageError<'a>> {
        let ours = variable.strip_prefix(b"TINI_");
        for option in NATIVE.options("") {
            if let Some(value) = ours.and_then(|name| option.value_of(name)) {
                return self.by_variable(option, variable, value);
            }
        }
        for (name, setting) in &VARIABLES_BY_NAME {
            let Some(value) = variable.strip_prefix(name.as_bytes()) else { continue };
            if ours.is_some() {
                let option = Opt { setting: *setting, line: b"" };
                return self.by_variable(option, variable, value);
            }
            if (value.is_empty() || name.ends_with('=')) && self.given & setting.overriding() == 0 {
                match setting {
                    Setting::SingleChild => self.config.reach = Reach::Program,
                    _ => self.config.verbosity = self.config.verbosity.max(3),
                }
            }
        }
        Ok(())
    }

    /// Where a variable says more, or less, than the option: a switch can be off, a
    /// list has more than one rule.
    fn by_variable(
        &mut self,
        option: Opt,
        variable: Text<'a>,
        value: Text<'a>,
    ) -> Result<(), UsageError<'a>> {
        let value = value.bytes();
        let config = &mut *self.config;
        let understood = match option.setting {
            setting if self.given & setting.overriding() != 0 => Some(()),
            Setting::Verbose => {
                let most = u32::from(Config::MOST_VERBOSE);
                number(value).map(|level| config.verbosity = level.min(most) as u8)
            }
            setting @ (Setting::Rewrite | Setting::RemapExit) => {
                parts(value, b',').try_for_each(|rule| self.set(setting, rule))
            }
            setting @ (Setting::GracePeriod | Setting::ParentDeathSignal) => self.set(setting, value),
            setting if values::boolean(value) => self.set(setting, value),
            // Switched off, where it is on by itself.
            setting => {
                config.reach = match (setting, config.reach) {
                    (Setting::ProcessGroup, Reach::Group) => Reach::Leader,
                    (Setting::Session, Reach::Session) => Reach::Group,
                    (_, reach) => reach,
                };
                Some(())
            }
        };
        understood.ok_or(UsageError::of_option(BAD_VARIABLE, option, variable.bytes()))
    }

    /// What an option says; nothing if its value can't be understood.
    fn set(&mut self, setting: Setting, value: &'a [u8]) -> Option<()> {
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
            Setting::User => {
                let (user, group) = cut(value, b':');
                config.user = Some(values::id(user)?);
                if let Some(group) = group {
                    config.group = Some(values::id(group)?);
                }
            }
            Setting::Group => config.group = Some(values::id(value)?),
            Setting::ProcessGroup => config.reach = Reach::Group,
            Setting::SingleChild => config.reach = Reach::Program,
            Setting::Session => config.reach = Reach::Session,
            Setting::Pause => config.policy.pause = true,
            Setting::WaitAll => config.policy.wait_all = true,
            Setting::WarnOnReap => config.warn_on_reap = true,
            Setting::Verbose => {
                let verbosity = config.verbosity.saturating_add(self.personality.verbose);
                config.verbosity = verbosity.min(Config::MOST_VERBOSE);
            }
            Setting::Quiet => config.verbosity = config.verbosity.saturating_sub(1),
            Setting::Subreaper => {}
            Setting::Env | Setting::Workdir | Setting::License | Setting::Version | Setting::Help => {
                return None;
            }
        }
        Some(())
    }
}
