//! Changes of documents that others may be changing at the same time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base::{Failure, Trace, log};
use queue::{Change, Effect, Envelope, Group, Message, Outcome, Queue, QueueNames};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stores::{Arg, KeyValue, Redis, Value};

use crate::{Versioned, forget, latest, repair, version_key, write};

/// The time that a change waits for other changes of its document: enough for some
/// hundred of them, and well below the 30 s that platforms give a request.
const MAX_CONTENTION: Duration = Duration::from_secs(8);

/// Bounds of the random pause before a change is retried; the bound doubles each time.
const MIN_PAUSE: Duration = Duration::from_millis(8);
const MAX_PAUSE: Duration = Duration::from_millis(256);

/// The name of a document in messages to clients.
const DOCUMENT: &str = "the document";

/// A kind of document.
pub trait Document: Clone + Serialize + DeserializeOwned {
    /// The type of the message that carries a committed version, such as `order.record`.
    const RECORD: &'static str;
    /// The types of other messages that carry a version, in the same fields.
    const CARRIERS: &'static [&'static str] = &[];
    /// The version of the schema of [`Self::RECORD`].
    const SCHEMA: u32;
    /// Whether all versions are kept. Otherwise only the latest and the one before it are,
    /// from which a reader may be on its way.
    const KEEPS_HISTORY: bool;

    /// The keys of the document.
    fn entity(&self) -> Entity;

    /// The document's member in indexes.
    fn member(&self) -> &str;

    /// The Redis keys of the indexes (sorted sets) that it is in, each with its score.
    fn indexes(&self) -> BTreeMap<String, f64>;

    /// The effects of the commit by which a document that was `before` becomes this one, as
    /// its `version`, such as messages that tell others. By default there are none.
    ///
    /// # Errors
    /// A message cannot be written: nothing is changed.
    fn effects(
        &self,
        _before: Option<&Self>,
        _version: u64,
        _trace: &Trace,
    ) -> Result<Vec<Effect>, Failure> {
        Ok(Vec::new())
    }
}

/// The effects that bring the indexes from one version of a document to the next.
pub fn index_changes<D: Document>(before: Option<&D>, after: &D) -> Vec<Effect> {
    let old = before.map(D::indexes).unwrap_or_default();
    let new = after.indexes();
    let member = || after.member().to_owned();
    let removed = old.keys().filter(|key| !new.contains_key(*key));
    let removed = removed.map(|key| Effect::Unindex {
        key: key.clone(),
        member: member(),
    });
    let added = new
        .iter()
        .filter(|(key, score)| old.get(*key) != Some(score));
    let added = added.map(|(key, score)| Effect::Index {
        key: key.clone(),
        member: member(),
        score: *score,
    });
    removed.chain(added).collect()
}

/// The keys of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// The key in the key-value store.
    pub key: String,
    /// The key of the version register in Redis.
    pub register: String,
}

/// A decision on a document.
#[derive(Debug)]
pub struct Step<D> {
    /// The next version of the document; `None` where it does not change.
    pub next: Option<D>,
    /// Effects that happen together with the next version, or alone without one.
    pub effects: Vec<Effect>,
    /// The message that carries the next version, besides [`Document::RECORD`].
    pub message: Option<GroupMessage>,
}

/// A message that carries a version and is delivered in its message group.
#[derive(Debug)]
pub struct GroupMessage {
    /// Its queue.
    pub queue: QueueNames,
    /// The key of its message group.
    pub group: String,
    /// The message, of one of the types in [`Document::CARRIERS`].
    pub message: Vec<u8>,
}

impl<D> Step<D> {
    /// The decision that changes nothing.
    pub fn none() -> Self {
        None.into()
    }

    /// Adds an effect.
    #[must_use]
    pub fn with(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }
}

impl<D> From<Option<D>> for Step<D> {
    fn from(next: Option<D>) -> Self {
        Self {
            next,
            effects: Vec::new(),
            message: None,
        }
    }
}

/// A version of a document as a message carries it.
#[derive(Deserialize)]
struct Carried<D> {
    version: u64,
    document: D,
}

/// The message that lets a worker store a version whose writer died.
#[derive(Serialize)]
struct Record<'a, D> {
    version: u64,
    document: &'a D,
}

impl<D: Document> Message for Record<'_, D> {
    const KIND: &'static str = D::RECORD;
    const SCHEMA: u32 = D::SCHEMA;
}

/// Whether a message carries a version, and work besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carries {
    /// It carries no version.
    Nothing,
    /// It carries a version and is done when that is stored.
    Record,
    /// It carries a version and needs further work.
    More,
    /// Its version cannot be read, for this reason.
    Unreadable(String),
}

/// A message that a worker got, which may carry a version.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Its envelope.
    pub envelope: &'a Envelope<'a>,
    /// The ids of the request that led to it, or new ones.
    pub trace: &'a Trace,
    /// The message.
    pub message: &'a [u8],
}

impl Received<'_> {
    /// Stores the version of a document that the message carries, if its writer did not.
    ///
    /// # Errors
    /// The store is out of reach. The message may hold the only copy: postpone it.
    pub fn repair<D: Document>(&self, store: &impl KeyValue) -> Result<Carries, Failure> {
        let carries = match &*self.envelope.kind {
            kind if kind == D::RECORD => Carries::Record,
            kind if D::CARRIERS.contains(&kind) => Carries::More,
            _ => return Ok(Carries::Nothing),
        };
        let carried = serde_json::from_slice::<Carried<D>>(self.message);
        let Carried { version, document } = match carried {
            Ok(carried) => carried,
            Err(error) => return Ok(Carries::Unreadable(error.to_string())),
        };
        let key = document.entity().key;
        if repair(store, &key, &Versioned { version, document })? {
            let fields = json!({"document": key, "version": version});
            log::info(
                self.trace,
                "a version was stored that its writer had not stored",
                fields,
            );
        }
        Ok(carries)
    }
}

