//! Photos that were uploaded: from their bytes to their record.

use futures::future::join_all;
use images_domain::{FileName, Label, inspect};
use queue::Delivery;
use stores::Redis;
use web::{ApiError, Trace};

use crate::labeler::Unlabeled;
use crate::worker::Worker;

/// The most bytes of photos that are in memory at once. The labeler holds them
/// too, beside one decoded picture, and a platform may give 128 MiB.
const MOST_BYTES: u64 = 15 * 1024 * 1024;

/// A message that says that a photo was uploaded.
pub(crate) struct Upload {
    pub(crate) delivery: Delivery,
    pub(crate) trace: Trace,
    pub(crate) file: FileName,
    pub(crate) size: Option<u64>,
    pub(crate) etag: Option<String>,
}

/// What was found out about an upload.
pub(crate) enum Finding {
    /// What is to be seen in it.
    Labels { labels: Vec<Label>, etag: String },
    /// It is not the photo that was announced.
    Corrupt {
        reason: String,
        etag: Option<String>,
    },
    /// It can never be analyzed.
    Unreadable { reason: String },
    /// It cannot be analyzed now. The detail is for the log alone.
    Later { reason: String, detail: String },
    /// There is nothing to do.
    Nothing,
}

impl Finding {
    fn later(reason: &str, detail: impl Into<String>) -> Self {
        Self::Later {
            reason: reason.to_owned(),
            detail: detail.into(),
        }
    }
}

/// An object that is the photo that was announced.
pub(crate) struct Verified {
    pub(crate) bytes: Vec<u8>,
    pub(crate) etag: String,
}

/// What was fetched for an upload.
pub(crate) struct Fetched {
    /// The entity tag of the last analysis, as the record had it then.
    pub(crate) analyzed: Option<String>,
    pub(crate) object: Result<Verified, Finding>,
}

impl<R: Redis> Worker<'_, R> {
    /// Handles uploads, as many at a time as fit into memory.
    pub(crate) async fn look_at(&self, uploads: Vec<Upload>) -> Result<(), ApiError> {
        // A worker may have died on a photo that comes again. It is handled alone
        // and last, so that it cannot take others with it.
        let (fresh, again): (Vec<_>, Vec<_>) = uploads
            .into_iter()
            .partition(|upload| upload.delivery.attempt == 1);
        let mut some = Vec::new();
        let mut bytes = 0;
        for upload in fresh {
            let size = self.expected_size(&upload);
            if bytes + size > MOST_BYTES && !some.is_empty() {
                self.look_at_together(std::mem::take(&mut some)).await?;
                bytes = 0;
            }
            bytes += size;
            some.push(upload);
        }
        self.look_at_together(some).await?;
        for upload in again {
            if upload.delivery.attempt > self.settings.policy.attempts {
                let finding = Finding::later("every worker died while looking at it", "");
                self.conclude(&upload, None, finding).await?;
            } else {
                self.look_at_together(vec![upload]).await?;
            }
        }
        Ok(())
    }

    async fn look_at_together(&self, uploads: Vec<Upload>) -> Result<(), ApiError> {
        let mut fetched = join_all(uploads.iter().map(|upload| self.fetch(upload))).await;
        let labels = match self.label(&uploads, &mut fetched) {
            Ok(labels) => labels,
            Err(error) => {
                for upload in &uploads {
                    self.postpone(&upload.delivery, &upload.trace, &error.message)?;
                }
                return Ok(());
            }
        };
        for (upload, fetched) in uploads.iter().zip(fetched) {
            let finding = match fetched.object {
                Err(finding) => finding,
                Ok(object) => match labels.get(&upload.file.image()) {
                    Some(Ok(labels)) => Finding::Labels {
                        labels: labels.clone(),
                        etag: object.etag,
                    },
                    Some(Err(Unlabeled::Never { reason })) => Finding::Unreadable {
                        reason: reason.clone(),
                    },
                    Some(Err(Unlabeled::Later { reason, detail })) => {
                        Finding::later(reason, detail.as_str())
                    }
                    None => Finding::later("the labeler left the image out", ""),
                },
            };
            self.conclude(upload, fetched.analyzed, finding).await?;
        }
        Ok(())
    }

    /// The most bytes that an upload will take when it is fetched.
    fn expected_size(&self, upload: &Upload) -> u64 {
        let most = self.settings.max_upload_bytes;
        // The event tells what was stored then; something larger may have come
        // since, and is fetched when the message comes again, alone.
        upload
            .size
            .filter(|_| upload.delivery.attempt == 1)
            .map_or(most, |size| size.min(most))
    }

    /// Gets a photo and checks that it is the one that was announced.
    async fn fetch(&self, upload: &Upload) -> Fetched {
        let not = |finding| Fetched {
            analyzed: None,
            object: Err(finding),
        };
        let record = match images_storage::load(self.store, &upload.file) {
            Ok(Some(record)) => record.document,
            // Not there, or not to be seen yet: some stores take their time.
            Ok(None) => return not(Finding::later("nobody announced it", "")),
            Err(error) => {
                return not(Finding::later(
                    "its record could not be read",
                    error.to_string(),
                ));
            }
        };
        if upload
            .etag
            .as_deref()
            .is_some_and(|etag| record.has_analyzed(etag))
        {
            return not(Finding::Nothing);
        }
        Fetched {
            analyzed: record.etag,
            object: self.fetch_object(upload).await,
        }
    }

    async fn fetch_object(&self, upload: &Upload) -> Result<Verified, Finding> {
        let limit = self.expected_size(upload);
        let objects = self
            .settings
            .objects
            .clone()
            .with_headers(upload.trace.headers());
        let object = match objects.get(&upload.file.to_string(), limit).await {
            Ok(Some(object)) => object,
            Ok(None) => return Err(Finding::Nothing),
            Err(error @ objects::Error::TooLarge { .. }) => {
                let most = self.settings.max_upload_bytes;
                if limit < most {
                    return Err(Finding::later("it changed meanwhile", error.to_string()));
                }
                let reason = format!("the upload is larger than {most} bytes");
                return Err(Finding::Corrupt {
                    reason,
                    etag: upload.etag.clone(),
                });
            }
            Err(error) => {
                let reason = "the object store could not be read";
                return Err(Finding::later(reason, error.to_string()));
            }
        };
        match inspect(&upload.file, &object.bytes) {
            Ok(()) => Ok(Verified {
                bytes: object.bytes,
                etag: object.etag.unwrap_or_default(),
            }),
            Err(reason) => Err(Finding::Corrupt {
                reason,
                etag: object.etag,
            }),
        }
    }
}
