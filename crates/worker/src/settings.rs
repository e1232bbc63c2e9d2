//! The policy of a queue, from the variables of the component.

use std::time::Duration;

use base::{Failure, number};
use queue::Policy;

/// The max messages of a batch: more do not fit into a component's memory.
pub(crate) const MAX_BATCH: usize = 256;

/// The policy of this component's queue, from the variables `queue_lease_seconds`,
/// `queue_attempts`, `queue_retry_base_ms`, `queue_retry_cap_ms`, `queue_batch` (256 at
/// most) and `queue_concurrency`.
///
/// # Errors
/// [`Failure::Misconfigured`] where a variable is missing or no number of 1 or more.
pub fn policy() -> Result<Policy, Failure> {
    Ok(Policy {
        lease: Duration::from_secs(number("queue_lease_seconds", 1)?),
        attempts: number("queue_attempts", 1)?,
        base_delay: Duration::from_millis(number("queue_retry_base_ms", 1)?),
        max_delay: Duration::from_millis(number("queue_retry_cap_ms", 1)?),
        batch: number("queue_batch", 1)?.min(MAX_BATCH),
        concurrency: number("queue_concurrency", 1)?,
    })
}
