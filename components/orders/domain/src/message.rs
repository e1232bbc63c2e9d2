//! The messages of the queues of statuses.

use serde::{Deserialize, Serialize};

use crate::{Order, Status};

/// The schema version that is written. Older ones stay readable.
pub const SCHEMA: u32 = 1;

/// A message about a committed version of an order, with the order in it. So a
/// worker can store it should its writer have died. `T` are the ids that follow
/// a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum Message<T> {
    /// The version is to be stored if it is not yet, and then processed.
    #[serde(rename = "order.changed")]
    Changed {
        /// The version of the message's schema.
        schema: u32,
        /// Ids to follow it by.
        trace: T,
        /// The version of the order.
        version: u64,
        /// What the order was before; none if it was not there.
        previous_status: Option<Status>,
        /// The order.
        document: Box<Order>,
    },
    /// The version is to be stored if it is not yet, while its `order.changed`
    /// waits for those before it.
    #[serde(rename = "order.record")]
    Record {
        /// The version of the message's schema.
        schema: u32,
        /// Ids to follow it by.
        trace: T,
        /// The version of the order.
        version: u64,
        /// The order.
        document: Box<Order>,
    },
}

/// A message that this version does not understand.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It has another shape.
    #[error("the message cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
    /// A later version wrote it.
    #[error("the message has schema {0}, and the latest known is {SCHEMA}")]
    Newer(u32),
}

impl Unreadable {
    /// Reads a message, whatever shape a later version may have given it.
    pub(crate) fn decode<M: for<'de> Deserialize<'de>>(message: &[u8]) -> Result<M, Self> {
        #[derive(Deserialize)]
        struct Head {
            schema: u32,
        }
        let Head { schema } = serde_json::from_slice(message)?;
        if schema > SCHEMA {
            return Err(Self::Newer(schema));
        }
        Ok(serde_json::from_slice(message)?)
    }
}

impl<T> Message<T> {
    /// The order that it is about.
    pub fn document(&self) -> &Order {
        match self {
            Self::Changed { document, .. } | Self::Record { document, .. } => document,
        }
    }
}

impl<T: Serialize> Message<T> {
    /// The message as it goes into a queue.
    ///
    /// # Errors
    /// What `T` says when it cannot be written.
    pub fn encode(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(self)
    }
}

impl<T: for<'de> Deserialize<'de>> Message<T> {
    /// Reads a message of a queue.
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
    use crate::order::tests::order;

    #[test]
    fn a_message_arrives_as_it_was_sent() {
        let document = Box::new(order(Status::Inprocess));
        let changed = |previous_status| Message::Changed {
            schema: SCHEMA,
            trace: "trace".to_owned(),
            version: 2,
            previous_status,
            document: document.clone(),
        };
        let record = Message::Record {
            schema: SCHEMA,
            trace: "trace".to_owned(),
            version: 2,
            document: document.clone(),
        };
        for message in [changed(None), changed(Some(Status::Received)), record] {
            let arrived = Message::decode(&message.encode().unwrap()).unwrap();
            assert_eq!(arrived, message);
            assert_eq!(arrived.document(), &*document);
        }
    }

    #[test]
    fn messages_of_the_first_schema_stay_readable() {
        let first = json!({"type": "order.changed", "schema": 1, "trace": {"request_id": "r"},
            "version": 2, "previousStatus": "received", "document": order(Status::Canceled)});
        let first = first.to_string();
        let Message::<Value>::Changed {
            version,
            previous_status,
            ..
        } = Message::decode(first.as_bytes()).unwrap()
        else {
            panic!("it is another message");
        };
        assert_eq!((version, previous_status), (2, Some(Status::Received)));

        let first = json!({"type": "order.record", "schema": 1, "trace": {}, "version": 7,
            "document": order(Status::Canceled)});
        let first = first.to_string();
        let message = Message::<Value>::decode(first.as_bytes()).unwrap();
        assert!(matches!(message, Message::Record { version: 7, .. }));
    }

    #[test]
    fn what_is_no_message_is_told() {
        let message = json!({"type": "order.changed", "schema": 1, "trace": 1, "version": 2,
            "previousStatus": null, "document": order(Status::Received)});
        for (field, value, told) in [
            ("type", json!("order.other"), "order.other"),
            ("schema", json!(2), "schema 2"),
            ("version", json!(-2), "-2"),
            ("previousStatus", json!("shipped"), "shipped"),
            ("document", json!({"orderId": "a b"}), "1 to 128"),
        ] {
            let mut message = message.clone();
            message[field] = value;
            let message = message.to_string();
            let error = Message::<u32>::decode(message.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(told), "{message}: {error}");
        }
        assert!(Message::<u32>::decode(b"\xff").is_err());
    }
}
