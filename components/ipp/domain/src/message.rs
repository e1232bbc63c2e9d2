//! The messages of the queues `ipp` and `ipp.files`.

use queue::Message;
use serde::{Deserialize, Serialize};

use crate::JobId;

/// Looks after a job: starts its run, asks for its state, finds its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follow {
    /// The job.
    pub job_id: JobId,
}

impl Message for Follow {
    const KIND: &'static str = "ipp.follow";
    const SCHEMA: u32 = 1;
}

/// Removes a job whose retention is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expire {
    /// The job.
    pub job_id: JobId,
}

impl Message for Expire {
    const KIND: &'static str = "ipp.expire";
    const SCHEMA: u32 = 1;
}

/// Validates all mostradores and starts a job for the valid ones. A schedule sends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Automatic {
    /// The name of the schedule.
    pub schedule: String,
    /// The time that the schedule gave, as RFC 3339.
    pub scheduled_for: String,
}

impl Message for Automatic {
    const KIND: &'static str = "ipp.automatic";
    const SCHEMA: u32 = 1;
}

/// Applies the rule to a file of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkOnFile {
    /// The job.
    pub job_id: JobId,
    /// The key of the file in the bucket of raw data.
    pub raw: String,
    /// The key of the file to be written, in the bucket of processed data.
    pub processed: String,
}

impl Message for WorkOnFile {
    const KIND: &'static str = "ipp.file";
    const SCHEMA: u32 = 1;
}

/// A message of the queue `ipp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// See [`Follow`].
    Follow(Follow),
    /// See [`Expire`].
    Expire(Expire),
    /// See [`Automatic`].
    Automatic(Automatic),
}

impl<'m> queue::Incoming<'m> for Incoming {
    const SCHEMA: u32 = 1;

    fn read(kind: &str, message: &'m [u8]) -> Option<serde_json::Result<Self>> {
        match kind {
            Follow::KIND => Some(serde_json::from_slice(message).map(Self::Follow)),
            Expire::KIND => Some(serde_json::from_slice(message).map(Self::Expire)),
            Automatic::KIND => Some(serde_json::from_slice(message).map(Self::Automatic)),
            _ => None,
        }
    }
}

/// A message of the queue `ipp.files`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForFile(pub WorkOnFile);

impl<'m> queue::Incoming<'m> for ForFile {
    const SCHEMA: u32 = 1;

    fn read(kind: &str, message: &'m [u8]) -> Option<serde_json::Result<Self>> {
        (kind == WorkOnFile::KIND).then(|| serde_json::from_slice(message).map(Self))
    }
}
