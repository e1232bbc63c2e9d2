//! The messages of the images queue. The message of a committed version, `image.record`,
//! belongs to the crate `records`.

use queue::Incoming;
use serde::{Deserialize, Serialize};

use crate::FileName;

/// `image.uploaded`: an object was stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Uploaded {
    /// Its key, which is the name of the photo.
    pub file: FileName,
    /// Its size in bytes, if the store sends it.
    pub size: Option<u64>,
    /// Its entity tag, if the store sends it.
    pub etag: Option<String>,
}

/// `image.expiry`: the upload URL of a photo has expired. The bytes depend on the photo
/// only, so that a later message replaces an earlier one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expiry {
    /// The name of the photo.
    pub file: FileName,
}

/// `image.removed`: a photo was removed a while ago; its remaining objects must go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Removed {
    /// The name of the photo.
    pub file: FileName,
    /// The number of the life that ended.
    pub life: u32,
}

/// `image.thumbnails`: thumbnails of a photo are wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WantThumbnails {
    /// The name of the photo.
    pub file: FileName,
    /// The number of its life.
    pub life: u32,
}

/// The schema version of all messages here. Earlier ones stay readable.
const SCHEMA: u32 = 1;

impl queue::Message for Uploaded {
    const KIND: &'static str = "image.uploaded";
    const SCHEMA: u32 = SCHEMA;
}

impl queue::Message for Expiry {
    const KIND: &'static str = "image.expiry";
    const SCHEMA: u32 = SCHEMA;
}

impl queue::Message for Removed {
    const KIND: &'static str = "image.removed";
    const SCHEMA: u32 = SCHEMA;
}

impl queue::Message for WantThumbnails {
    const KIND: &'static str = "image.thumbnails";
    const SCHEMA: u32 = SCHEMA;
}

impl<'m> Incoming<'m> for WantThumbnails {
    const SCHEMA: u32 = SCHEMA;

    fn read(kind: &str, message: &'m [u8]) -> Option<serde_json::Result<Self>> {
        (kind == <Self as queue::Message>::KIND).then(|| serde_json::from_slice(message))
    }
}

/// A message of the queue.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// See [`Uploaded`].
    Uploaded(Uploaded),
    /// See [`Expiry`].
    Expiry(Expiry),
    /// See [`Removed`].
    Removed(Removed),
}

impl Message {
    /// The name of the photo.
    pub fn file(&self) -> &FileName {
        match self {
            Self::Uploaded(Uploaded { file, .. })
            | Self::Expiry(Expiry { file })
            | Self::Removed(Removed { file, .. }) => file,
        }
    }
}

impl<'m> Incoming<'m> for Message {
    const SCHEMA: u32 = SCHEMA;

    fn read(kind: &str, message: &'m [u8]) -> Option<serde_json::Result<Self>> {
        Some(match kind {
            <Uploaded as queue::Message>::KIND => {
                serde_json::from_slice(message).map(Self::Uploaded)
            }
            <Expiry as queue::Message>::KIND => serde_json::from_slice(message).map(Self::Expiry),
            <Removed as queue::Message>::KIND => serde_json::from_slice(message).map(Self::Removed),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use queue::Message as _;

    use super::*;

    fn file() -> FileName {
        format!("7-{}.png", "a".repeat(64)).parse().unwrap()
    }

    #[test]
    fn messages_of_before_are_still_understood() {
        for (kind, message) in [
            (
                "image.uploaded",
                r#"{"type":"image.uploaded","schema":1,"trace":{},"file":"FILE","size":5,"etag":"e"}"#,
            ),
            (
                "image.removed",
                r#"{"type":"image.removed","schema":1,"file":"FILE","life":2}"#,
            ),
        ] {
            let file = file();
            let message = message.replace("FILE", &file.to_string());
            let message: Message = queue::read(kind, message.as_bytes()).unwrap();
            assert_eq!(message.file(), &file);
        }
    }

    #[test]
    fn a_timer_depends_on_the_photo_alone() {
        let file = file();
        let expected = format!(r#"{{"type":"image.expiry","schema":1,"file":"{file}"}}"#);
        let expiry = Expiry { file }.encode_untraced().unwrap();
        assert_eq!(String::from_utf8(expiry).unwrap(), expected);
    }

    #[test]
    fn a_message_about_no_photo_is_unreadable() {
        let message = br#"{"type":"image.removed","schema":1,"file":"7-a.png","life":2}"#;
        let error = queue::read::<Message>("image.removed", message).unwrap_err();
        assert!(error.contains("a file name is"), "{error}");
    }
}
