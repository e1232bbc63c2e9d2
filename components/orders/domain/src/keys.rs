//! The keys of everything that the orders system stores.
//!
//! | where | key | holds |
//! |---|---|---|
//! | key-value | `orders:{id}`, `orders:{id}:v:{n}` | the order and its versions; in the id, `~` stands for each colon. The first may be annotated with the outcome of processing its version |
//! | Redis | `{orders}:version:{id}` | the version of the order |
//! | Redis | `{orders}:line:{id}` | the message group of the order (crate `queue`) |
//! | Redis | `{orders}:processing:{id}` | hash: by version, the outcome of processing it; `failed`, the latest failure, which may hold the order |
//! | Redis | `{orders}:index:all:{status}` | all orders of a status, or of any (`all`), by the time of creation in ms |
//! | Redis | `{orders}:index:user:{subject}:{status}` | the same of one owner |
//! | Redis | `{orders}:changed:all:{status}`, `{orders}:changed:user:{subject}:{status}` | the same by the time of the last change in ms; 0 where that is not known |
//! | Redis | `{orders}:changed-until:all:{status}`, `{orders}:changed-until:user:{subject}:{status}` | the time in ms before which orders with 0 were changed last |
//! | Redis | `{orders}.{status}:queue:*` | the queue of a status (crate `queue`) |
//!
//! `{orders}` is the hash tag that keeps them on one node. An id is always the last part
//! of its key in Redis, since it may have colons itself.

use records::Entity;

use crate::{OrderId, Status};

/// The field of [`processing`] with the latest failure.
pub const FAILED: &str = "failed";

/// The queue of the orders that became, or stayed, `status`.
pub const fn queue(status: Status) -> &'static str {
    match status {
        Status::Received => "orders.received",
        Status::Inprocess => "orders.inprocess",
        Status::Completed => "orders.completed",
        Status::Canceled => "orders.canceled",
    }
}

/// The key of an order in the key-value store.
pub fn record(id: &OrderId) -> String {
    // Colons are replaced, or `a:v:1` would be the first version of `a`. Some stores
    // refuse a slash.
    format!("orders:{}", id.as_str().replace(':', "~"))
}

/// The entity of an order.
pub fn entity(id: &OrderId) -> Entity {
    Entity {
        key: record(id),
        register: version(id),
    }
}

/// The version register of an order.
pub fn version(id: &OrderId) -> String {
    format!("{{orders}}:version:{id}")
}

/// The message group of an order.
pub fn group(id: &OrderId) -> String {
    format!("{{orders}}:line:{id}")
}

/// The outcomes of processing the versions of an order.
pub fn processing(id: &OrderId) -> String {
    format!("{{orders}}:processing:{id}")
}

/// The orders of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List<'a> {
    /// The owner; `None` for the orders of all users.
    pub subject: Option<&'a str>,
    /// The status; `None` for any.
    pub status: Option<Status>,
}

impl List<'_> {
    /// Their index by the time of creation.
    pub fn by_creation(&self) -> String {
        self.key("index")
    }

    /// Their index by the time of the last change.
    pub fn by_change(&self) -> String {
        self.key("changed")
    }

    /// The time before which orders were changed whose score in the index by changes is 0.
    pub fn changed_until(&self) -> String {
        self.key("changed-until")
    }

    fn key(&self, kind: &str) -> String {
        let status = self.status.map_or("all", Status::as_str);
        match self.subject {
            None => format!("{{orders}}:{kind}:all:{status}"),
            Some(subject) => format!("{{orders}}:{kind}:user:{subject}:{status}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn ids() -> [OrderId; 8] {
        let ids = [
            "a",
            "a:v:1",
            "a:v",
            "v:1",
            "version:a",
            "line:a",
            "all:received",
            "user:ana:all",
        ];
        ids.map(|id| id.parse().unwrap())
    }

    #[test]
    fn no_order_is_stored_as_a_version_of_another() {
        let mut keys = HashSet::new();
        for id in ids() {
            let key = record(&id);
            assert!((1..=3).all(|version| keys.insert(format!("{key}:v:{version}"))));
            assert!(keys.insert(key));
        }
        assert_eq!(record(&"ORD-001".parse().unwrap()), "orders:ORD-001");
    }

    #[test]
    fn no_key_of_an_order_is_that_of_another() {
        let keys: HashSet<String> = ids()
            .iter()
            .flat_map(|id| [version(id), group(id), processing(id)])
            .collect();
        assert_eq!(keys.len(), ids().len() * 3);
        assert!(keys.iter().all(|key| key.starts_with("{orders}:")));
    }

    #[test]
    fn no_index_is_that_of_another_whatever_subjects_are_called() {
        let subjects = [
            "ana",
            "ana:all",
            "ana:received",
            "",
            ":",
            "all",
            "user:ana",
            "{x}",
        ];
        let statuses = || Status::ALL.map(Some).into_iter().chain([None]);
        let subjects = subjects.into_iter().map(Some).chain([None]);
        let lists =
            subjects.flat_map(|subject| statuses().map(move |status| List { subject, status }));
        let keys: Vec<String> = lists
            .flat_map(|list| [list.by_creation(), list.by_change(), list.changed_until()])
            .collect();
        let count = keys.len();
        assert_eq!(keys.into_iter().collect::<HashSet<_>>().len(), count);
    }

    #[test]
    fn each_status_has_its_queue_under_one_hash_tag() {
        for status in Status::ALL {
            assert_eq!(queue(status), format!("orders.{status}"));
        }
    }
}
