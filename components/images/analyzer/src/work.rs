//! Messages of the queue: what each is about, and what is done for it.

use std::collections::VecDeque;

use base::{Trace, log};
use futures::future::join_all;
use images_domain::{FileName, ImageRecord, Message, keys};
use queue::{Delivery, Queue};
use serde_json::json;
use stores::{Redis, SpinKeyValue, SpinRedis};
use worker::Deadline;

use crate::settings::Settings;
use crate::settle::{Handled, Verdict};
use crate::upload::Upload;

/// A worker, with all that it works with.
pub(crate) struct Worker<'a, R> {
    pub(crate) settings: &'a Settings,
    pub(crate) queue: Queue<'a, R>,
    pub(crate) store: &'a SpinKeyValue,
}

/// Works on the queue. Returns how many messages were handled.
pub(crate) async fn drain() -> Result<usize, base::Failure> {
    let redis = SpinRedis::open()?;
    let worker = Worker {
        settings: &Settings::read()?,
        queue: worker::open(&redis, keys::QUEUE)?,
        store: &SpinKeyValue::open()?,
    };
    let handle = async |deliveries, deadline| worker.handle(deliveries, deadline).await;
    worker::drain(&worker.queue, &worker.settings.policy, handle).await
}

impl<R: Redis> Worker<'_, R> {
    async fn handle(
        &self,
        deliveries: Vec<Delivery>,
        deadline: Deadline,
    ) -> Result<(), base::Failure> {
        // Some at a time: even where the store stalls, no lease runs out meanwhile,
        // and what there is no time for is given back.
        let mut rest = VecDeque::from(deliveries);
        let mut uploads: Vec<Upload> = Vec::new();
        while !rest.is_empty() {
            if deadline.is_over() {
                let unread = rest.into_iter();
                let unread = unread.map(|delivery| Handled::unread(delivery, Verdict::GivenBack));
                self.settle(unread.collect())?;
                break;
            }
            let most = self.settings.policy.concurrency.min(rest.len());
            let some = rest.drain(..most).map(|delivery| self.sort(delivery));
            let mut handled = Vec::new();
            for message in join_all(some).await {
                match message {
                    Ok(upload) => uploads.push(upload),
                    Err(done) => handled.push(done),
                }
            }
            self.settle(handled)?;
            let held = uploads.iter().map(|upload| &upload.delivery).chain(&rest);
            self.queue.extend(held)?;
        }
        self.look_at(uploads, deadline).await
    }

    /// Handles what needs no photo, and returns what does.
    async fn sort(&self, delivery: Delivery) -> Result<Upload, Handled> {
        let (message, file) = match read(&delivery.message) {
            Ok(read) => read,
            Err(reason) => {
                return Err(Handled::unread(delivery, Verdict::Hopeless(reason)));
            }
        };
        let (trace, found) = match message {
            Message::Uploaded {
                trace, size, etag, ..
            } => (trace, Ok((size, etag))),
            Message::Record {
                trace,
                version,
                document,
                ..
            } => {
                let verdict = self.repair(&file, version, *document, &trace);
                (trace, Err(verdict))
            }
            Message::Expiry { .. } => {
                let trace = Trace::new();
                let found = self.expire(&file, &trace).await;
                (trace, found)
            }
            Message::Removed { life, .. } => {
                (Trace::new(), Err(self.finish_removal(&file, life).await))
            }
        };
        match found {
            Ok((size, etag)) => Ok(Upload {
                delivery,
                trace,
                file,
                size,
                etag,
            }),
            Err(verdict) => Err(Handled {
                delivery,
                trace,
                file: Some(file),
                verdict,
            }),
        }
    }

    /// Makes sure that a committed record is stored.
    fn repair(
        &self,
        file: &FileName,
        version: u64,
        document: ImageRecord,
        trace: &Trace,
    ) -> Verdict {
        match images_storage::repair(self.store, file, version, document) {
            Ok(repaired) => {
                if repaired {
                    let fields = json!({"file": file.to_string(), "version": version});
                    let message = "a record was stored that its writer had not stored";
                    log::info(trace, message, fields);
                }
                Verdict::Done
            }
            // The message holds the only copy: it waits as long as it takes.
            Err(error) => Verdict::Postponed(error.to_string()),
        }
    }
}

/// A message and the photo that it is about, or why it is none.
fn read(bytes: &[u8]) -> Result<(Message<Trace>, FileName), String> {
    let message: Message<Trace> = serde_json::from_slice(bytes)
        .map_err(|error| format!("the message cannot be read: {error}"))?;
    let file = message.file().parse();
    let file = file.map_err(|error| format!("{}: {error}", message.file()))?;
    Ok((message, file))
}
