//! Uploaded photos: from their bytes to their record.

use base::log;
use futures::future::join_all;
use images_domain::{Finding, Leftover, inspect};
use serde_json::json;
use worker::{Trouble, Verdict};

use crate::analyzer::Analyzer;
use crate::finding::{Fetched, Labels, Stop, Upload, Verified};

impl Analyzer<'_> {
    /// Fetches uploads, labels them together and stores the findings.
    pub(crate) async fn look_at(&self, uploads: &[&Upload<'_>]) -> Vec<Verdict> {
        let mut fetched = join_all(uploads.iter().map(|upload| self.fetch(upload))).await;
        let labels = match self.label(uploads, &mut fetched) {
            Ok(labels) => labels,
            Err(failure) => return vec![failure.into(); uploads.len()],
        };
        let conclude = async |(upload, fetched): (&&Upload<'_>, _)| {
            let concluded = match self.find(upload, fetched, &labels).await {
                Ok(finding) | Err(Stop::Found(finding)) => self.conclude(upload, &finding).await,
                Err(Stop::Later(trouble)) => Err(Verdict::retry(trouble)),
            };
            concluded.err().unwrap_or(Verdict::Done(Vec::new()))
        };
        join_all(uploads.iter().zip(fetched).map(conclude)).await
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
        let record = images_storage::load(&self.store, &upload.file)
            .map_err(|error| Trouble::new("its record cannot be read", error))?
            // Missing, or not visible yet: some stores show an object late.
            .ok_or_else(|| Trouble::from("it was not announced"))?;
        if record.is_verified() || record.is_deleted() {
            return Err(Finding::Nothing.into());
        }
        let (limit, max) = (self.expected_size(upload), self.max_upload_bytes);
        let objects = self.objects.traced(upload.trace);
        let object = match objects.get(&upload.file.to_string(), limit).await {
            Ok(object) => object.ok_or(Finding::Nothing)?,
            Err(objects::Error::TooLarge { .. }) if limit == max => {
                let reason = format!("the upload is larger than {max} bytes");
                let etag = upload.etag.clone();
                return Err(Finding::Corrupt { reason, etag }.into());
            }
            Err(error) => {
                let reason = match error {
                    objects::Error::TooLarge { .. } => "the object changed while it was read",
                    _ => "the object store cannot be read",
                };
                return Err(Trouble::new(reason, error).into());
            }
        };
        let (bytes, etag) = (object.bytes, object.etag);
        inspect(&upload.file, &bytes).map_err(|reason| Finding::Corrupt { reason, etag })?;
        let place = record.place();
        Ok(Verified { bytes, place })
    }

    /// The finding about an upload. Verified bytes that have labels are stored where no
    /// upload URL leads: these bytes from memory, since the object under the photo's name
    /// may have been replaced.
    async fn find(
        &self,
        upload: &Upload<'_>,
        fetched: Fetched,
        labels: &Labels,
    ) -> Result<Finding, Stop> {
        let Verified { bytes, place } = fetched?;
        let missing = || Trouble::from("the labeler returned no result for the image");
        let labels = labels.get(&upload.file.image()).ok_or_else(missing)?;
        let labels = labels.clone()?;
        let bytes = match self.strip_metadata {
            false => bytes,
            true => picture::without_metadata(&bytes).map_err(|unreadable| {
                let reason = format!("the metadata cannot be removed: {unreadable}");
                Finding::Unreadable { reason }
            })?,
        };
        let objects = self.objects.traced(upload.trace);
        let stored = objects.put(&place, bytes, upload.file.media_type.name());
        stored
            .await
            .map_err(|error| Trouble::new("the object store cannot be written", error))?;
        Ok(Finding::Photo { place, labels })
    }

    /// Updates the record, and removes an object that is not the photo. After a crash the
    /// message comes again and finds the record as it was committed.
    async fn conclude(&self, upload: &Upload<'_>, finding: &Finding) -> Result<(), Verdict> {
        let Upload { trace, file, .. } = upload;
        let now = base::rfc3339(base::now_millis());
        let record = images_storage::edit(self.queue, &self.store, file, trace, |record| {
            Ok(record.found(finding, &self.censorship, &now))
        })?;
        if *finding != Finding::Nothing {
            let status = record.as_ref().map(|record| record.status);
            let fields = json!({"file": file, "status": status, "attempt": upload.attempt});
            log::info(trace, "an upload was handled", fields);
        }
        // No user can reach the remaining objects.
        let retry = |error| Verdict::retry(Trouble::new("an object cannot be removed", error));
        for leftover in finding.leftovers(record.as_ref()) {
            let removed = match leftover {
                Leftover::Object(key) => self.objects.delete(&key).await,
                Leftover::Upload { etag } => {
                    let key = file.to_string();
                    let objects = &self.objects;
                    objects.delete_unless_replaced(&key, etag.as_deref()).await
                }
            };
            removed.map_err(retry)?;
        }
        Ok(())
    }
}
