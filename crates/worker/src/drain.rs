//! Taking messages off a queue until it is empty or the time is up.

use std::time::{Duration, Instant};

use base::{Failure, Trace};
use queue::{Delivery, Policy, Queue, Settlement};
use stores::Redis;

use crate::bell;
use crate::retry::give_back;

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
    handle: impl AsyncFn(Vec<Delivery>, Deadline) -> Result<(), Failure>,
) -> Result<usize, Failure> {
    let deadline = Deadline::start();
    let mut handed_over = 0;
    loop {
        let deliveries = queue.claim(policy, policy.batch)?;
        if deliveries.is_empty() {
            return Ok(handed_over);
        }
        handed_over += deliveries.len();
        let handled = handle(deliveries, deadline).await;
        let is_over = deadline.is_over();
        if is_over {
            queue.wake()?;
        }
        // Also after an error: some may have been settled and led to others.
        bell::ring(queue, &Trace::new()).await;
        handled?;
        if is_over {
            return Ok(handed_over);
        }
    }
}

/// Handles what was claimed, as many messages at a time as may be in work at once,
/// and settles them as `handle` says. Leases are extended, and what there is no
/// time for is given back.
///
/// # Errors
/// Those of `handle` and of Redis, as of [`drain`].
pub async fn in_groups<R: Redis>(
    queue: &Queue<'_, R>,
    policy: &Policy,
    deliveries: &[Delivery],
    deadline: Deadline,
    handle: impl AsyncFn(&[Delivery]) -> Result<Vec<Settlement>, Failure>,
) -> Result<(), Failure> {
    let mut groups = deliveries.chunks(policy.concurrency);
    let mut leased = Instant::now();
    while let Some(group) = groups.next() {
        if deadline.is_over() {
            let unread = group.iter().chain(groups.flatten());
            let unread = unread.map(|one| Settlement::of(one).with(give_back(queue, one)));
            queue.settle(&unread.collect::<Vec<_>>(), &[])?;
            break;
        }
        queue.settle(&handle(group).await?, &[])?;
        if leased.elapsed() > policy.lease / 3 {
            queue.extend(groups.clone().flatten())?;
            leased = Instant::now();
        }
    }
    Ok(())
}
