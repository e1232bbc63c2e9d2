//! Photos that were uploaded: from their bytes to their record.

use std::collections::BTreeMap;

use futures::future::join_all;
use images_domain::{FileName, ImageRecord, Label, StoredLabels, inspect, keys};
use objects::Object;
use queue::{Change, Delivery, Outcome, Queue};
use serde_json::json;
use stores::{KeyValue, Redis, SpinKeyValue};
use web::{ApiError, Trace, log, now_millis, rfc3339};

use crate::labeler::{self, Unlabeled};
use crate::settings::Settings;

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
enum Finding {
    /// What is to be seen in it.
    Labels { labels: Vec<Label>, etag: String },
    /// It is not the photo that was announced.
    Corrupt {
        reason: String,
        etag: Option<String>,
    },
    /// It can never be analyzed.
    Unreadable(String),
    /// It cannot be analyzed now.
    Later(String),
    /// There is nothing to do.
    Nothing,
}

/// Handles uploads, as many at a time as fit into memory.
pub(crate) async fn handle(
    settings: &Settings,
    queue: &Queue<'_, impl Redis>,
    store: &SpinKeyValue,
    uploads: Vec<Upload>,
) -> Result<(), ApiError> {
    // A worker may have died on a photo that comes again. It is handled alone
    // and last, so that it cannot take others with it.
    let (fresh, again): (Vec<_>, Vec<_>) = uploads
        .into_iter()
        .partition(|upload| upload.delivery.attempt == 1);
    let mut some = Vec::new();
    let mut bytes = 0;
    for upload in fresh {
        let size = upload
            .size
            .unwrap_or(u64::MAX)
            .min(settings.max_upload_bytes);
        if bytes + size > MOST_BYTES && !some.is_empty() {
            handle_together(settings, queue, store, std::mem::take(&mut some)).await?;
            bytes = 0;
        }
        bytes += size;
        some.push(upload);
    }
    handle_together(settings, queue, store, some).await?;
    for upload in again {
        if upload.delivery.attempt > settings.policy.attempts {
            let finding = Finding::Later("every worker died while looking at it".into());
            conclude(settings, queue, store, &upload, finding).await?;
        } else {
            handle_together(settings, queue, store, vec![upload]).await?;
        }
    }
    Ok(())
}

async fn handle_together(
    settings: &Settings,
    queue: &Queue<'_, impl Redis>,
    store: &SpinKeyValue,
    uploads: Vec<Upload>,
) -> Result<(), ApiError> {
    let fetched = join_all(uploads.iter().map(|upload| fetch(settings, store, upload))).await;
    let mut findings = Vec::with_capacity(uploads.len());
    for fetched in fetched {
        findings.push(fetched?);
    }
    let labels = label(settings, store, &uploads, &mut findings)?;
    for (upload, finding) in uploads.iter().zip(findings) {
        let finding = match finding {
            Err(finding) => finding,
            Ok(object) => match labels.get(&upload.file.image()) {
                Some(Ok(labels)) => Finding::Labels {
                    labels: labels.clone(),
                    etag: object.etag.unwrap_or_default(),
                },
                Some(Err(Unlabeled::Never(reason))) => Finding::Unreadable(reason.clone()),
                Some(Err(Unlabeled::Later(reason))) => Finding::Later(reason.clone()),
                None => Finding::Later("the labeler left the image out".into()),
            },
        };
        conclude(settings, queue, store, upload, finding).await?;
    }
    Ok(())
}

/// Gets a photo and checks that it is the one that was announced.
async fn fetch(
    settings: &Settings,
    store: &SpinKeyValue,
    upload: &Upload,
) -> Result<Result<Object, Finding>, ApiError> {
    let Some(record) = images_storage::load(store, &upload.file)? else {
        let fields = json!({"file": upload.file.to_string()});
        log::warn(
            &upload.trace,
            "an object was uploaded that nobody announced",
            fields,
        );
        return Ok(Err(Finding::Nothing));
    };
    if upload
        .etag
        .as_deref()
        .is_some_and(|etag| record.document.has_analyzed(etag))
    {
        return Ok(Err(Finding::Nothing));
    }
    let limit = settings.max_upload_bytes;
    let object = match settings.objects.get(&upload.file.to_string(), limit).await {
        Ok(Some(object)) => object,
        Ok(None) => return Ok(Err(Finding::Nothing)),
        Err(objects::Error::TooLarge { .. }) => {
            let reason = format!("the upload is larger than {limit} bytes");
            return Ok(Err(Finding::Corrupt {
                reason,
                etag: upload.etag.clone(),
            }));
        }
        Err(error) => return Ok(Err(Finding::Later(error.to_string()))),
    };
    Ok(match inspect(&upload.file, &object.bytes) {
        Ok(()) => Ok(object),
        Err(reason) => Err(Finding::Corrupt {
            reason,
            etag: object.etag,
        }),
    })
}

