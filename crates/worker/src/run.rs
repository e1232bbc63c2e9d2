//! The one loop of all workers.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use base::{Failure, Trace, log, shorten};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use queue::{Delivery, Effect, Incoming, Opened, Policy, Queue, Settlement, open};
use records::{Carries, Received};
use serde_json::{Value, json};
use stores::Redis;

use crate::leases::Leases;
use crate::notify::notify;
use crate::settings::MAX_BATCH;
use crate::spans::Spans;
use crate::work::{Parts, Share, Task, Trouble, Verdict, Work};

/// The time that a done message may wait to be settled together with others.
const MAX_UNSETTLED: Duration = Duration::from_millis(50);

/// About the max bytes that wait to be settled: a component has little memory.
const MAX_UNSETTLED_BYTES: usize = 1024 * 1024;

/// The time for the messages of one claim within which the next claim may be larger.
const QUICK: Duration = Duration::from_millis(25);

/// The delay of a message of a later schema, which waits for a worker that knows it. The
/// policy's `max_delay` bounds it.
const NEWER_DELAY: Duration = Duration::from_secs(30);

/// The delay of a message that is released for lack of time: as good as none.
const RELEASE: Duration = Duration::from_millis(1);

/// The max bytes that are kept of an error: a service may have written it.
const MAX_ERROR: usize = 1024;

/// The effect, if any, that settles a message without work.
type NoWork = Option<Box<Effect>>;

