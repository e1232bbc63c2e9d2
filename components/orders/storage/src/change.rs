//! From a request to the next version of an order.

use base::{NotChanged, Trace};
use orders_domain::{Change, Changed, Order, OrderId, OrderPatch, Rules, keys};
use queue::{Message, Queue, QueueNames};
use records::{Existing, GroupMessage, Versioned};
use stores::{KeyValue, Redis};

/// The wanted change.
#[derive(Debug)]
pub enum Wish<'a> {
    /// Create an order.
    Create(Change<'a>),
    /// Create or replace an order, as far as the rules permit it.
    Put(Change<'a>, Rules),
    /// Change some fields of an order, as far as the rules permit it.
    Patch(Change<'a, OrderPatch>, Rules),
}

impl Wish<'_> {
    fn order_id(&self) -> &OrderId {
        match self {
            Self::Create(change) | Self::Put(change, _) => &change.request.order_id,
            Self::Patch(change, _) => &change.request.order_id,
        }
    }
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
    wish: &Wish<'_>,
    trace: &Trace,
) -> Result<Versioned<Order>, NotChanged> {
    let entity = keys::entity(wish.order_id());
    records::change(
        queue,
        store,
        &entity,
        trace,
        |latest| match (wish, latest) {
            (Wish::Put(change, rules), _) => Ok(orders_domain::put(change, latest, *rules)?),
            (Wish::Patch(change, rules), _) => Ok(orders_domain::patch(change, latest, *rules)?),
            (Wish::Create(change), None) => Ok(orders_domain::post(change, None)?),
            (Wish::Create(change), Some(latest)) => {
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
}
