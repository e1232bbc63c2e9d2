use base::{NotChanged, log};
use http::StatusCode;
use images_domain::{ImageRecord, UNKNOWN, UNKNOWN_POST, finish_removal_later};
use records::Step;
use serde_json::json;
use web::{ApiError, Call, Reply};

use crate::photo::file;

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
    let objects = images_storage::objects(&call.trace).await?;
    let record = images_storage::change(&file, &call.trace, |record| {
        let record = record.filter(|record| !record.is_deleted());
        let now = base::rfc3339(base::now_millis());
        let next = record.ok_or(UNKNOWN)?.removed(post_id, &now);
        let next = next.ok_or(UNKNOWN_POST)?;
        let life = next.is_deleted().then_some(next.life);
        let step = Step::from(Some(next));
        Ok::<_, NotChanged>(match life {
            Some(life) => step.with(finish_removal_later(&file, life)?),
            None => step,
        })
    })
    .await?;
    if let Some(tombstone) = record.filter(ImageRecord::is_deleted)
        && let Err(error) = objects.delete_all(tombstone.needless()).await
    {
        let fields = json!({"file": file, "reason": error.to_string()});
        log::warn(
            &call.trace,
            "the objects of a removed photo will be removed later",
            fields,
        );
    }
    Ok(web::empty(StatusCode::NO_CONTENT))
}
