//! Toons: from their messages to their outcomes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use base::{Failure, Trace, log, now_millis, rfc3339};
use jobs_domain::{JobId, Message, Outcome, ToonResult};
use queue::Effect;
use serde_json::{Value, json};
use stores::SpinRedis;
use worker::{Leases, Trouble, Verdict, Work};

use self::bindings::orilla::jobs::processor;

/// The processor that `spin.toml` binds.
mod bindings {
    #![allow(missing_docs, clippy::all)]
    wit_bindgen::generate!({ world: "consumer", path: "../../../wit/jobs" });
}

type Task<'m> = worker::Task<'m, Message<'m>>;

/// Works on toons during one call of the component.
pub(crate) struct Toons<'a> {
    redis: &'a SpinRedis,
    /// The time that a job is kept after its last change; `None` is for ever.
    retention: Option<Duration>,
    /// The jobs that were begun in this call, by their runs, and whether they still
    /// exist.
    begun: RefCell<HashMap<String, bool>>,
    /// The jobs of ended toons that are not settled yet, with the number of those toons.
    ended: RefCell<HashMap<JobId, (Trace, usize)>>,
}

impl<'a> Toons<'a> {
    pub(crate) fn new(redis: &'a SpinRedis, retention: Option<Duration>) -> Self {
        Self {
            redis,
            retention,
            begun: RefCell::default(),
            ended: RefCell::default(),
        }
    }

    /// Records that a toon's job has begun. Returns whether the job still exists.
    fn begin(&self, toon: &Message<'_>) -> Result<bool, Failure> {
        if let Some(is_there) = self.begun.borrow().get(&*toon.run) {
            return Ok(*is_there);
        }
        let is_there = jobs_storage::start(self.redis, &toon.job, &toon.run, now_millis())?;
        let run = toon.run.clone().into_owned();
        self.begun.borrow_mut().insert(run, is_there);
        Ok(is_there)
    }

    /// The effects of a toon's end.
    fn end(&self, task: &Task<'_>, outcome: Outcome) -> Result<Vec<Effect>, Failure> {
        let Message {
            job,
            index,
            toon_id,
            ..
        } = &task.message;
        let result = ToonResult {
            toon_id,
            outcome,
            attempts: task.delivery.attempt,
            processed_at: &rfc3339(now_millis()),
        };
        let effects = jobs_storage::ended(job, *index, &result)?.into();
        let mut ended = self.ended.borrow_mut();
        match ended.get_mut(&**job) {
            Some((_, count)) => *count += 1,
            None => {
                ended.insert(job.clone().into_owned(), (task.trace.clone(), 1));
            }
        }
        Ok(effects)
    }
}

impl Work for Toons<'_> {
    type Message<'m> = Message<'m>;

    const ABANDONED: &'static str = "every worker died while it processed the toon";

    fn fields(&self, task: &Task<'_>) -> Value {
        json!({"jobId": task.message.job, "toonId": task.message.toon_id})
    }

    async fn work(&self, tasks: &[Task<'_>], _: &Leases<'_>) -> Result<Vec<Verdict>, Failure> {
        let mut there = Vec::with_capacity(tasks.len());
        let mut inputs = Vec::with_capacity(tasks.len());
        for Task {
            message, delivery, ..
        } in tasks
        {
            there.push(self.begin(message)?);
            inputs.push(processor::Toon {
                job_id: message.job.as_str().to_owned(),
                toon_id: message.toon_id.as_str().to_owned(),
                content: message.toon.get().to_owned(),
                attempt: delivery.attempt,
            });
        }
        let mut kept = there.iter();
        inputs.retain(|_| kept.next() == Some(&true));
        let started = Instant::now();
        let mut results = match inputs.is_empty() {
            true => Vec::new(),
            false => processor::process(&inputs),
        }
        .into_iter();
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tasks
            .iter()
            .zip(there)
            .map(|(task, is_there)| {
                if !is_there {
                    // Such as a dead letter that was sent back after years.
                    return Ok(Verdict::Drop("its job has expired"));
                }
                Ok(match results.next() {
                    Some(Ok(answer)) => match Outcome::completed(answer, duration_ms) {
                        Ok(outcome) => Verdict::Done(self.end(task, outcome)?),
                        Err(unusable) => Verdict::Dead(unusable.to_string().into()),
                    },
                    Some(Err(processor::Failure::Invalid(error))) => Verdict::Dead(error.into()),
                    Some(Err(processor::Failure::Retry(error))) => Verdict::retry(error),
                    None => Verdict::retry("the processor returned no result for the toon"),
                })
            })
            .collect()
    }

    async fn give_up(&self, task: &Task<'_>, trouble: &Trouble) -> Result<Vec<Effect>, Failure> {
        if !self.begin(&task.message)? {
            return Ok(Vec::new());
        }
        let error = trouble.shown.clone();
        self.end(task, Outcome::Failed { error })
    }

    fn after(&self) -> Vec<Effect> {
        let now = now_millis();
        let mut effects = Vec::new();
        for (job, (trace, count)) in self.ended.take() {
            effects.extend(jobs_storage::tally(&job));
            effects.extend(jobs_storage::keep(&job, now, self.retention));
            log::info(
                &trace,
                "toons were processed",
                json!({"jobId": job, "toons": count}),
            );
        }
        effects
    }
}
