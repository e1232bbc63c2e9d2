//! `GET /obtain/{file}`: a redirect to the caller's own photo.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use std::time::{Duration, SystemTime};

use base::Failure;
use images_domain::{FileName, Status};
use web::{ApiError, Call, Reply, Route};

web::exports![Route::get("/obtain/{file}", obtain)];

async fn obtain(call: Call) -> Reply {
    let subject = &call.principal()?.subject;
    let missing = || ApiError::not_found("unknown_image", "you have no such photo");
    let name = call.path("file");
    let Ok(file) = name.parse::<FileName>() else {
        // Only the owner may learn that there is no photo of this name.
        let own = name
            .split_once('-')
            .is_some_and(|(user, _)| user == subject);
        return Err(if own { missing() } else { not_yours() });
    };
    if !file.belongs_to(subject) {
        return Err(not_yours());
    }

    let record = images_storage::existing(&file)?.ok_or_else(missing)?;
    let store = images_storage::objects(&call.trace)?;
    let key = record.object_key();
    match record.status {
        Status::Corrupt | Status::Deleted => return Err(missing()),
        // There may be an upload that is not handled yet: only the store knows.
        Status::Waiting | Status::Expired => {
            let found = store.head(key).await.map_err(Failure::from)?;
            found.ok_or_else(missing)?;
        }
        Status::Approved | Status::UnderReview | Status::Rejected | Status::Failed => {}
    }
    let expires = Duration::from_secs(base::number("signed_url_read_expiration", 1)?);
    // Clients follow the redirect with the same method, and the URL is signed for one.
    let presigned = store
        .config()
        .presign_read(call.method(), key, expires, SystemTime::now())
        .map_err(Failure::from)?;
    web::redirect(&presigned.url)
}

/// 401 and not 403 is what the contract says, whether the photo exists or not.
fn not_yours() -> ApiError {
    ApiError::unauthorized(
        "not_your_image",
        "this photo belongs to another user",
        Some("insufficient_scope"),
    )
}
