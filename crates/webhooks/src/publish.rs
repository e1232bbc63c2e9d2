//! How a change tells of itself.

use base::{Failure, Trace};
use queue::{Effect, Message, QueueNames};
use stores::{Arg, Redis, Value};

use crate::endpoint::wishes_for;
use crate::{CloudEvent, Fact, Occurred, keys};

/// The effect that publishes an event of a change, if an endpoint wants its type.
///
/// # Errors
/// [`Failure::Internal`] where the fact makes no event.
pub fn told(fact: Fact<'_>, trace: &Trace) -> Result<Effect, Failure> {
    let event = CloudEvent::new(fact, trace).map_err(Failure::internal)?;
    occurred(&event, trace)
}

/// Whether an endpoint wants one of some types at this moment: for a publisher whose events
/// cost much to make. The script that publishes an event looks again.
///
/// # Errors
/// Redis is out of reach.
pub fn is_any_wanted(redis: &impl Redis, kinds: &[&str]) -> Result<bool, Failure> {
    let wishes: Vec<_> = kinds.iter().flat_map(|kind| wishes_for(kind)).collect();
    let mut args = vec![Arg::from(keys::WANTED)];
    args.extend(wishes.iter().map(Arg::from));
    let scores = redis.call("ZMSCORE", &args)?;
    Ok(scores.iter().any(|score| *score != Value::Nil))
}

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
