//! The analyzer's stores and settings, and what a failed call means for a message.

use base::{Failure, Trace};
use images_domain::{Censorship, FileName, ImageRecord, keys};
use objects::Objects;
use queue::Queue;
use records::{Step, Versioned};
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
    /// Changes a record to the version that `decide` returns, if it returns one.
    pub(crate) fn update(
        &self,
        file: &FileName,
        trace: &Trace,
        mut decide: impl FnMut(&ImageRecord) -> Result<Option<ImageRecord>, Failure>,
    ) -> Result<Option<ImageRecord>, Failure> {
        images_storage::update(self.queue, &self.store, file, trace, |record| {
            let next = record.map(&mut decide).transpose()?.flatten();
            Ok(Step::from(next))
        })
    }

    /// The record at its committed version, never an earlier one.
    pub(crate) fn committed(
        &self,
        file: &FileName,
    ) -> Result<Option<Versioned<ImageRecord>>, Verdict> {
        let entity = keys::entity(file);
        records::committed(self.queue.redis(), &self.store, &entity).map_err(of_record)
    }

    /// The object store; requests carry the ids of the message.
    pub(crate) fn objects(&self, trace: &Trace) -> Objects {
        self.objects.clone().with_headers(trace.headers())
    }
}

/// A reason that the owner may read, with a detail for operators.
pub(crate) fn trouble(reason: &str, detail: impl ToString) -> Trouble {
    Trouble {
        error: format!("{reason}: {}", detail.to_string()),
        shown: reason.to_owned(),
    }
}

/// What a failed call of the object store means for the message. It waits while the store
/// is down or its bucket is missing, since no other message would do the work.
pub(crate) fn of_store(error: objects::Error) -> Verdict {
    match error {
        objects::Error::Unavailable(_) | objects::Error::Misconfigured(_) => {
            Verdict::Postpone(error.to_string())
        }
        other => Verdict::retry(trouble("the object store refused a request", other)),
    }
}

/// What a record that cannot be read or changed means for the message.
pub(crate) fn of_record(failure: Failure) -> Verdict {
    match failure {
        Failure::Contended { .. } => {
            Verdict::retry(trouble("the record could not be changed", failure))
        }
        other => Verdict::Postpone(other.to_string()),
    }
}
