//! Endpoints, as answers show them.

use base::Timestamp;
use serde::Serialize;

use crate::{Endpoint, keys};

/// What the endpoints of `notification_urls` get, beside the events of handlers of the
/// operator's own.
const LISTED_TYPES: [&str; 2] = ["orilla.order.*", "orilla.webhook.*"];

/// The id of an endpoint of `notification_urls`, by its URL without the query.
pub fn listed_id(url: &str) -> String {
    format!("listed-{}", keys::digest(url))
}

/// An endpoint. Its secret is in the one answer that made it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebhookView<'a> {
    id: String,
    url: String,
    event_types: Vec<&'a str>,
    description: &'a str,
    enabled: bool,
    read_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

impl<'a> WebhookView<'a> {
    /// An endpoint that an operator made.
    pub fn new(endpoint: &'a Endpoint) -> Self {
        Self {
            id: endpoint.id.to_string(),
            url: endpoint.url.clone(),
            event_types: endpoint.event_types.iter().map(String::as_str).collect(),
            description: &endpoint.description,
            enabled: endpoint.enabled,
            read_only: false,
            created_at: Some(endpoint.created_at),
            updated_at: Some(endpoint.updated_at),
            secret: None,
        }
    }

    /// An endpoint of `notification_urls`, by its URL without the query.
    pub fn listed(url: String) -> Self {
        Self {
            id: listed_id(&url),
            url,
            event_types: LISTED_TYPES.to_vec(),
            description: "of the variable notification_urls",
            enabled: true,
            read_only: true,
            created_at: None,
            updated_at: None,
            secret: None,
        }
    }

    /// The same with its secret.
    #[must_use]
    pub fn with_secret(self, secret: &'a str) -> Self {
        Self {
            secret: Some(secret),
            ..self
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::endpoint::tests::endpoint;

    fn json(view: &WebhookView<'_>) -> Value {
        serde_json::to_value(view).unwrap()
    }

    #[test]
    fn a_secret_is_in_the_answer_that_made_it_and_in_no_other() {
        let endpoint = endpoint(&["orilla.order.*"]);
        let view = WebhookView::new(&endpoint);
        assert_eq!(
            json(&view),
            json!({"id": endpoint.id, "url": "https://shop.example/hook",
                "eventTypes": ["orilla.order.*"], "description": "", "enabled": true,
                "readOnly": false, "createdAt": "1970-01-01T00:00:00.001Z",
                "updatedAt": "1970-01-01T00:00:00.001Z"})
        );
        assert_eq!(json(&view.with_secret("whsec_x"))["secret"], "whsec_x");
    }

    #[test]
    fn an_endpoint_of_the_variable_has_an_id_of_its_own() {
        let view = WebhookView::listed("https://a.example/".into());
        assert_eq!(view.id(), listed_id("https://a.example/"));
        assert_ne!(view.id(), listed_id("https://a.example/b"));
        assert_eq!(json(&view)["readOnly"], true);
    }
}
