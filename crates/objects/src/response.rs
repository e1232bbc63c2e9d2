use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderName, StatusCode};

use crate::Error;

/// The error of an answer without success, by its status and the error code of S3 in its
/// body (`<Error><Code>...`), which an answer to HEAD lacks. `None`: the object is missing.
pub(crate) fn failure(status: StatusCode, body: &[u8]) -> Option<Error> {
    let code = error_code(body);
    let said = match &code {
        Some(code) => format!("{} {code}", status.as_u16()),
        None => status.as_u16().to_string(),
    };
    let error = match (status.as_u16(), code.as_deref()) {
        (_, Some("NoSuchBucket")) => Error::Misconfigured(format!(
            "{said}: the bucket does not exist at this endpoint"
        )),
        (
            _,
            Some(
                "AuthorizationHeaderMalformed"
                | "PermanentRedirect"
                | "IllegalLocationConstraintException",
            ),
        )
        | (300..=399, _) => Error::Misconfigured(format!(
            "{said}: check that `s3_region` and `s3_endpoint` are those of the bucket"
        )),
        (404, _) => return None,
        // Stores that keep objects as files take fewer keys than S3 does.
        (_, Some("KeyTooLongError")) => Error::InvalidKey(said),
        (_, Some("RequestTimeTooSkewed")) => {
            Error::Denied(format!("{said}: the clock of this machine is wrong"))
        }
        (_, Some("SignatureDoesNotMatch")) => Error::Denied(format!(
            "{said}: check `s3_secret_access_key`, and that no proxy changes `Host` or the path"
        )),
        (
            _,
            Some("InvalidAccessKeyId" | "InvalidToken" | "ExpiredToken" | "TokenRefreshRequired"),
        ) => Error::Denied(format!(
            "{said}: check `s3_access_key_id` and `s3_session_token`"
        )),
        (401 | 403, _) => Error::Denied(format!(
            "{said}: check the `s3_*` credentials and their permissions on the bucket \
             (without s3:ListBucket, S3 also denies what does not exist)"
        )),
        (429 | 500..=599, _) | (_, Some("SlowDown" | "RequestTimeout")) => {
            Error::Unavailable(format!("it answered {said}"))
        }
        _ => Error::Unexpected(said),
    };
    Some(error)
}

/// The text of `<Code>`, if it has the form of a code of S3.
fn error_code(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let code = text.split_once("<Code>")?.1.split_once("</Code>")?.0;
    let is_code = (1..=64).contains(&code.len()) && code.chars().all(|c| c.is_ascii_alphanumeric());
    is_code.then(|| code.to_owned())
}

/// The size of the object in an answer to HEAD.
pub(crate) fn size(headers: &HeaderMap) -> Result<u64, Error> {
    text(headers, CONTENT_LENGTH)
        .and_then(|length| length.parse().ok())
        .ok_or_else(|| Error::Unexpected("an object without `content-length`".into()))
}

/// The entity tag without its quotes, as in event notifications.
pub(crate) fn etag(headers: &HeaderMap) -> Option<String> {
    text(headers, ETAG).map(|etag| etag.trim_matches('"').to_owned())
}

pub(crate) fn content_type(headers: &HeaderMap) -> Option<String> {
    text(headers, CONTENT_TYPE).map(str::to_owned)
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(status: u16, code: &str) -> Option<Error> {
        let body = format!(
            "<?xml version=\"1.0\"?><Error><Code>{code}</Code><StringToSign>AWS4 secret</StringToSign></Error>"
        );
        failure(StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    #[test]
    fn a_missing_object_is_no_error_but_a_missing_bucket_is() {
        assert_eq!(outcome(404, "NoSuchKey"), None);
        assert_eq!(failure(StatusCode::NOT_FOUND, b""), None);
        assert!(matches!(
            outcome(404, "NoSuchBucket"),
            Some(Error::Misconfigured(_))
        ));
    }

    #[test]
    fn trouble_that_passes_is_told_apart_from_trouble_that_stays() {
        for (status, code) in [
            (503, "SlowDown"),
            (503, "ServiceUnavailable"),
            (500, "InternalError"),
            (429, "TooManyRequests"),
            (400, "RequestTimeout"),
        ] {
            let error = outcome(status, code);
            assert!(matches!(error, Some(Error::Unavailable(_))), "{error:?}");
        }
        for (status, code) in [
            (301, "PermanentRedirect"),
            (400, "AuthorizationHeaderMalformed"),
        ] {
            let error = outcome(status, code);
            assert!(matches!(error, Some(Error::Misconfigured(_))), "{error:?}");
        }
        assert_eq!(
            outcome(409, "OperationAborted"),
            Some(Error::Unexpected("409 OperationAborted".into()))
        );
        assert_eq!(
            outcome(400, "KeyTooLongError"),
            Some(Error::InvalidKey("400 KeyTooLongError".into()))
        );
    }

    #[test]
    fn a_denial_says_what_to_check() {
        for (status, code, hint) in [
            (403, "AccessDenied", "permissions"),
            (403, "SignatureDoesNotMatch", "s3_secret_access_key"),
            (403, "InvalidAccessKeyId", "s3_access_key_id"),
            (403, "RequestTimeTooSkewed", "clock"),
            (400, "ExpiredToken", "s3_session_token"),
        ] {
            let Some(Error::Denied(text)) = outcome(status, code) else {
                panic!("{code} is a denial");
            };
            assert!(text.contains(code) && text.contains(hint), "{text}");
            assert!(!text.contains("AWS4"), "{text}");
        }
    }

    #[test]
    fn a_body_that_is_not_from_s3_is_not_repeated() {
        let error = failure(StatusCode::BAD_GATEWAY, b"<Code><script>x</script></Code>");
        assert_eq!(error, Some(Error::Unavailable("it answered 502".into())));
    }
}
