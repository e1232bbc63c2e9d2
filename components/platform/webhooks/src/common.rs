use std::collections::BTreeMap;

use base::{Failure, Invalid};
use outbound::webhooks::Endpoints as Listed;
use web::ApiError;
use webhooks::{Allowed, Endpoint, Endpoints, Health, Target, WebhookView, listed_id};

/// The families of events. A type that starts with `orilla.` and is in none is a mistake: no
/// event would ever come. Handlers of orders may name events of their own otherwise.
const FAMILIES: [&str; 6] = [
    "orilla.image",
    "orilla.ipp",
    "orilla.job",
    "orilla.order",
    "orilla.purchase",
    "orilla.webhook",
];

pub(crate) fn unknown() -> ApiError {
    ApiError::not_found("unknown_webhook", "there is no such webhook")
}

pub(crate) fn read_only() -> ApiError {
    ApiError::conflict(
        "webhook_read_only",
        "the webhook is one of the variable notification_urls: change it there, and its secret \
         in notification_secret",
    )
}

/// The addresses of `notification_urls`.
pub(crate) fn listed() -> Result<Vec<String>, Failure> {
    let urls = Listed::parse(&base::text("notification_urls")?)
        .map_err(|error| Failure::variable("notification_urls", error))?;
    Ok(urls.addresses().collect())
}

/// The endpoint with this id.
pub(crate) fn find(id: &str, made: &Endpoints) -> Result<Target, ApiError> {
    if let Some(endpoint) = made.get(id) {
        return Ok(Target::Made(endpoint.clone()));
    }
    let listed = listed()?.into_iter().find(|url| listed_id(url) == id);
    listed.map(Target::Listed).ok_or_else(unknown)
}

/// Refuses a change of an endpoint that there is not, or that is of `notification_urls`.
pub(crate) fn made<'a>(id: &str, made: &'a Endpoints) -> Result<&'a Endpoint, ApiError> {
    match made.get(id) {
        Some(endpoint) => Ok(endpoint),
        None => Err(match find(id, made)? {
            Target::Made(_) => unknown(),
            Target::Listed(_) => read_only(),
        }),
    }
}

/// The views of all endpoints, by their ids.
pub(crate) fn views<'a>(
    made: &'a Endpoints,
    health: &BTreeMap<String, Health>,
) -> Result<Vec<WebhookView<'a>>, Failure> {
    let listed = listed()?.into_iter().map(WebhookView::listed);
    let made = made.all.iter().map(WebhookView::new);
    let all = listed.chain(made).map(|view| match health.get(view.id()) {
        Some(health) => view.with_health(health),
        None => view,
    });
    let mut all: Vec<_> = all.collect();
    all.sort_by(|a, b| a.id().cmp(b.id()));
    Ok(all)
}

/// The hosts that endpoints may be at.
pub(crate) fn allowed() -> Result<Allowed, Failure> {
    Allowed::parse(&base::text("notification_hosts")?).map_err(|error| {
        Failure::misconfigured(format!("the variable notification_hosts: {error}"))
    })
}

/// Refuses types of which no event can come.
pub(crate) fn check_families(endpoint: &Endpoint) -> Result<(), Invalid> {
    let is_known = |kind: &str| {
        let name = kind.strip_suffix(".*").unwrap_or(kind);
        let is_in = |family: &str| {
            let rest = name.strip_prefix(family);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let is_ours = name == "orilla" || name.starts_with("orilla.");
        let is_family = name != kind;
        !is_ours
            || (is_family && name == "orilla")
            || FAMILIES
                .iter()
                .any(|family| is_in(family) && (is_family || name.len() > family.len()))
    };
    match endpoint.event_types.iter().position(|kind| !is_known(kind)) {
        None => Ok(()),
        Some(at) => Err(Invalid::field(format!(
            "eventTypes[{at}]: there are no such events; those that start with orilla. are {}",
            FAMILIES.map(|family| format!("{family}.*")).join(", ")
        ))),
    }
}
