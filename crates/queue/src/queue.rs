//! Publishing, claiming and settling.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;
use std::time::Duration;

use base::Failure;
use stores::{Arg, Redis, Value};

use crate::change::{Change, Outcome};
use crate::delivery::Delivery;
use crate::effect::{Command, Count, Effect};
use crate::lua;
use crate::names::QueueNames;
use crate::policy::Policy;
use crate::script::{EFFECTS, PROMOTE, QUEUES, Script};
use crate::settlement::Settlement;
use crate::staged::Staged;

static COMMIT: Script = Script::new(&[QUEUES, EFFECTS, lua!("lua/commit.lua")]);
static SETTLE: Script = Script::new(&[QUEUES, EFFECTS, lua!("lua/settle.lua")]);
static CLAIM: Script = Script::new(&[QUEUES, PROMOTE, lua!("lua/claim.lua")]);
static WAKE: Script = Script::new(&[QUEUES, PROMOTE, lua!("lua/wake.lua")]);
static STAGE: Script = Script::new(&[lua!("lua/stage.lua")]);

/// The consumer group of every queue, and the one consumer name of all its workers.
pub(crate) const CONSUMER_GROUP: &str = "workers";
const CONSUMER: &str = "worker";

/// The time after which staged messages without a commit expire.
const STAGED: Duration = Duration::from_secs(600);

/// The time without progress after which a timer should have gone off; more than
/// `TIMER_MS` in `lua/queues.lua`.
const TIMER_OVERDUE: Duration = Duration::from_secs(15);

/// The max messages, and about the max bytes, that are staged in one call.
const MAX_STAGE_MESSAGES: usize = 500;
const MAX_STAGE_BYTES: usize = 512 * 1024;

/// How the workers of a queue are notified of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notify {
    /// By Redis: the scripts publish on the queue's channel, and on its help channel where
    /// a worker leaves messages behind.
    #[default]
    Redis,
    /// By the publisher, for the queues that [`Queue::to_notify`] returns.
    Caller,
}

/// One queue on one connection.
pub struct Queue<'a, R> {
    redis: &'a R,
    names: QueueNames,
    notify: Notify,
    to_notify: Rc<RefCell<BTreeSet<String>>>,
}

impl<'a, R: Redis> Queue<'a, R> {
    /// The queue `name`, whose workers Redis notifies.
    pub fn new(redis: &'a R, name: &str) -> Self {
        Self::named(redis, QueueNames::new(name))
    }

    /// The queue of these names, whose workers Redis notifies.
    pub fn named(redis: &'a R, names: QueueNames) -> Self {
        Self {
            redis,
            names,
            notify: Notify::Redis,
            to_notify: Rc::default(),
        }
    }

    /// The queue with another way to notify its workers.
    pub fn with_notify(mut self, notify: Notify) -> Self {
        self.notify = notify;
        self
    }

    /// The queue `name` on the same connection. [`Self::to_notify`] of either returns the
    /// queues of both.
    pub fn beside(&self, name: &str) -> Self {
        Self {
            redis: self.redis,
            names: QueueNames::new(name),
            notify: self.notify,
            to_notify: self.to_notify.clone(),
        }
    }

