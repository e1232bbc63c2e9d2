//! Reviews: the decisions of persons on photos whose labels leave a doubt.

use base::{Invalid, NotChanged};
use serde::{Deserialize, Serialize};

/// The maximum length of a reason, in bytes of UTF-8.
pub const MAX_REASON_BYTES: usize = 1024;

/// A decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// The photo becomes `approved`.
    Approve,
    /// The photo becomes `rejected`.
    Reject,
}

/// A review, as the record keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The decision.
    pub decision: Decision,
    /// Why, if a reason was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The subject of the reviewer. The owner of the photo is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed_by: Option<String>,
    /// When, RFC 3339.
    pub reviewed_at: String,
}

/// The body of `POST /images/{file}/review`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ReviewRequest {
    /// The decision.
    pub decision: Decision,
    /// Why: optional, at most [`MAX_REASON_BYTES`].
    pub reason: Option<String>,
}

impl ReviewRequest {
    /// Refuses a reason that is too long.
    ///
    /// # Errors
    /// It is.
    pub fn check(&self) -> Result<(), Invalid> {
        let length = self.reason.as_ref().map_or(0, String::len);
        if length > MAX_REASON_BYTES {
            return Err(Invalid::field(format!(
                "reason may have at most {MAX_REASON_BYTES} bytes, and has {length}"
            )));
        }
        Ok(())
    }
}

/// A photo that is not under review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the photo is not under review: it is analyzed anew, or another reviewer has decided")]
pub struct NotUnderReview;

impl From<NotUnderReview> for NotChanged {
    fn from(refusal: NotUnderReview) -> Self {
        Self::conflict("not_under_review", refusal)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::intake::tests::announced;
    use crate::{Analysis, ImageRecord, Status};

    fn with_status(status: Status) -> ImageRecord {
        let waiting = announced();
        let results = Vec::new();
        let analysis = Analysis { status, results };
        waiting.analyzed(&waiting.place(), analysis, "t1").unwrap()
    }

    fn request(decision: Decision, reason: Option<&str>) -> ReviewRequest {
        let reason = reason.map(str::to_owned);
        ReviewRequest { decision, reason }
    }

    #[test]
    fn a_reviewer_decides_and_the_record_keeps_who_and_when() {
        let record = with_status(Status::UnderReview);
        for (decision, status) in [
            (Decision::Approve, Status::Approved),
            (Decision::Reject, Status::Rejected),
        ] {
            let reviewed = record.reviewed(&request(decision, Some("a toy")), "900", "t2");
            let reviewed = reviewed.unwrap().unwrap();
            assert_eq!((reviewed.status, &*reviewed.updated_at), (status, "t2"));
            let review = serde_json::to_value(&reviewed.review).unwrap();
            assert_eq!(
                review,
                json!({"decision": decision, "reason": "a toy", "reviewed_by": "900",
                    "reviewed_at": "t2"})
            );
            let told = reviewed.shown().review.unwrap();
            assert_eq!((told.reviewed_by, told.decision), (None, decision));
        }
    }

    #[test]
    fn the_first_decision_counts_and_may_be_sent_again() {
        let approve = request(Decision::Approve, None);
        let record = with_status(Status::UnderReview);
        let record = record.reviewed(&approve, "900", "t2").unwrap().unwrap();
        assert_eq!(record.reviewed(&approve, "900", "t3"), Ok(None));
        for (other, reviewer) in [
            (request(Decision::Reject, None), "900"),
            (request(Decision::Approve, Some("x")), "900"),
            (approve, "901"),
        ] {
            assert_eq!(record.reviewed(&other, reviewer, "t3"), Err(NotUnderReview));
        }
    }

    #[test]
    fn only_what_is_under_review_is_reviewed() {
        let reject = request(Decision::Reject, None);
        let removed = with_status(Status::UnderReview)
            .removed(None, "t2")
            .unwrap();
        for record in [
            with_status(Status::Approved),
            with_status(Status::Rejected),
            removed,
        ] {
            assert_eq!(record.reviewed(&reject, "900", "t2"), Err(NotUnderReview));
        }
    }

    #[test]
    fn a_removed_photo_forgets_its_review() {
        let record = with_status(Status::UnderReview);
        let reject = request(Decision::Reject, Some("a secret"));
        let record = record.reviewed(&reject, "900", "t2").unwrap().unwrap();
        assert_eq!(record.removed(None, "t3").unwrap().review, None);
    }

    #[test]
    fn a_reason_has_its_limit() {
        let with = |length: usize| request(Decision::Reject, Some(&"x".repeat(length)));
        assert!(with(MAX_REASON_BYTES).check().is_ok());
        assert_eq!(
            with(MAX_REASON_BYTES + 1).check().unwrap_err().code,
            "invalid_field"
        );
        assert!(serde_json::from_value::<ReviewRequest>(json!({"decision": "maybe"})).is_err());
        assert!(serde_json::from_value::<ReviewRequest>(json!({})).is_err());
    }
}
