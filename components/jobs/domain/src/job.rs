//! A job without its results, as its hash holds it.

use std::collections::HashMap;
use std::str::FromStr;

use base::{NotChanged, Unknown, rfc3339};

use crate::{JobId, JobView, Progress, Status, Times};

/// The field with the number of toons.
pub(crate) const TOTAL: &str = "total";

/// The fields with a job's counts: finished toons, and those of them that failed for good.
pub(crate) const PROCESSED: &str = "processed";
pub(crate) const FAILED: &str = "failed";

/// The field with the time before which a job does not begin, and the one that is there as
/// long as it waits for it.
pub(crate) const NOT_BEFORE: &str = "not_before";
pub(crate) const SCHEDULED: &str = "scheduled";

/// The field with the time at which a job was canceled.
pub(crate) const CANCELED: &str = "canceled";

/// The field that is there once all toons are finished, until some are retried.
pub(crate) const COMPLETED: &str = "completed";

/// The field with the number of toons of the last retry.
pub(crate) const RETRIED: &str = "retried";

/// The field with the time of the last change.
pub(crate) const UPDATED: &str = "updated";

/// The time in ms without a change after which the counts are computed anew, in case a worker
/// died before it stored them.
const UNCOUNTED: u64 = 15_000;

/// There is no such job, or it is another user's: the caller cannot tell which.
pub const UNKNOWN: Unknown = Unknown {
    code: "unknown_job",
    message: "you have no such job",
};

/// A job without its results. Times are in milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// The subject of the user who submitted it.
    pub owner: String,
    /// Its run: another job of this id has another one.
    pub run: String,
    /// The counts.
    pub progress: Progress,
    /// When it was submitted.
    pub submitted: u64,
    /// Before when it does not begin, if it has such a time.
    pub not_before: Option<u64>,
    /// When it last changed.
    pub updated: u64,
    /// The number of toons of the last retry; 0 without one.
    retried: u64,
    fingerprint: String,
    started: Option<u64>,
    canceled: Option<u64>,
    has_counts: bool,
}

impl Job {
    /// The fields of a job's hash that are read. Each job has the first one.
    pub const FIELDS: [&str; 13] = [
        "owner",
        "run",
        "fingerprint",
        "submitted",
        "started",
        UPDATED,
        NOT_BEFORE,
        SCHEDULED,
        CANCELED,
        RETRIED,
        TOTAL,
        PROCESSED,
        FAILED,
    ];

    /// The job of these fields, by their names; `None` if one of those is missing or wrong
    /// that every job has.
    pub fn read(id: &JobId, fields: &HashMap<&str, &str>) -> Option<Self> {
        let string = |name| Some((*fields.get(name)?).to_owned());
        let time = |name| number::<u64>(fields, name);
        let has_counts = fields.contains_key(PROCESSED);
        let count = |name| match has_counts {
            true => number(fields, name),
            false => Some(0),
        };
        Some(Self {
            id: id.clone(),
            owner: string("owner")?,
            run: string("run")?,
            progress: Progress {
                total: number(fields, TOTAL)?,
                processed: count(PROCESSED)?,
                failed: count(FAILED)?,
                started: fields.contains_key("started"),
                is_scheduled: fields.contains_key(SCHEDULED),
                is_canceled: fields.contains_key(CANCELED),
            },
            submitted: time("submitted")?,
            not_before: time(NOT_BEFORE),
            updated: time(UPDATED)?,
            retried: time(RETRIED).unwrap_or(0),
            fingerprint: string("fingerprint")?,
            started: time("started"),
            canceled: time(CANCELED),
            has_counts,
        })
    }

    /// Whether the counts must be computed from the results, `now` in milliseconds since the
    /// Unix epoch: they are missing, or a job that has not ended has not changed for long.
    pub fn must_be_counted(&self, now: u64) -> bool {
        let Progress {
            total, processed, ..
        } = self.progress;
        // Workers of earlier versions write no counts.
        !self.has_counts || (processed != total && now.saturating_sub(self.updated) >= UNCOUNTED)
    }

    /// Whether the user `owner` made the job by a submission of this fingerprint.
    pub(crate) fn is_of(&self, owner: &str, fingerprint: &str) -> bool {
        self.owner == owner && self.fingerprint == fingerprint
    }

    /// Why the job cannot be canceled any more.
    pub fn ended(&self) -> NotChanged {
        let status = self.progress.status().as_str();
        NotChanged::conflict("job_ended", format!("the job has ended: it is {status}"))
    }

    /// Refuses another try at the failed toons, unless the job has ended with some.
    ///
    /// # Errors
    /// The reason.
    pub fn check_retry(&self) -> Result<(), NotChanged> {
        let (code, message) = match self.progress.status() {
            Status::CompletedWithErrors => return Ok(()),
            Status::Completed => ("nothing_failed", "no toon of the job failed"),
            Status::Canceled => (
                "job_canceled",
                "the job was canceled; submit its toons as a new job",
            ),
            Status::Scheduled | Status::Pending | Status::Processing => return Err(runs()),
        };
        Err(NotChanged::conflict(code, message))
    }

