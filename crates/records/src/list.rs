//! Pages of documents, in the order of an index.

use std::fmt;
use std::str::FromStr;

use base::{Failure, id};
use queue::Script;
use stores::{Arg, KeyValue, Redis, Value};

use crate::{Document, Versioned, latest};

static LIST: Script = Script::new(&[queue::lua!("list.lua")]);

/// The max score of a place: a sorted set has scores of 64-bit floats, which are exact up
/// to here.
const MAX_SCORE: u64 = 1 << 53;

/// The place of a document in an index. As text it is the cursor of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its score, such as the time of its creation in milliseconds.
    pub score: u64,
    /// Its member, which [`Document::member`] gives.
    pub member: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.score, self.member)
    }
}

impl FromStr for Place {
    type Err = ();

    /// Reads a cursor whose member is an id ([`id::check`]). Only one spelling of each is
    /// accepted.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (score, member) = text.split_once(':').ok_or(())?;
        let place = Self {
            score: score.parse().map_err(|_| ())?,
            member: id::check(member.to_owned()).map_err(|_| ())?,
        };
        let is_cursor = place.score <= MAX_SCORE && place.to_string() == text;
        is_cursor.then_some(place).ok_or(())
    }
}

/// The part of an index that a page is read from.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    /// The index, a sorted set.
    pub index: &'a str,
    /// The min and the max score, both included.
    pub scores: (u64, u64),
    /// The end of the page before.
    pub after: Option<&'a Place>,
    /// The max entries.
    pub limit: u32,
}

/// A page of documents.
#[derive(Debug)]
pub struct Page<D> {
    /// The documents, the highest score first.
    pub documents: Vec<Versioned<D>>,
    /// The place of the last one, if others follow it.
    pub last: Option<Place>,
}

/// A page of an index.
#[derive(Debug)]
pub struct Entries {
    /// The entries, the highest score first.
    pub places: Vec<Place>,
    /// The place of the last one, if others follow it.
    pub last: Option<Place>,
}

/// Reads a slice of an index, the highest scores first.
///
/// # Errors
/// Redis is out of reach.
pub fn entries(redis: &impl Redis, slice: Slice<'_>) -> Result<Entries, Failure> {
    let Slice {
        index,
        scores: (min, max),
        after,
        limit,
    } = slice;
    let after = after.filter(|after| after.score <= max);
    let scores = [
        min.to_string(),
        max.to_string(),
        after.map_or(String::new(), |after| after.score.to_string()),
    ];
    let mut args = vec![Arg::Int(limit.into())];
    args.extend(scores.iter().map(Arg::from));
    args.push(Arg::from(after.map_or("", |after| after.member.as_str())));
    let reply = LIST.run(redis, &[index], &args)?;
    let more = reply.first().and_then(Value::as_int) == Some(1);
    let pairs = reply.get(1..).unwrap_or_default().chunks_exact(2);
    let places: Vec<_> = pairs
        .filter_map(|pair| match pair {
            [member, score] => Some(Place {
                score: score.as_int()?.unsigned_abs(),
                member: member.as_str()?.to_owned(),
            }),
            _ => None,
        })
        .collect();
    let last = places.last().cloned().filter(|_| more);
    Ok(Entries { places, last })
}

/// Reads the documents of a slice of an index, the highest scores first. `key` gives the
/// key of a member's document. Documents that are not `is_wanted` are left out: an index
/// may be ahead of a document for a moment.
///
/// # Errors
/// A store is out of reach, or holds a document that cannot be read.
pub fn list<D: Document>(
    redis: &impl Redis,
    store: &impl KeyValue,
    slice: Slice<'_>,
    key: impl Fn(&str) -> Option<String>,
    is_wanted: impl Fn(&D) -> bool,
) -> Result<Page<D>, Failure> {
    let Entries { places, last } = entries(redis, slice)?;
    let mut documents = Vec::new();
    for key in places.iter().filter_map(|place| key(&place.member)) {
        let document = latest::<D>(store, &key)?;
        documents.extend(document.filter(|found| is_wanted(&found.document)));
    }
    Ok(Page { documents, last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        for (score, member) in [(0, "a"), (17, "a:b"), (MAX_SCORE, "A.b_c-d")] {
            let member = member.to_owned();
            let place = Place { score, member };
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        for text in [
            "",
            "1",
            "1:",
            ":a",
            "01:a",
            "+1:a",
            "-1:a",
            "1.5:a",
            "1:a b",
            "1:..",
            "9007199254740993:a",
            "18446744073709551616:a",
        ] {
            assert_eq!(text.parse::<Place>(), Err(()), "{text}");
        }
    }
}