/// The labels of each image among the objects: those there are already, for
/// whomever they were made, and else the labeler's, asked once for all.
fn label(
    settings: &Settings,
    store: &SpinKeyValue,
    uploads: &[Upload],
    findings: &mut [Result<Object, Finding>],
) -> Result<BTreeMap<String, Result<Vec<Label>, Unlabeled>>, ApiError> {
    let model = labeler::model();
    let min_confidence = settings.censorship.lowest_confidence();
    let mut labels = BTreeMap::new();
    let mut asked = BTreeMap::new();
    for (upload, finding) in uploads.iter().zip(findings) {
        let (Ok(object), image) = (finding, upload.file.image()) else {
            continue;
        };
        // From here on only the entity tag is needed.
        let bytes = std::mem::take(&mut object.bytes);
        if labels.contains_key(&image) || asked.contains_key(&image) {
            continue;
        }
        let stored = store
            .get(&keys::labels(&upload.file))?
            .and_then(|stored| serde_json::from_slice::<StoredLabels>(&stored).ok())
            .filter(|stored| stored.answers(&model, min_confidence));
        match stored {
            Some(stored) => {
                labels.insert(image, Ok(stored.labels));
            }
            None => {
                asked.insert(image, (&upload.file, bytes));
            }
        }
    }
    if asked.is_empty() {
        return Ok(labels);
    }
    let (files, images): (Vec<_>, Vec<_>) = asked
        .into_values()
        .map(|(file, bytes)| (file, (file, bytes)))
        .unzip();
    for (file, result) in files
        .into_iter()
        .zip(labeler::detect(images, min_confidence))
    {
        if let Ok(found) = &result {
            let stored = StoredLabels {
                model: model.clone(),
                min_confidence,
                labels: found.clone(),
            };
            let stored = serde_json::to_vec(&stored)
                .map_err(|error| ApiError::internal(error.to_string()))?;
            store.set(&keys::labels(file), &stored)?;
        }
        labels.insert(file.image(), result);
    }
    Ok(labels)
}

/// How often to look again when others change the same record meanwhile.
const TRIES: u32 = 5;

/// Brings the record up to date and settles the message.
async fn conclude(
    settings: &Settings,
    queue: &Queue<'_, impl Redis>,
    store: &SpinKeyValue,
    upload: &Upload,
    finding: Finding,
) -> Result<(), ApiError> {
    let last = settings.policy.is_last(upload.delivery.attempt);
    if let Finding::Later(reason) = &finding
        && !last
    {
        return retry(settings, queue, upload, reason);
    }
    for _ in 0..TRIES {
        let before = images_storage::load(store, &upload.file)?;
        let now = rfc3339(now_millis());
        let after = before.as_ref().and_then(|before| {
            let record: &ImageRecord = &before.document;
            match &finding {
                Finding::Labels { labels, etag } => {
                    record.analyzed(settings.censorship.judge(labels.clone()), etag, &now)
                }
                Finding::Corrupt { reason, .. } => record.corrupt(reason.clone(), &now),
                Finding::Unreadable(reason) | Finding::Later(reason) => {
                    record.failed(reason.clone(), &now)
                }
                Finding::Nothing => None,
            }
        });
        // A corrupt object is removed between the record and the settling: a
        // crash in between brings the message back, to a record that is right.
        let corrupt = matches!(finding, Finding::Corrupt { .. });
        let mut change = Change::new();
        if !corrupt {
            change = change.settling(&upload.delivery.id);
        }
        if let Finding::Later(reason) = &finding {
            change = change.with(queue.bury(&upload.delivery, reason, now_millis()));
        }
        let status = after.as_ref().map(|after| after.status);
        let outcome = match after {
            Some(after) => images_storage::save(
                queue,
                store,
                &upload.file,
                before.as_ref(),
                after,
                change,
                &upload.trace,
            )?,
            None => queue.commit(&change)?,
        };
        if let Outcome::Conflict { .. } = outcome {
            continue;
        }
        if let Finding::Corrupt { etag, .. } = &finding {
            remove(settings, &upload.file, etag.as_deref()).await?;
            queue.ack(&upload.delivery)?;
        }
        if let Some(status) = status {
            let fields = json!({
                "file": upload.file.to_string(),
                "status": status,
                "attempt": upload.delivery.attempt,
            });
            log::info(&upload.trace, "a photo was looked at", fields);
        }
        return Ok(());
    }
    retry(settings, queue, upload, "others keep changing the record")
}

/// Lets the message come back later.
fn retry(
    settings: &Settings,
    queue: &Queue<'_, impl Redis>,
    upload: &Upload,
    reason: &str,
) -> Result<(), ApiError> {
    let attempt = upload.delivery.attempt;
    let delay = settings.policy.delay(attempt, random());
    let fields = json!({
        "file": upload.file.to_string(),
        "attempt": attempt,
        "reason": reason,
        "retryInMs": u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
    });
    log::warn(&upload.trace, "a photo is tried again later", fields);
    let again = queue.retry(&upload.delivery, delay, now_millis());
    queue.commit(&Change::new().settling(&upload.delivery.id).with(again))?;
    Ok(())
}

/// Removes the object that was found corrupt, unless another upload has
/// replaced it meanwhile.
async fn remove(
    settings: &Settings,
    file: &FileName,
    etag: Option<&str>,
) -> Result<(), objects::Error> {
    let key = file.to_string();
    let Some(object) = settings.objects.head(&key).await? else {
        return Ok(());
    };
    if object.etag.as_deref() == etag || etag.is_none() {
        settings.objects.delete(&key).await?;
    }
    Ok(())
}

/// Uniform in 0 to 1.
fn random() -> f64 {
    let (bits, ..) = uuid::Uuid::new_v4().as_fields();
    f64::from(bits) / f64::from(u32::MAX)
}
