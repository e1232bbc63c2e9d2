use base::{NotChanged, Unknown, log};
use http::StatusCode;
use images_domain::{FileName, ReviewRequest};
use records::Step;
use serde_json::json;
use web::{Call, Reply};

/// There is no such photo of any user.
const UNKNOWN: Unknown = Unknown {
    code: "unknown_image",
    message: "there is no such photo",
};

/// Commits the decision. Of two reviewers who decide at once, one wins, and the other finds
/// the photo decided.
pub(crate) async fn decide(call: Call) -> Reply {
    let file: FileName = call.path("file").parse().map_err(|_| UNKNOWN)?;
    let request: ReviewRequest = call.object()?;
    request.check()?;
    let reviewer = &call.principal()?.subject;
    let record = images_storage::change(&file, &call.trace, |record| {
        let record = record.filter(|record| !record.is_deleted());
        let now = base::rfc3339(base::now_millis());
        let next = record.ok_or(UNKNOWN)?.reviewed(&request, reviewer, &now)?;
        Ok::<_, NotChanged>(Step::from(next))
    });
    let record = record.await?.ok_or(UNKNOWN)?;
    log::info(
        &call.trace,
        "a photo was reviewed",
        json!({"file": file, "decision": request.decision, "by": reviewer}),
    );
    web::json(StatusCode::OK, &record.shown_to_reviewers())
}
