//! The record of a user's photo.

use serde::{Deserialize, Serialize};

use crate::review::Review;
use crate::thumbnails::Thumbnails;
use crate::{FileName, Label, UserId, keys};

/// A use of a photo in a post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// The post.
    pub post_id: i64,
    /// The picture within it.
    pub picture_id: i64,
    /// The trip of the post.
    pub trip_id: i64,
    /// The place where the photo was taken.
    pub location_id: i64,
    /// The text of the post.
    pub content: String,
}

impl Post {
    /// Whether both are the same picture of the same post.
    pub(crate) fn is_same_use(&self, other: &Self) -> bool {
        (self.post_id, self.picture_id) == (other.post_id, other.picture_id)
    }
}

/// The status of a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// An upload URL was given out, and nothing has been analyzed yet.
    Waiting,
    /// The upload URL expired, and nothing was uploaded.
    Expired,
    /// Analyzed; the censored label is absent or weak.
    Approved,
    /// Analyzed; the censored label is possible.
    UnderReview,
    /// Analyzed; the censored label is certain.
    Rejected,
    /// The upload was not the announced photo.
    Corrupt,
    /// Could not be analyzed.
    Failed,
    /// Removed by its user. The record is a tombstone: it keeps only the name, and no
    /// route shows it. It stays because versions must go on counting if the photo comes
    /// back.
    Deleted,
}

/// The record of a user's photo.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// The name of the photo.
    pub file_name: String,
    /// The SHA-256 of its bytes, in hex.
    pub image_hash: String,
    /// Its media type.
    pub content_type: String,
    /// The owner.
    pub user_id: UserId,
    /// The posts that use it, in the order of their announcements.
    pub posts: Vec<Post>,
    /// The status.
    pub status: Status,
    /// The labels, worded as Rekognition's.
    pub rekognition_results: Vec<Label>,
    /// Why it is `expired`, `corrupt` or `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The decision of a reviewer, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<Review>,
    /// The key of the verified content in the object store. Without it, the photo is
    /// under its name in the inbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The outcome for its thumbnails, once they were wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbnails: Option<Thumbnails>,
    /// The number of times that the photo was removed and announced again.
    #[serde(default, skip_serializing_if = "is_first")]
    pub life: u32,
    /// When the record was made, RFC 3339.
    pub created_at: String,
    /// When it was last changed, RFC 3339.
    pub updated_at: String,
}

impl ImageRecord {
    /// Whether the photo is in the object store.
    pub fn is_uploaded(&self) -> bool {
        self.is_analyzed() || self.status == Status::Failed
    }

    /// Whether its labels are known.
    pub fn is_analyzed(&self) -> bool {
        matches!(
            self.status,
            Status::Approved | Status::UnderReview | Status::Rejected
        )
    }

    /// Whether its content was verified and stored where no upload URL leads.
    pub fn is_verified(&self) -> bool {
        self.object.is_some()
    }

    /// Whether its user has removed it.
    pub fn is_deleted(&self) -> bool {
        self.status == Status::Deleted
    }

    /// The key of the photo in the object store, if it is there.
    pub fn object_key(&self) -> &str {
        self.object.as_deref().unwrap_or(&self.file_name)
    }

    /// The key for the photo's content once it is verified.
    pub fn place(&self) -> String {
        keys::verified(&self.file_name, self.life)
    }

    /// The keys of objects of the photo that are of no use: all if it was removed, and the
    /// upload once the content was verified.
    pub fn needless(&self) -> Vec<String> {
        let upload = self.file_name.clone();
        match (self.is_deleted(), self.is_verified()) {
            (true, _) => {
                let mut all = keys::contents(&upload, self.life);
                all.push(upload);
                all
            }
            (false, true) => vec![upload],
            (false, false) => Vec::new(),
        }
    }

    /// The key of the verified content of a life of the photo, if it still has that life.
    pub fn content_of(&self, life: u32) -> Option<&str> {
        self.object.as_deref().filter(|_| self.life == life)
    }

    /// The record as its owner sees it.
    pub fn shown(self) -> Self {
        let mut shown = self.shown_to_reviewers();
        if let Some(review) = &mut shown.review {
            review.reviewed_by = None;
        }
        shown
    }

    /// The record as reviewers see it.
    pub fn shown_to_reviewers(self) -> Self {
        Self {
            object: None,
            thumbnails: None,
            life: 0,
            ..self
        }
    }

    /// The parts of the photo's name.
    pub fn file(&self) -> Option<FileName> {
        self.file_name.parse().ok()
    }
}

fn is_first(life: &u32) -> bool {
    *life == 0
}
