//! What is looked at again later: uploads that did not come, and removals.

use images_domain::{FileName, Status, keys};
use objects::ObjectInfo;
use serde_json::json;
use stores::Redis;
use web::{Trace, log};

use crate::conclude::of_storage;
use crate::settle::Verdict;
use crate::work::Worker;

impl<R: Redis> Worker<'_, R> {
    /// Lets a photo expire whose upload URL has run out. Returns its object where
    /// it was uploaded after all: whoever should have told of it did not.
    pub(crate) async fn expire(
        &self,
        file: &FileName,
        trace: &Trace,
    ) -> Result<ObjectInfo, Verdict> {
        let record = images_storage::load_committed(self.queue.redis(), self.store, file);
        let record = record.map_err(of_storage)?;
        let is_missing = record.is_some_and(|record| {
            matches!(record.document.status, Status::Waiting | Status::Expired)
        });
        if !is_missing {
            return Err(Verdict::Done);
        }
        let object = self.settings.objects.head(&file.to_string()).await;
        if let Some(object) = object.map_err(of_store)? {
            return Ok(object);
        }
        let now = web::rfc3339(web::now_millis());
        let expired = images_storage::update(&self.queue, self.store, file, trace, |record| {
            Ok(record.and_then(|record| record.expired(&now)).into())
        });
        Err(match expired {
            Ok(record) => {
                let status = record.map(|record| record.status);
                let fields = json!({"file": file.to_string(), "status": status});
                log::info(trace, "the URL to upload a photo ran out", fields);
                Verdict::Done
            }
            Err(error) => of_storage(error),
        })
    }

    /// Makes sure that nothing is left of a life of a photo that its user ended.
    pub(crate) async fn finish_removal(&self, file: &FileName, life: u32) -> Verdict {
        let redis = self.queue.redis();
        let removed = match images_storage::load_committed(redis, self.store, file) {
            Ok(Some(record)) if record.document.is_deleted() => {
                if let Err(error) = images_storage::forget_history(self.store, file, &record) {
                    return of_storage(error.into());
                }
                images_storage::discard(&self.settings.objects, &record.document).await
            }
            // It has come back, and what is in the inbox is of its new life.
            Ok(_) => {
                let place = keys::verified(&file.to_string(), life);
                self.settings.objects.delete(&place).await
            }
            Err(error) => return of_storage(error),
        };
        match removed {
            Ok(()) => Verdict::Done,
            Err(error) => of_store(error),
        }
    }
}

/// A store that is down is waited for: nobody else would do this.
fn of_store(error: objects::Error) -> Verdict {
    match error {
        objects::Error::Unavailable(reason) => Verdict::Postponed(reason),
        other => Verdict::failed("the object store refused", other),
    }
}
