//! Tries the inputs of the corpus, then others, and writes down what breaks something.

use std::fmt::{self, Debug, Formatter};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

/// What a target is given: byte strings, each with a word for what it is. Written down as
/// a line each, `word bytes`, with escapes as in Rust.
#[derive(Clone, PartialEq, Eq)]
pub struct Input(pub Vec<(&'static str, Vec<u8>)>);

impl Input {
    /// All that are called so.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.0.iter().filter(move |(other, _)| *other == name).map(|(_, bytes)| &bytes[..])
    }

    /// The first that is called so, empty if there is none.
    pub fn first<'a>(&'a self, name: &'a str) -> &'a [u8] {
        self.all(name).next().unwrap_or_default()
    }

    fn read(text: &str, names: &[&'static str]) -> Input {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        Input(
            lines
                .map(|line| {
                    let (name, bytes) = line.split_once(' ').expect("a word, a blank, bytes");
                    let known = names.iter().find(|known| **known == name);
                    (*known.unwrap_or_else(|| panic!("{name}: unknown")), unescape(bytes))
                })
                .collect(),
        )
    }
}

impl Debug for Input {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        self.0.iter().try_for_each(|(name, bytes)| writeln!(f, "{name} {}", bytes.escape_ascii()))
    }
}

/// The inverse of `escape_ascii`.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next() {
                Some(b't') => b'\t',
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(b'x') => {
                    let digits = [bytes.next(), bytes.next()].map(Option::unwrap_or_default);
                    let digits = str::from_utf8(&digits).expect("two digits");
                    u8::from_str_radix(digits, 16).expect("two digits")
                }
                Some(other) => other,
                None => panic!("an escape of nothing: {text}"),
            },
            other => other,
        });
    }
    plain
}

/// A number from the environment.
fn set<T: std::str::FromStr>(name: &str) -> Option<T> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name}: not a number: {value}")))
}

/// Has `check` look at what `strategy` makes: `PROPTEST_CASES` of them, 256 by default, and
/// again until `FUZZ_SECONDS` have passed. Gives the smallest that it fails on, and why.
pub fn search<S: Strategy>(strategy: &S, check: impl Fn(&S::Value)) -> Option<(S::Value, String)>
where
    S::Value: Clone,
{
    let limit = Duration::from_secs(set("FUZZ_SECONDS").unwrap_or(0));
    let started = Instant::now();
    let mut count = 0;
    loop {
        let config = Config { failure_persistence: None, ..Config::default() };
        count += config.cases;
        // What panics is caught and made smaller.
        let found = TestRunner::new(config).run(strategy, |input| {
            check(&input);
            Ok::<(), TestCaseError>(())
        });
        match found {
            Err(TestError::Fail(why, input)) => return Some((input, why.to_string())),
            Err(abort) => panic!("{abort}"),
            Ok(()) if started.elapsed() >= limit => break,
            Ok(()) => {}
        }
    }
    println!("{count} made up");
    None
}

/// The same after the inputs in `corpus`/`target`; what it finds is put there.
pub fn fuzz(
    target: &str,
    names: &[&'static str],
    strategy: impl Strategy<Value = Input>,
    check: impl Fn(&Input),
) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let mut files: Vec<_> =
        fs::read_dir(&folder).expect("a corpus").map(|file| file.expect("a file").path()).collect();
    files.sort();
    assert!(!files.is_empty());
    for file in files {
        println!("{}", file.display());
        let text = fs::read_to_string(&file).expect("a text");
        check(&Input::read(&text, names));
    }
    if let Some((input, why)) = search(&strategy, check) {
        let file = folder.join(format!("found-{}", std::process::id()));
        let written = fs::write(&file, format!("# {}\n{input:?}", why.replace('\n', "\n# ")));
        panic!("{why}\nwith, as in {} ({written:?}):\n{input:?}", file.display());
    }
}

/// Nothing that a terminal or a reader of lines would stumble over.
pub fn check_message(message: &str) {
    assert!(!message.is_empty() && message.len() <= 512, "{} bytes", message.len());
    assert!(message.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{message:?}");
}

#[test]
fn an_input_is_read_as_it_was_written() {
    let all: Vec<u8> = (0..=255).collect();
    let input = Input(vec![("word", all), ("word", Vec::new()), ("other", b"\\x41 # ".to_vec())]);
    assert_eq!(Input::read(&format!("# why\n{input:?}"), &["word", "other"]), input);
}
