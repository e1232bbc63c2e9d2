//! Changing a record that others may be changing, too.

use std::time::Duration;

use images_domain::{FileName, ImageRecord};
use queue::{Change, Effect, Outcome, Queue};
use stores::{KeyValue, Redis};
use web::Trace;

use crate::{StorageError, load, save};

/// How often to decide anew when others change the same record meanwhile.
const TRIES: u64 = 6;

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
/// Those of `decide`, before anything has happened; [`StorageError::Contended`]
/// where others change the record all the time.
pub fn update<E: From<StorageError>>(
    queue: &Queue<'_, impl Redis>,
    store: &impl KeyValue,
    file: &FileName,
    trace: &Trace,
    mut decide: impl FnMut(Option<&ImageRecord>) -> Result<Step, E>,
) -> Result<Option<ImageRecord>, E> {
    for attempt in 1..=TRIES {
        let before = load(store, file).map_err(StorageError::from)?;
        let step = decide(before.as_ref().map(|before| &before.document))?;
        let is_idle = step.effects.is_empty();
        let change = Change::new().with_all(step.effects);
        let Some(after) = step.record else {
            if !is_idle {
                queue.commit(&change).map_err(StorageError::from)?;
            }
            return Ok(before.map(|before| before.document));
        };
        let saved = save(
            queue,
            store,
            file,
            before.as_ref(),
            after.clone(),
            change,
            trace,
        )?;
        match saved {
            Outcome::Conflict { .. } => {
                // Its writer is about to store it, or a worker will.
                std::thread::sleep(Duration::from_millis(10 * attempt));
            }
            _ => return Ok(Some(after)),
        }
    }
    Err(StorageError::Contended.into())
}
