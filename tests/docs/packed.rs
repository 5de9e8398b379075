//! The table of pairs that the init's words are packed with, made from these words.

use std::collections::BTreeMap;
use std::path::Path;

use crate::{PROJECT, generated, read};

#[path = "../../src/packed/pairs.rs"]
mod table;

const TABLE: &str = "src/packed/pairs.rs";

/// How many bytes more than with a new table are bearable, so that not every word that is changed
/// changes the table.
const BEARABLE: usize = 48;

/// The literal that begins at the start of `text`, behind its quotation mark.
fn literal(text: &str) -> String {
    let mut letters = text.chars();
    let mut found = String::new();
    while let Some(letter) = letters.next().filter(|letter| *letter != '"') {
        let escaped = if letter == '\\' { letters.next() } else { None };
        found.push(match escaped {
            Some('n') => '\n',
            escaped => escaped.unwrap_or(letter),
        });
    }
    found
}

/// The sources of the library, without their tests.
fn sources(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(
            |path| if path.is_dir() { sources(&path) } else { vec![read(path.to_str().expect("UTF-8"))] },
        )
        .map(|source| source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned())
        .collect()
}

/// All that is packed: what stands in `text!`, the last column of each row of a `table!` that has
/// three, and the licence.
fn words() -> Vec<String> {
    let mut words = vec![read("LICENSE")];
    for source in sources(&Path::new(PROJECT).join("src")) {
        let texts = source.split("text!(").skip(1);
        words.extend(texts.filter_map(|rest| rest.trim_start().strip_prefix('"')).map(literal));
        let rows = source.lines().map(str::trim).filter(|row| row.starts_with('(') && row.ends_with("\"),"));
        words.extend(rows.filter_map(|row| row.split_once("\", \"")).map(|(_, packed)| literal(packed)));
    }
    words.sort();
    words.dedup();
    assert!(words.len() > 100, "{words:?}");
    words
}

/// The parts of `words` within which pairs may be made, see `packed` in the sources.
fn parts(words: &[String]) -> Vec<Vec<u8>> {
    let mut parts = vec![Vec::new()];
    for word in words {
        let mut bytes = word.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'%' => {
                    bytes.next();
                    parts.push(Vec::new());
                }
                b' '..=b'~' if !byte.is_ascii_digit() => parts.last_mut().expect("a part").push(byte),
                _ => parts.push(Vec::new()),
            }
        }
        parts.push(Vec::new());
    }
    parts
}

/// Has `code` stand for `pair`.
fn replace(parts: &mut [Vec<u8>], pair: [u8; 2], code: u8) {
    for part in parts {
        let mut packed = Vec::new();
        let mut rest = &part[..];
        while let [first, after @ ..] = rest {
            let is_pair = rest.starts_with(&pair);
            packed.push(if is_pair { code } else { *first });
            rest = if is_pair { &after[1..] } else { after };
        }
        *part = packed;
    }
}

fn size(parts: &[Vec<u8>]) -> usize {
    parts.iter().map(Vec::len).sum()
}

/// What of `parts` stands side by side most often, 128 times over (Gage, "A New Algorithm for
/// Data Compression", 1994).
fn pairs(mut parts: Vec<Vec<u8>>) -> Vec<[u8; 2]> {
    let make = |code| {
        let mut counts = BTreeMap::<[u8; 2], usize>::new();
        for part in &parts {
            let mut before = None;
            for window in part.windows(2) {
                let pair = [window[0], window[1]];
                // Of three that are the same, two are a pair.
                before = Some(pair).filter(|pair| before != Some(*pair));
                *counts.entry(pair).or_default() += usize::from(before.is_some());
            }
        }
        let (pair, _) = counts.into_iter().max_by_key(|(_, count)| *count).expect("a pair");
        replace(&mut parts, pair, code);
        pair
    };
    (128..=255).map(make).collect()
}

fn source(pairs: &[[u8; 2]]) -> String {
    let mut text = "//! Made by `UPDATE=1 cargo test --test docs pairs` from the words that are packed.\n\n\
        /// What the bytes from 128 on stand for. None stands for one with a higher number, and none for\n\
        /// what means something to those who read a text: a digit, a `%` or a control character.\n\
        #[rustfmt::skip]\n\
        pub(super) static PAIRS: [[u8; 2]; 128] = [\n"
        .to_owned();
    for row in pairs.chunks(8) {
        let row: Vec<String> = row.iter().map(|pair| format!("*b\"{}\",", pair.escape_ascii())).collect();
        text += &format!("    {}\n", row.join(" "));
    }
    text + "];\n"
}

#[test]
fn the_pairs_are_those_that_the_words_are_made_of() {
    let parts = parts(&words());
    let best = pairs(parts.clone());
    if std::env::var_os("UPDATE").is_some() {
        return generated::whole(TABLE, &source(&best));
    }
    let packed_by = |pairs: &[[u8; 2]]| {
        let mut parts = parts.clone();
        pairs.iter().zip(128..=255).for_each(|(pair, code)| replace(&mut parts, *pair, code));
        size(&parts)
    };
    let (present, best) = (packed_by(&table::PAIRS), packed_by(&best));
    println!("of {} bytes {present} are left, with a new table {best}", size(&parts));
    assert!(
        present <= best + BEARABLE,
        "{present} bytes, could be {best}: UPDATE=1 cargo test --test docs pairs"
    );
}
