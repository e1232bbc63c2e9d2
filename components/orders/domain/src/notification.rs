//! The messages of the queue of notifications.

use queue::Incoming;
use serde::{Deserialize, Serialize};

/// `order.notification`: an event for one URL, or for all receivers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// The receiver's URL; `None` before the event is split into one message per
    /// receiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The event's id, by which a receiver recognizes a repeated event.
    pub id: String,
    /// The exact text of the event, since it is signed.
    pub event: String,
}

impl queue::Message for Notification {
    const KIND: &'static str = "order.notification";
    const SCHEMA: u32 = 1;
}

impl<'m> Incoming<'m> for Notification {
    const SCHEMA: u32 = <Self as queue::Message>::SCHEMA;

    fn read(kind: &str, message: &'m [u8]) -> Option<serde_json::Result<Self>> {
        (kind == <Self as queue::Message>::KIND).then(|| serde_json::from_slice(message))
    }
}

#[cfg(test)]
mod tests {
    use base::Trace;
    use queue::Message as _;

    use super::*;

    const EVENT: &str = r#"{"specversion":"1.0", "data":{"note":"\u00e9 \" 1.50"}}"#;

    #[test]
    fn an_event_arrives_to_the_letter() {
        let notification = Notification {
            url: Some("https://example.org/hook".into()),
            id: "msg_1".into(),
            event: EVENT.into(),
        };
        let message = notification.encode(&Trace::new()).unwrap();
        let arrived: Notification = queue::read("order.notification", &message).unwrap();
        assert_eq!(arrived, notification);
    }

    #[test]
    fn messages_of_the_first_schema_stay_readable() {
        let first = serde_json::json!({"type": "order.notification", "schema": 1, "trace": {},
            "url": "https://example.org", "id": "msg_1", "event": EVENT});
        let first = first.to_string();
        let read = queue::read::<Notification>("order.notification", first.as_bytes());
        assert_eq!(read.unwrap().event, EVENT);
    }
}
