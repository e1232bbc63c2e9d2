//! Taking messages off a queue until it is empty or the time is up.

use std::time::{Duration, Instant};

use queue::{Delivery, Policy, Queue};
use stores::Redis;
use web::{ApiError, Trace};

use crate::bell;

/// When to leave the rest to a successor: platforms end a request after 30 s.
const TIME_BUDGET: Duration = Duration::from_secs(20);

/// The end of a worker's time.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    fn start() -> Self {
        Self(Instant::now() + TIME_BUDGET)
    }

    /// Whether the time is up. What a worker still holds then it gives back.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.0
    }
}

/// Works on a queue: claims messages and hands them over, batch by batch, until
/// there are none left or the time is up, and then rings for a successor.
/// Returns how many messages were handed over.
///
/// # Errors
/// Those of `handle` and of Redis. Nothing is lost by them: what was claimed
/// and not settled comes back when its lease ends.
pub async fn drain<R: Redis>(
    queue: &Queue<'_, R>,
    policy: &Policy,
    handle: impl AsyncFn(Vec<Delivery>, Deadline) -> Result<(), ApiError>,
) -> Result<usize, ApiError> {
    let deadline = Deadline::start();
    let mut handed_over = 0;
    loop {
        let deliveries = queue.claim(policy, policy.batch)?;
        if deliveries.is_empty() {
            return Ok(handed_over);
        }
        handed_over += deliveries.len();
        handle(deliveries, deadline).await?;
        if deadline.is_over() {
            queue.wake()?;
            bell::ring(queue, &Trace::new()).await;
            return Ok(handed_over);
        }
    }
}
