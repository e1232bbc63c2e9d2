//! Ids that follow a request through logs, queue messages and outbound calls.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

use crate::now_millis;

/// The max number of members of a `tracestate` (W3C Trace Context, 3.3.1.1).
const MAX_MEMBERS: usize = 32;

/// The max length of a `tracestate` that is sent on. Everybody sends on as much (3.3.1.5).
const MAX_STATE: usize = 512;

/// The length of a member of `tracestate` above which it is the first to go (3.3.1.5).
const LONG_MEMBER: usize = 128;

/// The number of values of 13 hex digits, the part of a trace's id that sampling looks at.
const RANDOM_RANGE: f64 = (1_u64 << 52) as f64;

/// The ids of one request: `X-Request-Id` and the W3C trace context
/// (<https://www.w3.org/TR/trace-context/>, version 00).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    request_id: String,
    traceparent: String,
    /// The span of the caller; empty where the trace begins here. A message does not carry
    /// it: its worker continues the sender's span.
    #[serde(skip)]
    parent: String,
    /// The `tracestate` of the caller: data of its tracing systems; empty without.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    tracestate: String,
}

impl Trace {
    /// Continues the caller's ids; an id that is absent or malformed is replaced by a new
    /// one. A `tracestate` belongs to a `traceparent`; of several fields, it is their values
    /// joined by commas. One that is malformed is left out, and one that is too long is
    /// shortened.
    pub fn from_headers(
        request_id: Option<&str>,
        traceparent: Option<&str>,
        tracestate: Option<&str>,
    ) -> Self {
        let [new_request, new_trace, span] = new_ids();
        let request_id = request_id
            .filter(|id| is_request_id(id))
            .map_or_else(|| new_request.to_string(), str::to_owned);
        let new_trace = new_trace.simple().to_string();
        let parent = traceparent.and_then(parse_traceparent);
        let tracestate = parent.and(tracestate).and_then(parse_tracestate);
        let (trace_id, parent, flags) = parent.unwrap_or((&new_trace, "", "00"));
        let span = span.simple().to_string();
        // The version digit of a UUID is always set, so this is never all zero.
        let span = span.get(..16).unwrap_or_default();
        Self {
            request_id,
            traceparent: format!("00-{trace_id}-{span}-{flags}"),
            parent: parent.to_owned(),
            tracestate: tracestate.unwrap_or_default(),
        }
    }

    /// New ids, for work that no request started.
    pub fn new() -> Self {
        Self::from_headers(None, None, None)
    }

    /// The same request in the next hop: a new span of the same trace.
    pub fn continued(&self) -> Self {
        Self::from_headers(
            Some(&self.request_id),
            Some(&self.traceparent),
            self.tracestate(),
        )
    }

    /// The id of the request.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The `traceparent` header to send on.
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// The `tracestate` header to send on, if there is one.
    pub fn tracestate(&self) -> Option<&str> {
        (!self.tracestate.is_empty()).then_some(&self.tracestate)
    }

