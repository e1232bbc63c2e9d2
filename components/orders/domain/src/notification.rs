//! The messages of the queue of notifications.

use serde::{Deserialize, Serialize};

use crate::{SCHEMA, Unreadable};

/// `order.notification`: an event is to be sent to one URL, or to all that there
/// are. `T` are the ids that follow a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotificationMessage<T> {
    #[serde(rename = "type")]
    kind: Kind,
    schema: u32,
    /// Ids to follow it by.
    pub trace: T,
    /// Where to send it; none before it was decided who is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The event's id, by which a receiver knows one that it has already.
    pub id: String,
    /// The event to the letter: what is sent is what was signed.
    pub event: String,
}

/// What a message is about. Other types are not read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    #[serde(rename = "order.notification")]
    Notification,
}

impl<T> NotificationMessage<T> {
    /// The message that tells everybody of an event.
    pub fn new(trace: T, id: String, event: String) -> Self {
        Self {
            kind: Kind::Notification,
            schema: SCHEMA,
            trace,
            url: None,
            id,
            event,
        }
    }

    /// The message that sends the event to a URL.
    pub fn to(self, url: String) -> Self {
        Self {
            url: Some(url),
            ..self
        }
    }
}

impl<T: Serialize> NotificationMessage<T> {
    /// The message as it goes into the queue.
    ///
    /// # Errors
    /// What `T` says when it cannot be written.
    pub fn encode(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }
}

impl<T: for<'de> Deserialize<'de>> NotificationMessage<T> {
    /// Reads a message of the queue.
    ///
    /// # Errors
    /// [`Unreadable`] says what is wrong with it; no further try helps this
    /// version.
    pub fn decode(message: &[u8]) -> Result<Self, Unreadable> {
        Unreadable::decode(message)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const EVENT: &str = r#"{"specversion":"1.0", "data":{"note":"\u00e9 \" 1.50"}}"#;

    #[test]
    fn an_event_arrives_to_the_letter() {
        let trace = "trace".to_owned();
        let message = NotificationMessage::new(trace, "msg_1".into(), EVENT.into());
        let message = message.to("https://example.org/hook".into());
        let arrived = NotificationMessage::decode(&message.encode().unwrap()).unwrap();
        assert_eq!(arrived, message);
        assert_eq!(arrived.event, EVENT);
    }

    #[test]
    fn messages_of_the_first_schema_stay_readable() {
        let first = json!({"type": "order.notification", "schema": 1, "trace": {},
            "url": "https://example.org", "id": "msg_1", "event": EVENT});
        let first = first.to_string();
        let message = NotificationMessage::<Value>::decode(first.as_bytes()).unwrap();
        assert_eq!(message.event, EVENT);
    }

    #[test]
    fn what_is_no_message_is_told() {
        let message = json!({"type": "order.notification", "schema": 1, "trace": 1,
            "url": "u", "id": "i", "event": "e"});
        for (field, value, told) in [
            ("type", json!("order.changed"), "order.changed"),
            ("schema", json!(2), "schema 2"),
            ("event", json!({}), "invalid type"),
        ] {
            let mut message = message.clone();
            message[field] = value;
            let message = message.to_string();
            let error = NotificationMessage::<u32>::decode(message.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(told), "{message}: {error}");
        }
    }
}
