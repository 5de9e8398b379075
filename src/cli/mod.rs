//! What the init was asked to do: argv and environment in, a [`Config`] out.
//!
//! Parsing decides nothing but what the words mean; it starts nothing and knows no
//! system call. An option beats the environment; the environment says the same
//! things in variables, since `docker run --init` passes no options.

use core::fmt::{self, Display, Formatter};

use crate::exit::Remap;
use crate::packed::text;
use crate::signal::Signal;
use crate::supervisor::{Policy, Span};
use crate::sys::{Id, Strings, Text, add_variable};
use crate::text::{Line, Piece, display, take_number};

mod help;
mod options;
mod personality;
mod values;

pub use help::{Print, print};
pub use options::{Opt, Setting};
pub use personality::{Personality, Texts};

use options::NATIVE;

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

/// Everything a run depends on. The large ones last, so that the others are near.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Config<'a> {
    /// Whom signals go to (`-g`, `-c`, `-S`).
    pub reach: Reach,
    /// The signal to receive when the parent dies (`-p`).
    pub parent_death_signal: Option<Signal>,
    /// Warn of each orphan collected (`-w`).
    pub warn_on_reap: bool,
    /// 0 errors, 1 warnings, 2 what is done, 3 details, 4 everything.
    pub verbosity: u8,
    /// The user and the group that the program runs as.
    pub user: Id,
    /// See `user`.
    pub group: Id,
    /// The directory that the program runs in, the init's own if not set.
    pub directory: Option<Text<'a>>,
    /// The program and its arguments; none in pause mode.
    pub program: Strings<'a>,
    /// The environment, for the program as it is.
    pub environment: Strings<'a>,
    /// Where in it the first of each of [`VARIABLES`] stands (`getenv(3)`).
    pub places: [Option<Strings<'a>>; VARIABLES.len()],
    /// What is done when.
    pub policy: Policy,
    /// Which of the program's exit codes are told as others (`-e`).
    pub remap: Remap,
}

/// The variables that starting the program needs: two that name the process that they
/// are for (`sd_listen_fds(3)`, `sd_watchdog_enabled(3)`), and where programs are.
pub const VARIABLES: [Text; 3] =
    [Text::from(c"LISTEN_PID="), Text::from(c"WATCHDOG_PID="), Text::from(c"PATH=")];

impl<'a> Config<'a> {
    const MOST_VERBOSE: u8 = 4;

    /// The settings of `personality` without any option or variable.
    #[must_use]
    pub fn new(personality: &Personality, program: Strings<'a>, environment: Strings<'a>) -> Config<'a> {
        Config {
            policy: Policy {
                grace_period: personality.exits_at_once.then_some(Span::ZERO),
                pause: personality.pauses,
                ..Policy::default()
            },
            remap: Remap::default(),
            reach: personality.reach,
            parent_death_signal: None,
            warn_on_reap: false,
            verbosity: 1,
            user: Id::UNCHANGED,
            group: Id::UNCHANGED,
            directory: None,
            program,
            environment,
            places: [None; VARIABLES.len()],
        }
    }

    /// Notes that `variable` stands at `place`, if the start of the program needs to know.
    fn note(&mut self, variable: Text<'a>, place: Strings<'a>) {
        for (noted, name) in self.places.iter_mut().zip(&VARIABLES) {
            if noted.is_none() && variable.strip_prefix(*name).is_some() {
                *noted = Some(place);
            }
        }
    }
}

impl<'a> Config<'a> {
    /// What the program was called.
    #[must_use]
    pub fn name(&self) -> Option<Text<'a>> {
        self.program.split_first().map(|(name, _)| name)
    }
}

/// What was asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Request {
    /// To run the program, or to pause.
    Run,
    /// To print the licence, and exit.
    License,
    /// To print the version, and exit.
    Version,
    /// To print the options, and exit.
    Help,
}

/// Why the words could not be understood. Displayed as one line: what was given,
/// what is accepted.
#[derive(Clone, Copy, Debug)]
pub struct UsageError<'a> {
    /// With `%` for what was given.
    template: Text<'static>,
    given: Text<'a>,
    /// The option that takes something else, if there is one.
    option: Option<Opt>,
}

const UNKNOWN: Text = text!("unknown option \"-%\"; --help lists the options");
const AMBIGUOUS: Text = text!("more than one option begins with \"-%\"");
const BAD_VALUE: Text = text!("cannot use \"%\": ");
const NO_PROGRAM: Text = text!("no program was given; usage: [OPTIONS] [--] PROGRAM [ARGS...]");

