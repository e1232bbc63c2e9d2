//! The transitions of a photo's record. A transition that the status does not permit, or
//! that changes nothing, returns `None`.

use base::{NotChanged, Unknown};

use crate::review::{Decision, NotUnderReview, Review, ReviewRequest};
use crate::{Analysis, ImageRecord, Intake, Status, Thumbnails};

/// The maximum number of posts that may use one photo of a user.
const MAX_POSTS: usize = 50;

/// A photo that is used in too many posts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the photo is used in {MAX_POSTS} posts already, and may not be used in more")]
pub struct TooManyPosts;

impl From<TooManyPosts> for NotChanged {
    fn from(refusal: TooManyPosts) -> Self {
        Self::conflict("too_many_posts", refusal)
    }
}

/// The user has no such photo.
pub const UNKNOWN: Unknown = Unknown {
    code: "unknown_image",
    message: "you have no such photo",
};

/// The user's photo is not used in the post.
pub const UNKNOWN_POST: Unknown = Unknown {
    code: "unknown_post",
    message: "the photo is not used in this post",
};

impl ImageRecord {
    /// The record after an announcement, given the existing one; `None` if nothing
    /// changes. `now` is RFC 3339.
    ///
    /// # Errors
    /// The photo is used in too many posts.
    pub fn receive(
        existing: Option<&Self>,
        intake: &Intake,
        now: &str,
    ) -> Result<Option<Self>, TooManyPosts> {
        let existing = match existing {
            None => return Ok(Some(Self::announced(intake, 0, now))),
            Some(gone) if gone.is_deleted() => {
                return Ok(Some(Self::announced(
                    intake,
                    gone.life.saturating_add(1),
                    now,
                )));
            }
            Some(existing) => existing,
        };
        let mut record = existing.clone();
        let is_full = record.posts.len() >= MAX_POSTS;
        let mut posts = record.posts.iter_mut();
        match posts.find(|post| post.is_same_use(&intake.post)) {
            Some(post) => post.clone_from(&intake.post),
            None if is_full => return Err(TooManyPosts),
            None => record.posts.push(intake.post.clone()),
        }
        if matches!(record.status, Status::Corrupt | Status::Expired) {
            // There is no photo yet, or the wrong one was uploaded; the right one may
            // come.
            record.status = Status::Waiting;
            record.reason = None;
        }
        Ok(record.changed_since(existing, now))
    }

    /// The record of a photo that is announced for the first time.
    fn announced(intake: &Intake, life: u32, now: &str) -> Self {
        Self {
            file_name: intake.file.to_string(),
            image_hash: intake.file.hash.clone(),
            content_type: intake.file.media_type.name().to_owned(),
            user_id: intake.file.user_id.clone(),
            posts: vec![intake.post.clone()],
            status: Status::Waiting,
            rekognition_results: Vec::new(),
            reason: None,
            review: None,
            object: None,
            thumbnails: None,
            life,
            created_at: now.to_owned(),
            updated_at: now.to_owned(),
        }
    }

    /// The record after its content was verified, stored at `place` and analyzed. The
    /// first verified content stays; that of an earlier life does not count.
    pub fn analyzed(&self, place: &str, analysis: Analysis, now: &str) -> Option<Self> {
        if self.is_verified() || self.is_deleted() || place != self.place() {
            return None;
        }
        let record = Self {
            status: analysis.status,
            rekognition_results: analysis.results,
            reason: None,
            object: Some(place.to_owned()),
            ..self.clone()
        };
        record.changed_since(self, now)
    }

    /// The record after an upload that is not the announced photo.
    pub fn corrupt(&self, reason: String, now: &str) -> Option<Self> {
        if self.is_verified() || self.is_deleted() {
            return None;
        }
        let record = Self {
            status: Status::Corrupt,
            rekognition_results: Vec::new(),
            reason: Some(reason),
            ..self.clone()
        };
        record.changed_since(self, now)
    }

