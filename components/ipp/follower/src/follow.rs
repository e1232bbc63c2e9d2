//! Following a job: one look, and when the next one is due.

use std::time::Duration;

use base::{Failure, Timestamp, Trace, log};
use databricks::Error;
use ipp_domain::{Job, JobId, MAX_FILES, Status, follow_later};
use ipp_storage::NotSeen;
use objects::Objects;
use records::Versioned;
use serde_json::json;
use worker::Verdict;

use crate::work::Follower;

/// The steps of one look at most: a run that ended leads to its files.
const MAX_STEPS: usize = 3;

/// The keys of a page of a listing.
const PAGE: u32 = 1_000;

/// The result of a look at a job.
enum Looked {
    /// The job is at this state now.
    At(Box<Job>),
    /// Databricks did not answer: it is asked again, after this time at least.
    Later(Duration),
}

impl Follower<'_> {
    /// Takes a job as far as it goes now, and comes back to it later if it waits for a run.
    pub(crate) async fn follow(&self, id: &JobId, trace: &Trace) -> Result<Verdict, Failure> {
        let Some(found) = ipp_storage::committed(self.queue.redis(), &self.store, id)? else {
            return Ok(Verdict::Drop("the job is not kept any more"));
        };
        let mut job = found.document;
        for _ in 0..MAX_STEPS {
            let status = job.status;
            match self.step(&job, trace).await? {
                Looked::At(next) => job = *next,
                Looked::Later(wait) => {
                    let wait = wait.max(job.pause(Timestamp::now()));
                    return Ok(Verdict::Done(vec![follow_later(&job, wait)?]));
                }
            }
            if job.status == status {
                break;
            }
        }
        Ok(Verdict::Done(match job.status {
            Status::FirstRunning | Status::FirstDone | Status::SecondRunning => {
                vec![follow_later(&job, job.pause(Timestamp::now()))?]
            }
            // The worker of files goes on, or nothing is left to do.
            Status::Processing | Status::Completed | Status::Failed => Vec::new(),
        }))
    }

    async fn step(&self, job: &Job, trace: &Trace) -> Result<Looked, Failure> {
        if job.status == Status::FirstDone {
            let raw = self.find_files(job, trace).await?;
            let now = Timestamp::now();
            let next = self
                .ipp(trace)
                .change(&job.job_id, |job| job.files_found(&raw, now))?;
            return Ok(Looked::At(latest(next, job)));
        }
        let Some((_, run)) = job.run() else {
            return Ok(Looked::At(Box::new(job.clone())));
        };
        let is_started = run.run_id.is_some();
        let next = match self.ask(job, is_started, trace).await {
            Ok(next) => latest(next, job),
            Err(not_seen) => {
                let error = match not_seen {
                    NotSeen::Databricks(error) => error,
                    // As if Databricks had refused: an operator may set it right.
                    NotSeen::Failed(Failure::Misconfigured(reason)) => Error::Misconfigured(reason),
                    NotSeen::Failed(failure) => return Err(failure),
                };
                match self.not_seen(job, is_started, error, trace)? {
                    Looked::At(next) => next,
                    later => return Ok(later),
                }
            }
        };
        let Some((_, run)) = next.run() else {
            return Ok(Looked::At(next));
        };
        let overdue = next.overdue(ipp_storage::timeout()?, Timestamp::now());
        if (next.is_canceled || overdue.is_some())
            && let Some(run_id) = run.run_id
            && let Err(error) = self.databricks(trace)?.cancel(run_id).await
        {
            let fields = json!({"job_id": job.job_id, "reason": error.to_string()});
            log::warn(trace, "a run could not be canceled", fields);
        }
        let Some(reason) = overdue else {
            return Ok(Looked::At(next));
        };
        let now = Timestamp::now();
        let failed = self
            .ipp(trace)
            .change(&job.job_id, |job| job.fail("timed_out", &reason, now))?;
        Ok(Looked::At(latest(failed, &next)))
    }

    /// Starts the run that a job waits for, or asks how it is.
    async fn ask(
        &self,
        job: &Job,
        is_started: bool,
        trace: &Trace,
    ) -> Result<Option<Versioned<Job>>, NotSeen> {
        let ipp = self.ipp(trace);
        let databricks = self.databricks(trace)?;
        ipp_storage::note_look(self.queue.redis(), &job.job_id)?;
        match is_started {
            false => ipp.start_run(&databricks, &ipp_storage::jobs()?, job).await,
            true => ipp.look(&databricks, job).await,
        }
    }

    /// Handles an error of Databricks: a start that it refuses fails the job, and any other
    /// error may be over soon.
    fn not_seen(
        &self,
        job: &Job,
        is_started: bool,
        error: Error,
        trace: &Trace,
    ) -> Result<Looked, Failure> {
        let reason = error.to_string();
        let wait = match error {
            Error::Unavailable { retry_after, .. } => retry_after.unwrap_or_default(),
            Error::Refused(_) | Error::Unknown(_) | Error::Failed(_) if !is_started => {
                let now = Timestamp::now();
                let failed = self.ipp(trace).change(&job.job_id, |job| {
                    let reason = format!("Databricks did not start the run: {reason}");
                    job.fail("not_started", &reason, now)
                })?;
                return Ok(Looked::At(latest(failed, job)));
            }
            // An operator may set it right while the run goes on.
            _ => Duration::ZERO,
        };
        let fields = json!({"job_id": job.job_id, "reason": reason});
        log::warn(trace, "Databricks is asked again later", fields);
        let now = Timestamp::now();
        if let Some(overdue) = job.overdue(ipp_storage::timeout()?, now) {
            let reason = format!("{overdue}; at the last look: {reason}");
            let failed = self
                .ipp(trace)
                .change(&job.job_id, |job| job.fail("timed_out", &reason, now))?;
            return Ok(Looked::At(latest(failed, job)));
        }
        Ok(Looked::Later(wait))
    }

    /// The keys of the files that the first run wrote.
    async fn find_files(&self, job: &Job, trace: &Trace) -> Result<Vec<String>, Failure> {
        let store = Objects::from_variables("ipp_raw_bucket").await?;
        let store = store.traced(trace);
        let prefix = job.prefix();
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = store.list(&prefix, after.as_deref(), PAGE).await?;
            let keys = page.objects.into_iter().map(|object| object.key);
            found.extend(keys.filter(|key| key.to_ascii_lowercase().ends_with(".xlsx")));
            after = page.next;
            if after.is_none() || found.len() > MAX_FILES {
                return Ok(found);
            }
        }
    }
}

fn latest(next: Option<Versioned<Job>>, known: &Job) -> Box<Job> {
    Box::new(next.map_or_else(|| known.clone(), |next| next.document))
}
