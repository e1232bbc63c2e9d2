//! The keys of everything that the ipp system stores.
//!
//! | where | key | holds |
//! |---|---|---|
//! | key-value | `ipp:{id}`, `ipp:{id}:v:{n}` | the job: its latest version and the one before |
//! | Redis | `{ipp}:version:{id}` | the version of the job |
//! | Redis | `{ipp}:index:all` | all jobs, by the time of creation in ms |
//! | Redis | `{ipp}:index:user:{subject}` | the jobs of a user |
//! | Redis | `{ipp}:looked:{id}` | that Databricks was asked about the job within the last 5 s |
//! | Redis | `{ipp}:runs` | hash: by run of Databricks that a job waits for, the job |
//! | Redis | `{ipp}:scheduled` | hash: by schedule, the ids of its latest jobs |
//! | Redis | `{ipp}:queue:*`, `{ipp}.files:queue:*` | the queues (crate `queue`) |
//! | Redis | `{ipp}:waiting*` | the requests that wait for a change |
//!
//! `{ipp}` is the hash tag that keeps them on one node.

use records::Entity;

use crate::JobId;

/// The queue of jobs that are followed.
pub const QUEUE: &str = "ipp";
/// The queue of files.
pub const FILES: &str = "ipp.files";

/// All jobs.
pub const ALL: &str = "{ipp}:index:all";
/// The latest jobs of each schedule.
pub const SCHEDULED: &str = "{ipp}:scheduled";

/// The jobs that wait for runs.
pub const RUNS: &str = "{ipp}:runs";

/// The key of a job in the key-value store.
pub fn record(id: &JobId) -> String {
    // Colons are replaced, or `a:v:1` would be the first version of `a`.
    format!("ipp:{}", id.as_str().replace(':', "~"))
}

/// The entity of a job.
pub fn entity(id: &JobId) -> Entity {
    Entity {
        key: record(id),
        register: format!("{{ipp}}:version:{id}"),
    }
}

/// The jobs of a user.
pub fn of_user(subject: &str) -> String {
    format!("{{ipp}}:index:user:{subject}")
}

/// That Databricks was asked about a job a moment ago.
pub fn looked(id: &JobId) -> String {
    format!("{{ipp}}:looked:{id}")
}
