//! The messages of the four queues of orders.

use queue::Incoming;
use serde::{Deserialize, Serialize};

use crate::{Order, Status};

/// `order.changed`: a committed version of an order. A worker stores it if it is not
/// stored yet, and then processes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// The version of the order.
    pub version: u64,
    /// The status before this version; `None` for the first version.
    pub previous_status: Option<Status>,
    /// The order.
    pub document: Box<Order>,
}

impl queue::Message for Changed {
    const KIND: &'static str = "order.changed";
    const SCHEMA: u32 = 1;
}

impl<'m> Incoming<'m> for Changed {
    const SCHEMA: u32 = <Self as queue::Message>::SCHEMA;

    fn read(kind: &str, message: &'m [u8]) -> Option<serde_json::Result<Self>> {
        (kind == <Self as queue::Message>::KIND).then(|| serde_json::from_slice(message))
    }
}

#[cfg(test)]
mod tests {
    use base::Trace;
    use queue::Message as _;
    use serde_json::json;

    use super::*;
    use crate::order::tests::order;

    #[test]
    fn a_message_arrives_as_it_was_sent() {
        for previous_status in [None, Some(Status::Received)] {
            let changed = Changed {
                version: 2,
                previous_status,
                document: Box::new(order(Status::Inprocess)),
            };
            let message = changed.encode(&Trace::new()).unwrap();
            let arrived: Changed = queue::read("order.changed", &message).unwrap();
            assert_eq!(arrived, changed);
        }
    }

    #[test]
    fn messages_of_the_first_schema_stay_readable() {
        let first = json!({"type": "order.changed", "schema": 1, "trace": {"request_id": "r"},
            "version": 2, "previousStatus": "received", "document": order(Status::Canceled)});
        let first = first.to_string();
        let changed: Changed = queue::read("order.changed", first.as_bytes()).unwrap();
        let expected = (2, Some(Status::Received));
        assert_eq!((changed.version, changed.previous_status), expected);
    }

    #[test]
    fn what_is_no_message_is_told() {
        let message = json!({"version": 2, "previousStatus": null,
            "document": order(Status::Received)});
        for (field, value, told) in [
            ("version", json!(-2), "-2"),
            ("previousStatus", json!("shipped"), "shipped"),
            ("document", json!({"orderId": "a b"}), "1 to 128"),
        ] {
            let mut message = message.clone();
            message[field] = value;
            let message = message.to_string();
            let error = queue::read::<Changed>("order.changed", message.as_bytes()).unwrap_err();
            assert!(error.contains(told), "{message}: {error}");
        }
        assert!(queue::read::<Changed>("order.other", b"{}").is_err());
    }
}
