//! Parts: their keys and their lines.

use std::collections::HashSet;

use sha2::{Digest as _, Sha256};

use super::line::{Erased, Line};
use crate::archive::{DAYS, Day};

/// The lines of the parts, and their originals.
#[derive(Default)]
pub(super) struct Known {
    /// The lines.
    pub(super) lines: HashSet<Digest>,
    /// The keys of their originals, as far as lines tell them.
    pub(super) keys: HashSet<Digest>,
}

/// The start of a SHA-256, long enough that no two are the same.
pub(super) type Digest = [u8; 16];

pub(super) fn digest(bytes: &[u8]) -> Digest {
    let mut start = Digest::default();
    for (to, from) in start.iter_mut().zip(whole_digest(bytes)) {
        *to = from;
    }
    start
}

pub(super) fn whole_digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The key of a part of a day, by its number from 0.
pub fn part_key(day: &Day, number: u64) -> String {
    format!("{}part-{number:03}.json", day.folder(DAYS))
}

/// The number of a part of a day; `None` if the key is not that of one.
pub fn part_number(day: &Day, key: &str) -> Option<u64> {
    let name = key.strip_prefix(&day.folder(DAYS))?;
    let number = name
        .strip_prefix("part-")?
        .strip_suffix(".json")?
        .parse()
        .ok()?;
    // One form for each number.
    (part_key(day, number) == key).then_some(number)
}

/// A part without the lines that must go.
#[derive(Default)]
pub(super) struct Sifted {
    /// The lines that stay, each as it was.
    pub(super) kept: Vec<u8>,
    /// Whether these are not the whole part.
    pub(super) is_changed: bool,
    /// The lines of erased purchases.
    pub(super) erased: u64,
    /// The lines that are no changes. They stay.
    pub(super) unreadable: u64,
}

/// Takes away lines that are known already and those of erased purchases. The others become
/// known.
pub(super) fn sift(part: &[u8], erased: &Erased, known: &mut Known) -> Sifted {
    let mut sifted = Sifted {
        kept: Vec::with_capacity(part.len()),
        ..Sifted::default()
    };
    for with_end in part.split_inclusive(|byte| *byte == b'\n') {
        let text = with_end.strip_suffix(b"\n").unwrap_or(with_end);
        let line = Line::read(text);
        if line.as_ref().is_some_and(|line| erased.has(line)) {
            sifted.erased += 1;
            continue;
        }
        if text.is_empty() || !known.lines.insert(digest(text)) {
            continue;
        }
        match line {
            Some(line) => known
                .keys
                .extend(line.key().map(|key| digest(key.to_string().as_bytes()))),
            None => sifted.unreadable += 1,
        }
        sifted.kept.extend_from_slice(text);
        sifted.kept.push(b'\n');
    }
    sifted.is_changed = sifted.kept != part;
    sifted
}
