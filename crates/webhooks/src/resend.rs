//! Deliveries, as messages: of tests, and of events that are sent again.

use std::time::Duration;

use base::{Failure, Trace};
use queue::{Effect, Group, Message, Once, QueueNames};

use crate::view::listed_id;
use crate::{Delivery, Endpoint, Kept, Notification, keys, listed_wants, wants};

/// The time in which an event is sent again once, even if operators ask for it twice.
const ONCE: Duration = Duration::from_secs(60);

/// An endpoint.
#[derive(Clone, Debug)]
pub enum Target {
    /// One that an operator made.
    Made(Endpoint),
    /// One of `notification_urls`, by its URL without the query.
    Listed(String),
}

impl Target {
    /// Its id.
    pub fn id(&self) -> String {
        match self {
            Self::Made(endpoint) => endpoint.id.to_string(),
            Self::Listed(url) => listed_id(url),
        }
    }

    /// Whether it is to get events.
    pub fn is_on(&self) -> bool {
        match self {
            Self::Made(endpoint) => endpoint.enabled,
            Self::Listed(_) => true,
        }
    }

    /// Whether it wants events of this type.
    pub fn wants(&self, kind: &str) -> bool {
        match self {
            Self::Made(endpoint) => wants(&endpoint.event_types, kind),
            Self::Listed(_) => listed_wants(kind),
        }
    }

    fn message(&self, kept: &Kept, resend: bool, trace: &Trace) -> Result<Vec<u8>, Failure> {
        let Kept { id, kind, event } = kept.clone();
        match self {
            Self::Made(endpoint) => Delivery {
                endpoint: endpoint.id.clone(),
                id,
                kind,
                event,
                resend,
            }
            .encode(trace),
            Self::Listed(url) => Notification {
                url: Some(url.clone()),
                id,
                event,
                resend,
            }
            .encode(trace),
        }
    }

    /// One of the message groups of the endpoint.
    fn group(&self, event: &str) -> Group {
        let nth = event.bytes().fold(0, u8::wrapping_add);
        let key = match self {
            Self::Made(endpoint) => keys::group(endpoint.id.as_str(), nth),
            Self::Listed(url) => keys::group(url, nth),
        };
        Group { key, ahead: None }
    }
}

/// The effect that sends an event to an endpoint.
///
/// # Errors
/// None known.
pub fn sent(target: &Target, event: &Kept, trace: &Trace) -> Result<Effect, Failure> {
    let message = target.message(event, false, trace)?;
    Ok(QueueNames::new(keys::QUEUE).send_in(target.group(&event.id), message))
}

/// The effect that sends an event to an endpoint again, once in a minute.
///
/// # Errors
/// None known.
pub fn sent_again(target: &Target, event: &Kept, trace: &Trace) -> Result<Effect, Failure> {
    let message = target.message(event, true, trace)?;
    let once = Once {
        key: keys::resending(&target.id(), &event.id),
        keep: ONCE,
    };
    let group = Some(target.group(&event.id));
    Ok(QueueNames::new(keys::QUEUE).send_once(group, once, message))
}
