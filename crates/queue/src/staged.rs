//! Messages that wait for the commit that publishes them.

/// Messages that were staged by [`Queue::stage`](crate::Queue::stage).
#[derive(Clone, Debug)]
pub struct Staged {
    pub(crate) key: String,
    pub(crate) count: usize,
}
