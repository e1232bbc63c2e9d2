//! The keys of everything that the purchases system stores.
//!
//! | where | key | holds |
//! |---|---|---|
//! | key-value | `compras:{tenant}:{id}`, `compras:{tenant}:{id}:v:{n}` | the purchase and its versions; in the id, `~` stands for each colon |
//! | key-value | `compras-stream:{tenant}:{key}` | a record of a stream, as its message has it; `key` is the record's identity |
//! | Redis | `{compras}:version:{tenant}:{id}` | the version of the purchase |
//! | Redis | `{compras}:line:{tenant}:{id}` | the message group of the purchase (crate `queue`) |
//! | Redis | `{compras}:stream:line:{item}` | the message group of an item of a stream; `item` is a digest |
//! | Redis | `{compras}:stream:seen:{key}` | that the record was queued, for 48 hours |
//! | Redis | `{compras}:index:{tenant}:all` | the purchases of a tenant, by `fecha` in ms |
//! | Redis | `{compras}:index:{tenant}:user:{subject}` | the same of one user |
//! | Redis | `{compras}:index:{tenant}:ever` | all purchases, also removed ones, by their creation in ms |
//! | Redis | `{compras}:index:{tenant}:stream` | the records of streams, by their time in ms |
//! | Redis | `{compras}:tenants` | all tenants with changes, with score 0 |
//! | Redis | `{compras}:counted` | hash: by purchase or item of a stream, its share in the sums |
//! | Redis | `{compras}:sums:{tenant}:{day}:{total\|product\|user}` | hash: sums of a day (`Counted`) |
//! | Redis | `{compras}:state` | hash: by tenant, when its sums last changed |
//! | Redis | `{compras}:metrics` | hash: counters of the archive |
//! | Redis | `{compras}:parts` | hash: by tenant and day, how many numbers the files of a day have had |
//! | Redis | `{compras}:compacting:{tenant}:{day}` | the claim of a worker on a day |
//! | Redis | `{compras}:erased:{tenant}:{day}` | hash: the ids of erased purchases that files of the day may still hold |
//! | Redis | `{compras}:replay:{id}` | hash: a replay and its progress |
//! | Redis | `{compras}:queue:*`, `{compras}.archive:queue:*` | the queues (crate `queue`) |
//!
//! `{compras}` is the hash tag that keeps them on one node. A tenant has no colon; an id or
//! a subject is always the last part of its key in Redis, since it may have colons.

use base::Tenant;
use records::Entity;
use sha2::{Digest, Sha256};

use crate::PurchaseId;
use crate::archive::encoded;

/// The queue of changes.
pub const QUEUE: &str = "compras";
/// The queue of work on the archive: replays, compaction.
pub const MAINTENANCE: &str = "compras.archive";

/// All tenants with changes.
pub const TENANTS: &str = "{compras}:tenants";
/// The share of each purchase in the sums.
pub const COUNTED: &str = "{compras}:counted";
/// When the sums of each tenant last changed.
pub const STATE: &str = "{compras}:state";
/// The counters of the archive.
pub const METRICS: &str = "{compras}:metrics";

/// The key of a purchase in the key-value store.
pub fn record(tenant: &Tenant, id: &PurchaseId) -> String {
    // Colons are replaced, or `a:v:1` would be the first version of `a`.
    format!("compras:{tenant}:{}", id.as_str().replace(':', "~"))
}

/// The key of a stream's record in the key-value store.
pub fn stream_record(tenant: &str, key: &str) -> String {
    format!("compras-stream:{}:{key}", encoded(tenant))
}

/// The entity of a purchase.
pub fn entity(tenant: &Tenant, id: &PurchaseId) -> Entity {
    Entity {
        key: record(tenant, id),
        register: format!("{{compras}}:version:{tenant}:{id}"),
    }
}

/// The message group of a purchase.
pub fn group(tenant: &Tenant, id: &PurchaseId) -> String {
    format!("{{compras}}:line:{tenant}:{id}")
}

/// The digest of an item of a stream, in 32 hex digits.
pub fn item(identity: &str) -> String {
    let digest = Sha256::digest(identity);
    hex::encode(digest.get(..16).unwrap_or_default())
}

/// The message group of an item of a stream, by the digest of its identity.
pub fn stream_group(item: &str) -> String {
    format!("{{compras}}:stream:line:{item}")
}

/// The key that remembers that a stream's record was queued.
pub fn seen(key: &str) -> String {
    format!("{{compras}}:stream:seen:{key}")
}

/// The purchases of a tenant, or those of one user.
pub fn index(tenant: &Tenant, user: Option<&str>) -> String {
    match user {
        None => format!("{{compras}}:index:{tenant}:all"),
        Some(user) => format!("{{compras}}:index:{tenant}:user:{user}"),
    }
}

/// All purchases of a tenant that there ever were.
pub fn ever(tenant: &str) -> String {
    format!("{{compras}}:index:{}:ever", encoded(tenant))
}

/// The records of streams of a tenant.
pub fn stream_index(tenant: &str) -> String {
    format!("{{compras}}:index:{}:stream", encoded(tenant))
}

/// The field of [`COUNTED`] of a purchase.
pub fn counted(tenant: &Tenant, id: &PurchaseId) -> String {
    format!("{tenant}/{id}")
}

/// The field of [`COUNTED`] of an item of a stream, by the digest of its identity.
pub fn stream_counted(item: &str) -> String {
    // No id has a slash, so no purchase has this field.
    format!("stream//{item}")
}

/// A kind of sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sums {
    /// Of a whole day.
    Total,
    /// By product.
    Product,
    /// By user.
    User,
}

/// The sums of a day, which is written as in `2025-07-13`.
pub fn sums(tenant: &str, day: &str, kind: Sums) -> String {
    let kind = match kind {
        Sums::Total => "total",
        Sums::Product => "product",
        Sums::User => "user",
    };
    format!("{{compras}}:sums:{}:{day}:{kind}", encoded(tenant))
}

/// The erased purchases that files of a day may still hold.
pub fn erased(tenant: &str, day: &str) -> String {
    format!("{{compras}}:erased:{}:{day}", encoded(tenant))
}

/// A replay.
pub fn replay(id: &str) -> String {
    format!("{{compras}}:replay:{id}")
}