    /// The headers of an outbound request.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = self.answer_headers();
        if let Some(Ok(state)) = self.tracestate().map(HeaderValue::from_str) {
            headers.insert(HeaderName::from_static("tracestate"), state);
        }
        headers
    }

    /// The headers of the answer.
    pub fn answer_headers(&self) -> HeaderMap {
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

    /// The id of this hop's span: 16 hex digits.
    pub fn span_id(&self) -> &str {
        self.traceparent.get(36..52).unwrap_or_default()
    }

    /// The id of the caller's span; `None` where the trace begins here.
    pub fn parent_span_id(&self) -> Option<&str> {
        (!self.parent.is_empty()).then_some(&self.parent)
    }

    /// Whether the spans of this trace are recorded (the flag `sampled`, W3C Trace Context,
    /// 3.2.2.5).
    pub fn is_sampled(&self) -> bool {
        let flags = self.traceparent.get(53..55).unwrap_or_default();
        u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1)
    }

    /// Marks a share of the traces that begin here, 0 to 1, as sampled. All hops follow the
    /// mark, so a trace that a caller began is left as it is.
    pub fn sample(&mut self, ratio: f64) {
        // The last digits of the id are random. So every process decides the same on a trace.
        let random = self.trace_id().get(19..32);
        let random = random.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let below = random.is_some_and(|random| (random as f64) < ratio * RANDOM_RANGE);
        if self.parent.is_empty() && below {
            self.traceparent.replace_range(53.., "01");
        }
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

/// The trace id, span id and flags of a `traceparent`.
fn parse_traceparent(header: &str) -> Option<(&str, &str, &str)> {
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
    .then_some((trace_id, span_id, flags))
}

/// A `tracestate` with its empty members left out, and shortened to [`MAX_STATE`]; `None` if
/// it is malformed or nothing is left.
fn parse_tracestate(header: &str) -> Option<String> {
    let members = header.split(',');
    let members = members.map(|member| member.trim_matches([' ', '\t']));
    let mut members: Vec<_> = members.filter(|member| !member.is_empty()).collect();
    let keys: Option<HashSet<_>> = members.iter().map(|member| key_of(member)).collect();
    if keys?.len() != members.len() || members.len() > MAX_MEMBERS {
        return None;
    }
    let length = |members: &[&str]| members.iter().map(|one| one.len() + 1).sum::<usize>();
    while length(&members) > MAX_STATE + 1 {
        let long = members.iter().rposition(|one| one.len() > LONG_MEMBER);
        members.remove(long.unwrap_or(members.len() - 1));
    }
    (!members.is_empty()).then(|| members.join(","))
}

/// The key of a member of a `tracestate`; `None` if it is malformed.
fn key_of(member: &str) -> Option<&str> {
    let (key, value) = member.split_once('=')?;
    let is_part = |text: &str, lengths: RangeInclusive<usize>, may_begin_with_digit| {
        let begins = |b: u8| b.is_ascii_lowercase() || (may_begin_with_digit && b.is_ascii_digit());
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-*/".contains(&b);
        lengths.contains(&text.len())
            && text.bytes().next().is_some_and(begins)
            && text.bytes().all(allowed)
    };
    let is_key = match key.split_once('@') {
        None => is_part(key, 1..=256, true),
        Some((tenant, system)) => is_part(tenant, 1..=241, true) && is_part(system, 1..=14, false),
    };
    let is_value = (1..=256).contains(&value.len())
        && value.bytes().all(|b| matches!(b, 0x20..=0x7e) && b != b'=');
    (is_key && is_value).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_callers_ids_are_continued_with_a_new_span() {
        let trace = Trace::from_headers(Some("order-77"), Some(PARENT), None);
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
            let trace = Trace::from_headers(Some("a\r\nSet-Cookie: x"), Some(bad), Some("a=1"));
            assert_ne!(
                trace.trace_id(),
                "4bf92f3577b34da6a3ce929d0e0e4736",
                "{bad}"
            );
            assert_eq!(trace.trace_id().len(), 32);
            assert_eq!(trace.tracestate(), None, "it belongs to another trace");
            assert!(Uuid::parse_str(trace.request_id()).is_ok());
        }
    }

    fn state(header: &str) -> Option<String> {
        let trace = Trace::from_headers(None, Some(PARENT), Some(header));
        let again = trace.continued();
        assert_eq!(again.tracestate(), trace.tracestate());
        let sent = trace.headers();
        let sent = sent.get("tracestate").map(|sent| sent.to_str().unwrap());
        assert_eq!(sent, trace.tracestate());
        let stored = serde_json::to_string(&trace).unwrap();
        let read: Trace = serde_json::from_str(&stored).unwrap();
        assert_eq!(read.headers(), trace.headers());
        trace.tracestate().map(str::to_owned)
    }

    #[test]
    fn what_tracing_systems_tell_each_other_is_sent_on() {
        for (header, sent) in [
            ("rojo=00f067aa0ba902b7", "rojo=00f067aa0ba902b7"),
            ("rojo=1 , congo=t61rcWkgMzE", "rojo=1,congo=t61rcWkgMzE"),
            (" ,rojo=1,,\t, 1a-2*/b@nr=x y", "rojo=1,1a-2*/b@nr=x y"),
        ] {
            assert_eq!(state(header).as_deref(), Some(sent), "{header}");
        }
        for bad in [
            "",
            " , ",
            "rojo",
            "=1",
            "Rojo=1",
            "rojo=",
            "rojo=1=2",
            "rojo=1,rojo=2",
            "a@1=2",
            "a@=2",
            "rojo=é",
        ] {
            assert_eq!(state(bad), None, "{bad}");
        }
        let many = |count| {
            (0..count)
                .map(|n| format!("k{n}=1"))
                .collect::<Vec<_>>()
                .join(",")
        };
        assert_eq!(state(&many(32)), Some(many(32)));
        assert_eq!(state(&many(33)), None);
    }

    #[test]
    fn a_long_state_loses_long_members_first_and_then_the_oldest() {
        let long = format!("long={}", "x".repeat(200));
        let short = |n| format!("k{n}={}", "y".repeat(97));
        let all = [short(0), long.clone(), short(1), short(2), short(3)].join(",");
        let kept = [short(0), short(1), short(2), short(3)].join(",");
        assert_eq!(state(&all), Some(kept));
        let all: Vec<_> = (0..9).map(short).collect();
        assert_eq!(state(&all.join(",")), Some(all[..5].join(",")));
    }

    #[test]
    fn each_hop_is_a_child_of_the_one_before() {
        let first = Trace::from_headers(None, Some(PARENT), None);
        assert_eq!(first.parent_span_id(), Some("00f067aa0ba902b7"));
        assert_eq!(first.continued().parent_span_id(), Some(first.span_id()));
        let stored = serde_json::to_string(&first).unwrap();
        let sent: Trace = serde_json::from_str(&stored).unwrap();
        assert_eq!(sent.continued().parent_span_id(), Some(first.span_id()));
        assert_eq!(Trace::new().parent_span_id(), None);
    }

    #[test]
    fn a_share_of_the_traces_that_begin_here_is_sampled() {
        let sampled = |ratio| {
            let traces = (0..1_000).map(|_| Trace::new());
            let sampled = traces.filter_map(|mut trace| {
                trace.sample(ratio);
                trace.is_sampled().then_some(())
            });
            sampled.count()
        };
        assert_eq!([sampled(0.0), sampled(1.0)], [0, 1_000]);
        assert!((400..600).contains(&sampled(0.5)));
        for (flags, is_sampled) in [("00", false), ("01", true), ("03", true), ("02", false)] {
            let parent = format!("{}{flags}", PARENT.trim_end_matches("01"));
            let mut trace = Trace::from_headers(None, Some(&parent), None);
            trace.sample(1.0);
            assert_eq!(
                trace.is_sampled(),
                is_sampled,
                "the caller decides: {flags}"
            );
            assert!(trace.traceparent().ends_with(flags));
        }
    }

    #[test]
    fn traces_of_messages_of_before_are_read() {
        let stored = r#"{"request_id":"r","traceparent":"t"}"#;
        let trace: Trace = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&trace).unwrap(), stored);
    }
}
