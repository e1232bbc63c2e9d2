//! Messages of the queue and the work for each type.

use base::{Failure, Trace};
use futures::future::join_all;
use images_domain::{FileName, ImageRecord, Message, Removed, Uploaded};
use queue::{Effect, Envelope};
use records::Carries;
use serde_json::{Value, json};
use worker::{Leases, Trouble, Verdict, Work};

use crate::analyzer::Analyzer;
use crate::finding::Upload;

type Task<'m> = worker::Task<'m, Message>;

/// The maximum number of bytes of photos in memory at once. The labeler holds a copy and
/// one decoded picture, and a platform may give 128 MiB.
const MAX_BYTES: u64 = 15 * 1024 * 1024;

impl Work for Analyzer<'_> {
    type Message<'m> = Message;

    const ABANDONED: &'static str = "every worker died while looking at it";

    fn repair(
        &self,
        envelope: &Envelope<'_>,
        trace: &Trace,
        message: &[u8],
    ) -> Result<Carries, Failure> {
        records::repair_from::<ImageRecord>(&self.store, envelope, trace, message)
    }

    fn fields(&self, task: &Task<'_>) -> Value {
        json!({"file": task.message.file()})
    }

    async fn work(&self, tasks: &[Task<'_>], leases: &Leases<'_>) -> Result<Vec<Verdict>, Failure> {
        let sorted = tasks
            .iter()
            .enumerate()
            .map(|(nth, task)| self.sort(nth, task));
        let mut uploads = Vec::new();
        let mut worked = Vec::with_capacity(tasks.len());
        for sorted in join_all(sorted).await {
            worked.push(sorted.map(|upload| uploads.extend(upload)));
        }
        for group in self.groups(uploads) {
            leases.extend()?;
            let concluded = self.look_at(&group).await;
            for (upload, result) in group.iter().zip(concluded) {
                if let Some(place) = worked.get_mut(upload.nth) {
                    *place = result;
                }
            }
        }
        let verdict = |worked: Result<(), Verdict>| worked.err().unwrap_or(Verdict::Done(vec![]));
        Ok(worked.into_iter().map(verdict).collect())
    }

    /// Tells the owner that the photo could not be analyzed.
    async fn give_up(&self, task: &Task<'_>, trouble: &Trouble) -> Result<Vec<Effect>, Failure> {
        // An expiry may have found an upload that was not announced.
        let may_have_upload = !matches!(task.message, Message::Removed(_));
        if may_have_upload && let Ok(file) = task.message.file().parse() {
            let now = base::rfc3339(base::now_millis());
            self.update(&file, &task.trace, |record| {
                Ok(record.failed(trouble.shown.clone(), &now))
            })?;
        }
        Ok(Vec::new())
    }
}

impl Analyzer<'_> {
    /// Handles a message that needs no photo; returns the upload of one that does.
    async fn sort<'t>(
        &self,
        nth: usize,
        task: &'t Task<'_>,
    ) -> Result<Option<Upload<'t>>, Verdict> {
        let (trace, attempt) = (&task.trace, task.delivery.attempt);
        let name = task.message.file();
        let file: FileName = name
            .parse()
            .map_err(|error| Verdict::Dead(format!("{name}: {error}").into()))?;
        let upload = match &task.message {
            Message::Uploaded(Uploaded { size, etag, .. }) => Some((*size, etag.clone())),
            Message::Expiry(_) => self.expire(&file, trace).await?,
            Message::Removed(Removed { life, .. }) => {
                self.finish_removal(&file, *life).await?;
                None
            }
        };
        Ok(upload.map(|(size, etag)| Upload {
            nth,
            attempt,
            trace,
            file,
            size,
            etag,
        }))
    }

    /// Splits uploads into groups that fit into memory.
    fn groups<'t>(&self, uploads: Vec<Upload<'t>>) -> Vec<Vec<Upload<'t>>> {
        let mut groups: Vec<Vec<Upload<'_>>> = Vec::new();
        let mut bytes = 0;
        for upload in uploads {
            let size = self.expected_size(&upload);
            match groups.last_mut() {
                Some(group) if bytes + size <= MAX_BYTES => {
                    group.push(upload);
                    bytes += size;
                }
                _ => {
                    groups.push(vec![upload]);
                    bytes = size;
                }
            }
        }
        groups
    }
}
