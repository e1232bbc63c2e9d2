//! The record of a user's photo.

use serde::{Deserialize, Serialize};

use crate::{Analysis, FileName, Intake, Label};

/// The most posts that may use one photo of a user.
const MOST_POSTS: usize = 50;

/// A photo that is used in too many posts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the photo is used in {MOST_POSTS} posts already, and may not be used in more")]
pub struct TooManyPosts;

/// A use of a photo in a post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// The post.
    pub post_id: i64,
    /// The picture within it.
    pub picture_id: i64,
    /// The trip that the post is of.
    pub trip_id: i64,
    /// Where it was.
    pub location_id: i64,
    /// What was written.
    pub content: String,
}

impl Post {
    /// Whether both say the same picture of the same post.
    fn is_same_use(&self, other: &Self) -> bool {
        (self.post_id, self.picture_id) == (other.post_id, other.picture_id)
    }
}

/// Where a photo is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// An upload URL was given out, and nothing has been analyzed yet.
    Waiting,
    /// Analyzed, and free of what is censored.
    Approved,
    /// Analyzed; what is censored may be in it.
    UnderReview,
    /// Analyzed; what is censored is in it.
    Rejected,
    /// What was uploaded was not the photo that had been announced.
    Corrupt,
    /// Could not be analyzed.
    Failed,
}

/// What is known of a user's photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// The name of the photo.
    pub file_name: String,
    /// The SHA-256 of its bytes, in hex.
    pub image_hash: String,
    /// Its media type.
    pub content_type: String,
    /// Whose it is.
    pub user_id: u64,
    /// The posts that use it, the first one first.
    pub posts: Vec<Post>,
    /// Where it is on its way.
    pub status: Status,
    /// What is to be seen in it, as Rekognition words it.
    pub rekognition_results: Vec<Label>,
    /// Why it is `corrupt` or `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The entity tag of the stored object that was looked at last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// When the record was made, RFC 3339.
    pub created_at: String,
    /// When it was changed last, RFC 3339.
    pub updated_at: String,
}

impl ImageRecord {
    /// What an announced photo makes of the record there is, if any; `None`
    /// where nothing changes. `now` is RFC 3339.
    pub fn receive(
        existing: Option<&Self>,
        intake: &Intake,
        now: &str,
    ) -> Result<Option<Self>, TooManyPosts> {
        let Some(existing) = existing else {
            return Ok(Some(Self {
                file_name: intake.file.to_string(),
                image_hash: intake.file.hash.clone(),
                content_type: intake.file.media_type.name().to_owned(),
                user_id: intake.file.user_id,
                posts: vec![intake.post.clone()],
                status: Status::Waiting,
                rekognition_results: Vec::new(),
                reason: None,
                etag: None,
                created_at: now.to_owned(),
                updated_at: now.to_owned(),
            }));
        };
        let mut record = existing.clone();
        let is_full = record.posts.len() >= MOST_POSTS;
        let mut posts = record.posts.iter_mut();
        match posts.find(|post| post.is_same_use(&intake.post)) {
            Some(post) => post.clone_from(&intake.post),
            None if is_full => return Err(TooManyPosts),
            None => record.posts.push(intake.post.clone()),
        }
        if record.status == Status::Corrupt {
            // The wrong bytes are gone; the right ones may come now.
            record.status = Status::Waiting;
            record.reason = None;
            record.etag = None;
        }
        Ok(record.changed_since(existing, now))
    }

    /// The record after its object was analyzed.
    pub fn analyzed(&self, analysis: Analysis, etag: &str, now: &str) -> Option<Self> {
        let record = Self {
            status: analysis.status,
            rekognition_results: analysis.results,
            reason: None,
            etag: Some(etag.to_owned()),
            ..self.clone()
        };
        record.changed_since(self, now)
    }

    /// The record after its object turned out to be something else.
    pub fn corrupt(&self, reason: String, now: &str) -> Option<Self> {
        let record = Self {
            status: Status::Corrupt,
            rekognition_results: Vec::new(),
            reason: Some(reason),
            etag: None,
            ..self.clone()
        };
        record.changed_since(self, now)
    }

    /// The record after its analysis was given up. What is known of a photo by
    /// an earlier one stays known.
    pub fn failed(&self, reason: String, now: &str) -> Option<Self> {
        if self.is_analyzed() || self.status == Status::Corrupt {
            return None;
        }
        let record = Self {
            status: Status::Failed,
            reason: Some(reason),
            ..self.clone()
        };
        record.changed_since(self, now)
    }

    fn changed_since(self, before: &Self, now: &str) -> Option<Self> {
        (self != *before).then(|| Self {
            updated_at: now.to_owned(),
            ..self
        })
    }

    /// Whether the photo itself is in the object store.
    pub fn is_uploaded(&self) -> bool {
        !matches!(self.status, Status::Waiting | Status::Corrupt)
    }

