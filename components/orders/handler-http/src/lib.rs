//! Handles orders by a user's own service: a provider of `orilla:orders/handler` that
//! sends each version to the URL in `handler_url`.
//!
//! Versions go out as `POST` with the order's JSON as the body and the headers
//! `x-order-id`, `x-order-version` and `x-attempt`. The JSON of the answer, if any, is
//! kept as the version's result, and one event is sent: see [`orders_handler::changed`].
//! [`outbound::service`] defines the other answers. A version may be sent again after a
//! success, so the service must expect the same id and version twice.

mod client;

use orders_handler::{Failure, Guest, Order, Outcome};
use outbound::service;

/// The handler as a component exports it.
pub struct Component;

impl Guest for Component {
    fn handle(orders: Vec<Order>) -> Vec<Result<Outcome, Failure>> {
        let pieces = orders.iter().map(client::piece).collect();
        let answers = service::work("handler", client::MAX_RESULT_BYTES, pieces);
        let outcomes = orders.iter().zip(answers);
        outcomes
            .map(|(order, answer)| client::outcome(order, answer))
            .collect()
    }
}

// Native linkers reject the names of exports, which have a slash.
#[cfg(target_arch = "wasm32")]
orders_handler::export!(Component);
