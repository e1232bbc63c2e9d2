//! Taking messages off the queue until it is empty or the time is up.

use std::time::{Duration, Instant};

use images_domain::{ImageRecord, Message, keys};
use queue::{Change, Delivery, Queue};
use serde_json::json;
use stores::{Redis, SpinKeyValue, SpinRedis};
use web::{ApiError, Trace, log, now_millis};

use crate::settings::Settings;
use crate::upload::Upload;

/// When to leave the rest to a successor: platforms end a request after 30 s.
const TIME_BUDGET: Duration = Duration::from_secs(20);

/// Messages claimed at once.
const BATCH: usize = 8;

/// A worker, with all that it works with.
pub(crate) struct Worker<'a, R> {
    pub(crate) settings: &'a Settings,
    pub(crate) queue: Queue<'a, R>,
    pub(crate) store: &'a SpinKeyValue,
}

/// Works on the queue. Returns how many messages were handled.
pub(crate) async fn drain() -> Result<usize, ApiError> {
    let started = Instant::now();
    let redis = SpinRedis::open(&web::text("redis_url")?)?;
    let worker = Worker {
        settings: &Settings::read()?,
        queue: Queue::new(&redis, keys::QUEUE),
        store: &SpinKeyValue::open()?,
    };
    let mut handled = 0;
    loop {
        if started.elapsed() >= TIME_BUDGET {
            worker.queue.wake()?;
            return Ok(handled);
        }
        let deliveries = worker.queue.claim(&worker.settings.policy, BATCH)?;
        if deliveries.is_empty() {
            return Ok(handled);
        }
        handled += deliveries.len();
        let mut uploads = Vec::new();
        for delivery in deliveries {
            uploads.extend(worker.sort(delivery)?);
        }
        worker.look_at(uploads).await?;
    }
}

impl<R: Redis> Worker<'_, R> {
    /// Handles what needs no photo, and returns what does.
    fn sort(&self, delivery: Delivery) -> Result<Option<Upload>, ApiError> {
        let message = match serde_json::from_slice::<Message<Trace>>(&delivery.message) {
            Ok(message) => message,
            Err(error) => {
                let reason = format!("the message cannot be read: {error}");
                self.bury(&delivery, &Trace::new(), &reason)?;
                return Ok(None);
            }
        };
        match message {
            Message::Record {
                trace,
                version,
                document,
                ..
            } => {
                self.repair(&delivery, &trace, version, *document)?;
                Ok(None)
            }
            Message::Uploaded {
                trace,
                file,
                size,
                etag,
                ..
            } => match file.parse() {
                Ok(file) => Ok(Some(Upload {
                    delivery,
                    trace,
                    file,
                    size,
                    etag,
                })),
                Err(error) => {
                    self.bury(&delivery, &trace, &format!("{error}"))?;
                    Ok(None)
                }
            },
        }
    }

    /// Makes sure that a committed record is stored.
    fn repair(
        &self,
        delivery: &Delivery,
        trace: &Trace,
        version: u64,
        document: ImageRecord,
    ) -> Result<(), ApiError> {
        let Some(file) = document.file() else {
            return self.bury(delivery, trace, "the record has no file name");
        };
        match images_storage::repair(self.store, &file, version, document) {
            Ok(repaired) => {
                if repaired {
                    let fields = json!({"file": file.to_string(), "version": version});
                    let message = "a record was stored that its writer had not stored";
                    log::warn(trace, message, fields);
                }
                self.queue.ack(delivery)?;
                Ok(())
            }
            // The message holds the only copy: it waits as long as it takes.
            Err(error) => self.postpone(delivery, trace, &error.to_string()),
        }
    }

    /// Lets a message come back, for a reason that is not its own.
    pub(crate) fn postpone(
        &self,
        delivery: &Delivery,
        trace: &Trace,
        reason: &str,
    ) -> Result<(), ApiError> {
        log::warn(trace, "a message is postponed", json!({"reason": reason}));
        let delay = self.settings.policy.base_delay;
        let again = self.queue.postpone(delivery, delay, now_millis());
        self.queue
            .commit(&Change::new().settling(&delivery.id).with(again))?;
        Ok(())
    }

    /// Puts away a message that no further attempt can help.
    pub(crate) fn bury(
        &self,
        delivery: &Delivery,
        trace: &Trace,
        error: &str,
    ) -> Result<(), ApiError> {
        log::error(
            trace,
            "a message became a dead letter",
            json!({"error": error}),
        );
        let dead = self.queue.bury(delivery, error, now_millis());
        self.queue
            .commit(&Change::new().settling(&delivery.id).with(dead))?;
        Ok(())
    }
}