    /// The record after its analysis failed for good. Labels of an earlier analysis stay.
    pub fn failed(&self, reason: String, now: &str) -> Option<Self> {
        let is_known = self.is_analyzed() || self.status == Status::Corrupt;
        if is_known || self.is_deleted() {
            return None;
        }
        let record = Self {
            status: Status::Failed,
            reason: Some(reason),
            ..self.clone()
        };
        record.changed_since(self, now)
    }

    /// The record after its upload URL expired without an upload.
    pub fn expired(&self, now: &str) -> Option<Self> {
        (self.status == Status::Waiting).then(|| Self {
            status: Status::Expired,
            reason: Some("nothing was uploaded before the upload URL expired".into()),
            updated_at: now.to_owned(),
            ..self.clone()
        })
    }

    /// The record without its use in a post, or without any use if `post_id` is `None`.
    /// Without a remaining use it is a tombstone. `None` if there is no such use.
    pub fn removed(&self, post_id: Option<i64>, now: &str) -> Option<Self> {
        let mut posts = self.posts.clone();
        posts.retain(|post| post_id.is_some_and(|id| id != post.post_id));
        if posts.len() == self.posts.len() {
            return None;
        }
        let record = Self {
            posts,
            updated_at: now.to_owned(),
            ..self.clone()
        };
        Some(if record.posts.is_empty() {
            Self {
                status: Status::Deleted,
                rekognition_results: Vec::new(),
                reason: None,
                review: None,
                object: None,
                thumbnails: None,
                ..record
            }
        } else {
            record
        })
    }

    /// The record after a review by the subject `reviewer`; `None` if nothing changes, since
    /// it is the same decision of the same reviewer again. `now` is RFC 3339.
    ///
    /// # Errors
    /// The photo is not under review.
    pub fn reviewed(
        &self,
        request: &ReviewRequest,
        reviewer: &str,
        now: &str,
    ) -> Result<Option<Self>, NotUnderReview> {
        if self.status != Status::UnderReview {
            let is_repeated = self.review.as_ref().is_some_and(|review| {
                review.decision == request.decision
                    && review.reason == request.reason
                    && review.reviewed_by.as_deref() == Some(reviewer)
            });
            return is_repeated.then_some(None).ok_or(NotUnderReview);
        }
        Ok(Some(Self {
            status: match request.decision {
                Decision::Approve => Status::Approved,
                Decision::Reject => Status::Rejected,
            },
            review: Some(Review {
                decision: request.decision,
                reason: request.reason.clone(),
                reviewed_by: Some(reviewer.to_owned()),
                reviewed_at: now.to_owned(),
            }),
            updated_at: now.to_owned(),
            ..self.clone()
        }))
    }

    /// The record after the thumbnails of this life of the photo were made, or could not be;
    /// `None` if the photo has another life now or is removed.
    pub fn with_thumbnails(&self, life: u32, thumbnails: Thumbnails) -> Option<Self> {
        (self.life == life && self.is_verified()).then(|| Self {
            thumbnails: Some(thumbnails),
            ..self.clone()
        })
    }

