//! Pages of a document's versions.

use std::ops::Range;
use std::str::FromStr;

use base::{Failure, Invalid, Query};
use serde::de::DeserializeOwned;
use stores::KeyValue;

use crate::{Versioned, version};

/// The number of bytes after which a page ends. As JSON they may be several times as many,
/// and they must fit into a component's memory.
const PAGE_BYTES: usize = 1024 * 1024;

/// The number of versions for which a caller reads further data at once.
const CHUNK: u64 = 50;

/// The query of a route for a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadQuery {
    /// The latest version.
    Latest,
    /// The history.
    History(HistoryQuery),
}

/// The requested versions of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The first version of the page, from 1.
    pub first: u64,
    /// The maximum number of versions, 1 to 1,000.
    pub limit: u32,
}

impl ReadQuery {
    /// Reads `history`, `limit` and `cursor`.
    ///
    /// # Errors
    /// The first broken rule.
    pub fn parse(query: &Query) -> Result<Self, Invalid> {
        match query.parsed("history", "must be true or false")? {
            None | Some(false) => Ok(Self::Latest),
            Some(true) => Ok(Self::History(HistoryQuery {
                first: query.cursor()?.map_or(1, |Version(first)| first),
                limit: query.limit(100, 1_000)?,
            })),
        }
    }
}

/// The cursor of a history: the first version of a page.
struct Version(u64);

impl FromStr for Version {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        // Redis counts versions, with signed integers.
        let version = text.parse().ok().filter(|version: &i64| *version >= 1);
        let version = version.filter(|version| version.to_string() == text);
        version.map(|v| Self(v.unsigned_abs())).ok_or(())
    }
}

/// A page of versions, each with the value that the caller read for it.
#[derive(Debug)]
pub struct History<D, X> {
    /// The versions, oldest first.
    pub versions: Vec<(Versioned<D>, X)>,
    /// The first version of the next page, if there is one.
    pub next: Option<u64>,
}

/// Reads versions of the document `key`, of which `latest` is the number of the latest.
/// `read` reads something for a range of versions, one value for each; `size` is the
/// number of bytes that a version adds to the page. A page of large versions ends early.
///
/// # Errors
/// The store is out of reach, or those of `read`.
pub fn history<D: DeserializeOwned, X>(
    store: &impl KeyValue,
    key: &str,
    latest: u64,
    query: &HistoryQuery,
    mut read: impl FnMut(Range<u64>) -> Result<Vec<X>, Failure>,
    size: impl Fn(&D, &X) -> usize,
) -> Result<History<D, X>, Failure> {
    let end = query.first.saturating_add(query.limit.into());
    let end = end.min(latest.saturating_add(1));
    let mut versions = Vec::new();
    let (mut next, mut bytes) = (query.first, 0);
    while next < end && bytes < PAGE_BYTES {
        let chunk = next..end.min(next.saturating_add(CHUNK));
        for (number, also) in chunk.clone().zip(read(chunk)?) {
            next = number.saturating_add(1);
            let Some(found) = version::<D>(store, key, number)? else {
                continue;
            };
            bytes += size(&found.document, &also);
            versions.push((found, also));
            if bytes >= PAGE_BYTES {
                break;
            }
        }
    }
    Ok(History {
        versions,
        next: (next <= latest).then_some(next),
    })
}

#[cfg(test)]
mod tests {
    use stores::MemoryKeyValue;

    use super::*;
    use crate::write;

    fn page(first: u64, limit: u32, size: usize) -> (Vec<u64>, Option<u64>) {
        let store = MemoryKeyValue::default();
        for version in 1..=120 {
            let document = version;
            write(&store, "a", &Versioned { version, document }).unwrap();
        }
        let query = HistoryQuery { first, limit };
        let read = |range: Range<u64>| Ok(range.map(|version| version * 10).collect());
        let page = history::<u64, u64>(&store, "a", 120, &query, read, |_, _| size).unwrap();
        assert!(
            page.versions
                .iter()
                .all(|(v, also)| v.version * 10 == *also)
        );
        let numbers = page.versions.iter().map(|(found, _)| found.version);
        (numbers.collect(), page.next)
    }

    #[test]
    fn pages_follow_each_other_to_the_latest_version() {
        assert_eq!(page(1, 1, 10), (vec![1], Some(2)));
        assert_eq!(page(40, 70, 10), ((40..110).collect(), Some(110)));
        assert_eq!(page(110, 70, 10), ((110..=120).collect(), None));
        assert_eq!(page(121, 70, 10), (vec![], None));
        assert_eq!(page(u64::MAX, 70, 10), (vec![], None));
    }

    #[test]
    fn a_page_of_large_versions_ends_early() {
        assert_eq!(page(3, 100, PAGE_BYTES), (vec![3], Some(4)));
        assert_eq!(page(3, 100, PAGE_BYTES / 2), (vec![3, 4], Some(5)));
    }
}