/// The latest committed version of a document, where [`latest`] may return an earlier one:
/// for decisions that no commit checks.
///
/// # Errors
/// [`Failure::Unavailable`] where that version is not stored yet or a store is out of reach.
pub fn committed<D: DeserializeOwned>(
    redis: &impl Redis,
    store: &impl KeyValue,
    entity: &Entity,
) -> Result<Option<Versioned<D>>, Failure> {
    let reply = redis.call("GET", &[Arg::from(&entity.register)])?;
    let committed = reply.first().and_then(Value::as_int).unwrap_or(0);
    let found: Option<Versioned<D>> = latest(store, &entity.key)?;
    let stored = found.as_ref().map_or(0, |found| found.version);
    if stored < committed.unsigned_abs() {
        let detail = "its latest version is not stored yet";
        return Err(Failure::unavailable(DOCUMENT, detail));
    }
    Ok(found)
}

/// Removes a document with all its versions, its register and its places in indexes. No
/// writer may change it any more, and its key must not be used again.
///
/// # Errors
/// A store is out of reach: call it again.
pub fn remove<D: Document>(
    queue: &Queue<'_, impl Redis>,
    store: &impl KeyValue,
    latest: &Versioned<D>,
) -> Result<(), Failure> {
    let Entity { key, register } = latest.document.entity();
    let document = &latest.document;
    let indexes = document.indexes().into_keys();
    let unindexed = indexes.map(|key| Effect::Unindex {
        key,
        member: document.member().to_owned(),
    });
    let change = Change::new()
        .with_all(unindexed)
        .with(Effect::Remove { key: register });
    queue.commit(&change)?;
    // The key goes last: a call after a failure finds the document by it.
    for version in 1..=latest.version {
        store.delete(&version_key(&key, version))?;
    }
    store.delete(&key)
}

/// Changes a document to the one that `decide` returns for it, if it returns one. Returns the
/// latest version after it; `None` if the document does not exist.
///
/// # Errors
/// Those of [`update`].
pub fn edit<D: Document>(
    queue: &Queue<'_, impl Redis>,
    store: &impl KeyValue,
    entity: &Entity,
    trace: &Trace,
    mut decide: impl FnMut(&D) -> Result<Option<D>, Failure>,
) -> Result<Option<Versioned<D>>, Failure> {
    update(queue, store, entity, trace, |latest| {
        let next = latest.map(|latest| decide(&latest.document)).transpose()?;
        Ok(Step::from(next.flatten()))
    })
}

/// Takes the step that `decide` returns for the latest version of a document, and returns
/// the latest version after it; `None` if the document does not exist.
///
/// The next version is committed together with its indexes and a message that carries it,
/// and then stored. If another writer changes the document meanwhile, `decide` is called
/// again.
///
/// # Errors
/// Those of `decide`, without a change; [`Failure::Contended`] after eight seconds of other
/// writers' changes; [`Failure::Unavailable`] where a store is out of reach. In the last
/// case the change may have been committed: then a worker stores it.
pub fn update<D: Document, E: From<Failure>>(
    queue: &Queue<'_, impl Redis>,
    store: &impl KeyValue,
    entity: &Entity,
    trace: &Trace,
    mut decide: impl FnMut(Option<&Versioned<D>>) -> Result<Step<D>, E>,
) -> Result<Option<Versioned<D>>, E> {
    let started = Instant::now();
    let mut pause = MIN_PAUSE;
    loop {
        let before = latest::<D>(store, &entity.key)?;
        let step = decide(before.as_ref())?;
        let mut change = Change::new().with_all(step.effects);
        let Some(document) = step.next else {
            if !change.is_empty() {
                queue.commit(&change)?;
            }
            return Ok(before);
        };
        let (known, old) = match before {
            Some(Versioned { version, document }) => (version, Some(document)),
            None => (0, None),
        };
        let next = Versioned {
            version: known.saturating_add(1),
            document,
        };
        let record = Record {
            version: next.version,
            document: &next.document,
        };
        let record = record.encode(trace)?;
        change = match step.message {
            None => change.publishing(record),
            // The message may wait long in its group, and may hold the only copy of the
            // version if its writer dies. So the record is published ahead of it.
            Some(told) => {
                let group = Group {
                    key: told.group,
                    ahead: Some(record),
                };
                change.with(told.queue.send_in(group, told.message))
            }
        };
        let told = next.document.effects(old.as_ref(), next.version, trace)?;
        let change = change
            .with_all(told)
            .with_all(index_changes(old.as_ref(), &next.document))
            .of_entity(&*entity.register, known);
        if queue.commit(&change)? == Outcome::Committed {
            write(store, &entity.key, &next)?;
            if !D::KEEPS_HISTORY
                && let Some(old) = next.version.checked_sub(2).filter(|old| *old > 0)
            {
                forget(store, &entity.key, old)?;
            }
            return Ok(Some(next));
        }
        // Another writer was first. It stores its version soon, or a worker does.
        if started.elapsed() >= MAX_CONTENTION {
            // The notification of that version may have been lost.
            queue.wake()?;
            return Err(Failure::Contended { what: DOCUMENT }.into());
        }
        std::thread::sleep(pause.mul_f64(base::random()));
        pause = (pause * 2).min(MAX_PAUSE);
    }
}
