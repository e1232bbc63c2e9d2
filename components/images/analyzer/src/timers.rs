//! Later steps of a photo's life: uploads that did not come, and removals.

use base::{Trace, log};
use images_domain::{FileName, expiry, keys};
use serde_json::json;
use worker::Verdict;

use crate::analyzer::{Analyzer, of_store};

/// An object that was uploaded: its size and its entity tag, where known.
pub(crate) type Inbox = (Option<u64>, Option<String>);

impl Analyzer<'_> {
    /// Checks a photo whose upload URL has expired: removes an upload that is not needed,
    /// and lets the record expire if there is none. Returns the upload that must be
    /// analyzed, if any: its notification did not come.
    pub(crate) async fn expire(
        &self,
        file: &FileName,
        trace: &Trace,
    ) -> Result<Option<Inbox>, Verdict> {
        let Some(record) = self.committed(file)? else {
            return Ok(None);
        };
        let needless = record.document.needless();
        if !needless.is_empty() {
            let removed = self.objects.delete_all(needless).await;
            return removed.map(|()| None).map_err(of_store);
        }
        if let Some(inbox) = self.inbox(file).await? {
            return Ok(Some(inbox));
        }
        let now = base::rfc3339(base::now_millis());
        let (id, message) = expiry(file)?;
        let expired = images_storage::edit(self.queue, &self.store, file, trace, |record| {
            // The photo may have been announced again while this message was under way.
            let is_to_come = self.queue.is_scheduled(&id, &message)?;
            Ok(record.expired(&now).filter(|_| !is_to_come))
        })?;
        let fields = json!({"file": file, "status": expired.map(|record| record.status)});
        log::info(trace, "an upload URL expired", fields);
        Ok(None)
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
    pub(crate) async fn finish_removal(&self, file: &FileName, life: u32) -> Result<(), Verdict> {
        let record = self.committed(file)?;
        if let Some(record) = &record {
            // The last version before it stays unless the photo is removed, for readers.
            let kept = u64::from(!record.document.is_deleted());
            records::forget_before(&self.store, &keys::entity(file).key, record, kept)?;
        }
        let needless = match record.map(|record| record.document) {
            Some(record) if record.is_deleted() => record.needless(),
            // The photo was announced again: an object in the inbox belongs to its new
            // life.
            _ => keys::contents(file, life),
        };
        self.objects.delete_all(needless).await.map_err(of_store)
    }
}
