//! Taking messages off the queue until it is empty or the time is up.

use std::time::{Duration, Instant};

use images_domain::{Message, keys};
use queue::{Change, Delivery, Queue};
use serde_json::json;
use stores::{Redis, SpinKeyValue, SpinRedis};
use web::{ApiError, Trace, log, now_millis};

use crate::settings::Settings;
use crate::upload::{self, Upload};

/// When to leave the rest to a successor: platforms end a request after 30 s.
const TIME_BUDGET: Duration = Duration::from_secs(20);

/// Photos claimed at once. Their bytes are in memory together.
const BATCH: usize = 8;

/// Works on the queue. Returns how many messages were handled.
pub(crate) async fn drain() -> Result<usize, ApiError> {
    let started = Instant::now();
    let settings = Settings::read()?;
    let store = SpinKeyValue::open()?;
    let redis = SpinRedis::open(&web::text("redis_url")?)?;
    let queue = Queue::new(&redis, keys::QUEUE);
    let mut handled = 0;
    loop {
        if started.elapsed() >= TIME_BUDGET {
            queue.wake()?;
            return Ok(handled);
        }
        let deliveries = queue.claim(&settings.policy, BATCH)?;
        if deliveries.is_empty() {
            return Ok(handled);
        }
        handled += deliveries.len();
        let mut uploads = Vec::new();
        for delivery in deliveries {
            if let Some(upload) = sort(&queue, &store, delivery)? {
                uploads.push(upload);
            }
        }
        upload::handle(&settings, &queue, &store, uploads).await?;
    }
}

/// Handles what needs no photo, and returns what does.
fn sort(
    queue: &Queue<'_, impl Redis>,
    store: &SpinKeyValue,
    delivery: Delivery,
) -> Result<Option<Upload>, ApiError> {
    let message = match serde_json::from_slice::<Message<Trace>>(&delivery.message) {
        Ok(message) => message,
        Err(error) => {
            bury(
                queue,
                &delivery,
                &Trace::new(),
                &format!("the message cannot be read: {error}"),
            )?;
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
            let Some(file) = document.file() else {
                bury(queue, &delivery, &trace, "the record has no file name")?;
                return Ok(None);
            };
            if images_storage::repair(store, &file, version, *document)? {
                let fields = json!({"file": file.to_string(), "version": version});
                log::warn(
                    &trace,
                    "a record was stored that its writer had not stored",
                    fields,
                );
            }
            queue.ack(&delivery)?;
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
                bury(queue, &delivery, &trace, &format!("{error}"))?;
                Ok(None)
            }
        },
    }
}

/// Puts away a message that no further attempt can help.
fn bury(
    queue: &Queue<'_, impl Redis>,
    delivery: &Delivery,
    trace: &Trace,
    error: &str,
) -> Result<(), ApiError> {
    log::error(
        trace,
        "a message became a dead letter",
        json!({"error": error}),
    );
    let dead = queue.bury(delivery, error, now_millis());
    queue.commit(&Change::new().settling(&delivery.id).with(dead))?;
    Ok(())
}
