//! The name of a photo: `{user_id}-{image_hash}.{extension}`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{MediaType, UserId};

/// The name of a user's photo, which is its key in the object store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileName {
    /// The owner.
    pub user_id: UserId,
    /// The SHA-256 of its bytes as 64 lower-case hex digits.
    pub hash: String,
    /// The type of the image.
    pub media_type: MediaType,
}

/// A text that is not the name of a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a file name is {{user_id}}-{{64 hex digits}}.{{jpg, png or webp}}")]
pub struct FileNameError;

impl FileName {
    /// The name of the image without its owner: `{image_hash}.{extension}`.
    pub fn image(&self) -> String {
        format!("{}.{}", self.hash, self.media_type.extension())
    }

    /// The SHA-256 as its bytes.
    pub fn digest(&self) -> [u8; 32] {
        let nibble = |at| match self.hash.as_bytes().get(at) {
            Some(digit @ b'0'..=b'9') => digit - b'0',
            Some(digit @ b'a'..=b'f') => digit - b'a' + 10,
            _ => 0,
        };
        std::array::from_fn(|at| nibble(2 * at) << 4 | nibble(2 * at + 1))
    }

    /// Whether the photo belongs to the subject of a token.
    pub fn belongs_to(&self, subject: &str) -> bool {
        self.user_id.as_str() == subject
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.user_id, self.image())
    }
}

impl FromStr for FileName {
    type Err = FileNameError;

    fn from_str(text: &str) -> Result<Self, FileNameError> {
        // A hash has no `-`, and a user id may have some.
        let (user_id, image) = text.rsplit_once('-').ok_or(FileNameError)?;
        let (hash, extension) = image.split_once('.').ok_or(FileNameError)?;
        let name = Self {
            user_id: UserId::from_name(user_id).ok_or(FileNameError)?,
            hash: hash.to_owned(),
            media_type: MediaType::from_extension(extension).ok_or(FileNameError)?,
        };
        // A photo has one name.
        let is_hash = is_sha256(hash) && !hash.bytes().any(|b| b.is_ascii_uppercase());
        (is_hash && name.to_string() == text)
            .then_some(name)
            .ok_or(FileNameError)
    }
}

impl TryFrom<String> for FileName {
    type Error = FileNameError;

    fn try_from(text: String) -> Result<Self, FileNameError> {
        text.parse()
    }
}

impl From<FileName> for String {
    fn from(file: FileName) -> Self {
        file.to_string()
    }
}

/// Whether a text is a SHA-256 in hex of either case.
pub(crate) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "a1b2c3d4e5f6789abcdef1234567890abcdef12a1b2c3d4e5f6789abcdef1234";

    #[test]
    fn a_name_reads_back_as_it_was_written() {
        let text = format!("456-{HASH}.jpg");
        let name: FileName = text.parse().unwrap();
        assert_eq!(name.user_id, UserId::from(456));
        assert_eq!(name.media_type, MediaType::Jpeg);
        assert_eq!(name.to_string(), text);
        assert_eq!(name.image(), format!("{HASH}.jpg"));
        let digest: String = name
            .digest()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(digest, HASH);
    }

    #[test]
    fn the_owner_may_be_a_text() {
        for (owner, subject) in [
            (
                "6f1c2a9e-7d1e-4c3a-b1d0-2f6a3c9e8b47",
                "6f1c2a9e-7d1e-4c3a-b1d0-2f6a3c9e8b47",
            ),
            ("auth0=7C5f7c8ec7", "auth0|5f7c8ec7"),
            ("045", "045"),
        ] {
            let text = format!("{owner}-{HASH}.webp");
            let name: FileName = text.parse().unwrap();
            assert!(name.belongs_to(subject), "{text}");
            assert_eq!(name.to_string(), text);
        }
    }

    #[test]
    fn a_name_belongs_to_exactly_one_subject() {
        let name: FileName = format!("45-{HASH}.png").parse().unwrap();
        assert!(name.belongs_to("45"));
        for other in ["4", "456", "045", " 45", "45 ", "+45", "", "45-"] {
            assert!(!name.belongs_to(other), "{other}");
        }
    }

    #[test]
    fn other_texts_are_no_names() {
        let upper = HASH.to_uppercase();
        for text in [
            String::new(),
            format!("{HASH}.jpg"),
            format!("-{HASH}.jpg"),
            format!("+45-{HASH}.jpg"),
            format!("x y-{HASH}.jpg"),
            format!("x|y-{HASH}.jpg"),
            format!("45-{upper}.jpg"),
            format!("45-{HASH}.jpeg"),
            format!("45-{HASH}.JPG"),
            format!("45-{HASH}"),
            format!("45-{}.jpg", &HASH[1..]),
            format!("../45-{HASH}.jpg"),
            format!("45-{HASH}.jpg/"),
            format!("{}-{HASH}.jpg", "9".repeat(129)),
        ] {
            assert_eq!(text.parse::<FileName>(), Err(FileNameError), "{text}");
        }
    }
}
