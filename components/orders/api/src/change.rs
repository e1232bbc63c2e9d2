use http::{HeaderValue, StatusCode, header};
use orders_domain::{
    Answer, Change, OrderId, OrderRequest, Precondition, Refusal, Status, Timestamp, Transitions,
    keys, tag_of_version,
};
use orders_storage::{Intent, NotChanged};
use stores::{SpinKeyValue, SpinRedis};
use web::{ApiError, Call, Reply};

use crate::{bad_request, caller};

/// `POST /orders`
pub(crate) async fn create(call: &Call) -> Reply {
    let principal = web::authenticate(call)?;
    let request = OrderRequest::parse(call.body(), None).map_err(bad_request)?;
    change(call, &principal, &request, Intent::Create).await
}

/// `PUT /orders/{orderId}`
pub(crate) async fn put(call: &Call) -> Reply {
    let principal = web::authenticate(call)?;
    let id: OrderId = call.last_segment().parse().map_err(|error| {
        let message = format!("the orderId in the path {error}");
        ApiError::bad_request("invalid_field", message)
    })?;
    let request = OrderRequest::parse(call.body(), Some(&id)).map_err(bad_request)?;
    let transitions: Transitions =
        base::text("order_transitions")?
            .trim()
            .parse()
            .map_err(|_| {
                base::Failure::misconfigured(
                    "the variable order_transitions must be `strict` or `any`",
                )
            })?;
    change(call, &principal, &request, Intent::Put(transitions)).await
}

async fn change(
    call: &Call,
    principal: &web::Principal,
    request: &OrderRequest,
    intent: Intent,
) -> Reply {
    let if_match = call.list("if-match");
    let if_match = if_match.map(|tags| Precondition::if_match(&tags));
    let if_none_match = call.list("if-none-match");
    let if_none_match = if_none_match.map(|tags| Precondition::if_none_match(&tags));
    let preconditions = if_match.into_iter().chain(if_none_match);
    let preconditions: Vec<_> = preconditions
        .collect::<Result<_, _>>()
        .map_err(bad_request)?;
    let redis = SpinRedis::open()?;
    let queue = worker::open(&redis, keys::queue(request.status))?;
    let change = Change {
        request,
        preconditions: &preconditions,
        caller: caller(principal),
        now: Timestamp::from_millis(base::now_millis()),
    };
    let store = SpinKeyValue::open()?;
    let changed = orders_storage::change(&queue, &store, &change, intent, &call.trace);
    // Also where the order could not be stored: then a worker does it.
    worker::ring(&queue, &call.trace).await;
    if let Err(NotChanged::Failed(base::Failure::Contended { .. })) = changed {
        wake_all(&redis, call).await?;
    }
    let changed = changed.map_err(refusal)?;

    let answer = Answer::new(&request.order_id, changed.status, changed.version);
    let mut reply = web::json(StatusCode::OK, &answer)?;
    let tag = HeaderValue::try_from(tag_of_version(changed.version))
        .map_err(|error| base::Failure::internal(error.to_string()))?;
    reply.headers_mut().insert(header::ETAG, tag);
    Ok(reply)
}

/// Wakes the workers of all statuses: one of them is to store a version that was
/// committed, and may not have heard of it yet.
async fn wake_all(redis: &SpinRedis, call: &Call) -> Result<(), ApiError> {
    for status in Status::ALL {
        let queue = worker::open(redis, keys::queue(status))?;
        queue.wake()?;
        worker::ring(&queue, &call.trace).await;
    }
    Ok(())
}

fn refusal(error: NotChanged) -> ApiError {
    match error {
        NotChanged::Failed(failure) => failure.into(),
        NotChanged::Refused(refusal) => {
            let status = match refusal {
                Refusal::PreconditionFailed { .. } => StatusCode::PRECONDITION_FAILED,
                _ => StatusCode::CONFLICT,
            };
            ApiError::new(status, refusal.code(), refusal.to_string())
        }
    }
}
