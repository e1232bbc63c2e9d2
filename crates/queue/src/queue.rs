//! Publishing, claiming and settling.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use base::Failure;
use stores::{Arg, Redis, Value};

use crate::change::{Change, Outcome};
use crate::delivery::Delivery;
use crate::effect::{Count, Effect};
use crate::names::QueueNames;
use crate::policy::Policy;
use crate::script::Script;
use crate::settlement::Settlement;
use crate::staged::Staged;

static COMMIT: Script = Script::new(concat!(
    include_str!("lua/queues.lua"),
    include_str!("lua/effects.lua"),
    include_str!("lua/commit.lua")
));
static SETTLE: Script = Script::new(concat!(
    include_str!("lua/queues.lua"),
    include_str!("lua/effects.lua"),
    include_str!("lua/settle.lua")
));
static CLAIM: Script = Script::new(concat!(
    include_str!("lua/queues.lua"),
    include_str!("lua/promote.lua"),
    include_str!("lua/claim.lua")
));
static WAKE: Script = Script::new(concat!(
    include_str!("lua/queues.lua"),
    include_str!("lua/promote.lua"),
    include_str!("lua/wake.lua")
));
static STAGE: Script = Script::new(include_str!("lua/stage.lua"));

/// The consumer group of a queue, and the one name that all its workers share.
pub(crate) const GROUP: &str = "workers";
const CONSUMER: &str = "worker";

/// How long staged messages wait for their commit.
const STAGED: Duration = Duration::from_secs(600);

/// After how long without progress an alarm should have gone off; longer than
/// `ALARM_MS` in `lua/queues.lua`.
const FORGOTTEN: Duration = Duration::from_secs(15);

/// The most messages, and about the most bytes, that are staged in one call.
const STAGE_MESSAGES: usize = 500;
const STAGE_BYTES: usize = 512 * 1024;

/// Who tells the workers of a queue that there is something to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bell {
    /// Redis, by a message on the queue's channel; and by one on its channel for
    /// help, where a worker cannot take all that waits.
    #[default]
    Redis,
    /// Whoever publishes, after [`Queue::must_ring`] said so.
    Caller,
}

/// One queue on one connection.
pub struct Queue<'a, R> {
    redis: &'a R,
    names: QueueNames,
    bell: Bell,
    must_ring: RefCell<BTreeSet<String>>,
}

impl<'a, R: Redis> Queue<'a, R> {
    /// The queue `name`, with Redis for its bell.
    pub fn new(redis: &'a R, name: &str) -> Self {
        Self::named(redis, QueueNames::new(name))
    }

    /// The queue that has these names.
    pub fn named(redis: &'a R, names: QueueNames) -> Self {
        Self {
            redis,
            names,
            bell: Bell::Redis,
            must_ring: RefCell::default(),
        }
    }

    /// The queue with another bell.
    pub fn with_bell(mut self, bell: Bell) -> Self {
        self.bell = bell;
        self
    }

