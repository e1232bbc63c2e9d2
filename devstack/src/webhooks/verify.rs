//! The checks of a receiver. The signature is verified by the library of Standard
//! Webhooks and not by the sender's code, so that the two check each other.

use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use serde_json::Value;
use standardwebhooks::Webhook;

use crate::{Error, Result};

/// The attributes that every CloudEvent has (CloudEvents 1.0.2, "Required Attributes").
const REQUIRED: [&str; 4] = ["id", "source", "specversion", "type"];

/// A refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The status of the answer.
    pub status: StatusCode,
    /// The fault of the request.
    pub reason: String,
}

/// A valid event.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) body: Value,
}

/// Verifies with a secret.
pub(super) struct Verifier(Webhook);

impl Verifier {
    pub(super) fn new(secret: &str) -> Result<Self> {
        let webhook = Webhook::new(secret)
            .map_err(|error| Error::Option(format!("the secret of webhooks: {error}")))?;
        Ok(Self(webhook))
    }

    /// Verifies signature and time before it reads the body.
    pub(super) fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<Event, Refused> {
        self.0.verify(body, headers).map_err(|error| Refused {
            status: StatusCode::UNAUTHORIZED,
            reason: error.to_string(),
        })?;
        event(headers, body).map_err(|reason| Refused {
            status: StatusCode::BAD_REQUEST,
            reason,
        })
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier")
    }
}

/// Reads a CloudEvent in structured JSON.
fn event(headers: &HeaderMap, body: &[u8]) -> Result<Event, String> {
    let header = |name| headers.get(name)?.to_str().ok();
    let media_type = header(CONTENT_TYPE.as_str()).and_then(|value| value.split(';').next());
    let media_type = media_type.unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/cloudevents+json") {
        return Err("the content type is not application/cloudevents+json".into());
    }
    let body: Value =
        serde_json::from_slice(body).map_err(|error| format!("the body is not JSON: {error}"))?;
    let attribute = |name: &str| {
        let text = body.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    };
    if let Some(absent) = REQUIRED.iter().find(|name| attribute(name).is_none()) {
        return Err(format!("the CloudEvent has no {absent}"));
    }
    if attribute("specversion") != Some("1.0") {
        return Err("the CloudEvent is not of version 1.0".into());
    }
    let id = attribute("id").unwrap_or_default().to_owned();
    if header("webhook-id") != Some(id.as_str()) {
        return Err("webhook-id is not the id of the CloudEvent".into());
    }
    Ok(Event { id, body })
}
