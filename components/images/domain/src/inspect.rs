//! The check that uploaded bytes are the announced photo.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::{FileName, MediaType};

/// Checks an object's bytes against its name. The error has the difference.
///
/// Checksums that came with the upload are not trusted: some stores keep an object that
/// does not match.
pub fn inspect(file: &FileName, bytes: &[u8]) -> Result<(), String> {
    let mut hash = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(hash, "{byte:02x}");
    }
    if hash != file.hash {
        return Err(format!("the SHA-256 of the uploaded bytes is {hash}"));
    }
    match MediaType::of_content(bytes) {
        Some(found) if found == file.media_type => Ok(()),
        Some(found) => Err(format!("the content is {found}, not {}", file.media_type)),
        None => Err(format!("the content is not {}", file.media_type)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

    fn named(bytes: &[u8], media_type: MediaType) -> FileName {
        let hash = Sha256::digest(bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        FileName {
            user_id: 1.into(),
            hash,
            media_type,
        }
    }

    #[test]
    fn the_announced_bytes_pass() {
        assert_eq!(inspect(&named(PNG, MediaType::Png), PNG), Ok(()));
    }

    #[test]
    fn other_bytes_are_told_by_their_hash() {
        let reason = inspect(&named(b"other", MediaType::Png), PNG).unwrap_err();
        assert!(
            reason.contains(&named(PNG, MediaType::Png).hash),
            "{reason}"
        );
    }

    #[test]
    fn content_of_another_type_is_told_by_its_type() {
        assert_eq!(
            inspect(&named(PNG, MediaType::Jpeg), PNG).unwrap_err(),
            "the content is image/png, not image/jpeg"
        );
        assert!(inspect(&named(b"<svg/>", MediaType::Png), b"<svg/>").is_err());
        assert!(inspect(&named(b"", MediaType::Webp), b"").is_err());
    }
}
