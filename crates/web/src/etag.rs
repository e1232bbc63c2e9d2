//! Entity tags: an answer that the client has already is not sent again
//! (RFC 9110, 8.8.3 and 13.1.2).

use http::{HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

use crate::reply::empty;
use crate::{Call, Reply};

/// A strong entity tag made from a representation.
pub fn entity_tag(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    let mut tag = String::with_capacity(34);
    tag.push('"');
    for byte in digest.iter().take(16) {
        for digit in [byte >> 4, byte & 15] {
            tag.extend(char::from_digit(digit.into(), 16));
        }
    }
    tag.push('"');
    tag
}

/// Whether the client says that it has the representation with this tag.
pub fn has_current(call: &Call, tag: &str) -> bool {
    // `If-None-Match` compares weakly, and its tags hold no commas of ours.
    call.header("if-none-match").is_some_and(|known| {
        known
            .split(',')
            .map(str::trim)
            .any(|known| known == "*" || known.trim_start_matches("W/") == tag)
    })
}

/// The answer with its tag, or 304 where the client has it. It may be kept by
/// the client alone, and only to be asked for again.
pub fn with_etag(call: &Call, tag: &str, reply: Reply) -> Reply {
    let mut response = if has_current(call, tag) {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        reply?
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-cache"),
    );
    Ok(response)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;
    use base::Trace;

    fn call(if_none_match: &str) -> Call {
        let request = Request::builder().header("if-none-match", if_none_match);
        Call {
            parts: request.body(()).unwrap().into_parts().0.into(),
            body: Vec::new(),
            trace: Trace::new(),
        }
    }

    #[test]
    fn a_tag_changes_with_what_it_tags() {
        assert_eq!(entity_tag(b"a"), entity_tag(b"a"));
        assert_ne!(entity_tag(b"a"), entity_tag(b"b"));
        assert_eq!(entity_tag(b"a").len(), 34);
    }

    #[test]
    fn what_the_client_has_is_not_sent_again() {
        let tag = entity_tag(b"a");
        for known in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"x\", {tag}"),
            "*".into(),
        ] {
            let reply = with_etag(&call(&known), &tag, crate::json(StatusCode::OK, &"a")).unwrap();
            assert_eq!(reply.status(), StatusCode::NOT_MODIFIED, "{known}");
            assert_eq!(reply.headers()["etag"], tag.as_str());
            assert!(reply.body().is_empty());
        }
        let reply = with_etag(&call("\"x\""), &tag, crate::json(StatusCode::OK, &"a")).unwrap();
        assert_eq!(reply.status(), StatusCode::OK);
        assert_eq!(reply.headers()["etag"], tag.as_str());
    }
}
