//! Counts of a queue's messages, for operators.

use std::collections::HashMap;
use std::time::Duration;

use base::Failure;
use stores::{Arg, Redis, Value};

use crate::lua;
use crate::queue::{CONSUMER_GROUP, Queue};
use crate::script::Script;

static COUNTS: Script = Script::new(&[lua!("lua/counts.lua")]);

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

/// The minutes that [`Queue::history`] tells of, as in `lua/queues.lua`.
const MINUTES: u64 = 60;

/// The numbers of a queue in a minute of the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minute {
    /// The start of the minute, in milliseconds since the Unix epoch.
    pub at: u64,
    /// Messages that were done.
    pub processed: u64,
    /// Times that a message failed and was to be retried.
    pub retried: u64,
    /// Messages that became dead letters.
    pub dead: u64,
}

impl<R: Redis> Queue<'_, R> {
    /// The numbers of the queue in each of the last 60 minutes of Redis's clock, oldest
    /// first. The last minute is not over yet.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses.
    pub fn history(&self) -> Result<Vec<Minute>, Failure> {
        let time = self.redis().call("TIME", &[])?;
        let seconds = time.first().and_then(Value::as_int).unwrap_or(0);
        let now = seconds.unsigned_abs() / 60;
        let minutes = self.names().minutes.as_str();
        let fields = self.redis().call("HGETALL", &[Arg::from(minutes)])?;
        let counts: HashMap<_, _> = fields
            .chunks_exact(2)
            .filter_map(|pair| match pair {
                [field, count] => Some((field.as_str()?, count.as_int()?.unsigned_abs())),
                _ => None,
            })
            .collect();
        let minute = |minute: u64| {
            let count = |name| counts.get(&*format!("{minute}:{name}")).copied();
            let count = |name| count(name).unwrap_or(0);
            let (retried, dead) = (count("retried"), count("dead"));
            let processed = count("settled").saturating_sub(retried + dead + count("postponed"));
            Minute {
                at: minute * 60_000,
                processed,
                retried,
                dead,
            }
        };
        let first = (now + 1).saturating_sub(MINUTES);
        Ok((first..=now).map(minute).collect())
    }

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
