//! The messages of the queue [`crate::keys::QUEUE`].

use queue::Message;
use serde::{Deserialize, Serialize};

use crate::EndpointId;

/// `order.notification`: an event for one URL of `notification_urls`. Without a URL it is an
/// event that earlier versions published for all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// The URL, without its query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The event's id, by which a receiver recognizes a repeated event.
    pub id: String,
    /// The exact text of the event, since it is signed.
    pub event: String,
    /// Whether an operator sends it again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resend: bool,
}

impl Message for Notification {
    const KIND: &'static str = "order.notification";
    const SCHEMA: u32 = 1;
}

/// `webhook.event`: an event that becomes one message for each endpoint that wants it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Occurred {
    /// The event's id.
    pub id: String,
    /// The event's type, which its text has, too.
    pub kind: String,
    /// The exact text of the event.
    pub event: String,
}

impl Message for Occurred {
    const KIND: &'static str = "webhook.event";
    // A worker that knows only notifications postpones it.
    const SCHEMA: u32 = 2;
}

/// `webhook.delivery`: an event for one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The event's id.
    pub id: String,
    /// The event's type.
    pub kind: String,
    /// The exact text of the event.
    pub event: String,
    /// Whether an operator sends it again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resend: bool,
}

impl Message for Delivery {
    const KIND: &'static str = "webhook.delivery";
    const SCHEMA: u32 = 2;
}

/// A message of the queue.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// See [`Notification`].
    Notification(Notification),
    /// See [`Occurred`].
    Occurred(Occurred),
    /// See [`Delivery`].
    Delivery(Delivery),
}

impl Incoming {
    /// The id of the event that it is about.
    pub fn event_id(&self) -> &str {
        match self {
            Self::Notification(message) => &message.id,
            Self::Occurred(message) => &message.id,
            Self::Delivery(message) => &message.id,
        }
    }
}

impl<'m> queue::Incoming<'m> for Incoming {
    const SCHEMA: u32 = 2;

    fn read(kind: &str, message: &'m [u8]) -> Option<serde_json::Result<Self>> {
        Some(match kind {
            Notification::KIND => serde_json::from_slice(message).map(Self::Notification),
            Occurred::KIND => serde_json::from_slice(message).map(Self::Occurred),
            Delivery::KIND => serde_json::from_slice(message).map(Self::Delivery),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use base::Trace;
    use serde_json::json;

    use super::*;

    const EVENT: &str = r#"{"specversion":"1.0", "data":{"note":"\u00e9 \" 1.50"}}"#;

    fn read(kind: &str, message: &[u8]) -> Incoming {
        queue::read(kind, message).unwrap()
    }

    #[test]
    fn an_event_arrives_to_the_letter() {
        let trace = Trace::new();
        let notification = Notification {
            url: Some("https://example.org/hook".into()),
            id: "msg_1".into(),
            event: EVENT.into(),
            resend: false,
        };
        let message = notification.encode(&trace).unwrap();
        let arrived = read("order.notification", &message);
        assert_eq!(arrived, Incoming::Notification(notification));

        let occurred = Occurred {
            id: "msg_1".into(),
            kind: "orilla.order.received".into(),
            event: EVENT.into(),
        };
        let message = occurred.encode(&trace).unwrap();
        assert_eq!(
            read("webhook.event", &message),
            Incoming::Occurred(occurred)
        );

        let delivery = Delivery {
            endpoint: "wh_1".parse().unwrap(),
            id: "msg_1".into(),
            kind: "orilla.order.received".into(),
            event: EVENT.into(),
            resend: true,
        };
        let message = delivery.encode(&trace).unwrap();
        let arrived = read("webhook.delivery", &message);
        assert_eq!(arrived.event_id(), "msg_1");
        assert_eq!(arrived, Incoming::Delivery(delivery));
    }

    #[test]
    fn messages_of_the_first_schema_stay_readable() {
        for url in [Some("https://example.org"), None] {
            let first = json!({"type": "order.notification", "schema": 1, "trace": {},
                "url": url, "id": "msg_1", "event": EVENT});
            let Incoming::Notification(read) =
                read("order.notification", first.to_string().as_bytes())
            else {
                panic!("it is a notification");
            };
            assert_eq!((read.url.as_deref(), &*read.event), (url, EVENT));
        }
        assert!(queue::read::<Incoming>("order.changed", b"{}").is_err());
    }
}
