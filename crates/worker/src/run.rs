//! The one loop of all workers.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use base::{Failure, Trace, log, shorten};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use queue::{Delivery, Incoming, Opened, Policy, Queue, Settlement, open};
use records::Carries;
use serde_json::{Value, json};
use stores::Redis;

use crate::leases::Leases;
use crate::notify::notify;
use crate::spans::Spans;
use crate::work::{Task, Trouble, Verdict, Work};

/// The time that a done message may wait to be settled together with others.
const MAX_UNSETTLED: Duration = Duration::from_millis(50);

/// The delay of a message of a later schema, which waits for a worker that knows it. The
/// policy's `max_delay` bounds it.
const NEWER_DELAY: Duration = Duration::from_secs(30);

/// The delay of a message that is released for lack of time: as good as none.
const RELEASE: Duration = Duration::from_millis(1);

/// The max bytes that are kept of an error: a service may have written it.
const MAX_ERROR: usize = 1024;

/// Works on a queue until it is empty, or for [`Work::MAX_TIME`]: then it wakes a successor. Returns the
/// number of messages that were claimed.
///
/// Messages are claimed under a lease, decoded, handed to `work` and settled by its
/// verdicts, each with its effects. When the time is up, the others are released.
///
/// # Errors
/// Redis is out of reach. No message is lost: those that were claimed and not settled are
/// delivered again when their leases end.
pub async fn run<R: Redis, W: Work>(
    queue: &Queue<'_, R>,
    policy: &Policy,
    work: &W,
) -> Result<usize, Failure> {
    let runner = Runner {
        queue,
        policy,
        work,
        leases: Leases::new(queue, policy),
        spans: Spans::new(queue),
    };
    let claimed = runner.run().await;
    runner.spans.keep();
    claimed
}

struct Runner<'r, 'q, R, W> {
    queue: &'r Queue<'q, R>,
    policy: &'r Policy,
    work: &'r W,
    leases: Leases<'r>,
    spans: Spans<'r, R>,
}

impl<R: Redis, W: Work> Runner<'_, '_, R, W> {
    async fn run(&self) -> Result<usize, Failure> {
        let started = Instant::now();
        let is_over = || started.elapsed() >= W::MAX_TIME;
        let share = self.work.share(self.policy.concurrency);
        let room = share.per_call.saturating_mul(share.calls);
        let mut claimed = 0;
        let mut waiting: VecDeque<Rc<Delivery>> = VecDeque::new();
        let mut working = FuturesUnordered::new();
        let mut done: Vec<Settlement> = Vec::new();
        let mut settled = Instant::now();
        loop {
            let held = self.leases.held.borrow().len();
            let can_claim = waiting.is_empty()
                && working.len() < share.calls
                && (share.calls == 1 || held < room)
                && !is_over();
            if can_claim {
                if share.calls == 1 {
                    self.settle(&mut done).await?;
                }
                let max = match share.calls {
                    1 => self.policy.batch,
                    _ => self.policy.batch.min(room - held),
                };
                let deliveries = self.queue.claim(self.policy, max)?;
                claimed += deliveries.len();
                for mut delivery in deliveries {
                    delivery.leaves_group = !W::HOLDS_GROUP;
                    if !W::COUNTS_DEATHS {
                        delivery.attempt = delivery.attempt.saturating_sub(delivery.deaths);
                    }
                    let (id, delivery) = (delivery.id.clone(), Rc::new(delivery));
                    self.leases.held.borrow_mut().insert(id, delivery.clone());
                    waiting.push_back(delivery);
                }
            }
            if is_over() {
                done.extend(waiting.drain(..).map(|delivery| {
                    Settlement::of(&delivery).with(self.queue.postpone(&delivery, RELEASE))
                }));
            }
            while !waiting.is_empty() && working.len() < share.calls {
                let deliveries = waiting.drain(..share.per_call.min(waiting.len()));
                working.push(self.handle(deliveries.collect()));
            }
            let Some(settlements) = working.next().await else {
                break;
            };
            done.extend(settlements?);
            if waiting.is_empty() || settled.elapsed() > MAX_UNSETTLED {
                self.settle(&mut done).await?;
                settled = Instant::now();
            }
            self.leases.extend()?;
        }
        drop(working);
        self.settle(&mut done).await?;
        if is_over() {
            self.queue.wake()?;
            notify(self.queue, &Trace::new()).await;
        }
        Ok(claimed)
    }

