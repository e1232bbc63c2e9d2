//! Publishing, claiming and settling.

use std::sync::LazyLock;
use std::time::Duration;

use stores::{Arg, Redis, RedisError, Value};

use crate::change::{Change, Effect, Outcome};
use crate::names::QueueNames;
use crate::policy::Policy;
use crate::script::Script;

static COMMIT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lua/commit.lua")));
static CLAIM: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("lua/promote.lua"),
        include_str!("lua/claim.lua")
    ))
});
static WAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("lua/promote.lua"),
        include_str!("lua/wake.lua")
    ))
});

const GROUP: &str = "workers";

/// How long a bell rings before it may be rung again. A worker that hears it
/// clears it at once; only a bell that nobody heard lasts this long.
const BELL: Duration = Duration::from_secs(5);

/// When to look after a publish whether its messages are done: it recovers a
/// bell that nobody heard.
const ALARM: Duration = Duration::from_secs(10);

/// One queue on one connection.
pub struct Queue<'a, R> {
    redis: &'a R,
    names: QueueNames,
}

/// A message under a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The id to settle it by.
    pub id: String,
    /// The attempt that this delivery is, from 1.
    pub attempt: u32,
    /// The message as it was published.
    pub message: Vec<u8>,
}

impl<'a, R: Redis> Queue<'a, R> {
    /// The queue `name`.
    pub fn new(redis: &'a R, name: &str) -> Self {
        Self::named(redis, QueueNames::new(name))
    }

    /// The queue that has these names.
    pub fn named(redis: &'a R, names: QueueNames) -> Self {
        Self { redis, names }
    }

    /// Makes a change happen, whole or not at all.
    pub fn commit(&self, change: &Change) -> Result<Outcome, RedisError> {
        let names = &self.names;
        let (register, expected) = match &change.entity {
            Some((register, version)) => (register.as_str(), version.to_string()),
            None => (names.stream.as_str(), String::new()),
        };
        let mut keys = vec![names.stream.as_str(), &names.bell, &names.alarm, register];
        keys.extend(change.effects.iter().map(Effect::key));

        let bell = millis(BELL);
        let mut args = vec![
            Arg::from(&names.channel),
            Arg::Int(bell),
            Arg::from(GROUP),
            Arg::Int(millis(ALARM)),
            Arg::from(&expected),
            Arg::from(change.settled.as_deref().unwrap_or_default()),
            count(change.messages.len()),
        ];
        args.extend(
            change
                .messages
                .iter()
                .map(|message| Arg::from(message.as_slice())),
        );
        let commands: Vec<_> = change.effects.iter().flat_map(Effect::commands).collect();
        for command in &commands {
            args.push(count(command.len()));
            args.extend(command.iter().map(|word| Arg::from(word.as_slice())));
        }

        let reply = COMMIT.run(self.redis, &keys, &args)?;
        match (
            reply.first().and_then(Value::as_str),
            reply.get(1).and_then(Value::as_int),
        ) {
            (Some("committed"), _) => Ok(Outcome::Committed),
            (Some("settled"), _) => Ok(Outcome::AlreadySettled),
            (Some("conflict"), Some(version)) => Ok(Outcome::Conflict {
                version: version.unsigned_abs(),
            }),
            _ => Err(RedisError::Unavailable(
                "the commit script answered something else".into(),
            )),
        }
    }

    /// Claims up to `most` messages for the policy's lease.
    pub fn claim(&self, policy: &Policy, most: usize) -> Result<Vec<Delivery>, RedisError> {
        let args = [
            Arg::from(GROUP),
            Arg::Int(millis(policy.lease)),
            count(most),
        ];
        let mut reply = CLAIM
            .run(self.redis, &self.names.keys(), &args)?
            .into_iter();
        let mut deliveries = Vec::new();
        while let (Some(id), Some(failures), Some(message)) =
            (reply.next(), reply.next(), reply.next())
        {
            let failures = failures
                .as_int()
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or(0);
            deliveries.push(Delivery {
                id: id.as_str().unwrap_or_default().to_owned(),
                attempt: failures.saturating_add(1),
                message: message.into_bytes(),
            });
        }
        Ok(deliveries)
    }

    /// Settles a message that is done and has no further effects.
    pub fn ack(&self, delivery: &Delivery) -> Result<Outcome, RedisError> {
        self.commit(&Change::new().settling(&delivery.id))
    }

    /// The effect that delivers a message again after a delay, as its next attempt.
    ///
    /// `now` is in milliseconds since the Unix epoch.
    pub fn retry(&self, delivery: &Delivery, delay: Duration, now: u64) -> Effect {
        self.delay(delivery, delivery.attempt, delay, now)
    }

    /// The effect that delivers a message again after a delay, as the same
    /// attempt: for when it was not the message that failed.
    ///
    /// `now` is in milliseconds since the Unix epoch.
    pub fn postpone(&self, delivery: &Delivery, delay: Duration, now: u64) -> Effect {
        self.delay(delivery, delivery.attempt.saturating_sub(1), delay, now)
    }

    fn delay(&self, delivery: &Delivery, failures: u32, delay: Duration, now: u64) -> Effect {
        let mut entry = format!("{}|{failures}|", delivery.id).into_bytes();
        entry.extend_from_slice(&delivery.message);
        let due = now.saturating_add(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        Effect::Delay {
            key: self.names.delayed.clone(),
            entry,
            due,
            delay,
        }
    }

    /// The effect that makes a message a dead letter.
    pub fn bury(&self, delivery: &Delivery, error: &str, now: u64) -> Effect {
        Effect::Bury {
            key: self.names.dead.clone(),
            message: delivery.message.clone(),
            error: error.to_owned(),
            attempts: delivery.attempt,
            at: now,
        }
    }

    /// Does what is due when the queue's alarm went off. Returns how many
    /// messages wait and how many are delayed.
    pub fn wake(&self) -> Result<(u64, u64), RedisError> {
        let args = [
            Arg::from(&self.names.channel),
            Arg::Int(millis(BELL)),
            Arg::Int(millis(ALARM)),
        ];
        let reply = WAKE.run(self.redis, &self.names.keys(), &args)?;
        let number = |at: usize| {
            reply
                .get(at)
                .and_then(Value::as_int)
                .unwrap_or(0)
                .unsigned_abs()
        };
        Ok((number(0), number(1)))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn count<'a>(number: usize) -> Arg<'a> {
    Arg::Int(i64::try_from(number).unwrap_or(i64::MAX))
}
