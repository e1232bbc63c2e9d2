//! The ids of jobs.

use base::Unknown;
use base::id::derived;
use serde_json::json;
use uuid::Uuid;

base::id! {
    /// The id of a job: `ipp-` and a UUID.
    pub struct JobId;
}

/// There is no such job, or it is another user's: the caller cannot tell which.
pub const UNKNOWN: Unknown = Unknown {
    code: "unknown_job",
    message: "Job no encontrado: you have no such job",
};

impl JobId {
    /// A new id.
    pub fn random() -> Self {
        Self::of(Uuid::now_v7())
    }

    /// The id that follows from an idempotency key of a user: a repeated request finds the
    /// job of the first one.
    pub fn of_key(subject: &str, key: &str) -> Self {
        Self::of(derived(&json!(["ipp", "key", subject, key])))
    }

    /// The id of the job `nth` of a schedule at a time.
    pub fn of_schedule(schedule: &str, time: &str, nth: usize) -> Self {
        Self::of(derived(&json!(["ipp", "schedule", schedule, time, nth])))
    }

    fn of(uuid: Uuid) -> Self {
        Self(format!("ipp-{uuid}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_follows_from_its_key_and_is_that_of_no_other() {
        let ana = JobId::of_key("ana", "k");
        assert_eq!(ana, JobId::of_key("ana", "k"));
        assert_ne!(ana, JobId::of_key("ben", "k"));
        assert_ne!(ana, JobId::of_key("ana", "k2"));
        assert_ne!(
            JobId::of_schedule("ipp", "2026-11-25T08:00:00Z", 0),
            JobId::of_schedule("ipp", "2026-11-25T08:00:00Z", 1)
        );
        for id in [ana, JobId::random()] {
            assert!(id.as_str().starts_with("ipp-"));
            assert_eq!(id.as_str().len(), 40);
            assert_eq!(id.as_str().parse(), Ok(id));
        }
    }
}
