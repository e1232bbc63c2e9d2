//! Events that tell receivers of an order.

use base::Trace;
use webhooks::{CloudEvent, Fact, NoEvent, event_id};

use crate::view::ChangeView;
use crate::{Order, OrderId, Status};

/// The event with index `nth`, from 0, of those that a handler returned for a version. `kind`
/// is its type, `data` the JSON text of its data and `source` its origin. The same arguments
/// make the same event, except for the trace.
///
/// # Errors
/// The type is empty, or the data is not JSON.
pub fn event<'a>(
    order: &'a Order,
    version: u64,
    nth: usize,
    kind: &'a str,
    data: &'a str,
    source: &'a str,
    trace: &'a Trace,
) -> Result<CloudEvent<'a>, NoEvent> {
    let fact = Fact {
        id: id_of(&order.order_id, version, nth),
        source,
        kind,
        subject: order.order_id.as_str(),
        version,
        time: order.updated_at.to_string(),
        data,
    };
    CloudEvent::new(fact, trace)
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

fn id_of(order: &OrderId, version: u64, nth: usize) -> String {
    // An id has no slash, so the parts cannot run into each other.
    event_id(&format!("{order}/{version}/{nth}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::order::tests::order;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn an_event_has_what_cloudevents_and_its_extensions_ask_for() {
        let order = order(Status::Inprocess);
        let data = event_data(&order, 12, Some(Status::Received)).unwrap();
        let kind = "orilla.order.inprocess";
        let state = Some("rojo=1");
        let trace = Trace::from_headers(None, Some(PARENT), state);
        let event = event(&order, 12, 0, kind, &data, "/orders", &trace).unwrap();
        let text = event.encode().unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            json!({
                "specversion": "1.0", "id": event.id(), "source": "/orders",
                "type": "orilla.order.inprocess", "subject": "ORD-001",
                "time": "2026-11-22T10:30:46.123Z", "datacontenttype": "application/json",
                "sequence": "00000000000000000012", "traceparent": trace.traceparent(),
                "tracestate": "rojo=1",
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
    fn an_event_has_one_id_however_often_it_is_made_and_no_other_has_it() {
        let mut ids = HashSet::new();
        for order in ["a", "a:1", "1", "11"] {
            let order: OrderId = order.parse().unwrap();
            for version in [1, 11, u64::MAX] {
                for nth in [0, 1, 11] {
                    let id = id_of(&order, version, nth);
                    assert_eq!(id, id_of(&order, version, nth));
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
        assert_eq!(id_of(&order, 1, 0), "msg_4f8a791b44c3491f6d951034776a82da");
    }
}
