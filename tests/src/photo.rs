//! Photos to upload.

use devstack::client::Post;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{hex, root};

/// A photo, and the media type for its announcement.
#[derive(Clone)]
pub struct Photo {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The announced media type.
    pub content_type: &'static str,
}

impl Photo {
    /// One of `data/photos`.
    pub fn of(name: &str) -> Self {
        let bytes = std::fs::read(root().join("data/photos").join(name)).unwrap();
        let content_type = match name.rsplit('.').next().unwrap() {
            "jpg" => "image/jpeg",
            "png" => "image/png",
            "webp" => "image/webp",
            other => panic!("no photo ends in {other}"),
        };
        Self {
            bytes,
            content_type,
        }
    }

    /// A small PNG that is unique for its number.
    pub fn distinct(number: u32) -> Self {
        Self::of("camera.png").numbered(number)
    }

    /// The same picture in a file that is unique for its number:
    /// bytes after the end of a JPEG or PNG are not part of it.
    pub fn numbered(mut self, number: u32) -> Self {
        self.bytes.extend(number.to_le_bytes());
        self
    }

    /// The SHA-256 of the bytes, in hex.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(&self.bytes))
    }

    /// The name that the application gives the photo.
    pub fn file_name(&self, user: &str) -> String {
        let extension = match self.content_type {
            "image/jpeg" => "jpg",
            "image/png" => "png",
            _ => "webp",
        };
        format!("{user}-{}.{extension}", self.hash())
    }

    /// The body of `POST /receiver` for a use of the photo in a post.
    pub fn announcement(&self, user: &str, post_id: i64) -> Value {
        let post = Post {
            post_id,
            picture_id: 789,
            trip_id: 3,
            location_id: 5,
        };
        post.announcement(user, &self.hash(), self.content_type)
    }
}
