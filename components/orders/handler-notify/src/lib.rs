//! Handles orders by sending one event for each version: the default provider of
//! `orilla:orders/handler`.
//!
//! Each version is done at once, has no result and makes one event: see
//! [`orders_handler::changed`].

use orders_handler::{Failure, Guest, Order, Outcome, changed};

/// The handler as a component exports it.
pub struct Component;

impl Guest for Component {
    fn handle(orders: Vec<Order>) -> Vec<Result<Outcome, Failure>> {
        let told = |order: &Order| Outcome {
            result: None,
            events: vec![changed(order)],
        };
        orders.iter().map(|order| Ok(told(order))).collect()
    }
}

// Native linkers reject the names of exports, which have a slash.
#[cfg(target_arch = "wasm32")]
orders_handler::export!(Component);

#[cfg(test)]
mod tests {
    use orders_handler::Status;

    use super::*;

    #[test]
    fn every_version_makes_one_event_and_no_result() {
        let order = |order_id: &str, previous_status| Order {
            order_id: order_id.into(),
            version: 2,
            status: Status::Inprocess,
            previous_status,
            content: format!(r#"{{"orderId":"{order_id}"}}"#),
            attempt: 1,
        };
        let outcomes = Component::handle(vec![
            order("a", Some(Status::Received)),
            order("b", Some(Status::Inprocess)),
        ]);
        let told: Vec<_> = outcomes
            .into_iter()
            .map(|outcome| {
                let Outcome { result, events } = outcome.unwrap();
                assert_eq!(result, None);
                let [event] = <[_; 1]>::try_from(events).unwrap();
                (event.kind, event.data)
            })
            .collect();
        let expected = [
            ("orilla.order.inprocess", r#"{"orderId":"a"}"#),
            ("orilla.order.updated", r#"{"orderId":"b"}"#),
        ];
        assert_eq!(
            told,
            expected.map(|(kind, data)| (kind.into(), data.into()))
        );
    }
}
