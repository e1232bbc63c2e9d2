//! The bodies of requests about endpoints.

use base::{Invalid, Timestamp};
use serde::Deserialize;

use crate::endpoint::{check_description, check_types};
use crate::secrets::check_secret;
use crate::{Allowed, Endpoint, EndpointId};

/// The body of `POST /webhooks`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Create {
    url: Option<String>,
    event_types: Option<Vec<String>>,
    description: Option<String>,
    enabled: Option<bool>,
    secret: Option<String>,
}

impl Create {
    /// The new endpoint, and the secret that the caller chose.
    ///
    /// # Errors
    /// The first rule that the body breaks.
    pub fn endpoint(
        self,
        id: EndpointId,
        allowed: &Allowed,
        now: Timestamp,
    ) -> Result<(Endpoint, Option<String>), Invalid> {
        let url = self.url.ok_or_else(|| {
            Invalid::field("url: must be there, such as https://shop.example/hooks")
        })?;
        let secret = self.secret.as_deref().map(check_secret).transpose()?;
        let endpoint = Endpoint {
            id,
            url: check_url(&url, allowed)?,
            event_types: check_types(self.event_types.unwrap_or_default())?,
            description: check_description(self.description.unwrap_or_default())?,
            enabled: self.enabled.unwrap_or(true),
            created_at: now,
            updated_at: now,
            disabled: None,
        };
        Ok((endpoint, secret))
    }
}

/// The body of `PATCH /webhooks/{id}`. Members that are missing or null stay as they are.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Patch {
    url: Option<String>,
    event_types: Option<Vec<String>>,
    description: Option<String>,
    enabled: Option<bool>,
    secret: Option<serde_json::Value>,
}

impl Patch {
    /// The endpoint after the change.
    ///
    /// # Errors
    /// The first rule that the body breaks.
    pub fn apply(
        &self,
        endpoint: &Endpoint,
        allowed: &Allowed,
        now: Timestamp,
    ) -> Result<Endpoint, Invalid> {
        if self.secret.is_some() {
            return Err(Invalid::field(
                "secret: change it by POST /webhooks/{id}/secret/rotate, so that the old one goes \
                 on signing for a day",
            ));
        }
        let mut next = endpoint.clone();
        if let Some(url) = &self.url {
            next.url = check_url(url, allowed)?;
        }
        if let Some(types) = &self.event_types {
            next.event_types = check_types(types.clone())?;
        }
        if let Some(description) = &self.description {
            next.description = check_description(description.clone())?;
        }
        if let Some(enabled) = self.enabled {
            next.enabled = enabled;
            next.disabled = next.disabled.filter(|_| !enabled);
        }
        if next != *endpoint {
            next.updated_at = now;
        }
        Ok(next)
    }
}

/// The body of `POST /webhooks/{id}/resend`.
#[derive(Debug, Deserialize)]
pub struct Resend {
    since: Option<String>,
    all: Option<bool>,
}

impl Resend {
    /// The time since which events are sent again, and whether also those that did not fail.
    ///
    /// # Errors
    /// The time is missing, or is none.
    pub fn parse(self) -> Result<(Timestamp, bool), Invalid> {
        let since = self.since.as_deref().unwrap_or_default().parse();
        let since = since.map_err(|error| Invalid::field(format!("since: {error}")))?;
        Ok((since, self.all.unwrap_or(false)))
    }
}

/// The body of `POST /webhooks/{id}/secret/rotate`.
#[derive(Debug, Deserialize)]
pub struct Rotate {
    secret: Option<String>,
}

impl Rotate {
    /// The secret that the caller chose.
    ///
    /// # Errors
    /// It is none.
    pub fn secret(self) -> Result<Option<String>, Invalid> {
        self.secret.as_deref().map(check_secret).transpose()
    }
}

fn check_url(url: &str, allowed: &Allowed) -> Result<String, Invalid> {
    let checked = allowed.check(url);
    checked.map_err(|error| Invalid::field(format!("url: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn allowed() -> Allowed {
        Allowed::parse("https://*.example").unwrap()
    }

    fn create(body: Value) -> Result<(Endpoint, Option<String>), Invalid> {
        let body: Create = serde_json::from_value(body).unwrap();
        let id = "wh_1".parse().unwrap();
        body.endpoint(id, &allowed(), Timestamp::from_millis(7))
    }

    #[test]
    fn an_endpoint_gets_everything_and_is_on_unless_it_is_said_otherwise() {
        let (endpoint, secret) = create(json!({"url": "https://shop.example"})).unwrap();
        assert_eq!(endpoint.url, "https://shop.example/");
        assert!(endpoint.gets("orilla.image.failed") && secret.is_none());
        let (endpoint, _) = create(json!({"url": "https://shop.example", "enabled": false,
            "eventTypes": ["orilla.order.*"], "description": "The shop"}))
        .unwrap();
        assert_eq!(endpoint.event_types, ["orilla.order.*"]);
        assert_eq!(
            (&*endpoint.description, endpoint.enabled),
            ("The shop", false)
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_field() {
        for (body, told) in [
            (json!({}), "url: must be there"),
            (json!({"url": null}), "url: must be there"),
            (
                json!({"url": "http://shop.example"}),
                "url: must be at a host",
            ),
            (
                json!({"url": "https://a.example", "eventTypes": ["a b"]}),
                "eventTypes[0]: ",
            ),
            (
                json!({"url": "https://a.example", "secret": "x"}),
                "secret: must be whsec_",
            ),
            (
                json!({"url": "https://a.example", "description": "x".repeat(2000)}),
                "description: ",
            ),
        ] {
            let error = create(body.clone()).unwrap_err();
            assert!(error.message.starts_with(told), "{body}: {error}");
            assert_eq!(error.code, "invalid_field");
        }
    }

    #[test]
    fn a_patch_changes_what_it_names() {
        let (endpoint, _) = create(json!({"url": "https://a.example"})).unwrap();
        let patch = |body: Value| {
            let patch: Patch = serde_json::from_value(body).unwrap();
            patch.apply(&endpoint, &allowed(), Timestamp::from_millis(9))
        };
        assert_eq!(
            patch(json!({"url": null, "enabled": true})).unwrap(),
            endpoint
        );
        let off = patch(json!({"enabled": false})).unwrap();
        assert_eq!((off.enabled, off.updated_at.millis()), (false, 9));
        assert_eq!(off.url, endpoint.url);
        let moved = patch(json!({"url": "https://b.example", "eventTypes": ["a.*"]})).unwrap();
        assert_eq!(
            (&*moved.url, moved.event_types),
            ("https://b.example/", vec!["a.*".into()])
        );
        for wrong in [
            json!({"url": "https://b.test"}),
            json!({"secret": "whsec_x"}),
        ] {
            assert!(patch(wrong).is_err());
        }
    }
}
