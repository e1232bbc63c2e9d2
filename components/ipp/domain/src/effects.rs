//! The effects of each change of a job.

use std::time::Duration;

use base::Failure;
use queue::{Effect, Message, QueueNames};
use webhooks::{Fact, event_id, told};

use crate::{EndedView, Follow, Job, Status, WorkOnFile, keys};

/// The effect that lets the follower look after a job after a delay. The latest delay
/// counts.
///
/// # Errors
/// [`Failure::Internal`] where the message cannot be written.
pub fn follow_later(job: &Job, delay: Duration) -> Result<Effect, Failure> {
    let id = format!("follow:{}", job.job_id);
    Ok(QueueNames::new(keys::QUEUE).schedule(&id, &follow(job)?, delay))
}

/// The message that lets the follower look after a job: the same for all of the job's life.
fn follow(job: &Job) -> Result<Vec<u8>, Failure> {
    let job_id = job.job_id.clone();
    Follow { job_id }.encode(&job.trace)
}

/// The effects of a change of a job.
pub(crate) fn effects(before: &Job, next: &Job, version: u64) -> Result<Vec<Effect>, Failure> {
    let mut effects = Vec::new();
    let has_status = |status| next.status == status && before.status != status;
    if next.status.is_final() && has_status(next.status) {
        effects.push(ended(next, version)?);
    }
    if has_status(Status::FirstDone)
        || has_status(Status::SecondRunning)
        || (next.is_canceled && !before.is_canceled)
    {
        effects.push(QueueNames::new(keys::QUEUE).send(follow(next)?));
    }
    let run_of = |job: &Job| job.run().and_then(|(_, run)| run.run_id);
    let (old, new) = (run_of(before), run_of(next));
    if old != new {
        effects.extend(old.map(|run| Effect::Unset {
            key: keys::RUNS.to_owned(),
            field: run.to_string(),
        }));
        effects.extend(new.map(|run| Effect::Set {
            key: keys::RUNS.to_owned(),
            fields: vec![(run.to_string(), next.job_id.to_string().into_bytes())],
        }));
    }
    if has_status(Status::Processing) {
        let files = QueueNames::new(keys::FILES);
        for file in &next.files {
            let message = WorkOnFile {
                job_id: next.job_id.clone(),
                raw: file.raw.clone(),
                processed: file.processed.clone(),
            };
            effects.push(files.send(message.encode(&next.trace)?));
        }
    }
    Ok(effects)
}

/// The effect that tells webhooks of a job's end.
fn ended(job: &Job, version: u64) -> Result<Effect, Failure> {
    let kind = match job.status {
        Status::Completed => "orilla.ipp.completed",
        _ => "orilla.ipp.failed",
    };
    let data = serde_json::to_string(&EndedView::new(job))?;
    let fact = Fact {
        id: event_id(&format!("/ipp/{}/{version}/{kind}", job.job_id)),
        source: "/ipp",
        kind,
        subject: job.job_id.as_str(),
        version,
        time: job.updated_at.to_string(),
        data: &data,
    };
    told(fact, &job.trace)
}