    /// Refuses the retry that led to this job if no message of a failed toon was found.
    ///
    /// # Errors
    /// The messages are gone.
    pub fn check_retried(&self) -> Result<(), NotChanged> {
        match self.retried {
            0 => Err(NotChanged::conflict(
                "toons_gone",
                "the messages of the failed toons are no dead letters any more: an operator sent \
                 them back or threw them away; submit these toons as a new job",
            )),
            _ => Ok(()),
        }
    }

    /// The answer about the job.
    pub fn view(&self) -> JobView {
        let is_final = self.progress.status().is_final();
        let times = Times {
            submitted_at: rfc3339(self.submitted),
            not_before: self.not_before.map(rfc3339),
            started_at: self.started.map(rfc3339),
            canceled_at: self.canceled.map(rfc3339),
            finished_at: is_final.then(|| rfc3339(self.updated)),
            updated_at: rfc3339(self.updated),
        };
        JobView::new(self.id.clone(), &self.progress, times)
    }
}

/// Why failed toons are not tried again: the job has not ended, or another retry came first.
pub fn runs() -> NotChanged {
    NotChanged::conflict("job_running", "the job has not ended yet; wait for its end")
}

fn number<T: FromStr>(fields: &HashMap<&str, &str>, name: &str) -> Option<T> {
    fields.get(name)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: [(&str, &str); 6] = [
        ("owner", "456"),
        ("run", "r1"),
        ("fingerprint", "f"),
        ("submitted", "1000"),
        ("updated", "5000"),
        ("total", "3"),
    ];

    fn read(more: &[(&'static str, &'static str)]) -> Option<Job> {
        let id = "JOB-001".parse().unwrap();
        Job::read(&id, &STORED.iter().chain(more).copied().collect())
    }

    #[test]
    fn a_stored_job_is_read() {
        let job = read(&[("processed", "3"), ("failed", "1"), ("started", "2000")]).unwrap();
        assert_eq!(job.progress.status(), Status::CompletedWithErrors);
        let view = serde_json::to_value(job.view()).unwrap();
        assert_eq!(view["startedAt"], "1970-01-01T00:00:02.000Z");
        assert_eq!(view["finishedAt"], "1970-01-01T00:00:05.000Z");
        assert_eq!(view.get("notBefore"), None);

        let waiting = [("processed", "0"), ("failed", "0"), ("not_before", "9000")];
        let job = read(&[&waiting[..], &[("scheduled", "1")]].concat()).unwrap();
        assert_eq!(job.progress.status(), Status::Scheduled);
        let view = serde_json::to_value(job.view()).unwrap();
        assert_eq!(view["notBefore"], "1970-01-01T00:00:09.000Z");
        assert_eq!(view.get("finishedAt"), None);
    }

    #[test]
    fn a_job_without_a_field_that_every_job_has_is_none() {
        for (missing, _) in STORED {
            let id = "JOB-001".parse().unwrap();
            let others = STORED.into_iter().filter(|(name, _)| *name != missing);
            assert_eq!(Job::read(&id, &others.collect()), None, "{missing}");
        }
        assert_eq!(read(&[("processed", "1")]), None, "half of the counts");
        assert_eq!(read(&[("processed", "many"), ("failed", "0")]), None);
    }

    #[test]
    fn a_job_is_counted_where_its_counts_are_missing_or_may_be_old() {
        let counted = |more: &[_], now| read(more).unwrap().must_be_counted(now);
        assert!(counted(&[], 5_000), "an earlier version stored it");
        let half = [("processed", "1"), ("failed", "0")];
        assert!(!counted(&half, 19_999));
        assert!(counted(&half, 20_000));
        assert!(!counted(&[("processed", "3"), ("failed", "0")], u64::MAX));
    }

    #[test]
    fn only_the_failed_toons_of_an_ended_job_are_tried_again() {
        let counts = |processed, failed| [("processed", processed), ("failed", failed)];
        let refusal = |more: &[_]| match read(more).unwrap().check_retry() {
            Err(NotChanged::Conflict { code, .. }) => Some(code),
            other => other.map(|()| None).unwrap(),
        };
        assert_eq!(refusal(&counts("3", "1")), None);
        assert_eq!(refusal(&counts("3", "0")), Some("nothing_failed"));
        assert_eq!(refusal(&counts("2", "1")), Some("job_running"));
        let canceled = [&counts("2", "1")[..], &[("canceled", "3000")]].concat();
        assert_eq!(refusal(&canceled), Some("job_canceled"));

        assert!(read(&counts("2", "0")).unwrap().check_retried().is_err());
        let retried = [&counts("2", "0")[..], &[("retried", "1")]].concat();
        assert!(read(&retried).unwrap().check_retried().is_ok());
    }
}
