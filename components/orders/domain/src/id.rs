//! The ids of orders.

base::id! {
    /// The id of an order: 1 to 128 of `A-Z a-z 0-9 . _ : -`.
    pub struct OrderId;
}
