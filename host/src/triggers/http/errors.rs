//! The host's own error responses, in the form of the applications' errors.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use origins::{Allowed, Origins};
use uuid::Uuid;
use wasmtime_wasi_http::WasiBody;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The error that a client gets when no component answers:
/// `{"error": "<for a person>", "code": "<stable>"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostError {
    /// The status, used as RFC 9110 defines it.
    pub status: StatusCode,
    /// A stable word for programs.
    pub code: &'static str,
    /// The error and its remedy.
    pub message: &'static str,
}

/// No route matches the path.
pub const NO_ROUTE: HostError = HostError {
    status: StatusCode::NOT_FOUND,
    code: "not_found",
    message: "nothing is served at this path",
};
/// The head is well formed, but breaks a rule on `Host` (RFC 9112, 3.2).
pub const INVALID_HOST: HostError = HostError {
    status: StatusCode::BAD_REQUEST,
    code: "invalid_host",
    message: "send one Host header, with the authority that the target names if it names one",
};
/// The guest failed.
pub const FAILED: HostError = HostError {
    status: StatusCode::INTERNAL_SERVER_ERROR,
    code: "internal",
    message: "something went wrong here; the log has the details",
};
/// Other requests use all instances or memory.
pub const BUSY: HostError = HostError {
    status: StatusCode::SERVICE_UNAVAILABLE,
    code: "busy",
    message: "too many requests are in hand; try again",
};
/// The body stalled.
pub const BODY_TIMEOUT: HostError = HostError {
    status: StatusCode::REQUEST_TIMEOUT,
    code: "body_timeout",
    message: "the body came too slowly; send it again",
};
/// The head stalled.
pub const HEAD_TIMEOUT: HostError = HostError {
    status: StatusCode::REQUEST_TIMEOUT,
    code: "head_timeout",
    message: "the head of the request came too slowly; send it again",
};

impl HostError {
    /// The error for a status with which the HTTP/1 parser refuses a head.
    pub fn of_parser(status: StatusCode) -> Self {
        let (code, message) = match status {
            StatusCode::URI_TOO_LONG => ("uri_too_long", "the target of the request is too long"),
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => (
                "headers_too_large",
                "the headers of the request are too many or too long",
            ),
            _ => (
                "invalid_request",
                "this is no valid HTTP request: check its request line, Content-Length and other headers",
            ),
        };
        Self {
            status,
            code,
            message,
        }
    }

    /// The headers and the body of the response.
    fn parts(self, request_id: Option<&HeaderValue>) -> (HeaderMap, Bytes) {
        let body = serde_json::json!({ "error": self.message, "code": self.code });
        let body = Bytes::from(body.to_string());
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (header::CONTENT_TYPE, "application/json"),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::VARY, "Origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        let request_id = request_id.filter(|id| is_request_id(id)).cloned();
        let new_id = || HeaderValue::try_from(Uuid::now_v7().to_string()).ok();
        if let Some(request_id) = request_id.or_else(new_id) {
            headers.insert(REQUEST_ID, request_id);
        }
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            // The connection closes: the host does not wait for the rest of the request.
            StatusCode::REQUEST_TIMEOUT => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        (headers, body)
    }

    /// The response as HTTP/1 sends it before the connection is closed.
    pub fn to_bytes(self) -> Vec<u8> {
        let (mut headers, body) = self.parts(None);
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        let date = httpdate::fmt_http_date(std::time::SystemTime::now());
        let mut bytes = format!("HTTP/1.1 {}\r\ndate: {date}\r\n", self.status).into_bytes();
        for (name, value) in &headers {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&body);
        bytes
    }
}

/// The headers of a request that an error response depends on.
#[derive(Clone, Debug)]
pub struct Asked {
    request_id: Option<HeaderValue>,
    origin: Option<HeaderValue>,
}

impl Asked {
    /// Reads them.
    pub fn new(headers: &HeaderMap) -> Self {
        Self {
            request_id: headers.get(REQUEST_ID).cloned(),
            origin: headers.get(header::ORIGIN).cloned(),
        }
    }

    /// The error response to this request. `origins` are those that browsers may call from:
    /// a list separated by commas, or `*` for all.
    pub fn refuse(&self, error: HostError, origins: &str) -> Response<WasiBody> {
        let (mut headers, body) = error.parts(self.request_id.as_ref());
        if let Some(allowed) = self.origin.as_ref().and_then(|own| allow(origins, own)) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
            let exposed = HeaderValue::from_static("Retry-After, X-Request-Id");
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        tracing::debug!(
            request_id = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()),
            status = error.status.as_u16(),
            code = error.code,
            "the host answered"
        );
        let mut response = Response::new(full(body));
        *response.status_mut() = error.status;
        *response.headers_mut() = headers;
        response
    }
}

/// The value of `Access-Control-Allow-Origin`.
fn allow(origins: &str, origin: &HeaderValue) -> Option<HeaderValue> {
    Some(match Origins::new(origins).allow(origin.as_bytes())? {
        Allowed::Any => HeaderValue::from_static("*"),
        Allowed::This => origin.clone(),
    })
}

fn is_request_id(id: &HeaderValue) -> bool {
    (1..=128).contains(&id.len())
        && id
            .as_bytes()
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.:/+=".contains(b))
}

/// A body that is complete.
pub fn full(bytes: Bytes) -> WasiBody {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_origins_may_read_an_error() {
        let list = "https://travel.example, http://localhost:5173";
        for (origins, origin, allowed) in [
            (
                list,
                "https://travel.example",
                Some("https://travel.example"),
            ),
            (list, "http://localhost:5173", Some("http://localhost:5173")),
            (list, "https://travel.example.evil", None),
            (list, "", None),
            ("", "https://travel.example", None),
            ("*", "https://any.example", Some("*")),
        ] {
            let found = allow(origins, &HeaderValue::from_static(origin));
            assert_eq!(
                found.as_ref().map(HeaderValue::as_bytes),
                allowed.map(str::as_bytes)
            );
        }
    }

    #[test]
    fn an_id_that_could_break_a_log_is_made_anew() {
        let headers = |id: &'static str| {
            let (headers, _) = BUSY.parts(Some(&HeaderValue::from_static(id)));
            headers[REQUEST_ID].to_str().unwrap().to_owned()
        };
        assert_eq!(headers("order-77"), "order-77");
        for bad in ["", "two words", "{\"level\":1}"] {
            assert!(Uuid::parse_str(&headers(bad)).is_ok(), "{bad}");
        }
    }
}
