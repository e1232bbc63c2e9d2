//! From a request to the next version of an order.

use base::{Failure, Trace};
use orders_domain::{Changed, Decision, Existing, Order, Refusal, Status, Transitions, keys};
use queue::{Message, Queue, QueueNames};
use records::{GroupMessage, Step, Versioned};
use stores::{KeyValue, Redis};

/// What a client wants.
#[derive(Clone, Copy, Debug)]
pub enum Intent {
    /// A new order.
    Create,
    /// That the order becomes this, as far as the transitions permit it.
    Put(Transitions),
}

/// An order that is as the client wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Its status.
    pub status: Status,
    /// The version that is so.
    pub version: u64,
}

/// Why an order is not as the client wants it.
#[derive(Debug, thiserror::Error)]
pub enum NotChanged {
    /// It must not be.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A store failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Makes an order what the client wants it to be, if it is not: commits its next
/// version, adds it to the order's message group and stores it.
///
/// # Errors
/// [`NotChanged::Refused`], and nothing has happened; or a store failed, and the
/// same request can be sent again.
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
