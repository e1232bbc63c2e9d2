//! How a change tells of itself.

use base::{Failure, Trace};
use queue::{Effect, Message, QueueNames};

use crate::endpoint::wishes_for;
use crate::{CloudEvent, Occurred, keys};

/// The effect that publishes an event with a change, if an endpoint wants its type.
///
/// # Errors
/// [`Failure::Internal`] where the event cannot be written.
pub fn occurred(event: &CloudEvent<'_>, trace: &Trace) -> Result<Effect, Failure> {
    let (members, message) = (wishes_for(event.kind()), message(event, trace)?);
    Ok(QueueNames::new(keys::QUEUE).send_if_any(keys::WANTED, members, message))
}

/// The effect that publishes an event in any case: for events that the endpoints of
/// `notification_urls` get.
///
/// # Errors
/// Those of [`occurred`].
pub fn occurred_for_all(event: &CloudEvent<'_>, trace: &Trace) -> Result<Effect, Failure> {
    Ok(QueueNames::new(keys::QUEUE).send(message(event, trace)?))
}

fn message(event: &CloudEvent<'_>, trace: &Trace) -> Result<Vec<u8>, Failure> {
    let occurred = Occurred {
        id: event.id().to_owned(),
        kind: event.kind().to_owned(),
        event: event.encode()?,
    };
    occurred.encode(trace)
}
