//! From a request to the next version of an order.

use base::{Failure, Trace};
use orders_domain::{Changed, Decision, Existing, Order, Refusal, Status, Transitions, keys};
use queue::{Message, Queue, QueueNames};
use records::{GroupMessage, Step, Versioned};
use stores::{KeyValue, Redis};

/// The wanted change.
#[derive(Clone, Copy, Debug)]
pub enum Intent {
    /// Create an order.
    Create,
    /// Create or change an order, as far as the transitions permit it.
    Put(Transitions),
}

/// An order with the wanted content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Its status.
    pub status: Status,
    /// The version with that content.
    pub version: u64,
}

/// Why an order was not changed.
#[derive(Debug, thiserror::Error)]
pub enum NotChanged {
    /// The request is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A store failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Gives an order the wanted content, if it has another: commits its next version,
/// appends a message to the order's message group, and stores the version.
///
/// # Errors
/// [`NotChanged::Refused`], and nothing has changed; or a store failed, and the same
/// request can be sent again.
pub fn change(
    queue: &Queue<'_, impl Redis>,
    store: &impl KeyValue,
    change: &orders_domain::Change<'_>,
    intent: Intent,
    trace: &Trace,
) -> Result<Done, NotChanged> {
    let id = &change.request.order_id;
    let status = change.request.status;
    let entity = keys::entity(id);
    let mut unchanged = None;
    let latest = records::update(queue, store, &entity, trace, |latest| {
        let decision = match (intent, latest) {
            (Intent::Put(transitions), _) => orders_domain::put(change, latest, transitions)?,
            (Intent::Create, None) => orders_domain::post(change, None)?,
            (Intent::Create, Some(latest)) => {
                let first = records::version::<Order>(store, &entity.key, 1);
                let first = first?;
                let first = first
                    .as_ref()
                    .map_or(&latest.document, |first| &first.document);
                orders_domain::post(change, Some(Existing { first, latest }))?
            }
        };
        Ok::<_, NotChanged>(match decision {
            Decision::Unchanged { version } => {
                unchanged = Some(version);
                Step::none()
            }
            Decision::Next(order) => {
                unchanged = None;
                next(latest, *order, trace)?
            }
        })
    })?;
    let version = latest.map_or(0, |latest| latest.version);
    Ok(Done {
        status,
        version: unchanged.unwrap_or(version),
    })
}

fn next(
    latest: Option<&Versioned<Order>>,
    order: Order,
    trace: &Trace,
) -> Result<Step<Order>, Failure> {
    let changed = Changed {
        version: latest.map_or(0, |latest| latest.version).saturating_add(1),
        previous_status: latest.map(|latest| latest.document.status()),
        document: Box::new(order.clone()),
    };
    let message = GroupMessage {
        queue: QueueNames::new(keys::queue(order.status())),
        group: keys::group(&order.order_id),
        message: changed.encode(trace)?,
    };
    Ok(Step {
        next: Some(order),
        effects: Vec::new(),
        message: Some(message),
    })
}
