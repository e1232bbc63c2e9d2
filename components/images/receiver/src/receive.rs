use std::time::Duration;

use base::{Failure, NotChanged};
use http::StatusCode;
use images_domain::{ImageRecord, Intake, ReceivedView, Status, Uploaded, expire_later};
use records::Step;
use web::{ApiError, Call, Reply};

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
    let Intake { file, size, .. } = &intake;
    let (content_type, sha256) = (file.media_type.name(), file.digest());
    let store = images_storage::objects(&call.trace).await?;
    let (upload, expires_in) = store.upload(&file.to_string(), content_type, &sha256, *size)?;

    let record = remember(&call, &intake, expires_in).await?;
    web::json(
        StatusCode::OK,
        &ReceivedView {
            already_uploaded: record.is_uploaded(),
            file_name: record.file_name,
            upload_url: upload.url,
            expires_in,
            upload_headers: upload.headers.into_iter().collect(),
        },
    )
}

/// Makes the record, or adds this use of the photo to it. A timer checks the inbox when
/// the URL has expired, also for a verified photo, whose URL works as well.
async fn remember(call: &Call, intake: &Intake, expires_in: u64) -> Result<ImageRecord, ApiError> {
    let grace: u64 = base::number("upload_grace_seconds", 0)?;
    let patience = Duration::from_secs(expires_in.saturating_add(grace));
    let file = &intake.file;
    let record = images_storage::change(file, &call.trace, |existing| {
        let now = base::rfc3339(base::now_millis());
        let record = ImageRecord::receive(existing, intake, &now)?;
        Ok::<_, NotChanged>(Step::from(record).with(expire_later(file, patience)?))
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
