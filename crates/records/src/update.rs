//! Changing a document that others may be changing, too.

use std::time::Duration;

use queue::{Change, Outcome, Queue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use stores::{Arg, KeyValue, Redis, RedisError, Value};

use crate::{RecordError, Versioned, latest, write};

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

/// Why a document could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// Redis failed.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// The key-value store failed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Something that goes along with the document could not be written as JSON.
    #[error("a message or field cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    /// Every try met a change of somebody else's.
    #[error("others keep changing it")]
    Contended,
    /// A version was committed that the key-value store does not have yet.
    #[error("the latest version is not stored yet")]
    Behind,
}

/// The latest version of a document, and no earlier one: for what is not
/// decided anew should the document turn out to be another.
///
/// # Errors
/// [`UpdateError::Behind`] where its writer has not stored it yet.
pub fn committed<D: DeserializeOwned>(
    redis: &impl Redis,
    store: &impl KeyValue,
    entity: &Entity,
) -> Result<Option<Versioned<D>>, UpdateError> {
    let reply = redis.call("GET", &[Arg::from(&entity.register)])?;
    let committed = reply.first().and_then(Value::as_int).unwrap_or(0);
    let found = latest(store, &entity.key)?;
    let stored = found
        .as_ref()
        .map_or(0, |found: &Versioned<D>| found.version);
    if stored < committed.unsigned_abs() {
        return Err(UpdateError::Behind);
    }
    Ok(found)
}

/// Takes the step that `decide` finds right for the document as it is, and
/// returns the document as it is then; `None` where there is still none.
///
/// # Errors
/// Those of `decide`, before anything has happened; [`UpdateError::Contended`]
/// where others change the document all the time. After an error of the
/// key-value store the change may have been committed: it is then stored by
/// a worker.
pub fn update<D: Clone + Serialize + DeserializeOwned, E: From<UpdateError>>(
    queue: &Queue<'_, impl Redis>,
    store: &impl KeyValue,
    entity: &Entity,
    mut decide: impl FnMut(Option<&Versioned<D>>) -> Result<Step<D>, E>,
) -> Result<Option<Versioned<D>>, E> {
    for attempt in 1..=TRIES {
        let before = latest::<D>(store, &entity.key).map_err(UpdateError::from)?;
        let Step { next, change } = decide(before.as_ref())?;
        let Some(document) = next else {
            if !change.is_empty() {
                queue.commit(&change).map_err(UpdateError::from)?;
            }
            return Ok(before);
        };
        let known = before.map_or(0, |before| before.version);
        let next = Versioned {
            version: known.saturating_add(1),
            document,
        };
        let change = change.of_entity(&*entity.register, known);
        match queue.commit(&change).map_err(UpdateError::from)? {
            Outcome::Committed => {
                write(store, &entity.key, &next).map_err(UpdateError::from)?;
                return Ok(Some(next));
            }
            // Its writer is about to store it, or a worker will.
            _ => std::thread::sleep(Duration::from_millis(10 * attempt)),
        }
    }
    // Whoever is to store it may not have heard of it yet.
    queue.wake().map_err(UpdateError::from)?;
    Err(UpdateError::Contended.into())
}