    fn changed_since(self, before: &Self, now: &str) -> Option<Self> {
        (self != *before).then(|| Self {
            updated_at: now.to_owned(),
            ..self
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::UserIds;
    use crate::keys;

    fn intake(post_id: i64, content: &str) -> Intake {
        Intake::parse(
            &json!({
                "image_hash": "0".repeat(64), "content_type": "image/png",
                "post_id": post_id, "user_id": 456, "picture_id": 789,
                "post": {"trip_id": 3, "location_id": 5, "content": content}
            }),
            UserIds::Integer,
        )
        .unwrap()
    }

    /// A record after a photo was announced.
    fn received(existing: Option<&ImageRecord>, post_id: i64, now: &str) -> ImageRecord {
        ImageRecord::receive(existing, &intake(post_id, "a"), now)
            .unwrap()
            .unwrap()
    }

    fn waiting() -> ImageRecord {
        received(None, 1, "t0")
    }

    fn analysis(status: Status) -> Analysis {
        Analysis {
            status,
            results: Vec::new(),
        }
    }

    fn approved() -> ImageRecord {
        let waiting = waiting();
        waiting
            .analyzed(&waiting.place(), analysis(Status::Approved), "t1")
            .unwrap()
    }

    #[test]
    fn a_new_photo_waits_for_its_upload() {
        let record = waiting();
        assert_eq!(record.status, Status::Waiting);
        assert!(record.rekognition_results.is_empty());
        assert!(!record.is_uploaded());
        assert_eq!(record.object_key(), record.file_name);
        let json = serde_json::to_value(&record).unwrap();
        assert_eq!(json["status"], "waiting");
        assert_eq!(json["rekognition_results"], json!([]));
    }

    #[test]
    fn the_same_request_again_changes_nothing() {
        assert_eq!(
            ImageRecord::receive(Some(&waiting()), &intake(1, "a"), "t1"),
            Ok(None)
        );
    }

    #[test]
    fn a_second_post_is_remembered_beside_the_first() {
        let record = received(Some(&waiting()), 2, "t1");
        let posts: Vec<_> = record.posts.iter().map(|post| post.post_id).collect();
        assert_eq!(posts, [1, 2]);
        assert_eq!(
            (record.created_at.as_str(), record.updated_at.as_str()),
            ("t0", "t1")
        );
    }

    #[test]
    fn a_post_that_was_edited_replaces_itself() {
        let record = ImageRecord::receive(Some(&waiting()), &intake(1, "edited"), "t1")
            .unwrap()
            .unwrap();
        assert_eq!(record.posts.len(), 1);
        assert_eq!(record.posts[0].content, "edited");
    }

    #[test]
    fn two_pictures_of_one_post_may_be_the_same_photo() {
        let mut second = intake(1, "a");
        second.post.picture_id = 790;
        let record = ImageRecord::receive(Some(&waiting()), &second, "t1")
            .unwrap()
            .unwrap();
        assert_eq!(record.posts.len(), 2);
    }

    #[test]
    fn a_photo_is_not_used_without_end() {
        let mut record = waiting();
        for post in 2..=50 {
            record = received(Some(&record), post, "t1");
        }
        assert_eq!(
            ImageRecord::receive(Some(&record), &intake(51, "a"), "t2"),
            Err(TooManyPosts)
        );
        assert!(ImageRecord::receive(Some(&record), &intake(50, "edited"), "t2").is_ok());
    }

    #[test]
    fn an_upload_that_never_came_may_still_come() {
        let expired = waiting().expired("t1").unwrap();
        assert_eq!(expired.status, Status::Expired);
        assert!(expired.reason.is_some() && !expired.is_uploaded());
        assert_eq!(expired.expired("t2"), None);

        let again = received(Some(&expired), 1, "t2");
        assert_eq!((again.status, again.reason), (Status::Waiting, None));
        let late = expired.analyzed(&expired.place(), analysis(Status::Approved), "t2");
        assert_eq!(late.unwrap().status, Status::Approved);
    }

    #[test]
    fn only_what_still_waits_expires() {
        for record in [
            approved(),
            waiting().corrupt("x".into(), "t1").unwrap(),
            waiting().failed("x".into(), "t1").unwrap(),
            waiting().removed(None, "t1").unwrap(),
        ] {
            assert_eq!(record.expired("t2"), None, "{:?}", record.status);
        }
    }

    #[test]
    fn a_corrupt_upload_can_be_made_good() {
        let corrupt = waiting().corrupt("another hash".into(), "t1").unwrap();
        assert!(!corrupt.is_uploaded());
        let again = received(Some(&corrupt), 1, "t2");
        assert_eq!((again.status, again.reason), (Status::Waiting, None));
        assert!(
            corrupt
                .analyzed(&corrupt.place(), analysis(Status::Approved), "t2")
                .is_some()
        );
    }

    #[test]
    fn the_first_verified_content_stays() {
        let record = approved();
        assert!(record.is_verified() && record.is_uploaded());
        assert_eq!(
            record.object_key(),
            format!("verified/{}", record.file_name)
        );
        assert_eq!(
            record.analyzed(&record.place(), analysis(Status::Rejected), "t2"),
            None
        );
        assert_eq!(record.corrupt("x".into(), "t2"), None);
        assert_eq!(record.failed("x".into(), "t2"), None);
    }

    #[test]
    fn giving_up_takes_nothing_away_that_is_known() {
        let failed = waiting().failed("down".into(), "t1").unwrap();
        assert_eq!(failed.status, Status::Failed);
        assert!(failed.is_uploaded() && !failed.is_analyzed());
        let corrupt = waiting().corrupt("x".into(), "t1").unwrap();
        assert_eq!(corrupt.failed("down".into(), "t2"), None);
    }

    #[test]
    fn a_record_of_before_has_its_photo_where_it_was_uploaded_to() {
        let mut json = serde_json::to_value(approved()).unwrap();
        let fields = json.as_object_mut().unwrap();
        fields.remove("object");
        fields.insert("etag".into(), json!("e"));
        let record: ImageRecord = serde_json::from_value(json).unwrap();
        assert!(record.is_uploaded() && !record.is_verified());
        assert_eq!(record.object_key(), record.file_name);
        // The same bytes once more are verified and kept apart, too.
        let again = record.analyzed(&record.place(), analysis(Status::Approved), "t2");
        assert!(again.unwrap().is_verified());
    }

    #[test]
    fn a_photo_leaves_one_post_and_stays_in_the_others() {
        let both = received(Some(&approved()), 2, "t2");
        assert_eq!(both.removed(Some(3), "t3"), None);
        let one = both.removed(Some(1), "t3").unwrap();
        assert_eq!((one.posts.len(), one.posts[0].post_id), (1, 2));
        assert_eq!((one.status, one.is_verified()), (Status::Approved, true));
        assert!(one.removed(Some(2), "t4").unwrap().is_deleted());
        assert!(both.removed(None, "t3").unwrap().is_deleted());
    }

    #[test]
    fn of_a_removed_photo_only_the_name_is_left() {
        let deleted = approved().removed(None, "t2").unwrap();
        let json = serde_json::to_value(&deleted).unwrap();
        assert_eq!(
            json,
            json!({
                "file_name": deleted.file_name, "image_hash": "0".repeat(64),
                "content_type": "image/png", "user_id": 456, "posts": [],
                "status": "deleted", "rekognition_results": [],
                "created_at": "t0", "updated_at": "t2"
            })
        );
        assert_eq!(deleted.removed(None, "t3"), None, "it is gone already");
    }

    #[test]
    fn nothing_but_a_new_announcement_brings_a_removed_photo_back() {
        let deleted = approved().removed(None, "t2").unwrap();
        assert_eq!(
            deleted.analyzed(&deleted.place(), analysis(Status::Approved), "t3"),
            None
        );
        assert_eq!(deleted.corrupt("x".into(), "t3"), None);
        assert_eq!(deleted.failed("x".into(), "t3"), None);
    }

    #[test]
    fn a_photo_that_comes_back_knows_nothing_of_its_earlier_life() {
        let first = approved();
        let deleted = first.removed(None, "t2").unwrap();
        let back = received(Some(&deleted), 1, "t3");
        assert_eq!(back.clone().shown(), received(None, 1, "t3"));
        assert_ne!(back.place(), first.place());

        let late = back.analyzed(&first.place(), analysis(Status::Approved), "t4");
        assert_eq!(late, None, "the verified content of that life is gone");
        let own = back.analyzed(&back.place(), analysis(Status::Approved), "t4");
        assert_eq!(own.unwrap().object_key(), back.place());
        assert!(keys::is_verified(&back.place()) && keys::is_verified(&first.place()));
    }
}
