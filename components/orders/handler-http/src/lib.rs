//! Handles orders by a service of one's own: a provider of
//! `orilla:orders/handler` that sends each version to the URL in `handler_url`.
//!
//! Versions go out as `POST` with the order's JSON as the body and the headers
//! `x-order-id`, `x-order-version` and `x-attempt`; the JSON that comes back, if
//! any, is kept as the version's result, and one event is told: see
//! [`orders_handler::changed`]. What other answers mean is in
//! [`outbound::service`]. A version may be sent again after a success, so the
//! service has to expect the same id and version twice.

mod client;

use orders_handler::{Failure, Guest, Order, Outcome};
use outbound::Spin;

/// The handler as a component exports it.
pub struct Component;

impl Guest for Component {
    fn handle(orders: Vec<Order>) -> Vec<Result<Outcome, Failure>> {
        let url = spin_sdk::variables::get("handler_url").unwrap_or_default();
        match client::handler(&url) {
            Ok(handler) => spin_sdk::http::run(client::handle(&Spin, &handler, &orders)),
            // That is not the orders' fault, and somebody may set it meanwhile.
            Err(problem) => {
                let failure = Failure::Retry(format!("the variable `handler_url` {problem}"));
                vec![Err(failure); orders.len()]
            }
        }
    }
}

// Names with a slash, as components export them, no native linker takes.
#[cfg(target_arch = "wasm32")]
orders_handler::export!(Component);