    /// Whether its labels are known.
    pub fn is_analyzed(&self) -> bool {
        matches!(
            self.status,
            Status::Approved | Status::UnderReview | Status::Rejected
        )
    }

    /// Whether this very object has been analyzed already.
    pub fn has_analyzed(&self, etag: &str) -> bool {
        self.is_analyzed() && !etag.is_empty() && self.etag.as_deref() == Some(etag)
    }

    /// The photo's name, taken apart.
    pub fn file(&self) -> Option<FileName> {
        self.file_name.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn intake(post_id: i64, content: &str) -> Intake {
        Intake::parse(&json!({
            "image_hash": "0".repeat(64), "content_type": "image/png",
            "post_id": post_id, "user_id": 456, "picture_id": 789,
            "post": {"trip_id": 3, "location_id": 5, "content": content}
        }))
        .unwrap()
    }

    fn received() -> ImageRecord {
        ImageRecord::receive(None, &intake(1, "a"), "t0")
            .unwrap()
            .unwrap()
    }

    #[test]
    fn a_new_photo_waits_for_its_upload() {
        let record = received();
        assert_eq!(record.status, Status::Waiting);
        assert!(record.rekognition_results.is_empty());
        assert!(!record.is_uploaded());
        let json = serde_json::to_value(&record).unwrap();
        assert_eq!(json["status"], "waiting");
        assert_eq!(json["rekognition_results"], json!([]));
    }

    #[test]
    fn the_same_request_again_changes_nothing() {
        assert_eq!(
            ImageRecord::receive(Some(&received()), &intake(1, "a"), "t1"),
            Ok(None)
        );
    }

    #[test]
    fn a_second_post_is_remembered_beside_the_first() {
        let record = ImageRecord::receive(Some(&received()), &intake(2, "b"), "t1")
            .unwrap()
            .unwrap();
        let posts: Vec<_> = record.posts.iter().map(|post| post.post_id).collect();
        assert_eq!(posts, [1, 2]);
        assert_eq!(
            (record.created_at.as_str(), record.updated_at.as_str()),
            ("t0", "t1")
        );
    }

    #[test]
    fn a_post_that_was_edited_replaces_itself() {
        let record = ImageRecord::receive(Some(&received()), &intake(1, "edited"), "t1")
            .unwrap()
            .unwrap();
        assert_eq!(record.posts.len(), 1);
        assert_eq!(record.posts[0].content, "edited");
    }

    #[test]
    fn a_corrupt_upload_can_be_made_good() {
        let corrupt = received().corrupt("another hash".into(), "t1").unwrap();
        assert!(!corrupt.is_uploaded());
        let again = ImageRecord::receive(Some(&corrupt), &intake(1, "a"), "t2")
            .unwrap()
            .unwrap();
        assert_eq!((again.status, again.reason), (Status::Waiting, None));
    }

    #[test]
    fn an_analysis_holds_for_the_object_that_was_analyzed() {
        let analysis = Analysis {
            status: Status::Approved,
            results: Vec::new(),
        };
        let record = received().analyzed(analysis.clone(), "e1", "t1").unwrap();
        assert!(record.has_analyzed("e1"));
        assert!(!record.has_analyzed("e2"));
        assert!(!record.has_analyzed(""));
        assert_eq!(record.analyzed(analysis, "e1", "t2"), None);
    }

    #[test]
    fn giving_up_takes_nothing_away_that_is_known() {
        let failed = received().failed("down".into(), "t1").unwrap();
        assert_eq!(failed.status, Status::Failed);
        assert!(failed.is_uploaded() && !failed.is_analyzed());
        let analysis = Analysis {
            status: Status::Rejected,
            results: Vec::new(),
        };
        let analyzed = received().analyzed(analysis, "e1", "t1").unwrap();
        assert_eq!(analyzed.failed("down".into(), "t2"), None);
        let corrupt = received().corrupt("x".into(), "t1").unwrap();
        assert_eq!(corrupt.failed("down".into(), "t2"), None);
    }

    #[test]
    fn two_pictures_of_one_post_may_be_the_same_photo() {
        let mut second = intake(1, "a");
        second.post.picture_id = 790;
        let record = ImageRecord::receive(Some(&received()), &second, "t1")
            .unwrap()
            .unwrap();
        assert_eq!(record.posts.len(), 2);
    }

    #[test]
    fn a_photo_is_not_used_without_end() {
        let mut record = received();
        for post in 2..=50 {
            record = ImageRecord::receive(Some(&record), &intake(post, "a"), "t1")
                .unwrap()
                .unwrap();
        }
        assert_eq!(
            ImageRecord::receive(Some(&record), &intake(51, "a"), "t2"),
            Err(TooManyPosts)
        );
        assert!(ImageRecord::receive(Some(&record), &intake(50, "edited"), "t2").is_ok());
    }
}
