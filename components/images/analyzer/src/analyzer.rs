//! The analyzer's stores and settings.

use base::Failure;
use images_domain::{Censorship, FileName, ImageRecord, keys};
use objects::Objects;
use queue::Queue;
use records::Versioned;
use stores::{SpinKeyValue, SpinRedis};
use worker::{Trouble, Verdict};

/// The analyzer with its stores and settings.
pub(crate) struct Analyzer<'a> {
    pub(crate) queue: &'a Queue<'a, SpinRedis>,
    pub(crate) store: SpinKeyValue,
    pub(crate) objects: Objects,
    pub(crate) max_upload_bytes: u64,
    pub(crate) censorship: Censorship,
    /// Whether photos are kept without their metadata.
    pub(crate) strip_metadata: bool,
}

impl Analyzer<'_> {
    /// The record at its committed version, never an earlier one.
    pub(crate) fn committed(
        &self,
        file: &FileName,
    ) -> Result<Option<Versioned<ImageRecord>>, Failure> {
        records::committed(self.queue.redis(), &self.store, &keys::entity(file))
    }
}

/// The verdict on a message after a failed call of the object store. The message waits while
/// the store is down or its bucket is missing, since other messages would fail too.
pub(crate) fn of_store(error: objects::Error) -> Verdict {
    match error {
        objects::Error::Unavailable(_) | objects::Error::Misconfigured(_) => {
            Verdict::Postpone(error.to_string())
        }
        other => Verdict::retry(Trouble::new("the object store refused a request", other)),
    }
}
