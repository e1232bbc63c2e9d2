use base::{Failure, NotChanged};
use http::StatusCode;
use orders_domain::{Answer, Change, OrderId, OrderRequest, Status, Timestamp, Transitions, keys};
use orders_storage::Intent;
use stores::{SpinKeyValue, SpinRedis};
use web::{ApiError, Call, Invalid, Reply};

pub(crate) async fn create(call: Call) -> Reply {
    let request = OrderRequest::parse(call.body(), None)?;
    change(&call, &request, Intent::Create).await
}

pub(crate) async fn put(call: Call) -> Reply {
    let id: Result<OrderId, _> = call.path("orderId").parse();
    let id = id.map_err(|error| Invalid::field(format!("the orderId in the path {error}")))?;
    let request = OrderRequest::parse(call.body(), Some(&id))?;
    let transitions: Result<Transitions, _> = base::text("order_transitions")?.trim().parse();
    let transitions = transitions.map_err(|_| {
        Failure::misconfigured("the variable order_transitions must be `strict` or `any`")
    })?;
    change(&call, &request, Intent::Put(transitions)).await
}

async fn change(call: &Call, request: &OrderRequest, intent: Intent) -> Reply {
    let redis = SpinRedis::open()?;
    let queue = worker::open(&redis, keys::queue(request.status))?;
    let change = Change {
        request,
        preconditions: &call.preconditions()?,
        caller: call.principal()?.caller(),
        now: Timestamp::now(),
    };
    let store = SpinKeyValue::open()?;
    let changed = orders_storage::change(&queue, &store, &change, intent, &call.trace);
    // Also if the order could not be stored: a worker then stores it.
    worker::notify(&queue, &call.trace).await;
    if let Err(NotChanged::Failed(Failure::Contended { .. })) = changed {
        wake_all(&redis, call).await?;
    }
    let version = changed?;
    let answer = Answer::new(&request.order_id, request.status, version);
    let tag = base::version_tag(version);
    web::tagged(&tag, web::json(StatusCode::OK, &answer)?)
}

/// Wakes the workers of all statuses: one of them must store a committed version, and its
/// notification may have been lost.
async fn wake_all(redis: &SpinRedis, call: &Call) -> Result<(), ApiError> {
    for status in Status::ALL {
        let queue = worker::open(redis, keys::queue(status))?;
        queue.wake()?;
        worker::notify(&queue, &call.trace).await;
    }
    Ok(())
}
