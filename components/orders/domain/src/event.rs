//! Events that tell receivers of an order: CloudEvents 1.0
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>) in the
//! structured mode of their JSON format.

use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::view::ChangeView;
use crate::{Order, OrderId, Status};

/// The number of bytes of a digest in an event's id.
const DIGEST: usize = 16;

/// Why an event is invalid.
#[derive(Debug, thiserror::Error)]
pub enum NoEvent {
    /// It has no type.
    #[error("the type of an event must not be empty")]
    Kind,
    /// Its data is not a JSON value.
    #[error("the data of an event must be JSON: {0}")]
    Data(serde_json::Error),
}

/// An event. The extension `sequence` tells which of two events of an order is later, and
/// `traceparent` holds the trace of the request.
#[derive(Clone, Debug, Serialize)]
pub struct CloudEvent<'a> {
    specversion: &'static str,
    id: String,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    subject: &'a OrderId,
    time: String,
    datacontenttype: &'static str,
    sequence: String,
    traceparent: &'a str,
    data: &'a RawValue,
}

impl<'a> CloudEvent<'a> {
    /// The event with index `nth`, from 0, of those that a handler returned for a
    /// version. `kind` is its type, `data` the JSON text of its data and `source` its
    /// origin. The same arguments make the same event, except for the trace.
    ///
    /// # Errors
    /// The type is empty, or the data is not JSON.
    pub fn new(
        order: &'a Order,
        version: u64,
        nth: usize,
        kind: &'a str,
        data: &'a str,
        source: &'a str,
        traceparent: &'a str,
    ) -> Result<Self, NoEvent> {
        if kind.is_empty() {
            return Err(NoEvent::Kind);
        }
        Ok(Self {
            specversion: "1.0",
            id: event_id(&order.order_id, version, nth),
            source,
            kind,
            subject: &order.order_id,
            time: order.updated_at.to_string(),
            datacontenttype: "application/json",
            // Padded with zeros, so that the order of texts is that of numbers.
            sequence: format!("{version:020}"),
            traceparent,
            data: serde_json::from_str(data).map_err(NoEvent::Data)?,
        })
    }

    /// Its id, by which a receiver recognizes a repeated event.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The event as it is sent.
    ///
    /// # Errors
    /// None known.
    pub fn encode(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

/// The JSON text of an order for handlers and receivers. `previous` is the status before
/// this version.
///
/// # Errors
/// None known.
pub fn event_data(
    order: &Order,
    version: u64,
    previous: Option<Status>,
) -> serde_json::Result<String> {
    serde_json::to_string(&ChangeView::new(order, version, previous))
}

fn event_id(order: &OrderId, version: u64, nth: usize) -> String {
    // An id has no slash, so the parts cannot run into each other.
    let digest = Sha256::digest(format!("{order}/{version}/{nth}"));
    let digest: Vec<u8> = digest.into_iter().take(DIGEST).collect();
    format!("msg_{}", hex::encode(digest))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::order::tests::order;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn event<'a>(
        order: &'a Order,
        kind: &'a str,
        data: &'a str,
    ) -> Result<CloudEvent<'a>, NoEvent> {
        CloudEvent::new(order, 12, 0, kind, data, "/orders", PARENT)
    }

    #[test]
    fn an_event_has_what_cloudevents_and_its_extensions_ask_for() {
        let order = order(Status::Inprocess);
        let data = event_data(&order, 12, Some(Status::Received)).unwrap();
        let event = event(&order, "orilla.order.inprocess", &data).unwrap();
        let text = event.encode().unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            json!({
                "specversion": "1.0", "id": event.id(), "source": "/orders",
                "type": "orilla.order.inprocess", "subject": "ORD-001",
                "time": "2026-11-22T10:30:46.123Z", "datacontenttype": "application/json",
                "sequence": "00000000000000000012", "traceparent": PARENT,
                "data": {
                    "orderId": "ORD-001", "status": "inprocess", "previousStatus": "received",
                    "version": 12, "description": "a chair",
                    "registerDate": "2026-11-22T10:30:45+02:00", "deliveryDate": "",
                    "reasonForCancellation": "", "updatedBy": "root",
                    "updatedAt": "2026-11-22T10:30:46.123Z"
                }
            })
        );
    }

    #[test]
    fn a_new_order_was_nothing_before() {
        let data = event_data(&order(Status::Received), 1, None).unwrap();
        let data: Value = serde_json::from_str(&data).unwrap();
        assert_eq!(data["previousStatus"], Value::Null);
    }

    #[test]
    fn what_a_handler_tells_is_sent_to_the_letter() {
        let order = order(Status::Received);
        let data = r#"{"total": 9007199254740993, "rate":1.50}"#;
        let text = event(&order, "shop.sold", data).unwrap().encode().unwrap();
        assert!(text.contains(data), "{text}");
    }

    #[test]
    fn an_event_without_a_type_or_with_broken_data_is_none() {
        let order = order(Status::Received);
        assert!(matches!(event(&order, "", "1"), Err(NoEvent::Kind)));
        for data in ["", "{", "1 2", "text"] {
            let error = event(&order, "shop.sold", data).unwrap_err();
            assert!(matches!(error, NoEvent::Data(_)), "{data}: {error}");
        }
    }

    #[test]
    fn an_event_has_one_id_however_often_it_is_made_and_no_other_has_it() {
        let mut ids = HashSet::new();
        for order in ["a", "a:1", "1", "11"] {
            let order: OrderId = order.parse().unwrap();
            for version in [1, 11, u64::MAX] {
                for nth in [0, 1, 11] {
                    let id = event_id(&order, version, nth);
                    assert_eq!(id, event_id(&order, version, nth));
                    assert_eq!(id.len(), "msg_".len() + 32);
                    assert!(
                        !id.contains('.'),
                        "a signature is made of parts with dots between"
                    );
                    assert!(ids.insert(id));
                }
            }
        }
        // Receivers store event ids, so they must stay the same for good.
        let order = "ORD-001".parse().unwrap();
        assert_eq!(
            event_id(&order, 1, 0),
            "msg_4f8a791b44c3491f6d951034776a82da"
        );
    }

    #[test]
    fn later_versions_have_later_sequences() {
        let order = order(Status::Received);
        let sequence = |version| {
            let event = CloudEvent::new(&order, version, 0, "t", "1", "/orders", PARENT);
            event.unwrap().sequence
        };
        assert!(sequence(9) < sequence(10) && sequence(10) < sequence(u64::MAX));
    }
}
