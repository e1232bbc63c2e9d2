//! Endpoints, as answers show them.

use base::Timestamp;
use serde::Serialize;

use crate::{Endpoint, Health, keys};

/// The event types of the endpoints of `notification_urls`, beside the events of handlers of
/// the operator's own.
const LISTED_TYPES: [&str; 2] = ["orilla.order.*", "orilla.webhook.*"];

/// Whether the endpoints of `notification_urls` get events of this type: those of orders,
/// with the types of handlers of the operator's own, and those of webhooks. Other systems had
/// no events when these endpoints were made, and their receivers may not know them.
pub fn listed_wants(kind: &str) -> bool {
    let family = kind.strip_prefix("orilla.");
    family.is_none_or(|kind| kind.starts_with("order.") || kind.starts_with("webhook."))
}

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
    disabled_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_success_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_since: Option<Timestamp>,
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
            disabled_at: endpoint.disabled.as_ref().map(|disabled| disabled.at),
            disabled_reason: endpoint.disabled.as_ref().map(|disabled| &*disabled.reason),
            last_success_at: None,
            failing_since: None,
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
            disabled_at: None,
            disabled_reason: None,
            last_success_at: None,
            failing_since: None,
            secret: None,
        }
    }

    /// The same with how its receiver fares.
    #[must_use]
    pub fn with_health(self, health: &Health) -> Self {
        Self {
            last_success_at: health.last_success(),
            failing_since: health.failing_since(),
            ..self
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
    fn an_endpoint_that_was_switched_off_says_when_and_why() {
        let (mut health, now) = (Health::default(), Timestamp::from_millis(7_000));
        health.note("a", false, now);
        let off = endpoint(&[]).switched_off("it failed".into(), now);
        let view = json(&WebhookView::new(&off).with_health(&health));
        assert_eq!(view["enabled"], false);
        assert_eq!(view["disabledAt"], "1970-01-01T00:00:07.000Z");
        assert_eq!(view["disabledReason"], "it failed");
        assert_eq!(view["failingSince"], "1970-01-01T00:00:07.000Z");
        assert!(view.get("lastSuccessAt").is_none());
    }

    #[test]
    fn endpoints_of_the_variable_get_the_events_of_orders_as_ever() {
        for kind in [
            "orilla.order.completed",
            "shop.sold",
            "orilla.webhook.disabled",
        ] {
            assert!(listed_wants(kind), "{kind}");
        }
        for kind in [
            "orilla.image.approved",
            "orilla.orders.x",
            "orilla.job.completed",
        ] {
            assert!(!listed_wants(kind), "{kind}");
        }
    }

    #[test]
    fn an_endpoint_of_the_variable_has_an_id_of_its_own() {
        let view = WebhookView::listed("https://a.example/".into());
        assert_eq!(view.id(), listed_id("https://a.example/"));
        assert_ne!(view.id(), listed_id("https://a.example/b"));
        assert_eq!(json(&view)["readOnly"], true);
    }
}
