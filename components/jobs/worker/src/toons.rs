//! Toons: from their messages to what came of them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use base::{Trace, log, now_millis, rfc3339};
use jobs_domain::{Message, Outcome};
use queue::{Delivery, Queue};
use serde_json::json;
use stores::SpinRedis;
use worker::{Deadline, Next};

use crate::batch::Batch;
use crate::processor::{self, Failure};
use crate::settings::Settings;

/// A toon that was taken off the queue.
pub(crate) struct Toon<'d> {
    pub(crate) delivery: &'d Delivery,
    pub(crate) message: Message<'d, Trace>,
}

/// Handles toons for as long as one call of the component lasts.
pub(crate) struct Worker<'a> {
    settings: &'a Settings,
    queue: &'a Queue<'a, SpinRedis>,
    /// The jobs that have been asked for, by their runs, and whether they are there.
    begun: RefCell<HashMap<String, bool>>,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(settings: &'a Settings, queue: &'a Queue<'a, SpinRedis>) -> Self {
        Self {
            settings,
            queue,
            begun: RefCell::default(),
        }
    }

    /// Has toons processed, some at a time, and settles them.
    pub(crate) fn handle(
        &self,
        deliveries: Vec<Delivery>,
        deadline: Deadline,
    ) -> Result<(), base::Failure> {
        let mut batch = Batch::default();
        let mut toons = Vec::with_capacity(deliveries.len());
        for delivery in &deliveries {
            match Message::decode(&delivery.message) {
                Ok(message) => toons.push(Toon { delivery, message }),
                Err(error) => {
                    let error = error.to_string();
                    let fields = json!({"error": error});
                    log::error(&Trace::new(), "a message became a dead letter", fields);
                    let dead = self.queue.bury(delivery, &error);
                    batch.send(delivery, dead);
                }
            }
        }
        let toons = self.begin(toons, &mut batch)?;

        // A worker may have died of a toon that was abandoned. It is processed
        // alone and last, so that it cannot take others with it.
        let (sound, suspect): (Vec<_>, Vec<_>) =
            toons.into_iter().partition(|toon| !toon.delivery.abandoned);
        let groups = sound.chunks(self.settings.policy.concurrency);
        let mut leased = Instant::now();
        let mut done = 0;
        for group in groups.chain(suspect.chunks(1)) {
            if deadline.is_over() {
                for Toon { delivery, .. } in group {
                    batch.send(delivery, worker::give_back(self.queue, delivery));
                }
                continue;
            }
            let is_suspect = group.iter().any(|toon| toon.delivery.abandoned);
            if is_suspect || leased.elapsed() > self.settings.policy.lease / 3 {
                batch.settle(self.queue, self.settings)?;
                let held = sound.iter().chain(&suspect);
                self.queue
                    .extend(held.skip(done).map(|toon| toon.delivery))?;
                leased = Instant::now();
            }
            self.process(group, &mut batch)?;
            done += group.len();
        }
        Ok(batch.settle(self.queue, self.settings)?)
    }

    /// Remembers of the toons' jobs that they have been begun. A toon whose job
    /// is there no more, such as a dead letter that was sent back after years, is
    /// nobody's and dropped.
    fn begin<'d>(
        &self,
        toons: Vec<Toon<'d>>,
        batch: &mut Batch,
    ) -> Result<Vec<Toon<'d>>, base::Failure> {
        let mut begun = self.begun.borrow_mut();
        let mut kept = Vec::with_capacity(toons.len());
        for toon in toons {
            let message = &toon.message;
            let is_there = match begun.get(&*message.run) {
                Some(is_there) => *is_there,
                None => {
                    let redis = self.queue.redis();
                    let now = now_millis();
                    let is_there = jobs_storage::start(redis, &message.job, &message.run, now)?;
                    begun.insert(message.run.clone().into_owned(), is_there);
                    is_there
                }
            };
            if is_there {
                kept.push(toon);
            } else {
                let fields = toon.fields("its job is not kept any more", None);
                log::warn(&message.trace, "a toon was dropped", fields);
                batch.drop(toon.delivery);
            }
        }
        Ok(kept)
    }

    /// Has toons processed side by side.
    fn process(&self, toons: &[Toon<'_>], batch: &mut Batch) -> Result<(), base::Failure> {
        let attempts = self.settings.policy.attempts;
        let (toons, lost): (Vec<_>, Vec<_>) = toons
            .iter()
            .partition(|toon| toon.delivery.attempt <= attempts);
        for toon in lost {
            self.fail(toon, "every worker died while it processed the toon", batch)?;
        }
        if toons.is_empty() {
            return Ok(());
        }
        let inputs: Vec<_> = toons
            .iter()
            .map(|toon| processor::Toon {
                job_id: toon.message.job.as_str().to_owned(),
                toon_id: toon.message.toon_id.as_str().to_owned(),
                content: toon.message.toon.get().to_owned(),
                attempt: toon.delivery.attempt,
            })
            .collect();
        let started = Instant::now();
        let mut results = processor::process(&inputs).into_iter();
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let now = rfc3339(now_millis());
        for toon in toons {
            match results.next() {
                Some(Ok(answer)) => match Outcome::completed(answer, duration_ms) {
                    Ok(outcome) => batch.end(toon, &now, outcome, None)?,
                    Err(unusable) => self.fail(toon, &unusable.to_string(), batch)?,
                },
                Some(Err(Failure::Invalid(error))) => self.fail(toon, &error, batch)?,
                Some(Err(Failure::Retry(error))) => self.retry(toon, &error, batch)?,
                None => self.retry(toon, "the processor left the toon out", batch)?,
            }
        }
        Ok(())
    }

    /// A toon that is tried again, unless it has had its last attempt.
    fn retry(&self, toon: &Toon<'_>, error: &str, batch: &mut Batch) -> Result<(), base::Failure> {
        let policy = &self.settings.policy;
        match worker::after_failure(self.queue, policy, toon.delivery) {
            Next::Dead => self.fail(toon, error, batch),
            Next::Retry(delay, again) => {
                let fields = toon.fields(error, Some(delay));
                log::warn(&toon.message.trace, "a toon is tried again later", fields);
                batch.send(toon.delivery, again);
                Ok(())
            }
        }
    }

    /// A toon that failed for good.
    fn fail(&self, toon: &Toon<'_>, error: &str, batch: &mut Batch) -> Result<(), base::Failure> {
        let error = shorten(error);
        let fields = toon.fields(error, None);
        log::error(&toon.message.trace, "a toon failed", fields);
        let dead = self.queue.bury(toon.delivery, error);
        let outcome = Outcome::Failed {
            error: error.to_owned(),
        };
        batch.end(toon, &rfc3339(now_millis()), outcome, Some(dead))
    }
}

/// What is kept of an error, which is the processor's to write.
fn shorten(error: &str) -> &str {
    const LONGEST: usize = 1024;
    error
        .get(..error.floor_char_boundary(LONGEST))
        .unwrap_or(error)
}

impl Toon<'_> {
    /// What the log says about it.
    fn fields(&self, error: &str, retry_in: Option<Duration>) -> serde_json::Value {
        json!({
            "jobId": self.message.job,
            "toonId": self.message.toon_id,
            "attempt": self.delivery.attempt,
            "error": error,
            "retryInMs": retry_in.map(worker::millis),
        })
    }
}
