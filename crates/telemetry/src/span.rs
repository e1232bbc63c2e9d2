use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base::{Trace, shorten};
use serde::Serialize;
use serde_json::{Value, json};

/// The max length of a text in a span, in bytes. A path may be long.
const MAX_TEXT: usize = 512;

/// The flags of a span that was sampled and has no parent, or one of another process
/// (`SpanFlags` in OTLP).
const LOCAL_ROOT: u32 = 0x101;
const REMOTE_PARENT: u32 = 0x301;

/// The kind of a span: the numbers of `SpanKind` in OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request that was answered.
    Server = 2,
    /// Queue work.
    Consumer = 5,
}

/// The value of an attribute of a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// A text.
    Text(String),
    /// A number.
    Int(i64),
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Self::Text(shorten(text, MAX_TEXT).to_owned())
    }
}

impl From<i64> for Attribute {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// A span that has ended, in the JSON encoding of OTLP 1
/// (<https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Span(Value);

impl Span {
    /// The span of a trace's last hop, which ends now and took this long. Names of
    /// attributes are those of OpenTelemetry's semantic conventions.
    pub fn new<const N: usize>(
        trace: &Trace,
        kind: Kind,
        name: &str,
        took: Duration,
        attributes: [(&str, Attribute); N],
    ) -> Self {
        let end = SystemTime::now().duration_since(UNIX_EPOCH);
        let end = end.unwrap_or_default();
        let start = end.saturating_sub(took);
        let attributes = attributes.into_iter().map(|(key, value)| {
            let value = match value {
                Attribute::Text(text) => json!({"stringValue": text}),
                // A 64-bit number is a text in the JSON of protobuf.
                Attribute::Int(number) => json!({"intValue": number.to_string()}),
            };
            json!({"key": key, "value": value})
        });
        let attributes: Vec<_> = attributes.collect();
        let parent = trace.parent_span_id();
        Self(json!({
            "traceId": trace.trace_id(),
            "spanId": trace.span_id(),
            "parentSpanId": parent.unwrap_or_default(),
            "traceState": trace.tracestate().unwrap_or_default(),
            "flags": if parent.is_some() { REMOTE_PARENT } else { LOCAL_ROOT },
            "name": name,
            "kind": kind as u8,
            "startTimeUnixNano": start.as_nanos().to_string(),
            "endTimeUnixNano": end.as_nanos().to_string(),
            "attributes": attributes,
            "status": {},
        }))
    }

    /// The span of something that failed, for this reason.
    #[must_use]
    pub fn failed(mut self, reason: &str) -> Self {
        const ERROR: u8 = 2;
        if let Some(span) = self.0.as_object_mut() {
            let status = json!({"code": ERROR, "message": shorten(reason, MAX_TEXT)});
            span.insert("status".into(), status);
        }
        self
    }
}
