//! Ids that follow a request through logs, queue messages and outbound calls.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use crate::now_millis;

/// The ids of one request: `X-Request-Id` and the W3C trace context
/// (<https://www.w3.org/TR/trace-context/>, version 00).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    request_id: String,
    traceparent: String,
}

impl Trace {
    /// Continues the caller's ids; an id that is absent or malformed is replaced by a new
    /// one.
    pub fn from_headers(request_id: Option<&str>, traceparent: Option<&str>) -> Self {
        let [new_request, new_trace, span] = new_ids();
        let request_id = request_id
            .filter(|id| is_request_id(id))
            .map_or_else(|| new_request.to_string(), str::to_owned);
        let new_trace = new_trace.simple().to_string();
        let (trace_id, flags) = traceparent
            .and_then(parse_traceparent)
            .unwrap_or((&new_trace, "00"));
        let span = span.simple().to_string();
        // The version digit of a UUID is always set, so this is never all zero.
        let span = span.get(..16).unwrap_or_default();
        Self {
            request_id,
            traceparent: format!("00-{trace_id}-{span}-{flags}"),
        }
    }

    /// New ids, for work that no request started.
    pub fn new() -> Self {
        Self::from_headers(None, None)
    }

    /// The same request in the next hop: a new span of the same trace.
    pub fn continued(&self) -> Self {
        Self::from_headers(Some(&self.request_id), Some(&self.traceparent))
    }

    /// The id of the request.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The `traceparent` header to send on.
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// The headers of an outbound request.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-request-id", &self.request_id),
            ("traceparent", &self.traceparent),
        ] {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        headers
    }

    /// The id of the trace: 32 hex digits.
    pub fn trace_id(&self) -> &str {
        self.traceparent.get(3..35).unwrap_or_default()
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}

/// New ids of a request (they sort by time), a trace and a span. One call of the platform
/// draws the random bytes for all three.
fn new_ids() -> [Uuid; 3] {
    let mut random = [[0; 16]; 3];
    // Without random bytes the ids repeat, which must not stop the request.
    let _ = getrandom::fill(random.as_flattened_mut());
    let [request, trace, span] = random;
    let [request @ .., _, _, _, _, _, _] = request;
    [
        Builder::from_unix_timestamp_millis(now_millis(), &request),
        Builder::from_random_bytes(trace),
        Builder::from_random_bytes(span),
    ]
    .map(Builder::into_uuid)
}

fn is_request_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.:/+=".contains(&b))
}

/// The trace id and flags of a `traceparent`.
fn parse_traceparent(header: &str) -> Option<(&str, &str)> {
    let mut parts = header.trim().splitn(5, '-');
    let (version, trace_id, span_id, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length| {
        text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_zero = |text: &str| text.bytes().all(|b| b == b'0');
    // Later versions may append fields; version 00 has none.
    let fits = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    (fits
        && is_hex(trace_id, 32)
        && !is_zero(trace_id)
        && is_hex(span_id, 16)
        && !is_zero(span_id)
        && is_hex(flags, 2))
    .then_some((trace_id, flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_callers_ids_are_continued_with_a_new_span() {
        let trace = Trace::from_headers(Some("order-77"), Some(PARENT));
        assert_eq!(trace.request_id(), "order-77");
        assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(trace.traceparent().ends_with("-01"));
        assert_ne!(trace.traceparent(), PARENT);
        assert_eq!(trace.continued().trace_id(), trace.trace_id());
        assert_ne!(trace.continued().traceparent(), trace.traceparent());
    }

    #[test]
    fn what_is_not_well_formed_is_made_anew() {
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        ] {
            let trace = Trace::from_headers(Some("a\r\nSet-Cookie: x"), Some(bad));
            assert_ne!(
                trace.trace_id(),
                "4bf92f3577b34da6a3ce929d0e0e4736",
                "{bad}"
            );
            assert_eq!(trace.trace_id().len(), 32);
            assert!(Uuid::parse_str(trace.request_id()).is_ok());
        }
    }
}
