//! Counts of a queue's messages, for operators.

use std::time::Duration;

use base::Failure;
use stores::{Arg, Redis, Value};

use crate::queue::{CONSUMER_GROUP, Queue};
use crate::script::Script;

static COUNTS: Script = Script::new(include_str!("lua/counts.lua"));

/// The messages of a queue, now and since it is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that wait for a worker.
    pub depth: u64,
    /// Messages under a lease, also under one that ran out.
    pub in_flight: u64,
    /// The age of the oldest of both since it was published, or since its delay ended;
    /// zero where there is none.
    pub oldest_age: Duration,
    /// Messages that wait for the end of a delay.
    pub delayed: u64,
    /// Delayed messages whose time has come.
    pub due: u64,
    /// Dead letters.
    pub dead: u64,
    /// Messages that wait for others of their message groups.
    pub held: u64,
    /// Messages that were done, since the queue is in use.
    pub processed: u64,
    /// Times that a message failed and was to be retried.
    pub retried: u64,
    /// Times that a message was postponed without a failure of its own.
    pub postponed: u64,
    /// Times that a message became a dead letter.
    pub dead_lettered: u64,
    /// Since when the queue is paused, in milliseconds since the Unix epoch; `None` where it
    /// is not.
    pub paused_since: Option<u64>,
}

impl<R: Redis> Queue<'_, R> {
    /// Counts the queue's messages; all are zero for a queue that was never used.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses.
    pub fn counts(&self) -> Result<Counts, Failure> {
        let names = self.names();
        let keys: [&str; 5] = [
            &names.stream,
            &names.delayed,
            &names.dead,
            &names.stats,
            &names.paused,
        ];
        let reply = COUNTS.run(self.redis(), &keys, &[Arg::from(CONSUMER_GROUP)])?;
        let mut numbers = reply
            .iter()
            .map(|value| u64::try_from(Value::as_int(value).unwrap_or(0)).unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        let counts = Counts {
            depth: next(),
            in_flight: next(),
            oldest_age: Duration::from_millis(next()),
            delayed: next(),
            due: next(),
            dead: next(),
            ..Counts::default()
        };
        let (settled, retried, postponed, dead_lettered) = (next(), next(), next(), next());
        let held = next();
        Ok(Counts {
            held,
            paused_since: Some(next()).filter(|since| *since > 0),
            processed: settled.saturating_sub(retried + postponed + dead_lettered),
            retried,
            postponed,
            dead_lettered,
            ..counts
        })
    }
}
