//! Shared by Orilla's own handlers of orders: the Rust types of `orilla:orders/handler`,
//! and the event for a change.

#[doc(hidden)]
#[allow(unsafe_code, missing_docs)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit/orders",
        world: "provider",
        default_bindings_module: "orders_handler::bindings",
        pub_export_macro: true,
    });
}

pub use bindings::export;
pub use bindings::exports::orilla::orders::handler::{
    Event, Failure, Guest, Order, Outcome, Status,
};

/// The event of a version: named after the status if that is new, otherwise
/// `orilla.order.updated`. Its data is the order.
pub fn changed(order: &Order) -> Event {
    let kind = if order.previous_status == Some(order.status) {
        "orilla.order.updated"
    } else {
        match order.status {
            Status::Received => "orilla.order.received",
            Status::Inprocess => "orilla.order.inprocess",
            Status::Completed => "orilla.order.completed",
            Status::Canceled => "orilla.order.canceled",
        }
    };
    Event {
        kind: kind.to_owned(),
        data: order.content.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(previous_status: Option<Status>, status: Status) -> Event {
        changed(&Order {
            order_id: "o-1".into(),
            version: 7,
            status,
            previous_status,
            content: r#"{"orderId": "o-1", "version": 7}"#.into(),
            attempt: 1,
        })
    }

    #[test]
    fn a_new_status_is_the_name_of_the_event() {
        use Status::*;
        for (previous, status, kind) in [
            (None, Received, "orilla.order.received"),
            (None, Completed, "orilla.order.completed"),
            (Some(Received), Inprocess, "orilla.order.inprocess"),
            (Some(Inprocess), Completed, "orilla.order.completed"),
            (Some(Received), Canceled, "orilla.order.canceled"),
        ] {
            assert_eq!(event(previous, status).kind, kind, "{previous:?}");
        }
    }

    #[test]
    fn other_fields_make_an_update() {
        for status in [Status::Received, Status::Inprocess, Status::Canceled] {
            assert_eq!(event(Some(status), status).kind, "orilla.order.updated");
        }
    }

    #[test]
    fn the_order_is_told_to_the_letter() {
        let event = event(None, Status::Received);
        assert_eq!(event.data, r#"{"orderId": "o-1", "version": 7}"#);
    }
}
