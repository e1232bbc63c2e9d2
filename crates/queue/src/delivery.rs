//! Messages that a worker has claimed.

/// A message under a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The id to settle it by.
    pub id: String,
    /// The attempt that this delivery is, from 1.
    pub attempt: u32,
    /// Whether the worker that had it last did not settle it: it may have died of it.
    pub abandoned: bool,
    /// The key of the line that it is in.
    pub line: Option<String>,
    /// Whether it leaves its line when it fails, so that those after it need not wait: a
    /// retry comes back to the line's end, and a dead letter holds nothing up.
    pub leaves: bool,
    /// The message as it was published.
    pub message: Vec<u8>,
}
