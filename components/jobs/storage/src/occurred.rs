//! What jobs tell webhooks.

use std::borrow::Cow;

use base::{Failure, Trace};
use jobs_domain::{Completed, CompletedView, JobId, Status, keys};
use queue::{Completion, Effect, Message, QueueNames};
use stores::Redis;
use webhooks::{Fact, event_id, told, wishes_for};

use crate::job::{self, CANCELED, COMPLETED, PROCESSED, TOTAL};

const KIND: &str = "orilla.job.completed";

/// The effect that lets a worker tell of the job's end, if the toons that are settled with it
/// are the last ones and a webhook wants to know.
///
/// # Errors
/// None known: the message is JSON.
pub fn completes(id: &JobId, run: &str, trace: &Trace) -> Result<Effect, Failure> {
    let of = Completion {
        key: keys::job(id),
        counts: [PROCESSED, TOTAL].map(str::to_owned),
        noted: COMPLETED.to_owned(),
        unless: CANCELED.to_owned(),
    };
    let message = Completed {
        job: Cow::Borrowed(id),
        run: Cow::Borrowed(run),
    };
    let (queue, message) = (QueueNames::new(keys::QUEUE), message.encode(trace)?);
    Ok(queue.send_when_complete(of, webhooks::keys::WANTED, wishes_for(KIND), message))
}

/// The effect that tells of a job's end; `None` where it has gone on since, or has expired.
///
/// # Errors
/// Redis is out of reach.
pub fn completed(
    redis: &impl Redis,
    completed: &Completed<'_>,
    trace: &Trace,
) -> Result<Option<Effect>, Failure> {
    let job = job::load(redis, &completed.job)?.filter(|job| job.run == *completed.run);
    let is_over = |status| matches!(status, Status::Completed | Status::CompletedWithErrors);
    let Some(job) = job.filter(|job| is_over(job.progress.status())) else {
        return Ok(None);
    };
    let data = serde_json::to_string(&CompletedView {
        job: job.view(),
        user_id: &job.owner,
    })?;
    let fact = Fact {
        // A job that was retried is completed at another time.
        id: event_id(&format!("/jobs/{}/{}/{}", job.id, job.run, job.updated)),
        source: "/jobs",
        kind: KIND,
        subject: job.id.as_str(),
        version: job.updated,
        time: base::rfc3339(job.updated),
        data: &data,
    };
    told(fact, trace).map(Some)
}
