use base::{Failure, NotChanged, Preconditions};
use http::StatusCode;
use orders_domain::{
    Answer, Change, OrderId, OrderPatch, OrderRequest, Rules, Status, Timestamp, Transitions, keys,
};
use orders_storage::Wish;
use stores::SpinKeyValue;
use web::{Call, Invalid, Reply};

pub(crate) async fn create(call: Call) -> Reply {
    let request = OrderRequest::parse(call.body(), None)?;
    let preconditions = call.preconditions()?;
    let wanted = wanted(&call, &request, &preconditions)?;
    change(&call, &Wish::Create(wanted)).await
}

pub(crate) async fn put(call: Call) -> Reply {
    let request = OrderRequest::parse(call.body(), Some(&order_id(&call)?))?;
    let preconditions = call.preconditions()?;
    let wanted = wanted(&call, &request, &preconditions)?;
    change(&call, &Wish::Put(wanted, rules()?)).await
}

pub(crate) async fn patch(call: Call) -> Reply {
    let patch = OrderPatch::parse(call.body(), &order_id(&call)?)?;
    let preconditions = call.preconditions()?;
    let wanted = wanted(&call, &patch, &preconditions)?;
    change(&call, &Wish::Patch(wanted, rules()?)).await
}

fn wanted<'a, R>(
    call: &'a Call,
    request: &'a R,
    preconditions: &'a Preconditions,
) -> Result<Change<'a, R>, Failure> {
    Ok(Change {
        request,
        preconditions,
        caller: call.principal()?.caller(),
        now: Timestamp::now(),
    })
}

fn order_id(call: &Call) -> Result<OrderId, Invalid> {
    let id = call.path("orderId").parse();
    id.map_err(|error| Invalid::field(format!("the orderId in the path {error}")))
}

/// The rules of the variables.
pub(crate) fn rules() -> Result<Rules, Failure> {
    let transitions: Result<Transitions, _> = base::text("order_transitions")?.trim().parse();
    Ok(Rules {
        transitions: transitions.map_err(|_| {
            Failure::misconfigured("the variable order_transitions must be `strict` or `any`")
        })?,
        requires_if_match: base::flag("require_if_match")?,
    })
}

async fn change(call: &Call, wish: &Wish<'_>) -> Reply {
    let store = SpinKeyValue::open()?;
    let changed = worker::publish(QUEUE, &call.trace, |queue| {
        orders_storage::change(queue, &store, wish, &call.trace)
    })
    .await;
    if is_contended(&changed) {
        wake_all(call).await?;
    }
    let changed = changed?;
    let order = &changed.document;
    let answer = Answer::new(&order.order_id, order.status(), changed.version);
    let tag = base::version_tag(changed.version);
    web::tagged(&tag, web::json(StatusCode::OK, &answer)?)
}

/// A queue of orders. All are of one hash tag, so each can commit changes for the others.
pub(crate) const QUEUE: &str = keys::queue(Status::Received);

/// Whether a change was given up because of others.
pub(crate) fn is_contended<T>(changed: &Result<T, NotChanged>) -> bool {
    matches!(changed, Err(NotChanged::Failed(Failure::Contended { .. })))
}

/// Wakes the workers of all statuses: one of them must store a committed version, and its
/// notification may have been lost.
pub(crate) async fn wake_all(call: &Call) -> Result<(), Failure> {
    for status in Status::ALL {
        worker::publish(keys::queue(status), &call.trace, |queue| queue.wake()).await?;
    }
    Ok(())
}
