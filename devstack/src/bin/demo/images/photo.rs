//! The photos of the demo, and what is announced of them.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A file that holds a photo.
#[derive(Clone)]
pub struct Photo {
    pub name: String,
    pub bytes: Vec<u8>,
    extension: &'static str,
    content_type: &'static str,
}

/// A use of a photo.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Post {
    pub post_id: i64,
    pub picture_id: i64,
    pub trip_id: i64,
    pub location_id: i64,
}

impl Photo {
    /// The photos in a folder, by name.
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

    /// A photo, if the file is one by its name.
    fn read(path: &Path) -> Result<Option<Self>> {
        let extension = path.extension().unwrap_or_default();
        let (extension, content_type) = match extension.to_ascii_lowercase().to_str() {
            Some("jpg" | "jpeg") => ("jpg", "image/jpeg"),
            Some("png") => ("png", "image/png"),
            Some("webp") => ("webp", "image/webp"),
            _ => return Ok(None),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Ok(Some(Self {
            name: name.into_owned(),
            bytes: fs::read(path).with_context(|| path.display().to_string())?,
            extension,
            content_type,
        }))
    }

    /// The same picture in other bytes: what follows the end of an image is
    /// not part of it.
    pub fn varied(&self) -> Self {
        let mut photo = self.clone();
        photo.bytes.push(0);
        photo
    }

    /// The name that the application gives it.
    pub fn file_name(&self, user: &str) -> String {
        format!("{user}-{}.{}", self.hash(), self.extension)
    }

    fn hash(&self) -> String {
        hex::encode(Sha256::digest(&self.bytes))
    }

    /// The body of `POST /receiver`.
    pub fn announcement(&self, user: &str, post: Post) -> Result<Value> {
        let user_id: u64 = user.parse()?;
        Ok(json!({
            "image_hash": self.hash(),
            "content_type": self.content_type,
            "user_id": user_id,
            "post_id": post.post_id,
            "picture_id": post.picture_id,
            "post": {
                "trip_id": post.trip_id,
                "location_id": post.location_id,
                "content": format!("Look: {}", self.name),
            },
        }))
    }
}
