//! Messages that the queue delivers later.
//!
//! A message that is scheduled again, with the same id and the same bytes, only moves. So
//! these messages hold nothing that differs from call to call.

use std::time::Duration;

use base::Failure;
use queue::{Effect, Message, QueueNames};

use crate::{Expiry, FileName, Removed, keys};

/// The delay after which the objects of a removed photo are removed once more. By then
/// readers are done with the earlier record, and so is a worker that was analyzing the
/// photo.
const AFTER_REMOVAL: Duration = Duration::from_secs(60);

/// The effect that checks a photo's inbox after `delay`, when its upload URLs have
/// expired.
///
/// # Errors
/// None known: the message is JSON.
pub fn expire_later(file: &FileName, delay: Duration) -> Result<Effect, Failure> {
    let (id, message) = expiry(file)?;
    Ok(QueueNames::new(keys::QUEUE).schedule(&id, &message, delay))
}

/// The id and the message of that check.
///
/// # Errors
/// None known: the message is JSON.
pub fn expiry(file: &FileName) -> Result<(String, Vec<u8>), Failure> {
    let (id, file) = (format!("expiry:{file}"), file.clone());
    Ok((id, Expiry { file }.encode_untraced()?))
}

/// The effect that removes the remaining objects of a life of a photo later.
///
/// # Errors
/// None known: the message is JSON.
pub fn finish_removal_later(file: &FileName, life: u32) -> Result<Effect, Failure> {
    let (id, file) = (format!("removed:{life}:{file}"), file.clone());
    let message = Removed { file, life }.encode_untraced()?;
    Ok(QueueNames::new(keys::QUEUE).schedule(&id, &message, AFTER_REMOVAL))
}
