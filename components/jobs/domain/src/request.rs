//! Submissions that may repeat an earlier one.

use base::NotChanged;

use crate::{Job, JobId, Submission, keys};

/// A submission of a user.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The subject of the user.
    pub owner: &'a str,
    /// The job.
    pub submission: &'a Submission<'a>,
    /// The `Idempotency-Key`, if one was sent.
    pub idempotency_key: Option<&'a str>,
}

impl Request<'_> {
    /// The key under which it is remembered, if it has an idempotency key.
    pub fn remembered_as(&self) -> Option<String> {
        let key = self.idempotency_key?;
        Some(keys::idempotency(self.owner, key))
    }

    /// The value that is stored under that key: the job, and the fingerprint of its content.
    pub fn remembered(&self, id: &JobId) -> String {
        format!("{id} {}", self.submission.fingerprint())
    }

    /// The job of an earlier submission, from the value that is stored under the idempotency
    /// key.
    ///
    /// # Errors
    /// The idempotency key was used for another job.
    pub fn repeats(&self, remembered: &[u8]) -> Result<JobId, NotChanged> {
        let same = || {
            let (id, fingerprint) = std::str::from_utf8(remembered).ok()?.split_once(' ')?;
            let id: JobId = id.parse().ok()?;
            let is_same = fingerprint == self.submission.fingerprint()
                && self.submission.job_id.as_ref().is_none_or(|own| *own == id);
            is_same.then_some(id)
        };
        same().ok_or(NotChanged::KeyReused {
            message: "this Idempotency-Key was sent with another job; use a new one for each job",
        })
    }

    /// The job that has the submitted id, if it is the same one.
    ///
    /// # Errors
    /// It has other content or belongs to another user, or is gone.
    pub fn is_made(&self, job: Option<Job>) -> Result<JobId, NotChanged> {
        let fingerprint = self.submission.fingerprint();
        match job.filter(|job| job.is_of(self.owner, fingerprint)) {
            Some(job) => Ok(job.id),
            None => Err(NotChanged::conflict(
                "job_id_taken",
                "another job, maybe another user's, has this jobId: choose another id or leave it \
                 out",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &[u8] = br#"{"jobId":"JOB-001","toons":[{"toonId":"T-1"}]}"#;
    const UNNAMED: &[u8] = br#"{"toons":[{"toonId":"T-1"}]}"#;
    const OTHER: &[u8] = br#"{"toons":[{"toonId":"T-2"}]}"#;

    fn with<T>(body: &[u8], test: impl FnOnce(Request<'_>) -> T) -> T {
        let submission = Submission::parse(body).unwrap();
        test(Request {
            owner: "456",
            submission: &submission,
            idempotency_key: Some("k"),
        })
    }

    #[test]
    fn a_key_is_for_one_job() {
        let id: JobId = "JOB-001".parse().unwrap();
        let remembered = with(JOB, |request| request.remembered(&id));
        for body in [JOB, UNNAMED] {
            let repeated = with(body, |request| request.repeats(remembered.as_bytes()));
            assert_eq!(repeated, Ok(id.clone()));
        }
        let reused = |result| matches!(result, Err(NotChanged::KeyReused { .. }));
        assert!(reused(
            with(OTHER, |request| request.repeats(remembered.as_bytes()))
        ));
        let renamed = remembered.replace("JOB-001", "JOB-002");
        assert!(reused(
            with(JOB, |request| request.repeats(renamed.as_bytes()))
        ));
        for broken in [&b""[..], b"JOB-001", b"\xff x"] {
            assert!(reused(with(JOB, |request| request.repeats(broken))));
        }
    }

    #[test]
    fn a_job_of_another_user_or_of_other_content_is_not_the_same() {
        let made = |owner: &str, body: &[u8]| {
            let id = "JOB-001".parse().unwrap();
            let fingerprint = with(body, |request| request.submission.fingerprint().to_owned());
            let fields = [
                ("owner", owner),
                ("run", "r1"),
                ("fingerprint", &fingerprint),
                ("submitted", "1"),
                ("updated", "1"),
                ("total", "1"),
            ];
            Job::read(&id, &fields.into_iter().collect())
        };
        assert!(with(JOB, |request| request.is_made(made("456", JOB))).is_ok());
        for job in [made("7", JOB), made("456", OTHER), None] {
            let taken = with(JOB, |request| request.is_made(job));
            assert!(
                matches!(taken, Err(NotChanged::Conflict { .. })),
                "{taken:?}"
            );
        }
    }
}