    /// The connection that the queue is on.
    pub fn redis(&self) -> &'a R {
        self.redis
    }

    /// The names of its keys.
    pub fn names(&self) -> &QueueNames {
        &self.names
    }

    /// The queues whose workers the caller has to ring for, since this was asked last.
    pub fn must_ring(&self) -> BTreeSet<String> {
        self.must_ring.take()
    }

    /// Makes a change happen, whole or not at all.
    pub fn commit(&self, change: &Change) -> Result<Outcome, Failure> {
        let names = &self.names;
        let (register, expected) = match &change.entity {
            Some((register, version)) => (register.as_str(), version.to_string()),
            None => (names.stream.as_str(), String::new()),
        };
        let once = change.once.as_ref();
        let staged = change.staged.as_ref();
        let mut keys = vec![
            names.stream.as_str(),
            register,
            once.map_or(names.stream.as_str(), |once| once.key.as_str()),
            staged.map_or(names.stream.as_str(), |staged| staged.key.as_str()),
        ];
        add_keys(&mut keys, &change.effects);

        // What becomes of the message is said by the change's own effects.
        let settled = change.settled.clone().map(|settled| Settlement {
            effects: change.effects.clone(),
            ..settled
        });
        let sends = change.messages.iter().map(|message| names.send(&**message));
        let commands: Vec<_> = sends
            .map(|send| send.command())
            .chain(change.effects.iter().map(Effect::command))
            .chain(
                settled
                    .as_ref()
                    .and_then(Settlement::line_to_release)
                    .map(release),
            )
            .collect();
        let mut args = vec![
            Arg::from(self.ringer()),
            Arg::from(GROUP),
            Arg::from(&expected),
            Arg::from(settled.as_ref().map_or("", |settled| &settled.id)),
            Arg::from(once.map_or(&[][..], |once| once.value.as_slice())),
            Arg::Int(once.map_or(0, |once| millis(once.keep))),
            count(staged.map_or(0, |staged| staged.count)),
        ];
        add_commands(&mut args, &commands);

        let reply = COMMIT.run(self.redis, &keys, &args)?;
        let outcome = reply.first().and_then(Value::as_str);
        match (outcome, reply.get(1).cloned()) {
            (Some("committed"), _) => {
                self.note_bells(reply.get(1..).unwrap_or_default());
                Ok(Outcome::Committed)
            }
            (Some("settled"), _) => Ok(Outcome::AlreadySettled),
            (Some("duplicate"), Some(value)) => Ok(Outcome::Duplicate {
                value: value.into_bytes(),
            }),
            (Some("conflict"), Some(version)) => Ok(Outcome::Conflict {
                version: version.as_int().unwrap_or(0).unsigned_abs(),
            }),
            (Some("unstaged"), _) => Err(Failure::unavailable(
                "Redis",
                "the staged messages are gone",
            )),
            _ => Err(Failure::unavailable(
                "Redis",
                "the commit script answered something else",
            )),
        }
    }

    /// Puts messages aside, so that one commit publishes them all: for more
    /// than one call should carry. `id` must be new.
    pub fn stage(
        &self,
        id: &str,
        messages: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<Staged, Failure> {
        let key = format!("{}:{id}", self.names.staged);
        let mut staged = Staged { key, count: 0 };
        let (mut chunk, mut bytes) = (Vec::new(), 0);
        for message in messages {
            bytes += message.len();
            chunk.push(message);
            if chunk.len() == STAGE_MESSAGES || bytes >= STAGE_BYTES {
                self.stage_chunk(&mut staged, &mut chunk)?;
                bytes = 0;
            }
        }
        self.stage_chunk(&mut staged, &mut chunk)?;
        Ok(staged)
    }

    fn stage_chunk(&self, staged: &mut Staged, chunk: &mut Vec<Vec<u8>>) -> Result<(), Failure> {
        if chunk.is_empty() {
            return Ok(());
        }
        let mut args = vec![Arg::Int(millis(STAGED))];
        args.extend(chunk.iter().map(|message| Arg::from(message.as_slice())));
        STAGE.run(self.redis, &[&staged.key], &args)?;
        staged.count += chunk.len();
        chunk.clear();
        Ok(())
    }

    /// Claims up to `most` messages for the policy's lease. Where Redis is the
    /// bell and more are left, this calls for help.
    pub fn claim(&self, policy: &Policy, most: usize) -> Result<Vec<Delivery>, Failure> {
        let args = [
            Arg::from(GROUP),
            Arg::from(CONSUMER),
            Arg::Int(millis(policy.lease)),
            count(most),
            Arg::from(self.ringer()),
        ];
        let mut reply = CLAIM
            .run(self.redis, &self.names.keys(), &args)?
            .into_iter();
        let mut deliveries = Vec::new();
        while let (Some(id), Some(failures), Some(abandoned), Some(line), Some(message)) = (
            reply.next(),
            reply.next(),
            reply.next(),
            reply.next(),
            reply.next(),
        ) {
            let failures = failures
                .as_int()
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or(0);
            deliveries.push(Delivery {
                id: id.as_str().unwrap_or_default().to_owned(),
                attempt: failures.saturating_add(1),
                abandoned: abandoned.as_int() == Some(1),
                line: line
                    .as_str()
                    .filter(|line| !line.is_empty())
                    .map(str::to_owned),
                leaves: false,
                message: message.into_bytes(),
            });
        }
        Ok(deliveries)
    }

    /// Starts the leases of messages anew. Those that are settled stay settled.
    pub fn extend<'d>(
        &self,
        deliveries: impl IntoIterator<Item = &'d Delivery>,
    ) -> Result<(), Failure> {
        let mut args = vec![
            Arg::from(&self.names.stream),
            Arg::from(GROUP),
            Arg::from(CONSUMER),
            Arg::Int(0),
        ];
        let before = args.len();
        args.extend(
            deliveries
                .into_iter()
                .map(|delivery| Arg::from(&delivery.id)),
        );
        if args.len() > before {
            // JUSTID: it is the same delivery that goes on, not one more.
            args.push(Arg::from("JUSTID"));
            self.redis.call("XCLAIM", &args)?;
        }
        Ok(())
    }

    /// Settles messages, each with its effects and only if no other worker has
    /// settled it before; `after` happens once if any of them was. Returns for
    /// each whether it was settled by this.
    pub fn settle(
        &self,
        settlements: &[Settlement],
        after: &[Effect],
    ) -> Result<Vec<bool>, Failure> {
        let names = &self.names;
        let mut keys = vec![names.stream.as_str()];
        for settlement in settlements {
            add_keys(&mut keys, &settlement.effects);
        }
        add_keys(&mut keys, after);

        let commands: Vec<Vec<_>> = settlements
            .iter()
            .map(|settlement| {
                let effects = settlement.effects.iter().map(Effect::command);
                effects
                    .chain(settlement.line_to_release().map(release))
                    .collect()
            })
            .collect();
        let after: Vec<_> = after.iter().map(Effect::command).collect();
        let mut args = vec![
            Arg::from(self.ringer()),
            Arg::from(GROUP),
            count(settlements.len()),
        ];
        for (settlement, commands) in settlements.iter().zip(&commands) {
            args.extend([Arg::from(&settlement.id), count(commands.len())]);
            add_commands(&mut args, commands);
        }
        add_commands(&mut args, &after);
        let reply = SETTLE.run(self.redis, &keys, &args)?;
        let (settled, rung) = reply.split_at_checked(settlements.len()).ok_or_else(|| {
            Failure::unavailable("Redis", "the settle script answered something else")
        })?;
        self.note_bells(rung);
        Ok(settled
            .iter()
            .map(|settled| settled.as_int() == Some(1))
            .collect())
    }

    /// Settles a message that is done and has no effects.
    pub fn ack(&self, delivery: &Delivery) -> Result<Outcome, Failure> {
        self.commit(&Change::new().settling(delivery))
    }

    /// The effect that publishes a message after a delay. The same message under
    /// the same id is delivered once, at the time that was given last. `id` has no `|`.
    pub fn schedule(&self, id: &str, message: &[u8], delay: Duration) -> Effect {
        self.delay(&format!("{id}|0"), message, delay, None, false)
    }

    /// The effect that delivers a message again after a delay, as its next attempt.
    pub fn retry(&self, delivery: &Delivery, delay: Duration) -> Effect {
        self.delay_again(delivery, delivery.attempt, delay, Count::Retried)
    }

    /// The effect that delivers a message again after a delay, as the same
    /// attempt: for when it was not the message that failed.
    pub fn postpone(&self, delivery: &Delivery, delay: Duration) -> Effect {
        let failures = delivery.attempt.saturating_sub(1);
        self.delay_again(delivery, failures, delay, Count::Postponed)
    }

    fn delay_again(
        &self,
        delivery: &Delivery,
        failures: u32,
        delay: Duration,
        counted: Count,
    ) -> Effect {
        let Delivery {
            id, line, leaves, ..
        } = delivery;
        let head = match line {
            Some(line) if *leaves => format!("{id}|{failures}~{line}"),
            Some(line) => format!("{id}|{failures}:{line}"),
            None => format!("{id}|{failures}"),
        };
        let holds = line.is_some() && !leaves;
        self.delay(&head, &delivery.message, delay, Some(counted), holds)
    }

    fn delay(
        &self,
        head: &str,
        message: &[u8],
        delay: Duration,
        counted: Option<Count>,
        holds: bool,
    ) -> Effect {
        let mut entry = format!("{head}|").into_bytes();
        entry.extend_from_slice(message);
        Effect::Delay {
            key: self.names.delayed.clone(),
            entry,
            delay,
            counted,
            holds,
        }
    }

    /// The effect that makes a message a dead letter.
    pub fn bury(&self, delivery: &Delivery, error: &str) -> Effect {
        Effect::Bury {
            key: self.names.dead.clone(),
            message: delivery.message.clone(),
            error: error.to_owned(),
            attempts: delivery.attempt,
            line: delivery.line.clone().filter(|_| !delivery.leaves),
        }
    }

    /// Does what is due when the queue's alarm went off. Returns how many
    /// messages wait and how many are delayed.
    pub fn wake(&self) -> Result<(u64, u64), Failure> {
        let args = [Arg::from(self.ringer())];
        let reply = WAKE.run(self.redis, &self.names.keys(), &args)?;
        let number = |at: usize| {
            reply
                .get(at)
                .and_then(Value::as_int)
                .unwrap_or(0)
                .unsigned_abs()
        };
        self.note_bells(reply.get(2..).unwrap_or_default());
        Ok((number(0), number(1)))
    }

    /// Wakes workers for somebody who asks for what they are to do and has not done
    /// for so long. An alarm is lost where nobody listened when it went off, and
    /// whoever waits may be the only one to notice. It rings through Redis alone:
    /// where workers are woken over HTTP, queues are drained on a schedule.
    pub fn nudge(&self, idle: Duration) -> Result<(), Failure> {
        if idle >= FORGOTTEN {
            self.wake()?;
        }
        Ok(())
    }

    /// Who rings, as the scripts have it.
    pub(crate) fn ringer(&self) -> &'static str {
        match self.bell {
            Bell::Redis => "redis",
            Bell::Caller => "caller",
        }
    }

    /// Takes note of the queues that a script rang for.
    pub(crate) fn note_bells(&self, queues: &[Value]) {
        if self.bell == Bell::Caller {
            let names = queues.iter().filter_map(Value::as_str).map(str::to_owned);
            self.must_ring.borrow_mut().extend(names);
        }
    }
}

/// The command that lets the next message of a line come.
fn release(line: &str) -> Vec<Vec<u8>> {
    vec![b"RELEASE".to_vec(), line.into()]
}

/// Adds the keys of effects, each once.
fn add_keys<'e>(keys: &mut Vec<&'e str>, effects: &'e [Effect]) {
    for key in effects.iter().flat_map(Effect::keys) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
}

/// Adds commands as the scripts read them: the number of words, then the words.
fn add_commands<'c>(args: &mut Vec<Arg<'c>>, commands: &'c [Vec<Vec<u8>>]) {
    for command in commands {
        args.push(count(command.len()));
        args.extend(command.iter().map(|word| Arg::from(word.as_slice())));
    }
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn count<'a>(number: usize) -> Arg<'a> {
    Arg::Int(i64::try_from(number).unwrap_or(i64::MAX))
}
