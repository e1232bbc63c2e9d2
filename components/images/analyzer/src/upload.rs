//! Uploaded photos: from their bytes to their record.

use base::log;
use futures::future::join_all;
use images_domain::{ImageRecord, inspect};
use serde_json::json;
use worker::Verdict;

use crate::analyzer::{Analyzer, of_record, trouble};
use crate::finding::{Fetched, Finding, Labels, Upload, Verified};
use crate::labeler::Unlabeled;

impl Analyzer<'_> {
    /// Fetches uploads, labels them together and stores the findings.
    pub(crate) async fn look_at(&self, uploads: &[Upload<'_>]) -> Vec<Verdict> {
        let mut fetched = join_all(uploads.iter().map(|upload| self.fetch(upload))).await;
        let labels = match self.label(uploads, &mut fetched) {
            Ok(labels) => labels,
            Err(failure) => {
                let postponed = |_| Verdict::Postpone(failure.to_string());
                return uploads.iter().map(postponed).collect();
            }
        };
        let labels = &labels;
        let concluded = uploads
            .iter()
            .zip(fetched)
            .map(|(upload, fetched)| async move {
                let finding = self.find(upload, fetched, labels).await;
                self.conclude(upload, finding).await
            });
        join_all(concluded).await
    }

    /// The maximum number of bytes of an upload when it is fetched.
    pub(crate) fn expected_size(&self, upload: &Upload<'_>) -> u64 {
        let max = self.max_upload_bytes;
        // The size of an event is that of its time. If a larger object replaced it, the
        // message comes again and is given room for the maximum size.
        upload
            .size
            .filter(|_| upload.attempt == 1)
            .map_or(max, |size| size.min(max))
    }

    /// Fetches a photo and checks that it is the announced one.
    async fn fetch(&self, upload: &Upload<'_>) -> Fetched {
        match images_storage::load(&self.store, &upload.file) {
            Ok(Some(record)) if record.document.is_verified() || record.document.is_deleted() => {
                Err(Finding::Nothing)
            }
            Ok(Some(record)) => {
                let bytes = self.fetch_object(upload).await?;
                let place = record.document.place();
                Ok(Verified { bytes, place })
            }
            // Missing, or not visible yet: some stores show an object late.
            Ok(None) => Err(Finding::later("it was not announced", "")),
            Err(error) => Err(Finding::later("its record cannot be read", error)),
        }
    }

    async fn fetch_object(&self, upload: &Upload<'_>) -> Result<Vec<u8>, Finding> {
        let limit = self.expected_size(upload);
        let objects = self.objects(upload.trace);
        let object = match objects.get(&upload.file.to_string(), limit).await {
            Ok(Some(object)) => object,
            Ok(None) => return Err(Finding::Nothing),
            Err(error @ objects::Error::TooLarge { .. }) => {
                let max = self.max_upload_bytes;
                if limit < max {
                    return Err(Finding::later(
                        "the object changed while it was read",
                        error,
                    ));
                }
                let reason = format!("the upload is larger than {max} bytes");
                return Err(Finding::Corrupt {
                    reason,
                    etag: upload.etag.clone(),
                });
            }
            Err(error) => {
                let reason = "the object store cannot be read";
                return Err(Finding::later(reason, error));
            }
        };
        match inspect(&upload.file, &object.bytes) {
            Ok(()) => Ok(object.bytes),
            Err(reason) => Err(Finding::Corrupt {
                reason,
                etag: object.etag,
            }),
        }
    }

    /// The finding about an upload. Verified bytes that have labels are stored where no
    /// upload URL leads: these bytes from memory, since the object under the photo's name
    /// may have been replaced.
    async fn find(&self, upload: &Upload<'_>, fetched: Fetched, labels: &Labels) -> Finding {
        let Verified { bytes, place } = match fetched {
            Ok(verified) => verified,
            Err(finding) => return finding,
        };
        let labels = match labels.get(&upload.file.image()) {
            Some(Ok(labels)) => labels.clone(),
            Some(Err(Unlabeled::Never { reason })) => {
                let reason = reason.clone();
                return Finding::Unreadable { reason };
            }
            Some(Err(Unlabeled::Later { reason, detail })) => {
                return Finding::later(reason, detail);
            }
            None => return Finding::later("the labeler returned no result for the image", ""),
        };
        let media_type = upload.file.media_type.name();
        let objects = self.objects(upload.trace);
        match objects.put(&place, bytes, media_type).await {
            Ok(()) => Finding::Labels { labels, place },
            Err(error) => Finding::later("the object store cannot be written", error),
        }
    }

    /// Updates the record, and removes an object that is not the photo. After a crash the
    /// message comes again and finds the record as it was committed.
    async fn conclude(&self, upload: &Upload<'_>, finding: Finding) -> Verdict {
        if let Finding::Later { reason, detail } = &finding {
            return Verdict::retry(trouble(reason, detail));
        }
        let Upload { trace, file, .. } = upload;
        let updated = self.update(file, trace, |record| Ok(self.judge(record, &finding)));
        let record = match updated {
            Ok(record) => record,
            Err(failure) => return of_record(failure),
        };
        if !matches!(finding, Finding::Nothing) {
            let fields = json!({
                "file": file.to_string(),
                "status": record.as_ref().map(|record| record.status),
                "attempt": upload.attempt,
            });
            log::info(trace, "an upload was handled", fields);
        }
        match self.clean_up(upload, record.as_ref(), &finding).await {
            Ok(()) => Verdict::Done(Vec::new()),
            // No user can reach the remaining objects.
            Err(error) => Verdict::retry(trouble("an object cannot be removed", error)),
        }
    }

    /// The record after a finding; `None` if nothing changes.
    fn judge(&self, record: &ImageRecord, finding: &Finding) -> Option<ImageRecord> {
        let now = base::rfc3339(base::now_millis());
        match finding {
            Finding::Labels { labels, place } => {
                let analysis = self.censorship.judge(labels.clone());
                record.analyzed(place, analysis, &now)
            }
            Finding::Corrupt { reason, .. } => record.corrupt(reason.clone(), &now),
            Finding::Unreadable { reason } => record.failed(reason.clone(), &now),
            Finding::Later { .. } | Finding::Nothing => None,
        }
    }

    /// Removes objects that the record does not, or no longer, refer to.
    async fn clean_up(
        &self,
        upload: &Upload<'_>,
        record: Option<&ImageRecord>,
        finding: &Finding,
    ) -> Result<(), objects::Error> {
        let objects = &self.objects;
        if let Finding::Labels { place, .. } = finding
            && record.is_none_or(|record| record.object.as_ref() != Some(place))
        {
            // The photo was removed while this worker analyzed it.
            objects.delete(place).await?;
        }
        match record {
            Some(record) if record.is_deleted() => images_storage::discard(objects, record).await,
            // The first verified content stays, whatever is uploaded later.
            Some(record) if record.is_verified() => objects.delete(&record.file_name).await,
            _ => match finding {
                Finding::Corrupt { etag, .. } => self.remove(upload, etag.as_deref()).await,
                _ => Ok(()),
            },
        }
    }

    /// Removes an upload, unless another one has replaced it.
    async fn remove(&self, upload: &Upload<'_>, etag: Option<&str>) -> Result<(), objects::Error> {
        let key = upload.file.to_string();
        let Some(object) = self.objects.head(&key).await? else {
            return Ok(());
        };
        if etag.is_none() || object.etag.as_deref() == etag {
            self.objects.delete(&key).await?;
        }
        Ok(())
    }
}
