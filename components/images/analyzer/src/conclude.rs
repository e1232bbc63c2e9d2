//! What a finding means for the record and for the message.

use std::time::Duration;

use images_domain::{FileName, ImageRecord};
use queue::{Change, Outcome};
use serde_json::json;
use stores::Redis;
use web::{ApiError, log, now_millis, rfc3339};

use crate::upload::{Finding, Upload};
use crate::worker::Worker;

/// How often to look again when others change the same record meanwhile.
const TRIES: u64 = 5;

impl<R: Redis> Worker<'_, R> {
    /// Brings the record up to date and settles the message. `analyzed` is the
    /// entity tag of the last analysis when the object was fetched.
    pub(crate) async fn conclude(
        &self,
        upload: &Upload,
        analyzed: Option<String>,
        finding: Finding,
    ) -> Result<(), ApiError> {
        let last = self.settings.policy.is_last(upload.delivery.attempt);
        if let Finding::Later { reason, detail } = &finding
            && !last
        {
            return self.retry(upload, reason, detail);
        }
        match self
            .try_conclude(upload, analyzed.as_deref(), &finding)
            .await
        {
            Ok(true) => Ok(()),
            Ok(false) if last => {
                let reason = "the record could not be brought up to date";
                self.bury(&upload.delivery, &upload.trace, reason)
            }
            Ok(false) => self.retry(upload, "others keep changing the record", ""),
            // What the photo needs is down, and the photo itself is not to blame.
            Err(error) => {
                let reason = error.detail.as_deref().unwrap_or(&error.message);
                self.postpone(&upload.delivery, &upload.trace, reason)
            }
        }
    }

    /// Whether it was done; it is not where others change the record all the time.
    async fn try_conclude(
        &self,
        upload: &Upload,
        analyzed: Option<&str>,
        finding: &Finding,
    ) -> Result<bool, ApiError> {
        for attempt in 1..=TRIES {
            let before = images_storage::load(self.store, &upload.file)?;
            // Another worker has looked at newer bytes than this finding is about.
            let outdated = before.as_ref().is_some_and(|before| {
                before.document.is_analyzed() && before.document.etag.as_deref() != analyzed
            });
            let finding = if outdated { &Finding::Nothing } else { finding };
            let after = before
                .as_ref()
                .and_then(|before| self.judge(&before.document, finding));

            // A corrupt object is removed between the record and the settling: a
            // crash in between brings the message back, to a record that is right.
            let mut change = Change::new();
            if !matches!(finding, Finding::Corrupt { .. }) {
                change = change.settling(&upload.delivery.id);
            }
            if let Finding::Later { reason, detail } = finding {
                let error = format!("{reason}: {detail}");
                change = change.with(self.queue.bury(&upload.delivery, &error, now_millis()));
            }
            let status = after.as_ref().map(|after| after.status);
            let outcome = match after {
                Some(after) => images_storage::save(
                    &self.queue,
                    self.store,
                    &upload.file,
                    before.as_ref(),
                    after,
                    change,
                    &upload.trace,
                )?,
                None => self.queue.commit(&change)?,
            };
            if let Outcome::Conflict { .. } = outcome {
                // Its writer is about to store it.
                std::thread::sleep(Duration::from_millis(20 * attempt));
                continue;
            }
            if let Some(status) = status {
                let fields = json!({
                    "file": upload.file.to_string(),
                    "status": status,
                    "attempt": upload.delivery.attempt,
                });
                log::info(&upload.trace, "a photo was looked at", fields);
            }
            if let Finding::Corrupt { etag, .. } = finding {
                self.discard(upload, etag.as_deref()).await?;
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// The record after a finding; `None` where nothing changes.
    fn judge(&self, record: &ImageRecord, finding: &Finding) -> Option<ImageRecord> {
        let now = rfc3339(now_millis());
        match finding {
            Finding::Labels { labels, etag } => {
                record.analyzed(self.settings.censorship.judge(labels.clone()), etag, &now)
            }
            Finding::Corrupt { reason, .. } => record.corrupt(reason.clone(), &now),
            Finding::Unreadable { reason } | Finding::Later { reason, .. } => {
                record.failed(reason.clone(), &now)
            }
            Finding::Nothing => None,
        }
    }

    /// Removes the object that was found corrupt and settles the message.
    async fn discard(&self, upload: &Upload, etag: Option<&str>) -> Result<(), ApiError> {
        let Err(error) = self.remove(&upload.file, etag).await else {
            self.queue.ack(&upload.delivery)?;
            return Ok(());
        };
        let reason = "the corrupt object could not be removed";
        if self.settings.policy.is_last(upload.delivery.attempt) {
            // The record stays corrupt, so nobody gets the object.
            self.bury(
                &upload.delivery,
                &upload.trace,
                &format!("{reason}: {error}"),
            )
        } else {
            self.retry(upload, reason, &error.to_string())
        }
    }

    /// Removes an object, unless another upload has replaced it meanwhile.
    async fn remove(&self, file: &FileName, etag: Option<&str>) -> Result<(), objects::Error> {
        let key = file.to_string();
        let Some(object) = self.settings.objects.head(&key).await? else {
            return Ok(());
        };
        if etag.is_none() || object.etag.as_deref() == etag {
            self.settings.objects.delete(&key).await?;
        }
        Ok(())
    }

    /// Lets the message come back later, as one more attempt.
    fn retry(&self, upload: &Upload, reason: &str, detail: &str) -> Result<(), ApiError> {
        let attempt = upload.delivery.attempt;
        let delay = self.settings.policy.delay(attempt, random());
        let fields = json!({
            "file": upload.file.to_string(),
            "attempt": attempt,
            "reason": reason,
            "detail": detail,
            "retryInMs": u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
        });
        log::warn(&upload.trace, "a photo is tried again later", fields);
        let again = self.queue.retry(&upload.delivery, delay, now_millis());
        self.queue
            .commit(&Change::new().settling(&upload.delivery.id).with(again))?;
        Ok(())
    }
}

/// Uniform in 0 to 1.
fn random() -> f64 {
    let (bits, ..) = uuid::Uuid::new_v4().as_fields();
    f64::from(bits) / f64::from(u32::MAX)
}
