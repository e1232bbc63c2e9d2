//! Messages that a worker has claimed.

/// A message under a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The id of its entry in the stream, by which it is settled.
    pub id: String,
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// The number of workers in a row that did not settle it. Each counts as an attempt: the
    /// message may have killed them.
    pub deaths: u32,
    /// The Redis key of its message group, if it is in one.
    pub group: Option<String>,
    /// Whether it leaves its message group when it fails: a retry joins the end of the
    /// group, and a dead letter holds up no other message. [`Queue::claim`] says `false`.
    ///
    /// [`Queue::claim`]: crate::Queue::claim
    pub leaves_group: bool,
    /// The message as it was published.
    pub message: Vec<u8>,
}
