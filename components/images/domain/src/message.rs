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
}
