//! Changing a document that others may be changing, too.

use std::time::Duration;

use base::Failure;
use queue::{Change, Outcome, Queue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stores::{Arg, KeyValue, Redis, Value};

use crate::{Versioned, latest, write};

/// How often to decide anew when others change the same document meanwhile.
const TRIES: u64 = 8;

/// Where a document is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// Its key in the key-value store.
    pub key: String,
    /// The key of its version register in Redis.
    pub register: String,
}

/// What a decision on a document comes to.
#[derive(Debug)]
pub struct Step<D> {
    /// The next version of the document; `None` where it stays as it is.
    pub next: Option<D>,
    /// What happens together with it. It has to publish the next version, so
    /// that a worker can store it should its writer die.
    pub change: Change,
}

impl<D> Step<D> {
    /// Nothing happens.
    pub fn none() -> Self {
        Self {
            next: None,
            change: Change::new(),
        }
    }
}

/// Documents as clients are told of them.
const DOCUMENT: &str = "the document";

/// The latest version of a document, and no earlier one: for what is not
/// decided anew should the document turn out to be another.
///
/// # Errors
/// [`Failure::Unavailable`] where its writer has not stored it yet.
pub fn committed<D: DeserializeOwned>(
    redis: &impl Redis,
    store: &impl KeyValue,
    entity: &Entity,
) -> Result<Option<Versioned<D>>, Failure> {
    let reply = redis.call("GET", &[Arg::from(&entity.register)])?;
    let committed = reply.first().and_then(Value::as_int).unwrap_or(0);
    let found = latest(store, &entity.key)?;
    let stored = found
        .as_ref()
        .map_or(0, |found: &Versioned<D>| found.version);
    if stored < committed.unsigned_abs() {
        return Err(Failure::unavailable(
            DOCUMENT,
            "its latest version is not stored yet",
        ));
    }
    Ok(found)
}

/// Takes the step that `decide` finds right for the document as it is, and
/// returns the document as it is then; `None` where there is still none.
///
/// # Errors
/// Those of `decide`, before anything has happened; [`Failure::Contended`]
/// where others change the document all the time. After an error of the
/// key-value store the change may have been committed: it is then stored by
/// a worker.
pub fn update<D: Clone + Serialize + DeserializeOwned, E: From<Failure>>(
    queue: &Queue<'_, impl Redis>,
    store: &impl KeyValue,
    entity: &Entity,
    mut decide: impl FnMut(Option<&Versioned<D>>) -> Result<Step<D>, E>,
) -> Result<Option<Versioned<D>>, E> {
    for attempt in 1..=TRIES {
        let before = latest::<D>(store, &entity.key)?;
        let Step { next, change } = decide(before.as_ref())?;
        let Some(document) = next else {
            if !change.is_empty() {
                queue.commit(&change)?;
            }
            return Ok(before);
        };
        let known = before.map_or(0, |before| before.version);
        let next = Versioned {
            version: known.saturating_add(1),
            document,
        };
        let change = change.of_entity(&*entity.register, known);
        match queue.commit(&change)? {
            Outcome::Committed => {
                write(store, &entity.key, &next)?;
                return Ok(Some(next));
            }
            // Its writer is about to store it, or a worker will.
            _ => std::thread::sleep(Duration::from_millis(10 * attempt)),
        }
    }
    // Whoever is to store it may not have heard of it yet.
    queue.wake()?;
    Err(Failure::Contended { what: DOCUMENT }.into())
}
