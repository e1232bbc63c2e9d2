use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A photo of a format that is analyzed.
#[derive(Clone)]
pub struct Photo {
    /// The name of its file.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its media type.
    pub content_type: &'static str,
}

/// The use of a photo in a post.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "members are named as in the JSON")]
pub struct Post {
    pub post_id: i64,
    pub picture_id: i64,
    pub trip_id: i64,
    pub location_id: i64,
}

/// The post of that id, in one trip and at one location.
impl From<i64> for Post {
    fn from(post_id: i64) -> Self {
        Self {
            post_id,
            picture_id: 789,
            trip_id: 3,
            location_id: 5,
        }
    }
}

impl Post {
    /// The body of `POST /receiver` for a photo of that hash and media type.
    pub fn announcement(&self, user: &str, hash: &str, content_type: &str) -> Value {
        let user_id: Value = match user.parse::<u64>() {
            Ok(number) => number.into(),
            Err(_) => user.into(),
        };
        json!({
            "image_hash": hash,
            "content_type": content_type,
            "user_id": user_id,
            "post_id": self.post_id,
            "picture_id": self.picture_id,
            "post": {
                "trip_id": self.trip_id,
                "location_id": self.location_id,
                "content": "Día increíble en el desierto",
            },
        })
    }
}

impl Photo {
    /// The photos in a folder, by name.
    ///
    /// # Errors
    /// There are no photos, or they can't be read.
    pub fn all(folder: &Path) -> Result<Vec<Self>> {
        let at = || folder.display().to_string();
        let mut photos = Vec::new();
        for entry in folder.read_dir().with_context(at)? {
            photos.extend(Self::read(&entry.with_context(at)?.path())?);
        }
        ensure!(!photos.is_empty(), "{} has no photos in it", at());
        photos.sort_by(|one: &Self, other| one.name.cmp(&other.name));
        Ok(photos)
    }

    /// Reads a photo, if the file's name is that of one.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let extension = path.extension().unwrap_or_default();
        let content_type = match extension.to_ascii_lowercase().to_str() {
            Some("jpg" | "jpeg") => "image/jpeg",
            Some("png") => "image/png",
            Some("webp") => "image/webp",
            _ => return Ok(None),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Some(Self {
            name: name.into_owned(),
            bytes: fs::read(path).with_context(|| path.display().to_string())?,
            content_type,
        }))
    }

    /// The same picture in other bytes for each number: bytes after the end of
    /// an image are not part of it.
    #[must_use]
    pub fn numbered(&self, number: u32) -> Self {
        let mut photo = self.clone();
        photo.bytes.extend(number.to_le_bytes());
        photo
    }

    /// The SHA-256 of the bytes, in hex.
    pub fn hash(&self) -> String {
        hex::encode(Sha256::digest(&self.bytes))
    }

    /// The name that the application gives it.
    pub fn file_name(&self, user: &str) -> String {
        let extension = match self.content_type {
            "image/jpeg" => "jpg",
            "image/png" => "png",
            _ => "webp",
        };
        format!("{user}-{}.{extension}", self.hash())
    }

    /// The body of `POST /receiver`, for a use of the photo in a post.
    pub fn announcement(&self, user: &str, post: impl Into<Post>) -> Value {
        let post = post.into();
        post.announcement(user, &self.hash(), self.content_type)
    }
}
