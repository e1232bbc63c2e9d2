//! From a request to the next version of an order.

use base::{NotChanged, Trace};
use orders_domain::{Changed, Order, Transitions, keys};
use queue::{Message, Queue, QueueNames};
use records::{Existing, GroupMessage};
use stores::{KeyValue, Redis};

/// The wanted change.
#[derive(Clone, Copy, Debug)]
pub enum Intent {
    /// Create an order.
    Create,
    /// Create or change an order, as far as the transitions permit it.
    Put(Transitions),
}

/// Gives an order the wanted content, if it has another: commits its next version,
/// appends a message to the order's message group, and stores the version. Returns the
/// version with that content.
///
/// # Errors
/// The request is refused, and nothing has changed; or a store failed, and the same
/// request can be sent again.
pub fn change(
    queue: &Queue<'_, impl Redis>,
    store: &impl KeyValue,
    change: &orders_domain::Change<'_>,
    intent: Intent,
    trace: &Trace,
) -> Result<u64, NotChanged> {
    let entity = keys::entity(&change.request.order_id);
    records::change(
        queue,
        store,
        &entity,
        trace,
        |latest| match (intent, latest) {
            (Intent::Put(transitions), _) => Ok(orders_domain::put(change, latest, transitions)?),
            (Intent::Create, None) => Ok(orders_domain::post(change, None)?),
            (Intent::Create, Some(latest)) => {
                let first = &records::first(store, &entity, latest)?;
                Ok(orders_domain::post(
                    change,
                    Some(Existing { first, latest }),
                )?)
            }
        },
        |latest, version, order: &Order| {
            let changed = Changed {
                version,
                previous_status: latest.map(|latest| latest.document.status()),
                document: Box::new(order.clone()),
            };
            Ok(GroupMessage {
                queue: QueueNames::new(keys::queue(order.status())),
                group: keys::group(&order.order_id),
                message: changed.encode(trace)?,
            })
        },
    )
    .map(|changed| changed.version)
}
