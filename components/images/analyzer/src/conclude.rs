//! What a finding means for the record, for the objects and for the message.

use base::log;
use images_domain::ImageRecord;
use serde_json::json;
use stores::Redis;

use crate::settle::Verdict;
use crate::upload::{Finding, Upload};
use crate::work::Worker;

impl<R: Redis> Worker<'_, R> {
    /// Brings the record up to date, and removes what is not the photo. A crash
    /// on the way brings the message back, to a record that knows what was done.
    pub(crate) async fn conclude(&self, upload: &Upload, finding: Finding) -> Verdict {
        if let Finding::Later { reason, detail } = &finding
            && !self.settings.policy.is_last(upload.delivery.attempt)
        {
            return Verdict::failed(reason, detail);
        }
        let Upload { trace, file, .. } = upload;
        let updated = images_storage::update(&self.queue, self.store, file, trace, |record| {
            let next = record.and_then(|record| self.judge(record, &finding));
            Ok(next.into())
        });
        let record = match updated {
            Ok(record) => record,
            Err(error) => return of_storage(error),
        };
        if !matches!(finding, Finding::Nothing) {
            let fields = json!({
                "file": file.to_string(),
                "status": record.as_ref().map(|record| record.status),
                "attempt": upload.delivery.attempt,
            });
            log::info(trace, "a photo was looked at", fields);
        }
        if let Finding::Later { reason, detail } = &finding {
            return Verdict::failed(reason, detail);
        }
        match self.clean_up(upload, record.as_ref(), &finding).await {
            Ok(()) => Verdict::Done,
            // What is left over is in nobody's reach.
            Err(error) => Verdict::failed("an object could not be removed", error),
        }
    }

    /// The record after a finding; `None` where nothing changes.
    fn judge(&self, record: &ImageRecord, finding: &Finding) -> Option<ImageRecord> {
        let now = base::rfc3339(base::now_millis());
        match finding {
            Finding::Labels { labels, place } => {
                let analysis = self.settings.censorship.judge(labels.clone());
                record.analyzed(place, analysis, &now)
            }
            Finding::Corrupt { reason, .. } => record.corrupt(reason.clone(), &now),
            Finding::Unreadable { reason } | Finding::Later { reason, .. } => {
                record.failed(reason.clone(), &now)
            }
            Finding::Nothing => None,
        }
    }

    /// Removes the objects that are not, or no longer, what the record is about.
    async fn clean_up(
        &self,
        upload: &Upload,
        record: Option<&ImageRecord>,
        finding: &Finding,
    ) -> Result<(), objects::Error> {
        let objects = &self.settings.objects;
        if let Finding::Labels { place, .. } = finding
            && record.is_none_or(|record| record.object.as_ref() != Some(place))
        {
            // The photo was removed while this worker was looking at it.
            objects.delete(place).await?;
        }
        match record {
            Some(record) if record.is_deleted() => images_storage::discard(objects, record).await,
            // Whatever else is uploaded, the first verified content stays.
            Some(record) if record.is_verified() => objects.delete(&record.file_name).await,
            _ => match finding {
                Finding::Corrupt { etag, .. } => self.remove(upload, etag.as_deref()).await,
                _ => Ok(()),
            },
        }
    }

    /// Removes an upload, unless another one has replaced it meanwhile.
    async fn remove(&self, upload: &Upload, etag: Option<&str>) -> Result<(), objects::Error> {
        let key = upload.file.to_string();
        let Some(object) = self.settings.objects.head(&key).await? else {
            return Ok(());
        };
        if etag.is_none() || object.etag.as_deref() == etag {
            self.settings.objects.delete(&key).await?;
        }
        Ok(())
    }
}

/// What a record that could not be changed means for the message.
pub(crate) fn of_storage(error: base::Failure) -> Verdict {
    match error {
        base::Failure::Contended { .. } => {
            Verdict::failed("the record could not be changed", error)
        }
        other => Verdict::Postponed(other.to_string()),
    }
}