impl Piece for UsageError<'_> {
    fn write(&self, line: &mut Line) {
        fill(line, self.template, self.given);
        if let Some(option) = self.option {
            option.write(line);
            line.add(text!(" takes "));
            line.add(option.setting().accepted());
        }
    }
}

/// Writes `template` with `text` in the place of its `%`.
fn fill(line: &mut Line, mut template: Text, text: Text) {
    while !template.is_empty() {
        match template.next() {
            b'%' => text.write(line),
            letter => line.put(letter),
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
    let mut reader = Reader { personality, argv, config, given: 0, adding: false, outcome: Ok(Request::Run) };
    reader.read();
    reader.outcome
}

struct Reader<'c, 'a> {
    personality: &'static Personality,
    argv: Strings<'a>,
    config: &'c mut Config<'a>,
    /// The settings that options made, a bit each.
    given: u32,
    /// The options are read a second time, for the variables of the program.
    adding: bool,
    /// Here and not handed up by all who read: 184 bytes less.
    outcome: Result<Request, UsageError<'a>>,
}

// What reads gives nothing once the outcome stands: an error, or something to print.
impl<'a> Reader<'_, 'a> {
    fn refuse(&mut self, template: Text<'static>, option: Option<Opt>, given: Text<'a>) -> Option<()> {
        self.outcome = Err(UsageError { template, given, option });
        None
    }

    // In the frame of its caller, which is a large one, each of its variables would be
    // further away: 104 bytes.
    #[inline(never)]
    fn read(&mut self) -> Option<()> {
        if self.personality.pauses {
            for (word, _) in self.config.program {
                let mut word = word;
                if word.take(b'-') && (word.take(b'v') || word.take(b'V')) && word.is_empty() {
                    self.outcome = Ok(Request::Version);
                    return None;
                }
            }
        } else {
            self.options()?;
        }
        loop {
            self.config.places = [None; VARIABLES.len()];
            for (variable, place) in self.config.environment {
                if !self.adding {
                    self.variable(variable)?;
                }
                self.config.note(variable, place);
            }
            if self.adding || self.given & Setting::ENV.bit() == 0 {
                break;
            }
            // Only now, since a variable that the program is given is none of the init's.
            self.adding = true;
            self.options()?;
        }
        if self.config.reach == Reach::Session {
            self.config.policy.rewrite.stop_for_sure();
        }
        if !self.config.policy.pause && self.config.program.is_empty() {
            self.refuse(NO_PROGRAM, None, Text::EMPTY)?;
        }
        Some(())
    }

    /// The next word of argv, if there is one.
    fn word(&mut self) -> Option<Text<'a>> {
        self.config.program.next().map(|(word, _)| word)
    }

    /// Up to the program, the first word that is no option (POSIX, "Utility Syntax
    /// Guidelines", 9).
    fn options(&mut self) -> Option<()> {
        self.config.program = self.argv;
        self.word();
        loop {
            let rest = self.config.program;
            let Some(mut word) = self.word() else { return Some(()) };
            if !word.take(b'-') || word.is_empty() {
                self.config.program = rest;
                return Some(());
            }
            if word.first() == b'-' && word.rest().is_empty() {
                return Some(());
            }
            while !word.is_empty() {
                word = self.option(word)?;
            }
        }
    }

    /// One option at the front of `word`, which lacks its first dash: `vvt5s`,
    /// `-grace-period=5s`, `-gr`. Gives what is left of the word.
    // In `options`, it would drive the variables of that out of their registers: 24 bytes.
    #[inline(never)]
    fn option(&mut self, word: Text<'a>) -> Option<Text<'a>> {
        let mut found: Option<(Opt, Text)> = None;
        let mut template = UNKNOWN;
        for option in self.personality.options() {
            let Some(rest) = option.after(word) else { continue };
            if found.is_some_and(|(other, _)| other.setting() != option.setting()) {
                (found, template) = (None, AMBIGUOUS);
                break;
            }
            found = Some((option, rest));
        }
        let Some((option, mut rest)) = found else {
            self.refuse(template, None, word)?;
            return None;
        };
        let is_long = word.first() == b'-';
        let mut value = Text::EMPTY;
        if option.takes_value() && rest.is_empty() {
            // That there is none is as bad as an empty one.
            value = self.word().unwrap_or(value);
        } else if option.takes_value() || is_long {
            // Of an option that takes no value the `=` makes one that is refused.
            if option.takes_value() && (is_long || self.personality.ways_of_pid1) {
                rest.take(b'=');
            }
            (value, rest) = (rest, value);
        }
        self.given |= option.setting().overriding();
        self.set(option, value, value)?;
        Some(rest)
    }

    /// What a variable says, in every personality the same.
    fn variable(&mut self, variable: Text<'a>) -> Option<()> {
        if let Some(ours) = variable.strip_prefix(Text::from(c"TINI_")) {
            let mut options = NATIVE.map(Opt);
            let Some((option, value)) = options.find_map(|option| Some((option, option.value_of(ours)?)))
            else {
                return Some(());
            };
            let setting = option.setting();
            if self.given & setting.overriding() != 0 {
                return Some(());
            }
            if option.takes_value() {
                return self.set(option, value, variable);
            }
            if values::boolean(value) {
                return self.set(option, Text::EMPTY, variable);
            }
            // Switched off, where it is on by itself.
            self.config.reach = match (setting, self.config.reach) {
                (Setting::KILL_PROCESS_GROUP, Reach::Group) => Reach::Leader,
                (Setting::SESSION, Reach::Session) => Reach::Group,
                (_, reach) => reach,
            };
            return Some(());
        }
        // Other inits'.
        if variable.is(Text::from(c"DUMB_INIT_SETSID=0"))
            && self.given & Setting::SINGLE_CHILD.overriding() == 0
        {
            self.config.reach = Reach::Program;
        }
        if (variable.is(Text::from(c"DUMB_INIT_DEBUG=1"))
            || variable.strip_prefix(Text::from(c"CATATONIT_DEBUG=")).is_some())
            && self.given & Setting::VERBOSITY.overriding() == 0
        {
            self.config.verbosity = self.config.verbosity.max(3);
        }
        Some(())
    }

    /// What an option says with this value, which was `given` so.
    fn set(&mut self, option: Opt, value: Text<'a>, given: Text<'a>) -> Option<()> {
        let done = self.apply(option.setting(), value);
        if done.is_none() && self.outcome.is_ok_and(|request| request == Request::Run) {
            self.refuse(BAD_VALUE, Some(option), given)?;
        }
        done
    }

    /// Nothing if the value can't be understood, or there is something to print.
    // In `set`, it would save its registers for both: 72 bytes.
    #[inline(never)]
    fn apply(&mut self, setting: Setting, text: Text<'a>) -> Option<()> {
        if self.adding && setting != Setting::ENV {
            return Some(());
        }
        let config = &mut *self.config;
        let mut rest = text;
        let value = &mut rest;
        match setting {
            Setting::GRACE_PERIOD => config.policy.grace_period = Some(values::duration(value)?),
            Setting::PARENT_DEATH_SIGNAL => config.parent_death_signal = Some(Signal::take(value)?),
            Setting::REWRITE => loop {
                let (from, to) = values::rewrite(value)?;
                config.policy.rewrite.set(from, to);
                if !value.take(b',') {
                    break;
                }
            },
            Setting::REMAP_EXIT => loop {
                let (from, to) = values::remap(value)?;
                config.remap.set(from, to);
                if !value.take(b',') {
                    break;
                }
            },
            Setting::USER => {
                config.user = values::id(value)?;
                if value.take(b':') {
                    config.group = values::id(value)?;
                }
            }
            Setting::GROUP => config.group = values::id(value)?,
            Setting::WORKDIR => {
                config.directory = Some(text);
                return (!text.is_empty()).then_some(());
            }
            Setting::ENV => {
                if text.first() == b'=' || !text.has(b'=') {
                    return None;
                }
                if self.adding {
                    add_variable(self.argv, &mut config.program, &mut config.environment, text);
                }
                return Some(());
            }
            Setting::PROCESS_GROUP | Setting::KILL_PROCESS_GROUP => config.reach = Reach::Group,
            Setting::SINGLE_CHILD => config.reach = Reach::Program,
            Setting::SESSION => config.reach = Reach::Session,
            Setting::PAUSE => config.policy.pause = true,
            Setting::WAIT_ALL => config.policy.wait_all = true,
            Setting::WARN_ON_REAP => config.warn_on_reap = true,
            Setting::VERBOSITY => {
                let most = u32::from(Config::MOST_VERBOSE);
                config.verbosity = take_number(value)?.min(most) as u8;
            }
            Setting::VERBOSE => {
                let verbosity = config.verbosity.wrapping_add(self.personality.verbose);
                config.verbosity = verbosity.min(Config::MOST_VERBOSE);
            }
            Setting::QUIET => config.verbosity = config.verbosity.saturating_sub(1),
            Setting::LICENSE | Setting::VERSION | Setting::HELP if text.is_empty() => {
                self.outcome = Ok(match setting {
                    Setting::LICENSE => Request::License,
                    Setting::VERSION => Request::Version,
                    _ => Request::Help,
                });
                return None;
            }
            _ => {}
        }
        rest.is_empty().then_some(())
    }
}
