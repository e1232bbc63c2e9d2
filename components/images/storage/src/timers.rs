//! Messages that the queue delivers later.
//!
//! A message that is scheduled again, with the same id and the same bytes, only moves. So
//! these messages hold nothing that differs from call to call.

use std::time::Duration;

use base::Failure;
use images_domain::{Expiry, FileName, Removed};
use queue::{Effect, Message, Queue};
use stores::Redis;

/// The delay after which the objects of a removed photo are removed once more. By then
/// readers are done with the earlier record, and so is a worker that was analyzing the
/// photo.
const AFTER_REMOVAL: Duration = Duration::from_secs(60);

/// The effect that checks a photo's inbox after `delay`, when its upload URLs have
/// expired.
pub fn expire_later(
    queue: &Queue<'_, impl Redis>,
    file: &FileName,
    delay: Duration,
) -> Result<Effect, Failure> {
    let (id, message) = expiry(file)?;
    Ok(queue.names().schedule(&id, &message, delay))
}

/// Whether that check is still to come: an upload URL has not expired yet.
pub fn expires_later(queue: &Queue<'_, impl Redis>, file: &FileName) -> Result<bool, Failure> {
    let (id, message) = expiry(file)?;
    queue.is_scheduled(&id, &message)
}

fn expiry(file: &FileName) -> Result<(String, Vec<u8>), Failure> {
    let (id, file) = (format!("expiry:{file}"), file.clone());
    Ok((id, Expiry { file }.encode_untraced()?))
}

/// The effect that removes the remaining objects of a life of a photo later.
pub fn finish_removal_later(
    queue: &Queue<'_, impl Redis>,
    file: &FileName,
    life: u32,
) -> Result<Effect, Failure> {
    let (id, file) = (format!("removed:{life}:{file}"), file.clone());
    let message = Removed { file, life }.encode_untraced()?;
    Ok(queue.names().schedule(&id, &message, AFTER_REMOVAL))
}
