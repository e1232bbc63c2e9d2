//! What becomes of a message that could not be handled.

use std::time::Duration;

use queue::{Delivery, Effect, Policy, Queue};
use stores::Redis;
use uuid::Uuid;

/// What comes next for a message whose attempt failed.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// It is tried again after this delay, by this effect.
    Retry(Duration, Effect),
    /// It has had its last attempt.
    Dead,
}

/// What the policy says about a message whose attempt failed.
pub fn after_failure<R: Redis>(queue: &Queue<'_, R>, policy: &Policy, delivery: &Delivery) -> Next {
    if policy.is_last(delivery.attempt) {
        return Next::Dead;
    }
    let delay = policy.delay(delivery.attempt, random());
    Next::Retry(delay, queue.retry(delivery, delay))
}

/// The effect that gives a message back that there was no time for: somebody
/// takes it at once, as the same attempt.
pub fn give_back<R: Redis>(queue: &Queue<'_, R>, delivery: &Delivery) -> Effect {
    postpone(queue, delivery, Duration::from_millis(1))
}

/// The effect that lets a message come back after `delay`, for a reason that is
/// not its own.
pub fn postpone<R: Redis>(queue: &Queue<'_, R>, delivery: &Delivery, delay: Duration) -> Effect {
    queue.postpone(delivery, delay)
}

/// Uniform in 0 to 1.
fn random() -> f64 {
    let (bits, ..) = Uuid::new_v4().as_fields();
    f64::from(bits) / f64::from(u32::MAX)
}

/// A duration for the log, in whole milliseconds.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