    /// Settles messages, all in one script, and notifies the workers of messages that follow.
    async fn settle(&self, done: &mut Vec<Settlement>) -> Result<(), Failure> {
        if done.is_empty() {
            return Ok(());
        }
        self.queue.settle(done, &self.work.after())?;
        for settlement in done.drain(..) {
            self.leases.held.borrow_mut().remove(settlement.id());
        }
        notify(self.queue, &Trace::new()).await;
        Ok(())
    }

    /// Decodes messages, works on them and returns how each is settled.
    async fn handle(&self, deliveries: Vec<Rc<Delivery>>) -> Result<Vec<Settlement>, Failure> {
        let mut settlements = Vec::with_capacity(deliveries.len());
        let mut tasks = Vec::with_capacity(deliveries.len());
        for delivery in &deliveries {
            match self.read(delivery) {
                Ok(task) if self.is_abandoned(task.delivery) => {
                    let abandoned = Verdict::Dead(W::ABANDONED.into());
                    settlements.push(self.conclude(&task, abandoned).await);
                }
                Ok(task) => tasks.push(task),
                Err(settlement) => settlements.push(settlement),
            }
        }
        if tasks.is_empty() {
            return Ok(settlements);
        }
        let mut batch = self.spans.begin(&mut tasks);
        let mut verdicts = match self.work.work(&tasks, &self.leases).await {
            Ok(verdicts) => verdicts,
            Err(failure) => {
                let reason = failure.to_string();
                tasks
                    .iter()
                    .map(|_| Verdict::Postpone(reason.clone()))
                    .collect()
            }
        }
        .into_iter();
        for task in &tasks {
            let verdict = verdicts.next();
            let verdict = verdict.unwrap_or_else(|| Verdict::retry("the message was left out"));
            batch.note(task, &verdict);
            settlements.push(self.conclude(task, verdict).await);
        }
        self.spans.end(batch);
        Ok(settlements)
    }

    /// Whether so many workers died of a message that no other is to try it.
    fn is_abandoned(&self, delivery: &Delivery) -> bool {
        let tried = match W::COUNTS_DEATHS {
            true => delivery.attempt.saturating_sub(1),
            false => delivery.deaths,
        };
        tried >= self.policy.attempts
    }

