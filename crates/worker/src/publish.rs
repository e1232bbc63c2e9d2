//! Writes of publishers to a queue.

use base::{Failure, Trace};
use queue::Queue;
use stores::SpinRedis;

use crate::notify::{notify, open};

/// Lets `write` change the queue `name`, and then notifies the workers. They are notified
/// after an error, too: a message may be on the queue, and a version that was committed and
/// not stored needs a worker.
///
/// # Errors
/// Those of [`open`] and of `write`.
pub async fn publish<T, E: From<Failure>>(
    name: &str,
    trace: &Trace,
    write: impl FnOnce(&Queue<'_, SpinRedis>) -> Result<T, E>,
) -> Result<T, E> {
    let redis = SpinRedis::open()?;
    let queue = open(&redis, name)?;
    let written = write(&queue);
    notify(&queue, trace).await;
    written
}
