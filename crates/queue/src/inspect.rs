//! What is on a queue, for those who watch over it.

use std::time::Duration;

use base::Failure;
use stores::{Arg, Redis, Value};

use crate::queue::{GROUP, Queue};
use crate::script::Script;

static COUNTS: Script = Script::new(include_str!("lua/counts.lua"));

/// How a queue is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages that are ready and wait for a worker.
    pub depth: u64,
    /// Messages that a worker has a lease of, also one that ran out.
    pub in_flight: u64,
    /// How long ago the oldest of both was published, or came back after its
    /// delay; zero where there is none.
    pub oldest_age: Duration,
    /// Messages that are delivered after a delay.
    pub delayed: u64,
    /// Those of the delayed whose time has come.
    pub due: u64,
    /// Dead letters.
    pub dead: u64,
    /// Messages that are to come after others in their lines.
    pub held: u64,
    /// How many messages have been done with, since the queue is in use.
    pub processed: u64,
    /// How many times a message failed and was to be tried again.
    pub retried: u64,
    /// How many times a message was put off for something that is not its failure.
    pub postponed: u64,
    /// How many times a message became a dead letter.
    pub buried: u64,
}

impl<R: Redis> Queue<'_, R> {
    /// Counts what is on the queue. A queue that was never used is empty.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses.
    pub fn counts(&self) -> Result<Counts, Failure> {
        let names = self.names();
        let keys: [&str; 4] = [&names.stream, &names.delayed, &names.dead, &names.stats];
        let reply = COUNTS.run(self.redis(), &keys, &[Arg::from(GROUP)])?;
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
        let (settled, retried, postponed, buried) = (next(), next(), next(), next());
        let held = next();
        Ok(Counts {
            held,
            processed: settled.saturating_sub(retried + postponed + buried),
            retried,
            postponed,
            buried,
            ..counts
        })
    }
}
