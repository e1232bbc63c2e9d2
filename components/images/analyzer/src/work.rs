//! Messages of the queue and the work for each type.

use base::Failure;
use futures::future::join_all;
use images_domain::{ImageRecord, Message, Removed, Uploaded};
use queue::{Effect, Policy};
use records::{Carries, Received};
use serde_json::{Value, json};
use worker::{Leases, Trouble, Verdict, Work};

use crate::analyzer::Analyzer;
use crate::finding::Upload;

type Task<'m> = worker::Task<'m, Message>;

/// The maximum number of bytes of photos in memory at once. The labeler holds a copy and
/// one decoded picture, and a platform may give 128 MiB.
const MAX_BYTES: usize = 15 * 1024 * 1024;

impl Work for Analyzer<'_> {
    type Message<'m> = Message;

    const ABANDONED: &'static str = "every worker died while looking at it";

    fn repair(&self, received: &Received<'_>) -> Result<Carries, Failure> {
        received.repair::<ImageRecord>(&self.store)
    }

    /// Photos take long: a worker claims no more than it handles at once, so that others can
    /// take the rest.
    fn policy(&self, policy: Policy) -> Policy {
        Policy {
            batch: policy.batch.min(policy.concurrency),
            ..policy
        }
    }

    fn fields(&self, task: &Task<'_>) -> Value {
        json!({"file": task.message.file()})
    }

    async fn work(&self, tasks: &[Task<'_>], leases: &Leases<'_>) -> Result<Vec<Verdict>, Failure> {
        let sorted = join_all(tasks.iter().map(|task| self.sort(task))).await;
        let size = |sorted: &Sorted<'_>| match sorted {
            Ok(upload) => usize::try_from(self.expected_size(upload)).unwrap_or(usize::MAX),
            Err(_) => 0,
        };
        let mut verdicts = Vec::with_capacity(tasks.len());
        for group in base::groups(&sorted, usize::MAX, MAX_BYTES, size) {
            leases.extend()?;
            let uploads: Vec<_> = group.iter().filter_map(|one| one.as_ref().ok()).collect();
            let mut found = self.look_at(&uploads).await.into_iter();
            verdicts.extend(group.iter().filter_map(|one| match one {
                Ok(_) => found.next(),
                Err(verdict) => Some(verdict.clone()),
            }));
        }
        Ok(verdicts)
    }

    /// Tells the owner that the photo could not be analyzed.
    async fn give_up(&self, task: &Task<'_>, trouble: &Trouble) -> Result<Vec<Effect>, Failure> {
        // An expiry may have found an upload that was not announced.
        if !matches!(task.message, Message::Removed(_)) {
            let (file, trace) = (task.message.file(), &task.trace);
            let now = base::rfc3339(base::now_millis());
            images_storage::edit(self.queue, &self.store, file, trace, |record| {
                Ok(record.failed(trouble.shown.clone(), &now))
            })?;
        }
        Ok(Vec::new())
    }
}

/// The upload of a message, or the verdict on a message that needs no photo.
type Sorted<'t> = Result<Upload<'t>, Verdict>;

impl Analyzer<'_> {
    /// Handles a message that needs no photo; returns the upload of one that does.
    async fn sort<'t>(&self, task: &'t Task<'_>) -> Sorted<'t> {
        let (trace, file) = (&task.trace, task.message.file());
        let upload = match &task.message {
            Message::Uploaded(Uploaded { size, etag, .. }) => Some((*size, etag.clone())),
            Message::Expiry(_) => self.expire(file, trace).await?,
            Message::Removed(Removed { life, .. }) => {
                self.finish_removal(file, *life).await?;
                None
            }
        };
        let (size, etag) = upload.ok_or(Verdict::Done(Vec::new()))?;
        Ok(Upload {
            attempt: task.delivery.attempt,
            trace,
            file: file.clone(),
            size,
            etag,
        })
    }
}
