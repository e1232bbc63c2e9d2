//! Events: CloudEvents 1.0
//! (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>) in the structured
//! mode of their JSON format.

use base::Trace;
use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// The number of bytes of a digest in an event's id.
const DIGEST: usize = 16;

/// The type of the event that an operator sends to see whether an endpoint works.
pub const TEST: &str = "orilla.webhook.test";

/// Why an event is invalid.
#[derive(Debug, thiserror::Error)]
pub enum NoEvent {
    /// It has no type.
    #[error("the type of an event must not be empty")]
    Kind,
    /// Its data is not a JSON value.
    #[error("the data of an event must be JSON: {0}")]
    Data(serde_json::Error),
}

/// The content of an event.
#[derive(Clone, Debug)]
pub struct Fact<'a> {
    /// The id of the event: [`event_id`].
    pub id: String,
    /// Where it happened, such as `/orders`.
    pub source: &'a str,
    /// Its type, such as `orilla.order.completed`.
    pub kind: &'a str,
    /// The id of the record that it is about.
    pub subject: &'a str,
    /// The version of the record.
    pub version: u64,
    /// When the record became so, RFC 3339.
    pub time: String,
    /// The record: JSON text.
    pub data: &'a str,
}

/// An event. The extension `sequence` tells which of two events of a record is later;
/// `traceparent` and `tracestate` hold the trace of the request (the extension Distributed
/// Tracing of CloudEvents).
#[derive(Clone, Debug, Serialize)]
pub struct CloudEvent<'a> {
    specversion: &'static str,
    id: String,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    subject: &'a str,
    time: String,
    datacontenttype: &'static str,
    sequence: String,
    traceparent: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracestate: Option<&'a str>,
    data: &'a RawValue,
}

impl<'a> CloudEvent<'a> {
    /// The event that tells a fact. The same fact makes the same event, except for the trace.
    ///
    /// # Errors
    /// The type is empty, or the data is not JSON.
    pub fn new(fact: Fact<'a>, trace: &'a Trace) -> Result<Self, NoEvent> {
        if fact.kind.is_empty() {
            return Err(NoEvent::Kind);
        }
        Ok(Self {
            specversion: "1.0",
            id: fact.id,
            source: fact.source,
            kind: fact.kind,
            subject: fact.subject,
            time: fact.time,
            datacontenttype: "application/json",
            // Padded with zeros, so that the order of texts is that of numbers.
            sequence: format!("{:020}", fact.version),
            traceparent: trace.traceparent(),
            tracestate: trace.tracestate(),
            data: serde_json::from_slice(fact.data.as_bytes()).map_err(NoEvent::Data)?,
        })
    }

    /// Its id, by which a receiver recognizes a repeated event.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its type.
    pub fn kind(&self) -> &str {
        self.kind
    }

    /// The event as it is sent.
    ///
    /// # Errors
    /// None known.
    pub fn encode(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

/// The type of an event, from its text.
pub fn kind_of(event: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Typed {
        #[serde(rename = "type")]
        kind: String,
    }
    let typed: Typed = serde_json::from_slice(event.as_bytes()).ok()?;
    Some(typed.kind)
}

/// The id of an event that follows from `of`, which names it among all events: a record, its
/// version and the event. Parts in `of` must not run into each other.
pub fn event_id(of: &str) -> String {
    let digest = Sha256::digest(of);
    format!(
        "msg_{}",
        hex::encode(digest.get(..DIGEST).unwrap_or_default())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact<'a>(kind: &'a str, data: &'a str, version: u64) -> Fact<'a> {
        Fact {
            id: event_id("images/1.png/2/approved"),
            source: "/images",
            kind,
            subject: "1.png",
            version,
            time: "2026-11-22T10:30:46.123Z".into(),
            data,
        }
    }

    #[test]
    fn data_is_sent_to_the_letter() {
        let data = r#"{"total": 9007199254740993, "rate":1.50}"#;
        let trace = Trace::new();
        let event = CloudEvent::new(fact("shop.sold", data, 1), &trace).unwrap();
        assert!(event.encode().unwrap().contains(data));
    }

    #[test]
    fn an_event_without_a_type_or_with_broken_data_is_none() {
        assert!(matches!(
            CloudEvent::new(fact("", "1", 1), &Trace::new()),
            Err(NoEvent::Kind)
        ));
        for data in ["", "{", "1 2", "text"] {
            let error = CloudEvent::new(fact("shop.sold", data, 1), &Trace::new()).unwrap_err();
            assert!(matches!(error, NoEvent::Data(_)), "{data}: {error}");
        }
    }

    #[test]
    fn later_versions_have_later_sequences() {
        let sequence = |version| {
            CloudEvent::new(fact("t", "1", version), &Trace::new())
                .unwrap()
                .sequence
        };
        assert!(sequence(9) < sequence(10) && sequence(10) < sequence(u64::MAX));
    }

    #[test]
    fn the_type_is_in_the_text() {
        let trace = Trace::new();
        let event = CloudEvent::new(fact("shop.sold", "1", 1), &trace).unwrap();
        assert_eq!(
            kind_of(&event.encode().unwrap()).as_deref(),
            Some("shop.sold")
        );
        assert_eq!(kind_of("{}"), None);
    }

    #[test]
    fn an_id_can_be_signed() {
        let id = event_id("a.b/1");
        assert_eq!((id.len(), id.contains('.')), ("msg_".len() + 32, false));
        assert_ne!(id, event_id("a.b/2"));
    }
}