/// Works on a queue until it is empty, or for [`Work::MAX_TIME`]: then it wakes a successor. Returns the
/// number of messages that were handled.
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
    let policy = work.policy(*policy);
    let runner = Runner {
        queue,
        policy: &policy,
        work,
        leases: Leases::new(queue, &policy),
        spans: Spans::new(queue),
    };
    let handled = runner.run().await;
    runner.spans.keep();
    // Work may have published on a queue beside this one, also before it failed.
    notify(queue, &Trace::new()).await;
    handled
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
        let mut reach = Reach::new(self.policy.batch, share, W::HOLDS_SEVERAL);
        let mut handled = 0;
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
                    1 => reach.next(),
                    _ => self.policy.batch.min(room - held),
                };
                let deliveries = self.queue.claim(self.policy, max)?;
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
                    handled += 1;
                    Settlement::of(&delivery).with(self.queue.postpone(&delivery, RELEASE))
                }));
            }
            while !waiting.is_empty() && working.len() < share.calls {
                let deliveries = waiting.drain(..share.per_call.min(waiting.len()));
                working.push(self.handle(deliveries.collect(), share));
            }
            let Some(settlements) = working.next().await else {
                break;
            };
            let settlements = settlements?;
            let messages = settlements.iter().map(Settlement::messages).sum();
            handled += messages;
            reach.handled(settlements.len(), messages);
            done.extend(settlements);
            let size: usize = done.iter().map(Settlement::size).sum();
            if waiting.is_empty() || settled.elapsed() > MAX_UNSETTLED || size > MAX_UNSETTLED_BYTES
            {
                self.settle(&mut done).await?;
                settled = Instant::now();
            }
            self.leases.extend()?;
        }
        drop(working);
        self.settle(&mut done).await?;
        if is_over() {
            self.queue.wake()?;
        }
        Ok(handled)
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

    /// Decodes messages, works on them and returns how each is settled. Work that takes long
    /// or makes large results ends early: the rest of a message that holds several is sent
    /// on, and other messages are postponed.
    async fn handle(
        &self,
        deliveries: Vec<Rc<Delivery>>,
        share: Share,
    ) -> Result<Vec<Settlement>, Failure> {
        let mut settlements = Vec::with_capacity(deliveries.len());
        let mut tasks = Vec::with_capacity(deliveries.len());
        for delivery in &deliveries {
            let mut settlement = Settlement::of(delivery);
            match self.read(delivery) {
                Ok((trace, Parts::One(message))) => {
                    let task = Task {
                        delivery,
                        trace,
                        message,
                        part: None,
                    };
                    if self.is_abandoned(delivery) {
                        let abandoned = Verdict::Dead(W::ABANDONED.into());
                        self.conclude(&task, abandoned, &mut settlement).await?;
                    } else {
                        tasks.push(task);
                    }
                }
                Ok((trace, Parts::Many(messages))) => {
                    settlement = Settlement::of_several(delivery);
                    let parts = (0..).zip(messages).map(|(part, message)| Task {
                        delivery,
                        trace: trace.clone(),
                        message,
                        part: Some(part),
                    });
                    match delivery.attempt > 1 || delivery.deaths > 0 {
                        true => self.part(&parts.collect::<Vec<_>>(), &mut settlement)?,
                        false => tasks.extend(parts),
                    }
                }
                Err(Some(effect)) => settlement.add(*effect),
                Err(None) => {}
            }
            settlements.push(settlement);
        }

        let started = Instant::now();
        let mut open = settlements.iter_mut();
        let mut left = tasks.as_mut_slice();
        let mut current = open.next();
        let mut size = 0;
        while !left.is_empty() && started.elapsed() <= MAX_UNSETTLED && size <= MAX_UNSETTLED_BYTES
        {
            let count = share.per_call.clamp(1, left.len());
            let (tasks, others) = left.split_at_mut(count);
            let mut batch = self.spans.begin(tasks);
            let mut verdicts = match self.work.work(tasks, &self.leases).await {
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
            for task in &*tasks {
                let verdict = verdicts.next();
                let verdict = verdict.unwrap_or_else(|| Verdict::retry("the message was left out"));
                batch.note(task, &verdict);
                while let Some(before) = current.take_if(|open| open.id() != task.delivery.id) {
                    size += before.size();
                    current = open.next();
                }
                if let Some(settlement) = &mut current {
                    self.conclude(task, verdict, settlement).await?;
                }
            }
            self.spans.end(batch);
            left = others;
        }
        for tasks in left.chunk_by(|one, other| one.delivery.id == other.delivery.id) {
            let Some(first) = tasks.first() else {
                continue;
            };
            while current
                .take_if(|open| open.id() != first.delivery.id)
                .is_some()
            {
                current = open.next();
            }
            if let Some(settlement) = &mut current {
                settlement.add(match first.part {
                    Some(_) => self.queue.names().send(self.work.pack(tasks)?),
                    None => self.queue.postpone(first.delivery, RELEASE),
                });
            }
        }
        Ok(settlements)
    }

    /// Lets each of the messages of a delivery go on by itself, for a worker died of one.
    fn part<'m>(
        &self,
        parts: &[Task<'m, W::Message<'m>>],
        settlement: &mut Settlement,
    ) -> Result<(), Failure> {
        for task in parts {
            settlement.add(self.queue.part(&*self.alone(task)?));
        }
        if let Some(Task {
            delivery, trace, ..
        }) = parts.first()
        {
            let fields = json!({"messages": parts.len()});
            let message = "messages go on one by one";
            let reason = "a worker died while it had them";
            self.log(log::warn, trace, message, delivery, fields, reason);
        }
        Ok(())
    }

    /// The delivery of a message by itself, also of one that came with others.
    fn alone<'t, 'm>(
        &self,
        task: &'t Task<'m, W::Message<'m>>,
    ) -> Result<Cow<'t, Delivery>, Failure> {
        let delivery = task.delivery;
        let Some(part) = task.part else {
            return Ok(Cow::Borrowed(delivery));
        };
        Ok(Cow::Owned(Delivery {
            id: format!("{}.{part}", delivery.id),
            attempt: delivery.attempt,
            deaths: delivery.deaths,
            group: None,
            leaves_group: false,
            message: self.work.pack(std::slice::from_ref(task))?,
        }))
    }

    /// Whether so many workers died of a message that no other is to try it.
    fn is_abandoned(&self, delivery: &Delivery) -> bool {
        let tried = match W::COUNTS_DEATHS {
            true => delivery.attempt.saturating_sub(1),
            false => delivery.deaths,
        };
        tried >= self.policy.attempts
    }

    /// Decodes a message that needs work.
    fn read<'m>(&self, delivery: &'m Delivery) -> Result<(Trace, Parts<W::Message<'m>>), NoWork> {
        let unreadable = |reason: &str| Some(Box::new(self.unreadable(delivery, reason)));
        let postponed = |trace: &Trace, reason: &str, delay: Duration| {
            let effect = self.postpone(delivery, trace, json!({}), reason, delay);
            Some(Box::new(effect))
        };
        let message = delivery.message.as_slice();
        let envelope = match open(message, <W::Message<'m>>::SCHEMA) {
            Opened::Known(envelope) => envelope,
            Opened::Malformed(reason) => return Err(unreadable(&reason)),
            Opened::Newer { schema } => {
                let reason = format!("it has schema {schema}, which this version does not know");
                let delay = NEWER_DELAY.min(self.policy.max_delay);
                return Err(postponed(&Trace::new(), &reason, delay));
            }
        };
        let trace = envelope.trace.clone().unwrap_or_default();
        let received = Received {
            envelope: &envelope,
            trace: &trace,
            message,
        };
        match self.work.repair(&received) {
            Ok(Carries::Record) => return Err(None),
            Ok(Carries::Unreadable(reason)) => return Err(unreadable(&reason)),
            Ok(Carries::Nothing | Carries::More) => {}
            // The message may hold the only copy of the version: it waits for the store.
            Err(failure) => {
                let reason = failure.to_string();
                return Err(postponed(&trace, &reason, self.policy.base_delay));
            }
        }
        match queue::read(&envelope.kind, message) {
            Ok(message) => Ok((trace, self.work.parts(message))),
            Err(reason) => Err(unreadable(&reason)),
        }
    }

    /// Adds the effects of a verdict to a message's settlement.
    async fn conclude<'m>(
        &self,
        task: &Task<'m, W::Message<'m>>,
        verdict: Verdict,
        settlement: &mut Settlement,
    ) -> Result<(), Failure> {
        if task.part.is_some() {
            settlement.count();
        }
        let (trace, attempt) = (&task.trace, task.delivery.attempt);
        let fields = || self.work.fields(task);
        let trouble = match verdict {
            Verdict::Done(effects) => {
                effects
                    .into_iter()
                    .for_each(|effect| settlement.add(effect));
                return Ok(());
            }
            Verdict::Drop(reason) => {
                let message = "a message was dropped";
                self.log(log::warn, trace, message, task.delivery, fields(), reason);
                return Ok(());
            }
            Verdict::Postpone(reason) => {
                let (delivery, delay) = (self.alone(task)?, self.policy.base_delay);
                settlement.add(self.postpone(&delivery, trace, fields(), &reason, delay));
                return Ok(());
            }
            Verdict::Retry {
                trouble,
                not_before,
            } => {
                if let Some(delay) = self.work.next_try(self.policy, attempt, not_before) {
                    let mut fields = fields();
                    add(&mut fields, "retryInMs", millis(delay).into());
                    let (message, error) = ("a message is tried again later", &trouble.error);
                    self.log(log::warn, trace, message, task.delivery, fields, error);
                    settlement.add(self.queue.retry(&*self.alone(task)?, delay));
                    return Ok(());
                }
                trouble
            }
            Verdict::Dead(trouble) => trouble,
        };
        let delivery = &*self.alone(task)?;
        let trouble = Trouble {
            error: shorten(&trouble.error, MAX_ERROR).to_owned(),
            shown: shorten(&trouble.shown, MAX_ERROR).to_owned(),
        };
        match self.work.give_up(task, &trouble).await {
            Ok(effects) => {
                let message = "a message became a dead letter";
                let error = &trouble.error;
                self.log(log::error, trace, message, delivery, fields(), error);
                let dead = self.queue.dead_letter(delivery, error);
                effects
                    .into_iter()
                    .for_each(|effect| settlement.add(effect));
                settlement.add(dead.noted_in(self.work.noted_in(task)));
            }
            Err(failure) => {
                let (reason, delay) = (failure.to_string(), self.policy.base_delay);
                settlement.add(self.postpone(delivery, trace, fields(), &reason, delay));
            }
        }
        Ok(())
    }

    fn postpone(
        &self,
        delivery: &Delivery,
        trace: &Trace,
        fields: Value,
        reason: &str,
        delay: Duration,
    ) -> Effect {
        let message = "a message is postponed";
        self.log(log::warn, trace, message, delivery, fields, reason);
        self.queue.postpone(delivery, delay)
    }

    /// Makes an unreadable message a dead letter: a retry cannot help.
    fn unreadable(&self, delivery: &Delivery, reason: &str) -> Effect {
        let (trace, message) = (Trace::new(), "a message became a dead letter");
        self.log(log::error, &trace, message, delivery, json!({}), reason);
        self.queue.dead_letter(delivery, shorten(reason, MAX_ERROR))
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

/// How many messages are claimed at once. Messages that hold several are claimed by the number
/// of these: as many as one at a time, and more as long as they take little time.
struct Reach {
    batch: usize,
    goal: usize,
    /// The number of messages that each one is expected to hold.
    parts: usize,
    /// When the messages before were claimed.
    claimed: Option<Instant>,
}

impl Reach {
    fn new(batch: usize, share: Share, holds_several: bool) -> Self {
        Self {
            batch,
            goal: batch,
            // At first as many messages as are worked on at once.
            parts: match holds_several {
                true => (batch / share.per_call.max(1)).max(1),
                false => 1,
            },
            claimed: None,
        }
    }

    /// The number of messages to claim now.
    fn next(&mut self) -> usize {
        let before = self.claimed.replace(Instant::now());
        let is_quick = before.is_some_and(|claimed| claimed.elapsed() < QUICK);
        self.goal = match is_quick && self.parts > 1 {
            true => self.goal.saturating_mul(2).min(MAX_BATCH).max(self.batch),
            false => self.batch,
        };
        self.goal.div_ceil(self.parts.max(1))
    }

    /// Notes that `deliveries` held so many messages.
    fn handled(&mut self, deliveries: usize, messages: usize) {
        if deliveries > 0 {
            self.parts = messages.div_ceil(deliveries).max(1);
        }
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
