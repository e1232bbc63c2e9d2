base::id! {
    /// The id of a purchase, unique within its tenant: 1 to 128 of `A-Z a-z 0-9 . _ : -`.
    pub struct PurchaseId;
}
