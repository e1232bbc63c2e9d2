//! Looking at a photo again later: messages that the queue holds back.
//!
//! What is scheduled once more, under the same id and with the same bytes, only
//! moves. So nothing goes into these messages that differs from call to call.

use std::time::Duration;

use base::Failure;
use images_domain::{Expiry, FileName, ImageRecord, Removed};
use queue::{Effect, Message, Queue};
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
) -> Result<Effect, Failure> {
    let expiry = Expiry {
        file: file.to_string(),
    };
    let message = expiry.encode_untraced()?;
    Ok(queue.schedule(&format!("expiry:{file}"), &message, delay))
}

/// Whether that is still to come: a URL was given out that has not run out yet.
pub fn expires_later(queue: &Queue<'_, impl Redis>, file: &FileName) -> Result<bool, Failure> {
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
) -> Result<Effect, Failure> {
    let ImageRecord {
        file_name, life, ..
    } = tombstone;
    let removed = Removed {
        file: file_name.clone(),
        life: *life,
    };
    let message = removed.encode_untraced()?;
    let id = format!("removed:{life}:{file_name}");
    Ok(queue.schedule(&id, &message, AFTER_REMOVAL))
}