    /// The connection that the queue is on.
    pub fn redis(&self) -> &'a R {
        self.redis
    }

    /// The names of its keys.
    pub fn names(&self) -> &QueueNames {
        &self.names
    }

    /// Takes the names of the queues whose workers the caller is to notify; always empty
    /// with [`Notify::Redis`].
    pub fn to_notify(&self) -> BTreeSet<String> {
        self.to_notify.take()
    }

    /// Makes a change happen, whole or not at all.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses, or the staged messages expired. Where the
    /// connection was lost, the change may have happened.
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
            change.kept.as_deref().unwrap_or(names.stream.as_str()),
        ];
        add_keys(&mut keys, &change.effects);

        let settled = change.settled.as_ref();
        let released = settled.and_then(|settled| settled.group_to_release(&change.effects));
        let sends = change.messages.iter().map(|message| names.send(&**message));
        let sends: Vec<_> = sends.collect();
        let effects = sends.iter().chain(&change.effects);
        let commands: Vec<_> = effects
            .map(Effect::command)
            .chain(released.map(release))
            .collect();
        let mut args = vec![
            Arg::from(self.notifier()),
            Arg::from(CONSUMER_GROUP),
            Arg::from(&expected),
            Arg::from(settled.map_or("", |settled| &settled.id)),
            Arg::from(once.map_or(&[][..], |once| once.value.as_slice())),
            Arg::Int(once.map_or(0, |once| millis(once.keep))),
            count(staged.map_or(0, |staged| staged.count)),
            Arg::Int(change.kept.is_some().into()),
        ];
        add_commands(&mut args, &commands);

        let reply = COMMIT.run(self.redis, &keys, &args)?;
        let outcome = reply.first().and_then(Value::as_str);
        match (outcome, reply.get(1).cloned()) {
            (Some("committed"), _) => {
                self.note_notified(reply.get(1..).unwrap_or_default());
                Ok(Outcome::Committed)
            }
            (Some("settled"), _) => Ok(Outcome::AlreadySettled),
            (Some("duplicate"), Some(value)) => Ok(Outcome::Duplicate {
                value: value.into_bytes(),
            }),
            (Some("conflict"), Some(version)) => Ok(Outcome::Conflict {
                version: version.as_int().unwrap_or(0).unsigned_abs(),
            }),
            (Some("unstaged"), _) => {
                Err(Failure::unavailable("Redis", "the staged messages expired"))
            }
            _ => Err(Failure::unavailable(
                "Redis",
                "the commit script answered something else",
            )),
        }
    }

    /// Stages messages for one commit that publishes them all, where they are too many for
    /// one call. `id` is new for each commit. They expire after ten minutes.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses.
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
            if chunk.len() == MAX_STAGE_MESSAGES || bytes >= MAX_STAGE_BYTES {
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
        let messages = chunk.iter().map(|message| Arg::from(message.as_slice()));
        if staged.count == 0 {
            let args: Vec<_> = [Arg::Int(millis(STAGED))]
                .into_iter()
                .chain(messages)
                .collect();
            STAGE.run(self.redis, &[&staged.key], &args)?;
        } else {
            // A list that has expired is not begun anew: the commit finds it too short.
            let args: Vec<_> = [Arg::from(&staged.key)]
                .into_iter()
                .chain(messages)
                .collect();
            self.redis.call("RPUSHX", &args)?;
        }
        staged.count += chunk.len();
        chunk.clear();
        Ok(())
    }

    /// Claims up to `max` messages for the policy's lease. With [`Notify::Redis`] this
    /// calls another worker for the messages that are left.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses. Messages of a lost reply are claimed again
    /// after the lease.
    pub fn claim(&self, policy: &Policy, max: usize) -> Result<Vec<Delivery>, Failure> {
        let args = [
            Arg::from(CONSUMER_GROUP),
            Arg::from(CONSUMER),
            Arg::Int(millis(policy.lease)),
            count(max),
            Arg::from(self.notifier()),
        ];
        let mut reply = CLAIM
            .run(self.redis, &self.names.keys(), &args)?
            .into_iter();
        let mut deliveries = Vec::new();
        while let (Some(id), Some(failures), Some(deaths), Some(group), Some(message)) = (
            reply.next(),
            reply.next(),
            reply.next(),
            reply.next(),
            reply.next(),
        ) {
            let [failures, deaths] = [failures, deaths].map(|count| {
                let count = count.as_int();
                count.and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
            });
            deliveries.push(Delivery {
                id: id.as_str().unwrap_or_default().to_owned(),
                attempt: failures.saturating_add(1),
                deaths,
                group: group
                    .as_str()
                    .filter(|group| !group.is_empty())
                    .map(str::to_owned),
                leaves_group: false,
                message: message.into_bytes(),
            });
        }
        Ok(deliveries)
    }

    /// Starts the leases of messages anew. Settled messages stay settled.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses.
    pub fn extend<'d>(
        &self,
        deliveries: impl IntoIterator<Item = &'d Delivery>,
    ) -> Result<(), Failure> {
        let mut args = vec![
            Arg::from(&self.names.stream),
            Arg::from(CONSUMER_GROUP),
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
            // JUSTID: Redis does not count it as another delivery.
            args.push(Arg::from("JUSTID"));
            self.redis.call("XCLAIM", &args)?;
        }
        Ok(())
    }

    /// Settles messages, each with its effects and only if no other worker settled it
    /// before. The effects `after` happen once, if any message was settled. Returns for
    /// each message whether this call settled it.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses.
    pub fn settle(
        &self,
        settlements: &[Settlement],
        after: &[Effect],
    ) -> Result<Vec<bool>, Failure> {
        let names = &self.names;
        let mut keys = vec![names.stream.as_str()];
        let effects = settlements.iter().flat_map(|done| &done.effects);
        add_keys(&mut keys, effects.chain(after));

        let commands: Vec<Vec<_>> = settlements
            .iter()
            .map(|settlement| {
                let effects = settlement.effects.iter().map(Effect::command);
                effects
                    .chain(
                        settlement
                            .group_to_release(&settlement.effects)
                            .map(release),
                    )
                    .collect()
            })
            .collect();
        let after: Vec<_> = after.iter().map(Effect::command).collect();
        let mut args = vec![
            Arg::from(self.notifier()),
            Arg::from(CONSUMER_GROUP),
            count(settlements.len()),
        ];
        for (settlement, commands) in settlements.iter().zip(&commands) {
            args.extend([
                Arg::from(&settlement.id),
                count(settlement.messages),
                count(commands.len()),
            ]);
            add_commands(&mut args, commands);
        }
        add_commands(&mut args, &after);
        let reply = SETTLE.run(self.redis, &keys, &args)?;
        let (settled, notified) = reply.split_at_checked(settlements.len()).ok_or_else(|| {
            Failure::unavailable("Redis", "the settle script answered something else")
        })?;
        self.note_notified(notified);
        Ok(settled
            .iter()
            .map(|settled| settled.as_int() == Some(1))
            .collect())
    }

    /// Settles a message without effects.
    ///
    /// # Errors
    /// Those of [`Self::commit`].
    pub fn ack(&self, delivery: &Delivery) -> Result<Outcome, Failure> {
        self.commit(&Change::new().settling(delivery))
    }

    /// Whether a message that was published by [`QueueNames::schedule`] is still to come.
    ///
    /// # Errors
    /// Redis is out of reach.
    pub fn is_scheduled(&self, id: &str, message: &[u8]) -> Result<bool, Failure> {
        let entry = QueueNames::scheduled_entry(id, message);
        let args = [Arg::from(&self.names.delayed), Arg::from(entry.as_slice())];
        let due = self.redis.call("ZSCORE", &args)?;
        Ok(due.first().is_some_and(|due| *due != Value::Nil))
    }

    /// Withdraws a message that was published by [`QueueNames::schedule`], if it is still
    /// to come.
    ///
    /// # Errors
    /// Redis is out of reach.
    pub fn unschedule(&self, id: &str, message: &[u8]) -> Result<(), Failure> {
        let entry = QueueNames::scheduled_entry(id, message);
        let args = [Arg::from(&self.names.delayed), Arg::from(entry.as_slice())];
        self.redis.call("ZREM", &args)?;
        Ok(())
    }

    /// The effect that delivers a failed message again after a delay, as its next attempt.
    pub fn retry(&self, delivery: &Delivery, delay: Duration) -> Effect {
        self.delay_again(delivery, delivery.attempt, delay, Some(Count::Retried))
    }

    /// The effect that delivers a message again after a delay, as the same attempt: for a
    /// failure that is not the message's own.
    pub fn postpone(&self, delivery: &Delivery, delay: Duration) -> Effect {
        let failures = delivery.attempt.saturating_sub(1);
        self.delay_again(delivery, failures, delay, Some(Count::Postponed))
    }

    /// The effect that delivers one of the messages that a message holds by itself, as the
    /// same attempt. The statistics count it when it is settled.
    pub fn part(&self, part: &Delivery) -> Effect {
        let failures = part.attempt.saturating_sub(1);
        self.delay_again(part, failures, Duration::ZERO, None)
    }

    fn delay_again(
        &self,
        delivery: &Delivery,
        failures: u32,
        delay: Duration,
        counted: Option<Count>,
    ) -> Effect {
        let Delivery {
            id,
            group,
            leaves_group,
            ..
        } = delivery;
        let head = match group {
            Some(group) if *leaves_group => format!("{id}|{failures}~{group}"),
            Some(group) => format!("{id}|{failures}:{group}"),
            None => format!("{id}|{failures}"),
        };
        let holds_group = group.is_some() && !leaves_group;
        let mut entry = format!("{head}|").into_bytes();
        entry.extend_from_slice(&delivery.message);
        Effect::Delay {
            key: self.names.delayed.clone(),
            entry,
            delay,
            counted,
            holds_group,
        }
    }

    /// The effect that makes a message a dead letter; `error` is for operators.
    pub fn dead_letter(&self, delivery: &Delivery, error: &str) -> Effect {
        Effect::DeadLetter {
            key: self.names.dead.clone(),
            message: delivery.message.clone(),
            error: error.to_owned(),
            attempts: delivery.attempt,
            group: delivery.group.clone().filter(|_| !delivery.leaves_group),
            noted: None,
        }
    }

    /// Makes delayed messages ready whose time has come, notifies a worker if any message
    /// waits, and sets the next timer. Returns the numbers of messages in the stream and
    /// of delayed messages.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses.
    pub fn wake(&self) -> Result<(u64, u64), Failure> {
        let args = [Arg::from(self.notifier())];
        let reply = WAKE.run(self.redis, &self.names.keys(), &args)?;
        let number = |at: usize| {
            reply
                .get(at)
                .and_then(Value::as_int)
                .unwrap_or(0)
                .unsigned_abs()
        };
        self.note_notified(reply.get(2..).unwrap_or_default());
        Ok((number(0), number(1)))
    }

    /// Wakes workers if the work that a client waits for had no progress for 15 s: its
    /// notification and its timers may be lost. `idle` is the time since its last progress.
    /// Only Redis notifies here; with notifications over HTTP, a schedule drains the queues.
    ///
    /// # Errors
    /// Redis cannot be reached or refuses.
    pub fn wake_if_idle(&self, idle: Duration) -> Result<(), Failure> {
        if idle >= TIMER_OVERDUE {
            self.wake()?;
        }
        Ok(())
    }

    /// The notifier of workers, in the words of the scripts.
    pub(crate) fn notifier(&self) -> &'static str {
        match self.notify {
            Notify::Redis => "redis",
            Notify::Caller => "caller",
        }
    }

    /// Remembers the queues that a script names, for [`Self::to_notify`].
    pub(crate) fn note_notified(&self, queues: &[Value]) {
        if self.notify == Notify::Caller {
            let names = queues.iter().filter_map(Value::as_str).map(str::to_owned);
            self.to_notify.borrow_mut().extend(names);
        }
    }
}

/// The command that delivers the next message of a group.
fn release(group: &str) -> Command<'_> {
    vec![b"RELEASE"[..].into(), group.as_bytes().into()]
}

/// Adds the keys of effects, each once.
fn add_keys<'e>(keys: &mut Vec<&'e str>, effects: impl IntoIterator<Item = &'e Effect>) {
    let mut known: HashSet<&str> = keys.iter().copied().collect();
    let added = effects.into_iter().flat_map(Effect::keys);
    keys.extend(added.filter(|key| known.insert(*key)));
}

/// Adds commands in the form of the scripts: the number of words, then the words.
fn add_commands<'c>(args: &mut Vec<Arg<'c>>, commands: &'c [Command<'_>]) {
    for command in commands {
        args.push(count(command.len()));
        args.extend(command.iter().map(|word| Arg::Bytes(word)));
    }
}

pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn count<'a>(number: usize) -> Arg<'a> {
    Arg::Int(i64::try_from(number).unwrap_or(i64::MAX))
}
