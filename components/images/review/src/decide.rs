use base::log;
use http::StatusCode;
use images_domain::{FileName, ReviewRequest};
use records::Step;
use serde_json::json;
use web::{ApiError, Call, Reply};

/// Commits the decision. Of two reviewers who decide at once, one wins, and the other finds
/// the photo decided.
pub(crate) async fn decide(call: Call) -> Reply {
    let unknown = || ApiError::not_found("unknown_image", "there is no such photo");
    let file: FileName = call.path("file").parse().map_err(|_| unknown())?;
    let request: ReviewRequest = call.object()?;
    request.check()?;
    let reviewer = &call.principal()?.subject;
    let record = images_storage::change(&file, &call.trace, |_, record| {
        let record = record.filter(|record| !record.is_deleted());
        let record = record.ok_or_else(unknown)?;
        let now = base::rfc3339(base::now_millis());
        let next = record.reviewed(&request, reviewer, &now);
        let next =
            next.map_err(|error| ApiError::conflict("not_under_review", error.to_string()))?;
        Ok::<_, ApiError>(Step::from(next))
    })
    .await?;
    let record = record.ok_or_else(unknown)?;
    log::info(
        &call.trace,
        "a photo was reviewed",
        json!({"file": file, "decision": request.decision, "by": reviewer}),
    );
    web::json(StatusCode::OK, &record.shown_to_reviewers())
}