    /// Decodes a message, or returns how a message is settled that needs no work.
    fn read<'m>(&self, delivery: &'m Delivery) -> Result<Task<'m, W::Message<'m>>, Settlement> {
        let message = delivery.message.as_slice();
        let envelope = match open(message, <W::Message<'m>>::SCHEMA) {
            Opened::Known(envelope) => envelope,
            Opened::Malformed(reason) => return Err(self.unreadable(delivery, &reason)),
            Opened::Newer { schema } => {
                let reason = format!("it has schema {schema}, which this version does not know");
                let delay = NEWER_DELAY.min(self.policy.max_delay);
                return Err(self.postpone(delivery, &Trace::new(), json!({}), &reason, delay));
            }
        };
        let trace = envelope.trace.clone().unwrap_or_default();
        match self.work.repair(&envelope, &trace, message) {
            Ok(Carries::Record) => return Err(Settlement::of(delivery)),
            Ok(Carries::Unreadable(reason)) => return Err(self.unreadable(delivery, &reason)),
            Ok(Carries::Nothing | Carries::More) => {}
            // The message may hold the only copy of the version: it waits for the store.
            Err(failure) => {
                let (reason, delay) = (failure.to_string(), self.policy.base_delay);
                return Err(self.postpone(delivery, &trace, json!({}), &reason, delay));
            }
        }
        match queue::read(&envelope.kind, message) {
            Ok(message) => Ok(Task {
                delivery,
                trace,
                message,
            }),
            Err(reason) => Err(self.unreadable(delivery, &reason)),
        }
    }

    /// Returns how a message is settled, by its verdict.
    async fn conclude<'m>(&self, task: &Task<'m, W::Message<'m>>, verdict: Verdict) -> Settlement {
        let Task {
            delivery, trace, ..
        } = task;
        let settlement = Settlement::of(delivery);
        let fields = || self.work.fields(task);
        let trouble = match verdict {
            Verdict::Done(effects) => {
                return effects.into_iter().fold(settlement, Settlement::with);
            }
            Verdict::Drop(reason) => {
                self.log(
                    log::warn,
                    trace,
                    "a message was dropped",
                    delivery,
                    fields(),
                    reason,
                );
                return settlement;
            }
            Verdict::Postpone(reason) => {
                return self.postpone(delivery, trace, fields(), &reason, self.policy.base_delay);
            }
            Verdict::Retry {
                trouble,
                not_before,
            } => {
                let attempt = delivery.attempt;
                if let Some(delay) = self.work.next_try(self.policy, attempt, not_before) {
                    let mut fields = fields();
                    add(&mut fields, "retryInMs", millis(delay).into());
                    let message = "a message is tried again later";
                    self.log(log::warn, trace, message, delivery, fields, &trouble.error);
                    return settlement.with(self.queue.retry(delivery, delay));
                }
                trouble
            }
            Verdict::Dead(trouble) => trouble,
        };
        let trouble = Trouble {
            error: shorten(&trouble.error, MAX_ERROR).to_owned(),
            shown: shorten(&trouble.shown, MAX_ERROR).to_owned(),
        };
        match self.work.give_up(task, &trouble).await {
            Ok(effects) => {
                let message = "a message became a dead letter";
                self.log(
                    log::error,
                    trace,
                    message,
                    delivery,
                    fields(),
                    &trouble.error,
                );
                let dead = self.queue.dead_letter(delivery, &trouble.error);
                let dead = dead.noted_in(self.work.noted_in(task));
                effects
                    .into_iter()
                    .fold(settlement, Settlement::with)
                    .with(dead)
            }
            Err(failure) => {
                let (reason, delay) = (failure.to_string(), self.policy.base_delay);
                self.postpone(delivery, trace, fields(), &reason, delay)
            }
        }
    }

    fn postpone(
        &self,
        delivery: &Delivery,
        trace: &Trace,
        fields: Value,
        reason: &str,
        delay: Duration,
    ) -> Settlement {
        self.log(
            log::warn,
            trace,
            "a message is postponed",
            delivery,
            fields,
            reason,
        );
        Settlement::of(delivery).with(self.queue.postpone(delivery, delay))
    }

    /// Makes an unreadable message a dead letter: a retry cannot help.
    fn unreadable(&self, delivery: &Delivery, reason: &str) -> Settlement {
        let (trace, message) = (Trace::new(), "a message became a dead letter");
        self.log(log::error, &trace, message, delivery, json!({}), reason);
        Settlement::of(delivery).with(self.queue.dead_letter(delivery, shorten(reason, MAX_ERROR)))
    }

    fn log(
        &self,
        write: fn(&Trace, &str, Value),
        trace: &Trace,
        message: &str,
        delivery: &Delivery,
        mut fields: Value,
        error: &str,
    ) {
        add(&mut fields, "queue", self.queue.names().name().into());
        add(&mut fields, "attempt", delivery.attempt.into());
        add(&mut fields, "error", shorten(error, MAX_ERROR).into());
        write(trace, message, fields);
    }
}

fn add(fields: &mut Value, name: &str, value: Value) {
    if let Some(fields) = fields.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// A duration for the log, in whole milliseconds.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
