use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use images_domain::{FileName, ImageRecord, Intake, Status, keys};
use objects::{Integrity, Presigned, StoreConfig};
use queue::{Change, Outcome, Queue};
use serde::Serialize;
use stores::{SpinKeyValue, SpinRedis};
use web::{ApiError, Call, Reply};

/// How often to look again when others change the same record meanwhile.
const TRIES: u64 = 6;

#[derive(Serialize)]
struct Received {
    file_name: String,
    upload_url: String,
    expires_in: u64,
    upload_headers: BTreeMap<String, String>,
    already_uploaded: bool,
}

pub(crate) async fn receive(call: Call) -> Reply {
    let principal = web::authenticate(&call)?;
    let intake = Intake::parse(&call.json()?)
        .map_err(|invalid| ApiError::bad_request("invalid_field", invalid.to_string()))?;
    if !intake.file.belongs_to(&principal.subject) {
        return Err(ApiError::forbidden(
            "not_your_user_id",
            "user_id must be that of the token",
        ));
    }
    // Before anything is stored: a deployment that cannot sign must not take records.
    let expires_in = web::number("signed_url_write_expiration", 1)?;
    let upload = presign(&intake.file, expires_in)?;

    let record = remember(&call, &intake)?;
    web::json(
        StatusCode::OK,
        &Received {
            file_name: record.file_name.clone(),
            upload_url: upload.url,
            expires_in,
            upload_headers: upload.headers.into_iter().collect(),
            already_uploaded: record.is_uploaded(),
        },
    )
}

fn presign(file: &FileName, expires_in: u64) -> Result<Presigned, ApiError> {
    let store = StoreConfig::from_variables(|name| web::text(name).ok(), "images_bucket_name")?;
    let content_type = file.media_type.name();
    let sha256;
    let integrity = match web::text("upload_integrity")?.trim() {
        "plain" => Integrity::Plain { content_type },
        "signed" => {
            sha256 = file.digest();
            Integrity::Signed {
                content_type,
                sha256: &sha256,
            }
        }
        _ => {
            return Err(ApiError::misconfigured(
                "the variable upload_integrity must be `plain` or `signed`",
            ));
        }
    };
    let expires = Duration::from_secs(expires_in);
    Ok(store.presign_put(&file.to_string(), expires, integrity, SystemTime::now())?)
}

/// Makes the record, or brings it up to date with this use of the photo.
fn remember(call: &Call, intake: &Intake) -> Result<ImageRecord, ApiError> {
    let store = SpinKeyValue::open()?;
    let redis = SpinRedis::open(&web::text("redis_url")?)?;
    let queue = Queue::new(&redis, keys::QUEUE);
    let record = update(&queue, &store, call, intake)?;
    if record.status == Status::Failed {
        // It is there and could not be analyzed; this is a good time to try again.
        let upload = (intake.file.clone(), None, None);
        images_storage::announce(&queue, [upload], &call.trace)?;
    }
    Ok(record)
}

fn update(
    queue: &Queue<'_, SpinRedis>,
    store: &SpinKeyValue,
    call: &Call,
    intake: &Intake,
) -> Result<ImageRecord, ApiError> {
    for attempt in 1..=TRIES {
        let before = images_storage::load(store, &intake.file)?;
        let now = web::rfc3339(web::now_millis());
        let existing = before.as_ref().map(|before| &before.document);
        let received = ImageRecord::receive(existing, intake, &now).map_err(|error| {
            ApiError::new(StatusCode::CONFLICT, "too_many_posts", error.to_string())
        })?;
        let Some(after) = received else {
            return before
                .map(|before| before.document)
                .ok_or_else(|| ApiError::internal("a record neither is nor changes"));
        };
        let outcome = images_storage::save(
            queue,
            store,
            &intake.file,
            before.as_ref(),
            after.clone(),
            Change::new(),
            &call.trace,
        )?;
        match outcome {
            Outcome::Committed | Outcome::AlreadySettled => return Ok(after),
            // Its writer is about to store it, or a worker will.
            Outcome::Conflict { .. } => std::thread::sleep(Duration::from_millis(10 * attempt)),
        }
    }
    Err(ApiError::unavailable(
        "the record",
        "others keep changing it",
    ))
}
