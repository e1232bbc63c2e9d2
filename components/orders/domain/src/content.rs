//! The fields of an order that clients set.

use serde::Serialize;

use crate::Status;

/// The fields of an order that clients set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// The status.
    pub status: Status,
    /// The description.
    pub description: String,
    /// When it was registered: RFC 3339, as it was sent.
    pub register_date: String,
    /// When it is or was delivered: RFC 3339, as it was sent; empty if unknown.
    pub delivery_date: String,
    /// Why it was canceled; empty if not given.
    pub reason_for_cancellation: String,
}
