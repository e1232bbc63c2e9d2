//! `GET /obtain/{file}`: a redirect to the caller's own photo, or to a thumbnail of it.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use std::ops::ControlFlow;
use std::time::Duration;

use base::Failure;
use http::StatusCode;
use images_domain::{FileName, ImageRecord, Size, Status, Thumbnails, UNKNOWN, UserIds, keys};
use stores::SpinRedis;
use web::{ApiError, Call, Reply, Route, Waiting};

web::exports![Route::get("/obtain/{file}", obtain)];

/// The max wait for a thumbnail that is not made yet.
const WAIT: Duration = Duration::from_secs(8);

async fn obtain(call: Call) -> Reply {
    let size: Option<Size> = call.query().parsed("size", "must be 256 or 1024")?;
    let subject = &call.principal()?.subject;
    let name = call.path("file");
    let Ok(file) = name.parse::<FileName>() else {
        // Only the owner may learn that there is no photo of this name.
        let user = UserIds::Text.of_subject(subject);
        let own = user.is_ok_and(|user| name.starts_with(&format!("{user}-")));
        return Err(if own { UNKNOWN.into() } else { not_yours() });
    };
    if !file.belongs_to(subject) {
        return Err(not_yours());
    }

    let record = images_storage::existing(&file)?.ok_or(UNKNOWN)?;
    let store = images_storage::objects(&call.trace).await?;
    match record.status {
        Status::Corrupt | Status::Deleted => return Err(UNKNOWN.into()),
        // There may be an upload that is not handled yet: only the store knows.
        Status::Waiting | Status::Expired => {
            let found = store.head(record.object_key()).await;
            found.map_err(Failure::from)?.ok_or(UNKNOWN)?;
        }
        Status::Approved | Status::UnderReview | Status::Rejected | Status::Failed => {}
    }
    let key = match size {
        Some(size) => thumbnail(&call, &file, record, size).await?,
        None => {
            if base::flag("strip_metadata")? && !record.is_verified() {
                let message =
                    "the photo still has its metadata, which is removed when it is analyzed";
                return Err(ApiError::conflict("metadata_not_stripped", message));
            }
            record.object_key().to_owned()
        }
    };
    // Clients follow the redirect with the same method.
    let link = store.link(call.method(), &key)?;
    // Pages that may call no host but this one take the link and load the photo by it.
    if call.prefers("application/json", "image/*") {
        return web::json(StatusCode::OK, &link);
    }
    web::redirect(&link.url)
}

/// The key of a thumbnail. One that is not made yet is made by a worker, and waited for.
async fn thumbnail(
    call: &Call,
    file: &FileName,
    record: ImageRecord,
    size: Size,
) -> Result<String, ApiError> {
    if !record.is_verified() {
        return Err(pending("the photo is not analyzed yet, or could not be"));
    }
    let key = keys::thumbnail(file, record.life, size);
    let seen = match record.thumbnails {
        Some(seen) => Some(seen),
        None => {
            let redis = SpinRedis::open()?;
            images_storage::want_thumbnails(file, record.life, &call.trace).await?;
            let waiting = Waiting::new(call, &redis, "images")?;
            web::wait(&waiting, WAIT, async || {
                let record = images_storage::existing(file)?;
                Ok(match record.and_then(|record| record.thumbnails) {
                    None => ControlFlow::Continue(None),
                    seen => ControlFlow::Break(seen),
                })
            })
            .await?
        }
    };
    match seen {
        Some(Thumbnails::Made) => Ok(key),
        Some(Thumbnails::Refused(reason)) => {
            let message = format!("the photo has no thumbnails: {reason}");
            Err(ApiError::not_found("no_thumbnail", message))
        }
        None => Err(pending("the thumbnail is not made yet")),
    }
}

fn pending(problem: &str) -> ApiError {
    let message = format!("{problem}; try again");
    ApiError::conflict("thumbnail_pending", message).retry_after(2)
}

/// The contract demands 401 and not 403, whether the photo exists or not.
fn not_yours() -> ApiError {
    ApiError::unauthorized(
        "not_your_image",
        "this photo belongs to another user",
        Some("insufficient_scope"),
    )
}
