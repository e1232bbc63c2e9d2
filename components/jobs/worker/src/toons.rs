//! Toons: from their messages to their outcomes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use base::{Failure, log, now_millis, rfc3339};
use jobs_domain::{Batch, Begin, Ended, Ends, Message, Outcome, ToonResult, effects};
use jobs_storage::Wanted;
use queue::Effect;
use serde_json::{Value, json};
use stores::SpinRedis;
use worker::{Leases, Parts, Trouble, Verdict, Work};

use self::bindings::orilla::jobs::processor;

/// The processor that `spin.toml` binds.
mod bindings {
    #![allow(missing_docs, clippy::all)]
    wit_bindgen::generate!({ world: "consumer", path: "../../../wit/jobs" });
}

type Task<'m> = worker::Task<'m, jobs_domain::Work<'m>>;

/// The time for which it is not asked again whether work on a job is wanted. For so long,
/// toons of a canceled job may still begin.
const REMEMBERED: Duration = Duration::from_millis(200);

/// Works on toons during one call of the component.
pub(crate) struct Toons<'a> {
    redis: &'a SpinRedis,
    /// The time that a job is kept after its last change; `None` is for ever.
    retention: Option<Duration>,
    /// Whether work on jobs is wanted, by their runs, and when it was asked.
    wanted: RefCell<HashMap<String, (Wanted, Instant)>>,
    /// The ended toons that are not settled yet.
    ended: RefCell<Ends>,
}

impl<'a> Toons<'a> {
    pub(crate) fn new(redis: &'a SpinRedis, retention: Option<Duration>) -> Self {
        Self {
            redis,
            retention,
            wanted: RefCell::default(),
            ended: RefCell::default(),
        }
    }

    /// Records that a toon's job has begun. Returns whether work on it is wanted `now`.
    fn begin(&self, toon: &Message<'_>, time: Instant) -> Result<Wanted, Failure> {
        if let Some((wanted, asked)) = self.wanted.borrow().get(&*toon.run)
            && time.duration_since(*asked) < REMEMBERED
        {
            return Ok(*wanted);
        }
        let now = Some(now_millis());
        let wanted = jobs_storage::start(self.redis, &toon.job, &toon.run, now)?;
        let run = toon.run.clone().into_owned();
        let asked = Instant::now();
        self.wanted.borrow_mut().insert(run, (wanted, asked));
        Ok(wanted)
    }

    /// Lets the toons of a job be processed that waited for its time.
    fn open(&self, begin: &Begin<'_>) -> Result<Verdict, Failure> {
        let wanted = jobs_storage::start(self.redis, &begin.job, &begin.run, None)?;
        Ok(match wanted {
            Wanted::Yes => Verdict::Done(effects::begun(&begin.job, now_millis(), self.retention)),
            Wanted::Canceled => Verdict::Done(Vec::new()),
            Wanted::Gone => Verdict::Drop(EXPIRED),
        })
    }

    /// The effects of a toon's end.
    fn end(
        &self,
        task: &Task<'_>,
        toon: &Message<'_>,
        outcome: Outcome,
    ) -> Result<Vec<Effect>, Failure> {
        let result = ToonResult {
            toon_id: &toon.toon_id,
            outcome,
            attempts: task.delivery.attempt,
            processed_at: &rfc3339(now_millis()),
        };
        // A toon that failed before comes by itself.
        let is_first = task.part.is_some();
        let effects = effects::ended(&toon.job, toon.index, &result, is_first)?;
        self.ended.borrow_mut().note(toon, &task.trace);
        Ok(effects)
    }

    /// The toon of a message that is to be processed; the verdict on any other message.
    fn sort<'t, 'm>(&self, task: &'t Task<'m>, now: Instant) -> Result<&'t Message<'m>, Verdict> {
        let toon = match &task.message {
            jobs_domain::Work::Toon(toon) => toon,
            jobs_domain::Work::Begin(begin) => return Err(self.open(begin)?),
            jobs_domain::Work::Completed(completed) => {
                let told = jobs_storage::completed(self.redis, completed, &task.trace)?;
                return Err(Verdict::Done(told.into_iter().collect()));
            }
            // Its toons come by themselves.
            jobs_domain::Work::Toons(_) => {
                return Err(Verdict::retry("its toons were not taken apart"));
            }
        };
        match self.begin(toon, now)? {
            Wanted::Gone => Err(Verdict::Drop(EXPIRED)),
            Wanted::Canceled => Err(Verdict::Done(Vec::new())),
            Wanted::Yes => Ok(toon),
        }
    }

