//! From a client's request to the next version of a document.

use base::{Failure, Trace};
use queue::Queue;
use stores::{KeyValue, Redis};

use crate::{Decision, Document, Entity, GroupMessage, Step, Versioned, update, version};

/// Takes the decision that `decide` returns for the latest version of a document, and
/// returns the version with the wanted content. `message` makes the message that carries
/// a next version, from the version before it, its number and itself.
///
/// # Errors
/// Those of `decide`, without a change, and those of [`update`].
pub fn change<D: Document, E: From<Failure>>(
    queue: &Queue<'_, impl Redis>,
    store: &impl KeyValue,
    entity: &Entity,
    trace: &Trace,
    mut decide: impl FnMut(Option<&Versioned<D>>) -> Result<Decision<D>, E>,
    mut message: impl FnMut(Option<&Versioned<D>>, u64, &D) -> Result<GroupMessage, Failure>,
) -> Result<Versioned<D>, E> {
    let mut unchanged = None;
    let latest = update(queue, store, entity, trace, |latest| {
        unchanged = None;
        Ok::<_, E>(match decide(latest)? {
            Decision::Unchanged { version } => {
                unchanged = Some(version);
                Step::none()
            }
            Decision::Next(document) => {
                let number = latest.map_or(0, |latest| latest.version).saturating_add(1);
                let message = message(latest, number, &document)?;
                Step {
                    next: Some(*document),
                    effects: Vec::new(),
                    message: Some(message),
                }
            }
        })
    })?;
    let found = match (latest, unchanged) {
        (Some(latest), Some(number)) if number != latest.version => {
            version::<D>(store, &entity.key, number)?
        }
        (latest, _) => latest,
    };
    found.ok_or_else(|| {
        let detail = format!("no version of {} has the wanted content", entity.key);
        Failure::unavailable("the document", detail).into()
    })
}

/// The first version of the document whose latest one is `latest`; `latest` itself where
/// the first was forgotten.
///
/// # Errors
/// The store is out of reach.
pub fn first<D: Document>(
    store: &impl KeyValue,
    entity: &Entity,
    latest: &Versioned<D>,
) -> Result<Versioned<D>, Failure> {
    let first = version::<D>(store, &entity.key, 1)?;
    Ok(first.unwrap_or_else(|| latest.clone()))
}
