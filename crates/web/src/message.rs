//! Rules for the header fields and the body of a request.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use crate::route::Body;
use crate::{ApiError, strict};

/// Header fields that may be sent only once: readers differ in which of two they use (RFC
/// 9110, 5.3). A repeated `traceparent` is ignored instead, as W3C Trace Context asks.
const SINGLE: [&str; 12] = [
    "authorization",
    "content-type",
    "content-length",
    "host",
    "idempotency-key",
    "if-modified-since",
    "if-unmodified-since",
    "if-range",
    "origin",
    "range",
    "x-request-id",
    "access-control-request-method",
];

/// Refuses a repeated field that may be sent only once.
pub(crate) fn check_single(headers: &HeaderMap) -> Result<(), ApiError> {
    // Most requests repeat no field at all.
    if headers.len() == headers.keys_len() {
        return Ok(());
    }
    match SINGLE.iter().find(|name| is_doubled(headers, name)) {
        None => Ok(()),
        Some(name) => Err(ApiError::bad_request(
            "duplicate_header",
            format!("send the header {name} once"),
        )),
    }
}

/// Whether a field was sent more than once.
pub(crate) fn is_doubled(headers: &HeaderMap, name: &str) -> bool {
    headers.get_all(name).iter().nth(1).is_some()
}

impl Body {
    /// Refuses a body by its headers, before it is read.
    pub(crate) fn check_headers(self, headers: &HeaderMap) -> Result<(), ApiError> {
        if self == Self::Ignored {
            return Ok(());
        }
        let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
        if !encodings.all(is_identity) {
            let message = "send the body without Content-Encoding";
            let mut error = unsupported("unsupported_content_encoding", message);
            let identity = HeaderValue::from_static("identity");
            // RFC 9110, 15.5.16: the answer names the accepted encodings.
            error.headers.push((header::ACCEPT_ENCODING, identity));
            return Err(error);
        }
        let kind = headers.get(header::CONTENT_TYPE);
        let kind = kind.map(|kind| kind.to_str().unwrap_or_default());
        match (self, kind) {
            (Self::Json(_), Some(kind)) if !is_json(kind) => {
                let message = "send JSON, with Content-Type: application/json";
                return Err(unsupported("unsupported_media_type", message));
            }
            (Self::MergePatch(_), Some(kind)) if !is_merge_patch(kind) => {
                let message =
                    "send a JSON merge patch, with Content-Type: application/merge-patch+json";
                let mut error = unsupported("unsupported_media_type", message);
                // RFC 5789, 2.2: the answer names the accepted types.
                error.headers.push((ACCEPT_PATCH, PATCHES));
                return Err(error);
            }
            _ => {}
        }
        let length = headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        self.check_length(length.unwrap_or(0))
    }

