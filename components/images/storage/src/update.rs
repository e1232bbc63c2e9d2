//! Changing a record that others may be changing, too.

use base::Trace;
use images_domain::{FileName, ImageRecord, Message, SCHEMA, changes};
use queue::{Change, Effect, Queue};
use records::Versioned;
use stores::{KeyValue, Redis};

use crate::photos::entity;

/// What a decision on a record comes to.
#[derive(Debug, Default)]
pub struct Step {
    /// The next version of the record; `None` where it stays as it is.
    pub record: Option<ImageRecord>,
    /// What happens together with it.
    pub effects: Vec<Effect>,
}

impl From<Option<ImageRecord>> for Step {
    fn from(record: Option<ImageRecord>) -> Self {
        Self {
            record,
            effects: Vec::new(),
        }
    }
}

/// Takes the step that `decide` finds right for the record as it is, and
/// returns the record as it is then; `None` where there is still none.
///
/// # Errors
/// Those of `decide`, before anything has happened; [`base::Failure::Contended`]
/// where others change the record all the time.
pub fn update<E: From<base::Failure>>(
    queue: &Queue<'_, impl Redis>,
    store: &impl KeyValue,
    file: &FileName,
    trace: &Trace,
    mut decide: impl FnMut(Option<&ImageRecord>) -> Result<Step, E>,
) -> Result<Option<ImageRecord>, E> {
    let entity = entity(file);
    let mut is_next = false;
    let latest = records::update(queue, store, &entity, |before| {
        let step = decide(before.map(|before| &before.document))?;
        is_next = step.record.is_some();
        let mut change = Change::new().with_all(step.effects);
        if let Some(next) = &step.record {
            change = publish(change, before, next, trace).map_err(base::Failure::from)?;
        }
        Ok::<_, E>(records::Step {
            next: step.record,
            change,
        })
    })?;
    // Nobody asks for a photo's history. The version before stays, for readers
    // that are on their way from it.
    if let Some(Versioned { version, .. }) = &latest
        && let Some(old) = version.checked_sub(2).filter(|old| is_next && *old > 0)
    {
        records::forget(store, &entity.key, old).map_err(base::Failure::from)?;
    }
    Ok(latest.map(|latest| latest.document))
}

/// Adds the next version to a change: to the indexes, and as a message, so that
/// a worker can store it should its writer die.
fn publish(
    change: Change,
    before: Option<&Versioned<ImageRecord>>,
    next: &ImageRecord,
    trace: &Trace,
) -> serde_json::Result<Change> {
    let message = Message::Record {
        schema: SCHEMA,
        trace: trace.clone(),
        version: before.map_or(0, |before| before.version).saturating_add(1),
        document: Box::new(next.clone()),
    };
    let indexes = changes(before.map(|before| &before.document), next);
    let message = serde_json::to_vec(&message)?;
    Ok(change.publishing(message).with_all(indexes))
}
