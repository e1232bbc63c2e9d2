//! Events of photos for webhooks.

use base::{Failure, Trace};
use queue::Effect;
use webhooks::{Fact, event_id, told};

use crate::{ImageRecord, Status};

/// The effect that tells that a photo was judged or could not be; `None` where the change is
/// another one. `version` is that of the record after the change.
pub(crate) fn occurred(
    before: Option<&ImageRecord>,
    after: &ImageRecord,
    version: u64,
    trace: &Trace,
) -> Result<Option<Effect>, Failure> {
    let kind = match after.status {
        status if before.is_some_and(|before| before.status == status) => return Ok(None),
        Status::Approved => "orilla.image.approved",
        Status::UnderReview => "orilla.image.under_review",
        Status::Rejected => "orilla.image.rejected",
        Status::Failed => "orilla.image.failed",
        Status::Waiting | Status::Expired | Status::Corrupt | Status::Deleted => return Ok(None),
    };
    // As `GET /images/{file}` shows it.
    let data = serde_json::to_string(&after.clone().shown())?;
    let fact = Fact {
        id: event_id(&format!("/images/{}/{version}/{kind}", after.file_name)),
        source: "/images",
        kind,
        subject: &after.file_name,
        version,
        time: after.updated_at.clone(),
        data: &data,
    };
    told(fact, trace).map(Some)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::intake::tests::announced;

    fn record(status: Status) -> ImageRecord {
        ImageRecord {
            status,
            object: Some("verified/secret-place".into()),
            ..announced()
        }
    }

    /// The event of a change from one status to another.
    fn event(before: Status, after: Status) -> Option<Value> {
        let effect = occurred(Some(&record(before)), &record(after), 7, &Trace::new()).unwrap();
        let Effect::SendIfAny { message, .. } = effect? else {
            panic!("an event is sent if anybody wants it");
        };
        let message: Value = serde_json::from_slice(&message).unwrap();
        Some(serde_json::from_str(message["event"].as_str().unwrap()).unwrap())
    }

    #[test]
    fn what_was_found_about_a_photo_is_told_once() {
        use Status::*;
        for (before, after, kind) in [
            (Waiting, Approved, Some("approved")),
            (Waiting, UnderReview, Some("under_review")),
            (UnderReview, Rejected, Some("rejected")),
            (Waiting, Failed, Some("failed")),
            (Failed, Approved, Some("approved")),
            (Approved, Approved, None),
            (Waiting, Waiting, None),
            (Waiting, Expired, None),
            (Waiting, Corrupt, None),
            (Approved, Deleted, None),
        ] {
            let told = event(before, after).map(|event| event["type"].clone());
            let kind = kind.map(|kind| json!(format!("orilla.image.{kind}")));
            assert_eq!(told, kind, "{before:?} {after:?}");
        }
    }

    #[test]
    fn a_photo_is_told_as_its_owner_sees_it() {
        let event = event(Status::Waiting, Status::Approved).unwrap();
        assert_eq!(event["data"]["user_id"], 456);
        assert_eq!(event["subject"], event["data"]["file_name"]);
        assert_eq!(event["sequence"], format!("{:020}", 7));
        assert!(!event.to_string().contains("secret-place"), "{event}");
    }
}
