use base::log;
use http::StatusCode;
use images_domain::{ImageRecord, keys};
use objects::Objects;
use records::{Step, Versioned};
use serde_json::json;
use stores::{SpinKeyValue, SpinRedis};
use web::{ApiError, Call, Reply};

use crate::photo::{file, unknown};

/// Removes a photo or one post's use of it.
///
/// The commit also schedules a message by which a worker removes the objects once more,
/// until that succeeds. So the removal is certain once it is committed, even if the
/// removal made here fails.
pub(crate) async fn remove(call: Call) -> Reply {
    let file = file(&call)?;
    if !call.body().is_empty() {
        // The body may name a post: then the whole photo must not be removed.
        return Err(ApiError::bad_request(
            "unexpected_body",
            "send no body; name a post in the query, as in ?post_id=2",
        ));
    }
    // Nor for a misspelt parameter.
    call.query().only(&["post_id"])?;
    let post_id = call.query().parsed("post_id", "must be an integer")?;
    let store = Objects::from_variables("images_bucket_name")?;
    let objects = store.with_headers(call.trace.headers());

    let redis = SpinRedis::open()?;
    let queue = worker::open(&redis, keys::QUEUE)?;
    let store = SpinKeyValue::open()?;
    let entity = keys::entity(&file);
    let updated = records::update(&queue, &store, &entity, &call.trace, |record| {
        let record = record.map(|record: &Versioned<ImageRecord>| &record.document);
        let record = record.filter(|record| !record.is_deleted());
        let record = record.ok_or_else(unknown)?;
        let now = base::now_millis();
        let next = record
            .removed(post_id, &base::rfc3339(now))
            .ok_or_else(|| {
                ApiError::not_found("unknown_post", "the photo is not used in this post")
            })?;
        let removal = match next.is_deleted() {
            true => Some(images_storage::finish_removal_later(&queue, &next)?),
            false => None,
        };
        let step = Step::from(Some(next));
        Ok::<_, ApiError>(removal.into_iter().fold(step, Step::with))
    });
    // Also if the record could not be stored: a worker then stores it.
    worker::notify(&queue, &call.trace).await;
    if let Some(tombstone) = updated?
        .map(|record| record.document)
        .filter(ImageRecord::is_deleted)
        && let Err(error) = images_storage::discard(&objects, &tombstone).await
    {
        let fields = json!({"file": file.to_string(), "reason": error.to_string()});
        log::warn(
            &call.trace,
            "the objects of a removed photo will be removed later",
            fields,
        );
    }
    Ok(web::empty(StatusCode::NO_CONTENT))
}
