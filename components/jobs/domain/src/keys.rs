//! The keys of everything that the jobs system stores. All of it is in Redis.
//!
//! | key | type | holds |
//! |---|---|---|
//! | `{jobs}:job:{id}` | hash | a job: its owner, size, fingerprint, times and counts |
//! | `{jobs}:version:{id}` | string | the version of the job |
//! | `{jobs}:failed:{id}` | bitmap | by index, the toons that failed for good |
//! | `{jobs}:results:{id}` | hash | by index, the JSON of the outcome of each finished toon, also of a failed one |
//! | `{jobs}:letters:{id}` | hash | by index, the ids of the dead letters of failed toons |
//! | `{jobs}:toons:{id}` | list | the messages of the toons of a job that has not begun yet |
//! | `{jobs}:index:all`, `{jobs}:index:user:{subject}` | sorted set | all jobs, and one user's, by their submission in ms; some may have expired |
//! | `{jobs}:idempotency:{hash}` | string | the job that a caller's `Idempotency-Key` made |
//! | `{jobs}:queue:*` | | the queue (crate `queue`) |
//!
//! `{jobs}` is the hash tag that keeps them on one node. An id is always the last part of
//! its key, since it may have colons itself.

use std::fmt::Display;

use sha2::{Digest, Sha256};

use crate::JobId;

/// The queue of the system.
pub const QUEUE: &str = "jobs";

/// All jobs.
pub const ALL: &str = "{jobs}:index:all";

/// The prefix of the key of a job; the id follows.
pub const JOB: &str = "{jobs}:job:";

/// The jobs of a user.
pub fn of_user(subject: &str) -> String {
    format!("{{jobs}}:index:user:{subject}")
}

/// All keys of a job, which expire together.
pub fn all_of(id: &JobId) -> [String; 6] {
    [
        job(id),
        register(id),
        failed(id),
        results(id),
        letters(id),
        toons(id),
    ]
}

/// A job.
pub fn job(id: &impl Display) -> String {
    format!("{JOB}{id}")
}

/// The version register of a job.
pub fn register(id: &JobId) -> String {
    format!("{{jobs}}:version:{id}")
}

/// The toons of a job that failed for good, a bit each.
pub fn failed(id: &JobId) -> String {
    format!("{{jobs}}:failed:{id}")
}

/// The outcomes of a job's toons.
pub fn results(id: &JobId) -> String {
    format!("{{jobs}}:results:{id}")
}

/// The dead letters of a job's failed toons.
pub fn letters(id: &JobId) -> String {
    format!("{{jobs}}:letters:{id}")
}

/// The messages of the toons of a job that has not begun.
pub fn toons(id: &JobId) -> String {
    format!("{{jobs}}:toons:{id}")
}

/// The job that the caller `subject` made with an `Idempotency-Key`. Both may be any
/// text; different pairs have different keys.
pub fn idempotency(subject: &str, key: &str) -> String {
    // The length marks the end of the subject.
    let hash = Sha256::new()
        .chain_update((subject.len() as u64).to_be_bytes())
        .chain_update(subject)
        .chain_update(key)
        .finalize();
    format!("{{jobs}}:idempotency:{}", hex::encode(hash))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_key_of_a_job_is_that_of_another() {
        let ids = ["a", "a:version", "version:a", "job", "job:a", "a:failed"];
        let ids = ids.map(|id| id.parse::<JobId>().unwrap());
        let keys: HashSet<String> = ids.iter().flat_map(all_of).collect();
        assert_eq!(keys.len(), ids.len() * 6);
        let indexes = ["", "all", "user:ana", "x"].map(of_user);
        assert!(
            indexes
                .iter()
                .all(|index| !keys.contains(index) && index != ALL)
        );
        assert!(keys.iter().all(|key| key.starts_with("{jobs}:")));
    }

    #[test]
    fn no_caller_gets_at_the_idempotency_key_of_another() {
        let pairs = [
            ("ana", "1"),
            ("an", "a1"),
            ("ana1", ""),
            ("", "ana1"),
            ("ana:1", "1"),
            ("ana", "1:1"),
            ("ana\n", "1"),
            ("Ana", "1"),
        ];
        let keys: HashSet<String> = pairs.iter().map(|(s, k)| idempotency(s, k)).collect();
        assert_eq!(keys.len(), pairs.len());
        assert_eq!(idempotency("ana", "1"), idempotency("ana", "1"));
    }
}
