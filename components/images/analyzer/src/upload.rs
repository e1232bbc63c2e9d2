//! Photos that were uploaded: from their bytes to their record.

use std::collections::VecDeque;

use base::Trace;
use futures::future::join_all;
use images_domain::{FileName, Label, inspect};
use queue::Delivery;
use stores::Redis;
use worker::Deadline;

use crate::labeler::Unlabeled;
use crate::labels::Labels;
use crate::settle::{Handled, Verdict};
use crate::work::Worker;

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

impl Upload {
    fn handled(self, verdict: Verdict) -> Handled {
        Handled {
            delivery: self.delivery,
            trace: self.trace,
            file: Some(self.file),
            verdict,
        }
    }
}

/// What was found out about an upload.
pub(crate) enum Finding {
    /// It is the photo, it was put into this place, and this is to be seen in it.
    Labels { labels: Vec<Label>, place: String },
    /// It is not the photo that was announced.
    Corrupt {
        reason: String,
        etag: Option<String>,
    },
    /// It can never be analyzed.
    Unreadable { reason: String },
    /// It cannot be analyzed now. The detail is for the log alone.
    Later { reason: String, detail: String },
    /// There is nothing to find out.
    Nothing,
}

impl Finding {
    fn later(reason: &str, detail: impl ToString) -> Self {
        Self::Later {
            reason: reason.to_owned(),
            detail: detail.to_string(),
        }
    }
}

/// An object that is the photo that was announced.
pub(crate) struct Verified {
    pub(crate) bytes: Vec<u8>,
    /// Where it belongs.
    place: String,
}

/// What was fetched, or what was found out without.
pub(crate) type Fetched = Result<Verified, Finding>;

impl<R: Redis> Worker<'_, R> {
    /// Handles uploads, as many at a time as the policy says and as fit into
    /// memory. Those that the time does not suffice for are given back.
    pub(crate) async fn look_at(
        &self,
        uploads: Vec<Upload>,
        deadline: Deadline,
    ) -> Result<(), base::Failure> {
        let mut groups = VecDeque::from(self.groups(uploads));
        while let Some(group) = groups.pop_front() {
            if deadline.is_over() {
                let rest = std::iter::once(group).chain(groups).flatten();
                return self.settle(
                    rest.map(|upload| upload.handled(Verdict::GivenBack))
                        .collect(),
                );
            }
            self.look_at_together(group).await?;
            let rest = groups.iter().flatten().map(|upload| &upload.delivery);
            self.queue.extend(rest)?;
        }
        Ok(())
    }

    fn groups(&self, uploads: Vec<Upload>) -> Vec<Vec<Upload>> {
        // A worker may have died of a photo that was abandoned. It is handled alone
        // and last, so that it cannot take others with it.
        let (fresh, again): (Vec<_>, Vec<_>) = uploads
            .into_iter()
            .partition(|upload| !upload.delivery.abandoned);
        let most = self.settings.policy.concurrency;
        let mut groups: Vec<Vec<Upload>> = Vec::new();
        let mut bytes = 0;
        for upload in fresh {
            let size = self.expected_size(&upload);
            match groups.last_mut() {
                Some(group) if group.len() < most && bytes + size <= MOST_BYTES => {
                    group.push(upload);
                    bytes += size;
                }
                _ => {
                    groups.push(vec![upload]);
                    bytes = size;
                }
            }
        }
        groups.extend(again.into_iter().map(|upload| vec![upload]));
        groups
    }

    async fn look_at_together(&self, uploads: Vec<Upload>) -> Result<(), base::Failure> {
        let mut fetched = join_all(uploads.iter().map(|upload| self.fetch(upload))).await;
        let verdicts = match self.label(&uploads, &mut fetched) {
            Ok(labels) => {
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
            Err(error) => {
                let postponed = |_: &Upload| Verdict::Postponed(error.to_string());
                uploads.iter().map(postponed).collect()
            }
        };
        let handled = uploads.into_iter().zip(verdicts);
        self.settle(
            handled
                .map(|(upload, verdict)| upload.handled(verdict))
                .collect(),
        )
    }

    /// The most bytes that an upload will take when it is fetched.
    fn expected_size(&self, upload: &Upload) -> u64 {
        let most = self.settings.max_upload_bytes;
        // The event tells what was stored then; something larger may have come
        // since, and is fetched when the message comes again, in whose place
        // there is then room for the largest.
        upload
            .size
            .filter(|_| upload.delivery.attempt == 1)
            .map_or(most, |size| size.min(most))
    }

    /// Gets a photo and checks that it is the one that was announced.
    async fn fetch(&self, upload: &Upload) -> Fetched {
        if upload.delivery.attempt > self.settings.policy.attempts {
            return Err(Finding::later("every worker died while looking at it", ""));
        }
        match images_storage::load(self.store, &upload.file) {
            Ok(Some(record)) if record.document.is_verified() || record.document.is_deleted() => {
                Err(Finding::Nothing)
            }
            Ok(Some(record)) => {
                let bytes = self.fetch_object(upload).await?;
                let place = record.document.place();
                Ok(Verified { bytes, place })
            }
            // Not there, or not to be seen yet: some stores take their time.
            Ok(None) => Err(Finding::later("nobody announced it", "")),
            Err(error) => Err(Finding::later("its record could not be read", error)),
        }
    }

    async fn fetch_object(&self, upload: &Upload) -> Result<Vec<u8>, Finding> {
        let limit = self.expected_size(upload);
        let objects = self.objects_for(upload);
        let object = match objects.get(&upload.file.to_string(), limit).await {
            Ok(Some(object)) => object,
            Ok(None) => return Err(Finding::Nothing),
            Err(error @ objects::Error::TooLarge { .. }) => {
                let most = self.settings.max_upload_bytes;
                if limit < most {
                    return Err(Finding::later("it changed meanwhile", error));
                }
                let reason = format!("the upload is larger than {most} bytes");
                return Err(Finding::Corrupt {
                    reason,
                    etag: upload.etag.clone(),
                });
            }
            Err(error) => {
                let reason = "the object store could not be read";
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

    /// What was found out about an upload. Verified bytes that can be seen
    /// something in are put where no upload reaches them: these very bytes, and
    /// not what may be under the photo's name by now.
    async fn find(&self, upload: &Upload, fetched: Fetched, labels: &Labels) -> Finding {
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
            None => return Finding::later("the labeler left the image out", ""),
        };
        let media_type = upload.file.media_type.name();
        let stored = self
            .objects_for(upload)
            .put(&place, bytes, media_type)
            .await;
        match stored {
            Ok(()) => Finding::Labels { labels, place },
            Err(error) => Finding::later("the object store could not be written", error),
        }
    }

    /// The object store, asked for with the ids that follow the upload.
    fn objects_for(&self, upload: &Upload) -> objects::Objects {
        self.settings
            .objects
            .clone()
            .with_headers(upload.trace.headers())
    }
}
