//! Effects that store the outcome of processing a version.

use orders_domain::{Failure, OrderId, ProcessingRecord, keys};
use queue::Effect;

/// The effect that stores the outcome of a processed version.
pub fn processed(
    id: &OrderId,
    version: u64,
    record: &ProcessingRecord,
) -> serde_json::Result<Effect> {
    Ok(Effect::Set {
        key: keys::processing(id),
        fields: vec![(version.to_string(), serde_json::to_vec(record)?)],
    })
}

/// The effect that stores why a version failed.
pub fn failed(id: &OrderId, failure: Failure) -> serde_json::Result<Effect> {
    let version = failure.version.to_string();
    let latest = serde_json::to_vec(&failure)?;
    let record = serde_json::to_vec(&ProcessingRecord::Failed(failure))?;
    Ok(Effect::Set {
        key: keys::processing(id),
        fields: vec![(version, record), (keys::FAILED.to_owned(), latest)],
    })
}
