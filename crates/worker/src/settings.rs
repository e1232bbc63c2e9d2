//! The policy of a queue, from the variables of the component.

use std::time::Duration;

use base::{Failure, number};
use queue::Policy;

/// The most messages of a batch: more would not fit into a component's memory.
const LARGEST_BATCH: usize = 256;

/// How the queue that this component works on is worked on.
///
/// # Errors
/// A variable is missing or no number in its range.
pub fn policy() -> Result<Policy, Failure> {
    Ok(Policy {
        lease: Duration::from_secs(number("queue_lease_seconds", 1)?),
        attempts: number("queue_attempts", 1)?,
        base_delay: Duration::from_millis(number("queue_retry_base_ms", 1)?),
        max_delay: Duration::from_millis(number("queue_retry_cap_ms", 1)?),
        batch: number("queue_batch", 1)?.min(LARGEST_BATCH),
        concurrency: number("queue_concurrency", 1)?,
    })
}
