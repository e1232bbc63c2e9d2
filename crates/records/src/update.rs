//! Changing a document that others may be changing, too.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base::{Failure, Trace, log};
use queue::{Change, Effect, Envelope, Group, Message, Outcome, Queue, QueueNames};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stores::{Arg, KeyValue, Redis, Value};

use crate::{Versioned, forget, latest, repair, write};

/// How long a change waits for others that change the same document: enough for some
/// hundred of them, and well below the 30 s that platforms give a request.
const MAX_CONTENTION: Duration = Duration::from_secs(8);

/// Bounds of the random pause before a change is tried again; the bound doubles.
const MIN_PAUSE: Duration = Duration::from_millis(8);
const MAX_PAUSE: Duration = Duration::from_millis(256);

/// Documents as clients are told of them.
const DOCUMENT: &str = "the document";

/// A kind of document.
pub trait Document: Clone + Serialize + DeserializeOwned {
    /// The type of the message that carries a committed version, such as `order.record`.
    const RECORD: &'static str;
    /// The types of other messages that carry one, in the same fields.
    const CARRIERS: &'static [&'static str] = &[];
    /// The version of the schema of [`Self::RECORD`].
    const SCHEMA: u32;
    /// Whether earlier versions are kept for good. Otherwise the version before the latest
    /// stays, for readers that are on their way from it, and those before it are forgotten.
    const KEEPS_HISTORY: bool;

    /// Where the document is kept.
    fn entity(&self) -> Entity;

    /// What indexes know it by.
    fn member(&self) -> &str;

    /// The sorted sets that it is in, each with its score there.
    fn indexes(&self) -> BTreeMap<String, f64>;
}

/// The writes that bring the indexes from one version of a document to the next.
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
    /// Further writes that happen together with it, or alone where it stays as it is.
    pub effects: Vec<Effect>,
    /// What is told of the next version.
    pub message: Option<GroupMessage>,
}

/// A message that carries a version and is delivered in its turn.
#[derive(Debug)]
pub struct GroupMessage {
    /// The queue that it goes to.
    pub queue: QueueNames,
    /// The key of its message group.
    pub group: String,
    /// The message, of one of the types in [`Document::CARRIERS`].
    pub message: Vec<u8>,
}

impl<D> Step<D> {
    /// The document stays as it is.
    pub fn none() -> Self {
        None.into()
    }

    /// Adds a write.
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

/// Whether a message that carries a version is done when that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carries {
    /// It carries no version.
    Nothing,
    /// It does, and there is nothing else in it.
    Record,
    /// It does, and is to be worked on.
    More,
    /// It ought to carry one that cannot be read, for this reason.
    Unreadable(String),
}

/// Stores the version of a document that `message` carries, where its writer did not.
///
/// # Errors
/// The store is out of reach: the message may hold the only copy and has to wait.
pub fn repair_from<D: Document>(
    store: &impl KeyValue,
    envelope: &Envelope<'_>,
    trace: &Trace,
    message: &[u8],
) -> Result<Carries, Failure> {
    let carries = match &*envelope.kind {
        kind if kind == D::RECORD => Carries::Record,
        kind if D::CARRIERS.contains(&kind) => Carries::More,
        _ => return Ok(Carries::Nothing),
    };
    let Carried { version, document } = match serde_json::from_slice::<Carried<D>>(message) {
        Ok(carried) => carried,
        Err(error) => return Ok(Carries::Unreadable(error.to_string())),
    };
    let key = document.entity().key;
    if repair(store, &key, &Versioned { version, document })? {
        let fields = json!({"document": key, "version": version});
        log::info(
            trace,
            "a version was stored that its writer had not stored",
            fields,
        );
    }
    Ok(carries)
}

/// The latest version of a document, and no earlier one: for what is not decided anew
/// should the document turn out to be another.
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
    let found: Option<Versioned<D>> = latest(store, &entity.key)?;
    let stored = found.as_ref().map_or(0, |found| found.version);
    if stored < committed.unsigned_abs() {
        let detail = "its latest version is not stored yet";
        return Err(Failure::unavailable(DOCUMENT, detail));
    }
    Ok(found)
}

/// Takes the step that `decide` finds right for the document as it is, and returns the
/// document as it is then; `None` where there is still none.
///
/// The next version is committed together with its indexes and a message that carries it,
/// and then stored. Where others change the document meanwhile, `decide` is asked again.
///
/// # Errors
/// Those of `decide`, before anything has happened; [`Failure::Contended`] where others
/// change the document for seconds. After an error of the key-value store the change may
/// have been committed: then a worker stores it.
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
            // In its group the message may wait for long, and with it the only copy of a
            // version whose writer died. So the record goes ahead of it.
            Some(told) => {
                let group = Group {
                    key: told.group,
                    ahead: Some(record),
                };
                change.with(told.queue.send_in(group, told.message))
            }
        };
        let change = change
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
        // Another writer was first and is about to store its version, or a worker will.
        if started.elapsed() >= MAX_CONTENTION {
            // The workers may not have been told of that version.
            queue.wake()?;
            return Err(Failure::Contended { what: DOCUMENT }.into());
        }
        std::thread::sleep(pause.mul_f64(base::random()));
        pause = (pause * 2).min(MAX_PAUSE);
    }
}
