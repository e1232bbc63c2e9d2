//! Entity tags of answers: a representation that the client already has is not sent again
//! (RFC 9110, 8.8.3 and 13.1.2).

use base::Tags;
use http::{HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

use crate::reply::empty;
use crate::{Call, Reply};

/// A strong entity tag made from a representation.
pub fn entity_tag(body: &[u8]) -> String {
    format!("\"{:032x}\"", u128::from_be_bytes(digest(body)))
}

/// A strong entity tag of a view of a version ([`base::version_tag`]), made from its
/// representation.
pub fn view_tag(version: u64, body: &[u8]) -> String {
    format!("\"{version}-{:016x}\"", u64::from_be_bytes(digest(body)))
}

/// The first `N` bytes of the SHA-256, at most 32.
fn digest<const N: usize>(body: &[u8]) -> [u8; N] {
    let digest = Sha256::digest(body);
    digest.first_chunk().copied().unwrap_or([0; N])
}

/// The answer to a change, with the tag of the version that it made or found.
///
/// # Errors
/// Never.
pub fn tagged(tag: &str, mut reply: http::Response<Vec<u8>>) -> Reply {
    if let Ok(tag) = HeaderValue::try_from(tag) {
        reply.headers_mut().insert(header::ETAG, tag);
    }
    Ok(reply)
}

impl Call {
    /// Whether `If-None-Match` names this tag, so that the client has the representation;
    /// `None` without the header.
    pub fn has_current(&self, tag: &str) -> Option<bool> {
        let known = Tags::parse(&self.list("if-none-match")?);
        Some(known.is_some_and(|known| known.any(true, |one| one == tag)))
    }

    /// The answer with its tag, or 304 if the client has it. Only the client may keep the
    /// answer, and must ask again before each use.
    ///
    /// # Errors
    /// Never.
    pub fn with_etag(&self, tag: &str, reply: http::Response<Vec<u8>>) -> Reply {
        let response = match self.has_current(tag) {
            Some(true) => empty(StatusCode::NOT_MODIFIED),
            _ => reply,
        };
        let mut response = tagged(tag, response)?;
        let private = HeaderValue::from_static("private, no-cache");
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, private);
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::tests::call;

    #[test]
    fn a_tag_changes_with_what_it_tags() {
        let tags = [
            entity_tag(b"a"),
            entity_tag(b"b"),
            view_tag(1, b"a"),
            view_tag(2, b"a"),
            view_tag(1, b"b"),
        ];
        for (index, tag) in tags.iter().enumerate() {
            assert!(!tags[..index].contains(tag), "{tag}");
            assert!(Tags::parse(tag).is_some(), "{tag}");
        }
        assert_eq!(entity_tag(b"a"), tags[0]);
        assert_eq!(entity_tag(b"a").len(), 34);
        assert_eq!(view_tag(3, b"{}"), "\"3-44136fa355b3678a\"");
    }

    #[test]
    fn what_the_client_has_is_not_sent_again() {
        let tag = entity_tag(b"a");
        let answer = |known: &[(&str, &str)]| {
            let reply = crate::json(StatusCode::OK, &"a").unwrap();
            call(known).with_etag(&tag, reply).unwrap()
        };
        for known in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".into(),
        ] {
            let reply = answer(&[("if-none-match", &known)]);
            assert_eq!(reply.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(reply.headers()["etag"], tag.as_str());
            assert!(reply.body().is_empty());
        }
        let lines = [("if-none-match", "\"x\""), ("if-none-match", &tag)];
        assert_eq!(answer(&lines).status(), StatusCode::NOT_MODIFIED);
        for known in [
            &[("if-none-match", "\"x\"")][..],
            &[("if-none-match", "x")],
            &[],
        ] {
            let reply = answer(known);
            assert_eq!(reply.status(), StatusCode::OK);
            assert_eq!(reply.headers()["etag"], tag.as_str());
        }
    }
}
