//! The policy of a queue, from a variable of the component.

use std::time::Duration;

use base::{Failure, parse_number};
use queue::Policy;

/// The max messages of a batch: more do not fit into a component's memory.
pub(crate) const MAX_BATCH: usize = 256;

/// The policy of this component's queue, from the variable `queue`, which has
/// `queue_lease_seconds`, `queue_attempts`, `queue_retry_base_ms`, `queue_retry_cap_ms`,
/// `queue_batch` (256 at most) and `queue_concurrency` with a blank between.
///
/// # Errors
/// [`Failure::Misconfigured`] where one of them is missing or no number of 1 or more.
pub fn policy() -> Result<Policy, Failure> {
    parse(&base::text("queue")?)
}

fn parse(text: &str) -> Result<Policy, Failure> {
    let [lease, attempts, base_delay, max_delay, batch, concurrency] =
        base::split("queue", text, ' ')?;
    Ok(Policy {
        lease: Duration::from_secs(parse_number("queue_lease_seconds", lease, 1)?),
        attempts: parse_number("queue_attempts", attempts, 1)?,
        base_delay: Duration::from_millis(parse_number("queue_retry_base_ms", base_delay, 1)?),
        max_delay: Duration::from_millis(parse_number("queue_retry_cap_ms", max_delay, 1)?),
        batch: parse_number("queue_batch", batch, 1)?.min(MAX_BATCH),
        concurrency: parse_number("queue_concurrency", concurrency, 1)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_are_in_the_order_of_the_manifest() {
        let policy = parse("30 5 2000 300000 1000 8").unwrap();
        assert_eq!(policy.lease, Duration::from_secs(30));
        assert_eq!(policy.attempts, 5);
        assert_eq!(policy.base_delay, Duration::from_secs(2));
        assert_eq!(policy.max_delay, Duration::from_secs(300));
        assert_eq!(policy.batch, MAX_BATCH);
        assert_eq!(policy.concurrency, 8);
    }

    #[test]
    fn a_wrong_value_is_named() {
        for (text, name) in [
            (" 5 2000 300000 32 8", "queue_lease_seconds"),
            ("30 0 2000 300000 32 8", "queue_attempts"),
            ("30 5 2s 300000 32 8", "queue_retry_base_ms"),
            ("30 5 2000  32 8", "queue_retry_cap_ms"),
            ("30 5 2000 300000 -1 8", "queue_batch"),
            ("30 5 2000 300000 32 ", "queue_concurrency"),
            ("30 5 2000 300000 32", "queue"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("the variable {name} must ")),
                "{text}: {error}"
            );
        }
    }
}
