//! A job without its results, as its hash holds it.

use std::collections::HashMap;
use std::str::FromStr;

use base::rfc3339;

use crate::{JobId, JobView, Progress, Submission, Times};

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
    pub retried: u64,
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
        let text = |name| Some((*fields.get(name)?).to_owned());
        let time = |name| number::<u64>(fields, name);
        let has_counts = fields.contains_key(PROCESSED);
        let count = |name| match has_counts {
            true => number(fields, name),
            false => Some(0),
        };
        Some(Self {
            id: id.clone(),
            owner: text("owner")?,
            run: text("run")?,
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
            fingerprint: text("fingerprint")?,
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

    /// Whether the submission of a user is the one that made the job.
    pub fn is_of(&self, owner: &str, submission: &Submission<'_>) -> bool {
        self.owner == owner && self.fingerprint == submission.fingerprint()
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

fn number<T: FromStr>(fields: &HashMap<&str, &str>, name: &str) -> Option<T> {
    fields.get(name)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Status;

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
}
