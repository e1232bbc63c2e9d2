//! The keys of webhooks, all of them in Redis.
//!
//! | key | holds |
//! |---|---|
//! | `{orders}:webhooks` | hash: by id, an endpoint without its secrets |
//! | `{orders}:webhooks:secrets` | hash: by id, the secrets of an endpoint |
//! | `{orders}:webhooks:version` | the version of all endpoints together |
//! | `{orders}:webhooks:wanted` | sorted set: the event types that enabled endpoints want: types, families as in `orilla.order.*`, `*` for all |
//! | `{orders}:webhooks:log:{id}` | stream: the latest attempts to send to an endpoint |
//! | `{orders}:webhooks:failed:{id}` | sorted set: the events whose last attempt failed, by its time in ms |
//! | `{orders}:webhooks:resent:{id}` | sorted set: the events that were delivered when an operator sent them again |
//! | `{orders}:webhooks:resending:{id}:{event}` | that an operator sent the event again within the last minute |
//! | `{orders}:webhooks:health` | hash: by id, the last success of an endpoint, since when it fails and how often |
//! | `{orders}:webhooks:events`, and `:labels`, `:times`, `:bytes` after it | the events that may be sent again, their types, times and size |
//! | `{orders}:receiver:{digest}:{n}` | the message groups of an endpoint; `digest` is of its id, or of the URL in `notification_urls` |
//! | `{orders}.notifications:queue:*` | the queue (crate `queue`) |
//!
//! `{orders}` is the hash tag that keeps them on one node: orders had webhooks first.

use sha2::{Digest, Sha256};

/// The queue of events and of their deliveries.
pub const QUEUE: &str = "orders.notifications";

/// The endpoints.
pub const ENDPOINTS: &str = "{orders}:webhooks";
/// Their secrets.
pub const SECRETS: &str = "{orders}:webhooks:secrets";
/// The version register of all endpoints together.
pub const VERSION: &str = "{orders}:webhooks:version";
/// The types that the endpoints want.
pub const WANTED: &str = "{orders}:webhooks:wanted";

/// The state of the receivers of all endpoints.
pub const HEALTH: &str = "{orders}:webhooks:health";
/// The events that may be sent again.
pub const EVENTS: &str = "{orders}:webhooks:events";

/// The latest attempts to send to an endpoint.
pub fn log(endpoint: &str) -> String {
    format!("{{orders}}:webhooks:log:{endpoint}")
}

/// The events whose last attempt failed at an endpoint.
pub fn failed(endpoint: &str) -> String {
    format!("{{orders}}:webhooks:failed:{endpoint}")
}

/// The events that were delivered to an endpoint when an operator sent them again.
pub fn resent(endpoint: &str) -> String {
    format!("{{orders}}:webhooks:resent:{endpoint}")
}

/// That an operator sent an event again a moment ago.
pub fn resending(endpoint: &str, event: &str) -> String {
    format!("{{orders}}:webhooks:resending:{endpoint}:{event}")
}

/// The max number of deliveries that are on their way to one endpoint at once.
pub const GROUPS: u8 = 8;

/// The message group for the delivery `nth` to an endpoint, by its id or its URL. Each endpoint
/// has a few groups of its own, with one message at a time in work, so that one that does not
/// answer delays no other.
pub fn group(endpoint: &str, nth: u8) -> String {
    format!("{{orders}}:receiver:{}:{}", digest(endpoint), nth % GROUPS)
}

/// The digest of an endpoint's id or URL, in 16 hex digits.
pub fn digest(endpoint: &str) -> String {
    let digest = Sha256::digest(endpoint);
    hex::encode(digest.get(..8).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn an_endpoint_has_a_few_groups_and_no_other_has_them() {
        let groups: HashSet<_> = (0..=u8::MAX)
            .flat_map(|nth| [group("https://a.example/", nth), group("wh_1", nth)])
            .collect();
        assert_eq!(groups.len(), 2 * usize::from(GROUPS));
        assert!(
            groups
                .iter()
                .all(|key| key.starts_with("{orders}:receiver:"))
        );
        assert!(QUEUE.starts_with("orders."));
    }
}