    /// The verdict on a toon, by the processor's answer.
    fn judge(
        &self,
        task: &Task<'_>,
        toon: &Message<'_>,
        answer: Option<Result<String, processor::Failure>>,
        duration_ms: u64,
    ) -> Result<Verdict, Failure> {
        Ok(match answer {
            Some(Ok(answer)) => match Outcome::completed(answer, duration_ms) {
                Ok(outcome) => Verdict::Done(self.end(task, toon, outcome)?),
                Err(unusable) => Verdict::Dead(unusable.to_string().into()),
            },
            Some(Err(processor::Failure::Invalid(error))) => Verdict::Dead(error.into()),
            Some(Err(processor::Failure::Retry(error))) => Verdict::retry(error),
            None => Verdict::retry("the processor returned no result for the toon"),
        })
    }
}

/// Why a message needs no work, such as a dead letter that was sent back after years.
const EXPIRED: &str = "its job has expired";

/// A toon, as the processor gets it.
fn input(task: &Task<'_>, toon: &Message<'_>) -> processor::Toon {
    processor::Toon {
        job_id: toon.job.as_str().to_owned(),
        toon_id: toon.toon_id.as_str().to_owned(),
        content: toon.toon.get().to_owned(),
        attempt: task.delivery.attempt,
    }
}

impl Work for Toons<'_> {
    type Message<'m> = jobs_domain::Work<'m>;

    const ABANDONED: &'static str = "every worker died while it processed the toon";

    const HOLDS_SEVERAL: bool = true;

    fn parts<'m>(&self, message: Self::Message<'m>) -> Parts<Self::Message<'m>> {
        match message {
            jobs_domain::Work::Toons(batch) => {
                Parts::Many(batch.messages().map(jobs_domain::Work::Toon).collect())
            }
            other => Parts::One(other),
        }
    }

    fn pack(&self, parts: &[Task<'_>]) -> Result<Vec<u8>, Failure> {
        let toons = parts.iter().filter_map(|task| match &task.message {
            jobs_domain::Work::Toon(toon) => Some(toon),
            _ => None,
        });
        let trace = parts.first().map(|task| task.trace.clone());
        Batch::encoded(toons, &trace.unwrap_or_default())
    }

    fn fields(&self, task: &Task<'_>) -> Value {
        match &task.message {
            jobs_domain::Work::Toon(toon) => json!({"jobId": toon.job, "toonId": toon.toon_id}),
            other => json!({"jobId": other.job()}),
        }
    }

    async fn work(&self, tasks: &[Task<'_>], _: &Leases<'_>) -> Result<Vec<Verdict>, Failure> {
        let now = Instant::now();
        let sorted: Vec<_> = tasks.iter().map(|task| self.sort(task, now)).collect();
        let inputs = tasks.iter().zip(&sorted);
        let inputs = inputs.filter_map(|(task, sorted)| Some(input(task, sorted.as_ref().ok()?)));
        let inputs: Vec<_> = inputs.collect();
        let started = Instant::now();
        let answers = match inputs.is_empty() {
            true => Vec::new(),
            false => processor::process(&inputs),
        };
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut answers = answers.into_iter();
        let verdicts = tasks.iter().zip(sorted).map(|(task, sorted)| match sorted {
            Ok(toon) => self.judge(task, toon, answers.next(), duration_ms),
            Err(verdict) => Ok(verdict),
        });
        verdicts.collect()
    }

    async fn give_up(&self, task: &Task<'_>, trouble: &Trouble) -> Result<Vec<Effect>, Failure> {
        let jobs_domain::Work::Toon(toon) = &task.message else {
            return Ok(Vec::new());
        };
        // A toon that was begun before its job was canceled is finished.
        if self.begin(toon, Instant::now())? == Wanted::Gone {
            return Ok(Vec::new());
        }
        let error = trouble.shown.clone();
        self.end(task, toon, Outcome::Failed { error })
    }

    fn noted_in(&self, task: &Task<'_>) -> Option<(String, String)> {
        let jobs_domain::Work::Toon(toon) = &task.message else {
            return None;
        };
        // Nothing is stored of a job that has expired.
        let wanted = self.wanted.borrow().get(&*toon.run).copied();
        let is_there = wanted.is_some_and(|(wanted, _)| wanted != Wanted::Gone);
        is_there.then(|| effects::letter(&toon.job, toon.index))
    }

    fn after(&self) -> Vec<Effect> {
        let now = now_millis();
        let mut all = Vec::new();
        for (job, Ended { run, trace, toons }) in self.ended.take() {
            all.extend(effects::counted(&job, now, self.retention));
            match effects::completes(&job, &run, &trace) {
                Ok(completes) => all.push(completes),
                Err(failure) => {
                    let fields = json!({"jobId": job, "reason": failure.to_string()});
                    log::warn(&trace, "webhooks are not told of the end of a job", fields);
                }
            }
            let fields = json!({"jobId": job, "toons": toons});
            log::info(&trace, "toons were processed", fields);
        }
        all
    }
}
