use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use base::{Failure, Trace};
use http::StatusCode;
use images_domain::{ImageRecord, Intake, Status, Uploaded};
use objects::{Integrity, Presigned};
use records::Step;
use serde::Serialize;
use web::{ApiError, Call, Reply};

#[derive(Serialize)]
struct Received {
    file_name: String,
    upload_url: String,
    expires_in: u64,
    upload_headers: BTreeMap<String, String>,
    already_uploaded: bool,
}

pub(crate) async fn receive(call: Call) -> Reply {
    let intake = Intake::parse(&call.json()?, images_storage::user_ids()?)?;
    if !intake.file.belongs_to(&call.principal()?.subject) {
        return Err(ApiError::forbidden(
            "not_your_user_id",
            "user_id must be the user id of the token",
        ));
    }
    let max_bytes = base::number("max_upload_bytes", 1)?;
    if intake.size.is_some_and(|size| size > max_bytes) {
        return Err(ApiError::bad_request(
            "invalid_field",
            format!("size: a photo may have at most {max_bytes} bytes"),
        ));
    }
    // Signed before anything is stored, so that a deployment that cannot sign takes no
    // records.
    let expires_in = base::number("signed_url_write_expiration", 1)?;
    let upload = presign(&call.trace, &intake, expires_in).await?;

    let record = remember(&call, &intake, expires_in).await?;
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

async fn presign(trace: &Trace, intake: &Intake, expires_in: u64) -> Result<Presigned, Failure> {
    let Intake { file, size, .. } = intake;
    let content_type = file.media_type.name();
    let sha256 = &file.digest();
    let integrity = match base::text("upload_integrity")?.trim() {
        "plain" => Integrity::Plain { content_type },
        "signed" => Integrity::Signed {
            content_type,
            sha256,
        },
        _ => {
            return Err(Failure::misconfigured(
                "the variable upload_integrity must be `plain` or `signed`",
            ));
        }
    };
    let store = images_storage::objects(trace).await?;
    let (expires, now) = (Duration::from_secs(expires_in), SystemTime::now());
    let config = store.config();
    Ok(config.presign_put(&file.to_string(), expires, integrity, *size, now)?)
}

/// Makes the record, or adds this use of the photo to it. A timer checks the inbox when
/// the URL has expired, also for a verified photo, whose URL works as well.
async fn remember(call: &Call, intake: &Intake, expires_in: u64) -> Result<ImageRecord, ApiError> {
    let grace: u64 = base::number("upload_grace_seconds", 0)?;
    let patience = Duration::from_secs(expires_in.saturating_add(grace));
    let file = &intake.file;
    let record = images_storage::change(file, &call.trace, |queue, existing| {
        let now = base::rfc3339(base::now_millis());
        let record = ImageRecord::receive(existing, intake, &now)
            .map_err(|error| ApiError::conflict("too_many_posts", error.to_string()))?;
        let expiry = images_storage::expire_later(queue, file, patience)?;
        Ok::<_, ApiError>(Step::from(record).with(expiry))
    })
    .await?
    .ok_or_else(|| Failure::internal("the update of a record returned no record"))?;
    if record.status == Status::Failed {
        // The photo is uploaded and its analysis failed: the announcement starts another
        // try.
        let upload = Uploaded {
            file: file.clone(),
            size: None,
            etag: None,
        };
        images_storage::announce(&[upload], &call.trace).await?;
    }
    Ok(record)
}
