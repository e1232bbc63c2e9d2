//! What clients say of orders.

use serde::{Deserialize, Serialize};

use crate::Status;

/// What a client says of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// Where it is on its way.
    pub status: Status,
    /// What is to be done.
    pub description: String,
    /// When it was registered: RFC 3339, as it was sent.
    pub register_date: String,
    /// When it is or was delivered: RFC 3339, as it was sent; empty if unknown.
    pub delivery_date: String,
    /// Why it is not wanted any more; empty if that was not told.
    pub reason_for_cancellation: String,
}
