//! Later steps of a photo's life: uploads that did not come, and removals.

use base::{Trace, log};
use images_domain::{FileName, keys};
use serde_json::json;
use worker::Verdict;

use crate::analyzer::{Analyzer, of_record, of_store};

/// An object that was uploaded: its size and its entity tag, where known.
pub(crate) type Inbox = (Option<u64>, Option<String>);

impl Analyzer<'_> {
    /// Checks a photo whose upload URL has expired: removes an upload that is not needed,
    /// and lets the record expire if there is none. Returns the upload that must be
    /// analyzed, if any: its notification did not come.
    pub(crate) async fn expire(&self, file: &FileName, trace: &Trace) -> Result<Inbox, Verdict> {
        let record = self.committed(file).map_err(of_record)?;
        let Some(record) = record.map(|record| record.document) else {
            return Err(Verdict::Done(Vec::new()));
        };
        let objects = &self.objects;
        if record.is_deleted() {
            return Err(of_removal(images_storage::discard(objects, &record).await));
        }
        if record.is_verified() {
            return Err(of_removal(objects.delete(&record.file_name).await));
        }
        if let Some(inbox) = self.inbox(file).await? {
            return Ok(inbox);
        }
        let now = base::rfc3339(base::now_millis());
        let expired = self.update(file, trace, |record| {
            // The photo may have been announced again while this message was under way.
            let is_over = !images_storage::expires_later(self.queue, file)?;
            Ok(record.expired(&now).filter(|_| is_over))
        });
        Err(match expired {
            Ok(record) => {
                let status = record.map(|record| record.status);
                let fields = json!({"file": file.to_string(), "status": status});
                log::info(trace, "an upload URL expired", fields);
                Verdict::Done(Vec::new())
            }
            Err(failure) => of_record(failure),
        })
    }

    /// The object in a photo's inbox. A GET without bytes asks for it, since the answer
    /// to a HEAD does not tell a missing object from a missing bucket.
    async fn inbox(&self, file: &FileName) -> Result<Option<Inbox>, Verdict> {
        match self.objects.get(&file.to_string(), 0).await {
            Ok(object) => Ok(object.map(|empty| (Some(0), empty.etag))),
            Err(objects::Error::TooLarge { size, .. }) => Ok(Some((size, None))),
            Err(error) => Err(of_store(error)),
        }
    }

    /// Removes the remaining objects and versions of a life of a photo that its user
    /// ended.
    pub(crate) async fn finish_removal(&self, file: &FileName, life: u32) -> Verdict {
        let record = match self.committed(file) {
            Ok(record) => record,
            Err(failure) => return of_record(failure),
        };
        if let Some(record) = &record
            && let Err(failure) = images_storage::forget_history(&self.store, file, record)
        {
            return of_record(failure);
        }
        let objects = &self.objects;
        of_removal(match record.map(|record| record.document) {
            Some(record) if record.is_deleted() => images_storage::discard(objects, &record).await,
            // The photo was announced again: an object in the inbox belongs to its new
            // life.
            _ => {
                let place = keys::verified(&file.to_string(), life);
                objects.delete(&place).await
            }
        })
    }
}

fn of_removal(removed: Result<(), objects::Error>) -> Verdict {
    removed.map_or_else(of_store, |()| Verdict::Done(Vec::new()))
}
