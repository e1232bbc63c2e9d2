//! Toons: from their messages to their outcomes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use base::{Failure, Trace, log, now_millis, rfc3339};
use jobs_domain::{Batch, Begin, JobId, Message, Outcome, ToonResult, keys};
use jobs_storage::Wanted;
use queue::{Effect, QueueNames};
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

/// Toons of a run of a job that ended in one batch.
struct Ended {
    run: String,
    /// The ids of the first of them.
    trace: Trace,
    toons: usize,
}

/// Works on toons during one call of the component.
pub(crate) struct Toons<'a> {
    redis: &'a SpinRedis,
    /// The time that a job is kept after its last change; `None` is for ever.
    retention: Option<Duration>,
    /// Whether work on jobs is wanted, by their runs, and when it was asked.
    wanted: RefCell<HashMap<String, (Wanted, Instant)>>,
    /// The jobs of ended toons that are not settled yet, with the number of those toons.
    ended: RefCell<HashMap<JobId, Ended>>,
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
            Wanted::Yes => {
                let queue = QueueNames::new(keys::QUEUE);
                Verdict::Done(jobs_storage::begun(&queue, &begin.job, self.retention))
            }
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
        ended_at: &str,
    ) -> Result<Vec<Effect>, Failure> {
        let Message {
            job,
            run,
            index,
            toon_id,
            ..
        } = toon;
        let result = ToonResult {
            toon_id,
            outcome,
            attempts: task.delivery.attempt,
            processed_at: ended_at,
        };
        // A toon that failed before comes by itself.
        let is_first = task.part.is_some();
        let effects = jobs_storage::ended(job, *index, &result, is_first)?;
        let mut ended = self.ended.borrow_mut();
        match ended.get_mut(&**job) {
            Some(ended) => ended.toons += 1,
            None => {
                let first = Ended {
                    run: run.clone().into_owned(),
                    trace: task.trace.clone(),
                    toons: 1,
                };
                ended.insert(job.clone().into_owned(), first);
            }
        }
        Ok(effects)
    }

    /// The verdict on a toon, by the processor's answer.
    fn judge(
        &self,
        task: &Task<'_>,
        toon: &Message<'_>,
        answer: Option<Result<String, processor::Failure>>,
        duration_ms: u64,
        ended_at: &str,
    ) -> Result<Verdict, Failure> {
        Ok(match answer {
            Some(Ok(answer)) => match Outcome::completed(answer, duration_ms) {
                Ok(outcome) => Verdict::Done(self.end(task, toon, outcome, ended_at)?),
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

/// What is to be done for a task.
enum Step<'t, 'm> {
    /// The toon is processed with others.
    Process(&'t Message<'m>),
    /// It is known already.
    Known(Verdict),
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
        let mut steps = Vec::with_capacity(tasks.len());
        let mut inputs = Vec::with_capacity(tasks.len());
        for task in tasks {
            let toon = match &task.message {
                jobs_domain::Work::Toon(toon) => toon,
                jobs_domain::Work::Begin(begin) => {
                    steps.push(Step::Known(self.open(begin)?));
                    continue;
                }
                jobs_domain::Work::Completed(completed) => {
                    let told = jobs_storage::completed(self.redis, completed, &task.trace)?;
                    steps.push(Step::Known(Verdict::Done(told.into_iter().collect())));
                    continue;
                }
                // Its toons come by themselves.
                jobs_domain::Work::Toons(_) => {
                    steps.push(Step::Known(Verdict::retry(
                        "its toons were not taken apart",
                    )));
                    continue;
                }
            };
            steps.push(match self.begin(toon, now)? {
                Wanted::Gone => Step::Known(Verdict::Drop(EXPIRED)),
                Wanted::Canceled => Step::Known(Verdict::Done(Vec::new())),
                Wanted::Yes => {
                    inputs.push(processor::Toon {
                        job_id: toon.job.as_str().to_owned(),
                        toon_id: toon.toon_id.as_str().to_owned(),
                        content: toon.toon.get().to_owned(),
                        attempt: task.delivery.attempt,
                    });
                    Step::Process(toon)
                }
            });
        }
        let started = Instant::now();
        let mut results = match inputs.is_empty() {
            true => Vec::new(),
            false => processor::process(&inputs),
        }
        .into_iter();
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let ended_at = rfc3339(now_millis());
        let steps = tasks.iter().zip(steps);
        steps
            .map(|(task, step)| match step {
                Step::Known(verdict) => Ok(verdict),
                Step::Process(toon) => {
                    self.judge(task, toon, results.next(), duration_ms, &ended_at)
                }
            })
            .collect()
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
        self.end(
            task,
            toon,
            Outcome::Failed { error },
            &rfc3339(now_millis()),
        )
    }

    fn noted_in(&self, task: &Task<'_>) -> Option<(String, String)> {
        let jobs_domain::Work::Toon(toon) = &task.message else {
            return None;
        };
        // Nothing is stored of a job that has expired.
        let wanted = self.wanted.borrow().get(&*toon.run).copied();
        let is_there = wanted.is_some_and(|(wanted, _)| wanted != Wanted::Gone);
        is_there.then(|| jobs_storage::letter(&toon.job, toon.index))
    }

    fn after(&self) -> Vec<Effect> {
        let now = now_millis();
        let mut effects = Vec::new();
        for (job, Ended { run, trace, toons }) in self.ended.take() {
            effects.extend(jobs_storage::tally(&job));
            effects.extend(jobs_storage::keep(&job, now, self.retention));
            match jobs_storage::completes(&job, &run, &trace) {
                Ok(completes) => effects.push(completes),
                Err(failure) => {
                    let fields = json!({"jobId": job, "reason": failure.to_string()});
                    log::warn(&trace, "webhooks are not told of the end of a job", fields);
                }
            }
            let fields = json!({"jobId": job, "toons": toons});
            log::info(&trace, "toons were processed", fields);
        }
        effects
    }
}
