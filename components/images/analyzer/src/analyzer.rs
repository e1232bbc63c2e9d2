//! The analyzer, and what a failure of what it works with means for a message.

use base::{Failure, Trace};
use images_domain::{Censorship, FileName, ImageRecord, keys};
use objects::Objects;
use queue::Queue;
use records::{Step, Versioned};
use stores::{SpinKeyValue, SpinRedis};
use worker::{Trouble, Verdict};

/// The analyzer, with all that it works with.
pub(crate) struct Analyzer<'a> {
    pub(crate) queue: &'a Queue<'a, SpinRedis>,
    pub(crate) store: SpinKeyValue,
    pub(crate) objects: Objects,
    pub(crate) max_upload_bytes: u64,
    pub(crate) censorship: Censorship,
}

impl Analyzer<'_> {
    /// Brings a record to the version that `decide` finds right, if it finds one.
    pub(crate) fn update(
        &self,
        file: &FileName,
        trace: &Trace,
        mut decide: impl FnMut(&ImageRecord) -> Result<Option<ImageRecord>, Failure>,
    ) -> Result<Option<ImageRecord>, Failure> {
        let entity = keys::entity(file);
        let record = records::update(self.queue, &self.store, &entity, trace, |record| {
            let record = record.map(|record: &Versioned<ImageRecord>| decide(&record.document));
            let next: Option<ImageRecord> = record.transpose()?.flatten();
            Ok::<_, Failure>(Step::from(next))
        });
        Ok(record?.map(|record| record.document))
    }

    /// A record as it is committed, and no earlier version of it.
    pub(crate) fn committed(
        &self,
        file: &FileName,
    ) -> Result<Option<Versioned<ImageRecord>>, Failure> {
        records::committed(self.queue.redis(), &self.store, &keys::entity(file))
    }

    /// The object store, asked for with the ids that follow a message.
    pub(crate) fn objects(&self, trace: &Trace) -> Objects {
        self.objects.clone().with_headers(trace.headers())
    }
}

/// A reason that the owner may know, with a detail for operators.
pub(crate) fn trouble(reason: &str, detail: impl ToString) -> Trouble {
    Trouble {
        error: format!("{reason}: {}", detail.to_string()),
        shown: reason.to_owned(),
    }
}

/// What a failed call of the object store means for the message. A store that is down, or
/// whose bucket is not there, is waited for: nobody else would do what is left to do.
pub(crate) fn of_store(error: objects::Error) -> Verdict {
    match error {
        objects::Error::Unavailable(_) | objects::Error::Misconfigured(_) => {
            Verdict::Postpone(error.to_string())
        }
        other => Verdict::retry(trouble("the object store refused", other)),
    }
}

/// What a record that could not be read or changed means for the message.
pub(crate) fn of_record(failure: Failure) -> Verdict {
    match failure {
        Failure::Contended { .. } => {
            Verdict::retry(trouble("the record could not be changed", failure))
        }
        other => Verdict::Postpone(other.to_string()),
    }
}
