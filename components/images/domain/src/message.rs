//! The messages of the images queue.

use serde::{Deserialize, Serialize};

use crate::ImageRecord;

/// The schema version that is written. Older ones stay readable.
pub const SCHEMA: u32 = 1;

/// A message of the queue. `T` are the ids that follow a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum Message<T> {
    /// A version of a record was committed. It carries the record, so that a
    /// worker can store it should the writer have died.
    #[serde(rename = "image.record")]
    Record {
        /// The version of the message's schema.
        schema: u32,
        /// Ids to follow it by.
        trace: T,
        /// The version of the record.
        version: u64,
        /// The record.
        document: Box<ImageRecord>,
    },
    /// An object was stored.
    #[serde(rename = "image.uploaded")]
    Uploaded {
        /// The version of the message's schema.
        schema: u32,
        /// Ids to follow it by.
        trace: T,
        /// Its key, which is the name of the photo.
        file: String,
        /// Its size in bytes, where the store told.
        size: Option<u64>,
        /// Its entity tag, where the store told.
        etag: Option<String>,
    },
    /// The URL to upload a photo with has run out. Its bytes depend on the photo
    /// alone, so that a later one takes the place of an earlier one.
    #[serde(rename = "image.expiry")]
    Expiry {
        /// The version of the message's schema.
        schema: u32,
        /// The name of the photo.
        file: String,
    },
    /// A photo was removed a while ago, and nothing of it must be left.
    #[serde(rename = "image.removed")]
    Removed {
        /// The version of the message's schema.
        schema: u32,
        /// The name of the photo.
        file: String,
        /// Which of its lives ended.
        life: u32,
    },
}

impl<T> Message<T> {
    /// The name of the photo that it is about.
    pub fn file(&self) -> &str {
        match self {
            Self::Record { document, .. } => &document.file_name,
            Self::Uploaded { file, .. }
            | Self::Expiry { file, .. }
            | Self::Removed { file, .. } => file,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn messages_of_before_are_still_understood() {
        let uploaded = json!({"type": "image.uploaded", "schema": 1, "trace": {},
            "file": "7-a.png", "size": 5, "etag": "e"});
        let record = json!({"type": "image.record", "schema": 1, "trace": {}, "version": 2,
            "document": {"file_name": "7-a.png", "image_hash": "a", "content_type": "image/png",
                "user_id": 7, "posts": [], "status": "approved", "rekognition_results": [],
                "etag": "e", "created_at": "t", "updated_at": "t"}});
        for message in [uploaded, record] {
            let message: Message<Value> = serde_json::from_value(message).unwrap();
            assert_eq!(message.file(), "7-a.png");
        }
    }

    #[test]
    fn a_timer_depends_on_the_photo_alone() {
        let expiry = Message::<Value>::Expiry {
            schema: SCHEMA,
            file: "7-a.png".into(),
        };
        assert_eq!(
            serde_json::to_string(&expiry).unwrap(),
            r#"{"type":"image.expiry","schema":1,"file":"7-a.png"}"#
        );
    }
}
