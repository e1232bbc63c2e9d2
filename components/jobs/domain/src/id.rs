//! The ids of jobs and toons.

use uuid::Uuid;

base::id! {
    /// The id of a job: 1 to 128 of `A-Z a-z 0-9 . _ : -`.
    pub struct JobId;
}

impl JobId {
    /// A new id: a UUIDv7 (RFC 9562), so that ids sort by time.
    pub fn random() -> Self {
        Self(Uuid::now_v7().to_string())
    }
}

base::id! {
    /// The id of a toon within its job: 1 to 128 of `A-Z a-z 0-9 . _ : -`.
    pub struct ToonId;
}
