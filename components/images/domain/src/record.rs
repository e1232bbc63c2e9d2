//! The record of a user's photo.

use serde::{Deserialize, Serialize};

use crate::{FileName, Label, keys};

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
    pub(crate) fn is_same_use(&self, other: &Self) -> bool {
        (self.post_id, self.picture_id) == (other.post_id, other.picture_id)
    }
}

/// Where a photo is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// An upload URL was given out, and nothing has been analyzed yet.
    Waiting,
    /// The upload URL ran out, and nothing had been uploaded.
    Expired,
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
    /// Removed by its user. Such a record is a tombstone: it has nothing of the
    /// photo but the name, and nobody gets to see it. It stays, because versions
    /// must go on where they were should the photo come back.
    Deleted,
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
    /// Why it is `expired`, `corrupt` or `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The key of the verified content in the object store. Without it, the
    /// photo is where it was uploaded to: under its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// How often the photo was removed and announced anew.
    #[serde(default, skip_serializing_if = "is_first")]
    pub life: u32,
    /// When the record was made, RFC 3339.
    pub created_at: String,
    /// When it was changed last, RFC 3339.
    pub updated_at: String,
}

impl ImageRecord {
    /// Whether the photo itself is in the object store.
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

    /// Whether its content was verified and put where no upload reaches it.
    pub fn is_verified(&self) -> bool {
        self.object.is_some()
    }

    /// Whether its user has removed it.
    pub fn is_deleted(&self) -> bool {
        self.status == Status::Deleted
    }

    /// Where the photo is in the object store, if it is there.
    pub fn object_key(&self) -> &str {
        self.object.as_deref().unwrap_or(&self.file_name)
    }

    /// Where the photo's content belongs once it is verified.
    pub fn place(&self) -> String {
        keys::verified(&self.file_name, self.life)
    }

    /// The record as its user sees it.
    pub fn shown(self) -> Self {
        Self {
            object: None,
            life: 0,
            ..self
        }
    }

    /// The photo's name, taken apart.
    pub fn file(&self) -> Option<FileName> {
        self.file_name.parse().ok()
    }
}

fn is_first(life: &u32) -> bool {
    *life == 0
}