    /// Refuses a body that is too long; `length` is in bytes.
    pub(crate) fn check_length(self, length: u64) -> Result<(), ApiError> {
        match self {
            Self::Json(limit) | Self::MergePatch(limit) | Self::Bytes(limit)
                if length > u64::try_from(limit).unwrap_or(u64::MAX) =>
            {
                Err(ApiError::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "body_too_large",
                    format!("the body may have at most {limit} bytes"),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Checks a body and returns it without its byte order mark.
    pub(crate) fn check(self, mut body: Vec<u8>) -> Result<Vec<u8>, ApiError> {
        if matches!(self, Self::Json(_) | Self::MergePatch(_)) {
            // RFC 8259, 8.1: a parser may ignore the mark rather than refuse it.
            if body.starts_with(b"\xef\xbb\xbf") {
                body.drain(..3);
            }
            strict::check(&body)?;
        }
        Ok(body)
    }
}

fn unsupported(code: &'static str, message: &str) -> ApiError {
    ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, code, message)
}

fn is_identity(encodings: &HeaderValue) -> bool {
    encodings.to_str().is_ok_and(|list| {
        let mut encodings = list.split(',').map(str::trim);
        encodings.all(|one| one.is_empty() || one.eq_ignore_ascii_case("identity"))
    })
}

/// The header with the types of patches that a path takes, and these (RFC 5789, 3.1).
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
const PATCHES: HeaderValue =
    HeaderValue::from_static("application/merge-patch+json, application/json");

/// Names the types of patches in the answer to an `OPTIONS` of a path that takes some.
pub(crate) fn add_accept_patch(allowed: &[Method], headers: &mut HeaderMap) {
    if allowed.contains(&Method::PATCH) {
        headers.insert(ACCEPT_PATCH, PATCHES);
    }
}

/// Whether a media type is that of merge patches, or plain JSON. Other kinds of patches are
/// JSON, too, and mean something else.
fn is_merge_patch(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    ["application/merge-patch+json", "application/json"]
        .iter()
        .any(|known| essence.eq_ignore_ascii_case(known))
}

/// Whether a media type is JSON: `application/json` or one with `+json` (RFC 6839, 3.1).
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let subtype = match essence.split_once('/') {
        Some((kind, subtype)) if kind.eq_ignore_ascii_case("application") => subtype,
        _ => return false,
    };
    let subtype = subtype.to_ascii_lowercase();
    subtype == "json"
        || subtype
            .strip_suffix("+json")
            .is_some_and(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::tests::call;

    fn refused(body: Body, headers: &[(&str, &str)]) -> Option<(u16, &'static str)> {
        let error = body.check_headers(&call(headers).parts.headers).err()?;
        Some((error.status.as_u16(), error.code))
    }

    #[test]
    fn a_body_in_another_encoding_is_refused_with_the_one_that_is_taken() {
        for encoding in ["gzip", "deflate", "identity, br", "\u{e9}"] {
            for body in [Body::Json(10), Body::Bytes(10)] {
                let error = body
                    .check_headers(&call(&[("content-encoding", encoding)]).parts.headers)
                    .unwrap_err();
                assert_eq!(error.status, 415);
                assert_eq!(error.code, "unsupported_content_encoding");
                assert_eq!(error.headers[0].0, "accept-encoding");
                assert_eq!(error.headers[0].1, "identity");
            }
            assert_eq!(
                refused(Body::Ignored, &[("content-encoding", encoding)]),
                None
            );
        }
        let twice = [
            ("content-encoding", "identity"),
            ("content-encoding", "gzip"),
        ];
        assert!(refused(Body::Json(10), &twice).is_some());
        for encoding in ["identity", "Identity", "", "identity,"] {
            let headers = [("content-encoding", encoding)];
            assert_eq!(refused(Body::Json(10), &headers), None, "{encoding}");
        }
    }

    #[test]
    fn a_body_of_another_type_than_json_is_refused() {
        for kind in [
            "application/json",
            "application/json; charset=utf-8",
            "Application/JSON;charset=UTF-8",
            "application/cloudevents+json",
            "application/vnd.api+json; x=1",
        ] {
            assert_eq!(
                refused(Body::Json(10), &[("content-type", kind)]),
                None,
                "{kind}"
            );
        }
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/xml",
            "application/jsonp",
            "application/+json",
            "text/json",
            "json",
            "",
            "\u{e9}",
        ] {
            let headers = [("content-type", kind)];
            let told = Some((415, "unsupported_media_type"));
            assert_eq!(refused(Body::Json(10), &headers), told, "{kind}");
            assert_eq!(refused(Body::Bytes(10), &headers), None, "{kind}");
        }
        assert_eq!(refused(Body::Json(10), &[]), None, "taken as JSON");
    }

    #[test]
    fn a_patch_of_another_kind_is_refused_with_those_that_are_taken() {
        let body = Body::MergePatch(10);
        for kind in [
            "application/merge-patch+json",
            "Application/Merge-Patch+JSON; charset=utf-8",
            "application/json",
        ] {
            assert_eq!(refused(body, &[("content-type", kind)]), None, "{kind}");
        }
        assert_eq!(refused(body, &[]), None, "taken as JSON");
        for kind in ["application/json-patch+json", "text/plain", "", "\u{e9}"] {
            let headers = call(&[("content-type", kind)]).parts.headers.clone();
            let error = body.check_headers(&headers).unwrap_err();
            assert_eq!(error.status, 415, "{kind}");
            assert_eq!(error.headers, [(ACCEPT_PATCH, PATCHES)]);
        }
        let mut headers = HeaderMap::new();
        add_accept_patch(&[Method::PUT], &mut headers);
        assert!(headers.is_empty());
        add_accept_patch(&[Method::PUT, Method::PATCH], &mut headers);
        assert_eq!(headers[ACCEPT_PATCH], PATCHES);
    }

    #[test]
    fn a_body_that_says_it_is_too_large_is_refused_unread() {
        let told = Some((413, "body_too_large"));
        assert_eq!(refused(Body::Json(10), &[("content-length", "11")]), told);
        assert_eq!(refused(Body::Json(10), &[("content-length", "10")]), None);
        assert_eq!(refused(Body::Ignored, &[("content-length", "11")]), None);
        assert!(Body::Json(10).check_length(11).is_err());
    }

    #[test]
    fn json_with_a_member_twice_is_refused_and_other_bytes_are_not_looked_at() {
        let twice = br#"{"a": 1, "b": {"c": 1, "c": 2}}"#;
        for body in [Body::Json(99), Body::MergePatch(99)] {
            let error = body.check(twice.to_vec()).unwrap_err();
            assert_eq!((error.status.as_u16(), error.code), (400, "invalid_field"));
            assert!(error.message.contains("b.c"), "{}", error.message);
        }
        assert_eq!(Body::Bytes(99).check(twice.to_vec()).unwrap(), twice);
    }

    #[test]
    fn one_byte_order_mark_before_json_is_skipped() {
        let read = |body: Body, text: &str| body.check(text.as_bytes().to_vec()).unwrap();
        assert_eq!(read(Body::Json(99), "\u{feff}{}"), b"{}");
        assert_eq!(read(Body::MergePatch(99), "\u{feff}{}"), b"{}");
        assert_eq!(
            read(Body::Json(99), "\u{feff}\u{feff}{}"),
            "\u{feff}{}".as_bytes()
        );
        assert_eq!(read(Body::Bytes(99), "\u{feff}{}"), "\u{feff}{}".as_bytes());
    }

    #[test]
    fn a_field_that_may_be_sent_once_is_not_chosen_from() {
        for name in SINGLE {
            let headers = [(name, "a"), (name, "a")];
            let error = check_single(&call(&headers).parts.headers).unwrap_err();
            assert_eq!(
                (error.status.as_u16(), error.code),
                (400, "duplicate_header")
            );
            assert!(error.message.contains(name));
            assert!(check_single(&call(&headers[..1]).parts.headers).is_ok());
        }
        for name in [
            "if-match",
            "if-none-match",
            "accept",
            "traceparent",
            "cookie",
        ] {
            let headers = [(name, "a"), (name, "a")];
            assert!(
                check_single(&call(&headers).parts.headers).is_ok(),
                "{name}"
            );
        }
    }
}
