//! From a request to the next version of a purchase.

use base::{Caller, Failure, NotChanged, Preconditions, Tenant, Timestamp, Trace};
use purchases_domain::{
    Changed, Intent, Purchase, PurchaseId, Purge, Settings, Wish, decide_post, decide_put, keys,
};
use queue::{Change, Group, Message, Queue, QueueNames};
use records::{Existing, GroupMessage, Versioned};
use stores::{KeyValue, Redis};

/// The latest version of a purchase.
///
/// # Errors
/// The store is out of reach.
pub fn load(
    store: &impl KeyValue,
    tenant: &Tenant,
    id: &PurchaseId,
) -> Result<Option<Versioned<Purchase>>, Failure> {
    records::latest(store, &keys::record(tenant, id))
}

/// Gives a purchase the wanted content, if it has another: commits its next version,
/// appends a message to its message group, and stores the version. Returns the version
/// with that content.
///
/// # Errors
/// The request is refused, and nothing has changed; or a store failed, and the same
/// request can be sent again.
pub fn change(
    queue: &Queue<'_, impl Redis>,
    store: &impl KeyValue,
    wish: &Wish<'_>,
    intent: Intent,
    trace: &Trace,
) -> Result<Versioned<Purchase>, NotChanged> {
    let entity = keys::entity(wish.tenant, wish.id);
    records::change(
        queue,
        store,
        &entity,
        trace,
        |latest| match (intent, latest) {
            (Intent::Create, Some(latest)) => {
                let first = &records::first(store, &entity, latest)?;
                decide_post(wish, Some(Existing { first, latest }))
            }
            (Intent::Create, None) => decide_post(wish, None),
            (Intent::Put, latest) => decide_put(wish, latest),
        },
        |_, version, purchase: &Purchase| message(version, purchase, trace),
    )
}

/// Removes a purchase. Returns the version that says so.
///
/// # Errors
/// The request is refused, and nothing has changed; or a store failed, and the same
/// request can be sent again.
#[allow(clippy::too_many_arguments, reason = "each is a different thing")]
pub fn remove(
    queue: &Queue<'_, impl Redis>,
    store: &impl KeyValue,
    (tenant, id): (&Tenant, &PurchaseId),
    preconditions: &Preconditions,
    caller: Caller<'_>,
    settings: &Settings,
    now: Timestamp,
    trace: &Trace,
) -> Result<Versioned<Purchase>, NotChanged> {
    let entity = keys::entity(tenant, id);
    records::change(
        queue,
        store,
        &entity,
        trace,
        |latest| Purchase::remove(latest, preconditions, caller, settings, now),
        |_, version, purchase: &Purchase| message(version, purchase, trace),
    )
}

/// Queues the erasure of a removed purchase: of all versions up to `version` and their
/// objects. It follows the changes that are not archived yet.
///
/// # Errors
/// Redis is out of reach.
pub fn erase(
    queue: &Queue<'_, impl Redis>,
    removed: &Versioned<Purchase>,
    trace: &Trace,
) -> Result<(), Failure> {
    let Versioned { version, document } = removed;
    let purge = Purge {
        tenant_id: document.tenant_id.clone(),
        compra_id: document.compra_id.clone(),
        version: *version,
    };
    let group = Group {
        key: keys::group(&document.tenant_id, &document.compra_id),
        ahead: None,
    };
    let send = queue.names().send_in(group, purge.encode(trace)?);
    queue.commit(&Change::new().with(send))?;
    Ok(())
}

/// The message that carries a version to the worker that archives it.
fn message(version: u64, purchase: &Purchase, trace: &Trace) -> Result<GroupMessage, Failure> {
    let changed = Changed {
        version,
        document: Box::new(purchase.clone()),
    };
    Ok(GroupMessage {
        queue: QueueNames::new(keys::QUEUE),
        group: keys::group(&purchase.tenant_id, &purchase.compra_id),
        message: changed.encode(trace)?,
    })
}
