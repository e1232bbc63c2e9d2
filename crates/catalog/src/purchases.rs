//! The changes of all purchases, checked against each other.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use sha2::{Digest, Sha256};

use crate::document::{Document, OWN};
use crate::report::Row;

/// A purchase, and where its changes were made.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Purchase {
    tenant: String,
    id: String,
    source: String,
}

impl fmt::Display for Purchase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} ({})", self.id, self.tenant, self.source)
    }
}

/// The identity of a change of a purchase: the same in each object that has it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct ChangeId {
    sequence: Box<str>,
    event_id: Box<str>,
}

/// A change, of which one copy may be an object of its own and one in a day.
struct Change {
    version: Option<u64>,
    /// Whether it created the purchase.
    is_first: bool,
    is_numbered: bool,
    original: Option<Fingerprint>,
    in_day: bool,
}

/// The start of the SHA-256 of a line.
type Fingerprint = [u8; 16];

/// The changes of all purchases.
#[derive(Default)]
pub(crate) struct Purchases {
    changes: BTreeMap<Purchase, BTreeMap<ChangeId, Change>>,
    /// Changes that are there more than once, as objects of their own.
    copies: Vec<(String, String)>,
}

impl Purchases {
    /// Adds a change that is the object `key`.
    pub(crate) fn add(&mut self, key: &str, document: Document, line: &str) {
        let (change, id) = self.change(document);
        match change.original {
            None => change.original = Some(fingerprint(line)),
            Some(_) => self.copies.push((
                key.to_owned(),
                format!("the change {id} is another object, too"),
            )),
        }
    }

    /// Adds a change that is a line of a day. To be called after all originals were added.
    ///
    /// # Errors
    /// It is there already, or is not as its original.
    pub(crate) fn add_to_day(&mut self, document: Document, line: &str) -> Result<(), String> {
        let (change, id) = self.change(document);
        if change.in_day {
            return Err(format!("the change {id} is there twice"));
        }
        change.in_day = true;
        match change.original {
            Some(original) if original != fingerprint(line) => {
                Err(format!("the change {id} is another line than its original"))
            }
            _ => Ok(()),
        }
    }

    fn change(&mut self, document: Document) -> (&mut Change, String) {
        let (is_first, is_numbered) = (document.is_insert(), document.is_numbered());
        let id = format!("{} of {}", document.sequence, document.compra_id);
        let purchase = Purchase {
            tenant: document.tenant_id,
            id: document.compra_id,
            source: document.source,
        };
        let change = ChangeId {
            sequence: document.sequence.into(),
            event_id: document.event_id.into(),
        };
        let changes = self.changes.entry(purchase).or_default();
        let change = match changes.entry(change) {
            Entry::Occupied(change) => change.into_mut(),
            Entry::Vacant(place) => place.insert(Change {
                version: document.version,
                is_first,
                is_numbered,
                original: None,
                in_day: false,
            }),
        };
        (change, id)
    }

    /// Whether all changes of each purchase are there, each once.
    pub(crate) fn check(&self) -> Row {
        let mut row = Row::default();
        for (key, problem) in &self.copies {
            row.wrong(key.clone(), problem.clone());
        }
        for (purchase, changes) in &self.changes {
            let distinct = sequences_are_distinct(changes);
            let complete = match purchase.source.as_str() {
                OWN => versions_are_complete(changes.values()),
                _ => Ok(()),
            };
            row.check(|| purchase.to_string(), distinct.and(complete));
        }
        row
    }
}

fn sequences_are_distinct(changes: &BTreeMap<ChangeId, Change>) -> Result<(), String> {
    let mut last: Option<&str> = None;
    for (id, change) in changes {
        if last == Some(&id.sequence) && change.is_numbered {
            return Err(format!("the sequence {} is there twice", id.sequence));
        }
        last = Some(&id.sequence);
    }
    Ok(())
}

/// Whether the versions follow each other from 1 on; changes come in the order of their
/// sequences, which is that of versions.
///
/// An erasure takes all versions up to the one that removed the purchase, and a purchase that
/// is created again goes on counting. So the lowest version may be above 1 if it created the
/// purchase, and there is no other reason for a hole.
fn versions_are_complete<'a>(changes: impl Iterator<Item = &'a Change>) -> Result<(), String> {
    let mut changes = changes.peekable();
    let lowest = changes.peek().filter(|change| change.is_first);
    let lowest = lowest.and_then(|change| change.version).unwrap_or(1);
    for (expected, change) in (lowest..).zip(changes) {
        match change.version {
            Some(version) if version < expected => {
                return Err(format!("version {version} is there twice"));
            }
            Some(version) if version == expected => {}
            _ => return Err(format!("version {expected} is missing")),
        }
    }
    Ok(())
}

fn fingerprint(line: &str) -> Fingerprint {
    let mut start = Fingerprint::default();
    for (to, from) in start.iter_mut().zip(Sha256::digest(line)) {
        *to = from;
    }
    start
}
