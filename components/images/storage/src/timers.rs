//! Looking at a photo again later: messages that the queue holds back.
//!
//! What is scheduled once more, under the same id and with the same bytes, only
//! moves. So nothing goes into these messages that differs from call to call.

use std::time::Duration;

use base::Trace;
use images_domain::{FileName, ImageRecord, Message, SCHEMA};
use queue::{Effect, Queue};
use stores::{Arg, Redis, Value};

/// How long after a removal its objects are removed once more. By then readers
/// are done with the record of before, and so is a worker that was just looking
/// at the photo.
const AFTER_REMOVAL: Duration = Duration::from_secs(60);

/// The effect that looks after `delay` what was uploaded with the URLs of a photo.
pub fn expire_later(
    queue: &Queue<'_, impl Redis>,
    file: &FileName,
    delay: Duration,
) -> Result<Effect, base::Failure> {
    let message = Message::<Trace>::Expiry {
        schema: SCHEMA,
        file: file.to_string(),
    };
    let message = serde_json::to_vec(&message)?;
    Ok(queue.schedule(&format!("expiry:{file}"), &message, delay))
}

/// Whether that is still to come: a URL was given out that has not run out yet.
pub fn expires_later(
    queue: &Queue<'_, impl Redis>,
    file: &FileName,
) -> Result<bool, base::Failure> {
    let Effect::Delay { key, entry, .. } = expire_later(queue, file, Duration::ZERO)? else {
        return Ok(false);
    };
    let args = [Arg::from(&key), Arg::from(entry.as_slice())];
    let due = queue.redis().call("ZSCORE", &args)?;
    Ok(due.first().is_some_and(|due| *due != Value::Nil))
}

/// The effect that makes sure in a while that nothing is left of a photo that
/// `tombstone` says was removed.
pub fn finish_removal_later(
    queue: &Queue<'_, impl Redis>,
    tombstone: &ImageRecord,
) -> Result<Effect, base::Failure> {
    let ImageRecord {
        file_name, life, ..
    } = tombstone;
    let message = Message::<Trace>::Removed {
        schema: SCHEMA,
        file: file_name.clone(),
        life: *life,
    };
    let message = serde_json::to_vec(&message)?;
    let id = format!("removed:{life}:{file_name}");
    Ok(queue.schedule(&id, &message, AFTER_REMOVAL))
}
