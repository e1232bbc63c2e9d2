use std::time::{Duration, Instant};

use base::log;
use http::StatusCode;
use orders_domain::{Answer, Batch, BatchItem, Change, Order, OrderId, Timestamp};
use orders_storage::Wish;
use queue::Queue;
use records::Versioned;
use serde::Serialize;
use serde_json::{Value, json};
use stores::{SpinKeyValue, SpinRedis};
use web::{ApiError, Call, Reply};

use crate::change::{QUEUE, is_contended, rules, wake_all};

/// The time after which no further order of a batch is begun. One order may wait for others
/// for 8 s, and platforms end a request after 30 s.
const MAX_TIME: Duration = Duration::from_secs(15);

/// The body of the answer.
#[derive(Serialize)]
struct Results<'a> {
    results: Vec<Outcome<'a>>,
}

/// The result of one order: the answer that a single `PUT` would have got.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    order_id: Option<&'a OrderId>,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    body: Value,
}

/// Changes the orders one after the other, on one connection.
pub(crate) async fn batch(call: Call) -> Reply {
    let Batch(items) = Batch::parse(call.body())?;
    let rules = rules()?;
    let caller = call.principal()?.caller();
    let store = SpinKeyValue::open()?;
    let started = Instant::now();
    let mut any_contended = false;
    let mut change = |queue: &Queue<'_, SpinRedis>, item: &BatchItem| -> Result<_, ApiError> {
        let (request, preconditions) = item.wanted.as_ref().map_err(Clone::clone)?;
        if started.elapsed() >= MAX_TIME {
            return Err(not_tried());
        }
        let change = Change {
            request,
            preconditions,
            caller,
            now: Timestamp::now(),
        };
        let wish = Wish::Put(change, rules);
        let changed = orders_storage::change(queue, &store, &wish, &call.trace);
        any_contended |= is_contended(&changed);
        Ok(changed?)
    };
    let changed = worker::publish(QUEUE, &call.trace, |queue| {
        let changed = items.iter().map(|item| change(queue, item));
        Ok::<Vec<_>, ApiError>(changed.collect())
    })
    .await?;
    if any_contended {
        wake_all(&call).await?;
    }
    let results = items.iter().zip(changed);
    let results = results.map(|(item, changed)| match changed {
        Ok(changed) => accepted(item, &changed),
        Err(error) => Ok(refused(&call, item, &error)),
    });
    let results = results.collect::<Result<_, base::Failure>>()?;
    web::json(StatusCode::OK, &Results { results })
}

fn accepted<'a>(
    item: &'a BatchItem,
    changed: &Versioned<Order>,
) -> Result<Outcome<'a>, base::Failure> {
    let order = &changed.document;
    let answer = Answer::new(&order.order_id, order.status(), changed.version);
    Ok(Outcome {
        order_id: item.order_id.as_ref(),
        status: StatusCode::OK.as_u16(),
        etag: Some(base::version_tag(changed.version)),
        body: serde_json::to_value(answer)?,
    })
}

fn refused<'a>(call: &Call, item: &'a BatchItem, error: &ApiError) -> Outcome<'a> {
    if error.status.is_server_error() {
        let fields = json!({"orderId": item.order_id, "code": error.code,
            "error": error.message, "detail": error.detail});
        log::error(&call.trace, "an order of a batch was not changed", fields);
    }
    Outcome {
        order_id: item.order_id.as_ref(),
        status: error.status.as_u16(),
        etag: None,
        body: json!({"error": error.message, "code": error.code}),
    }
}

/// The answer to an order whose turn did not come.
fn not_tried() -> ApiError {
    let message = "the orders before it took too long, and it was not tried; send it again";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_tried", message)
}
