//! The component: requests in, the stores asked, answers out.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use base::{Failure, Trace, log};
use http::{HeaderValue, Response, StatusCode, header};
use objects::Objects;
use queue::Queue;
use serde_json::json;
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;
use stores::{KeyValue, Redis, SpinKeyValue, SpinRedis};
use web::{ApiError, Call, Reply};

use crate::dead::{Answer, Page, PageQuery, Redrive, Selection};
use crate::metrics;
use crate::queues::{self, Overview};
use crate::readiness::{Checks, Readiness, State};
use crate::route::{Operation, Route};

/// The role of those who may look at queues and change them.
const ROLE: &str = "ops";

/// A key and an object that nobody has: to ask for it shows that a store answers.
const NOTHING: &str = "readyz";

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let route = Route::of(&request.path_with_query().unwrap_or_default());
    let endpoint = route.endpoint();
    web::serve(request, out, endpoint, |call| answer(route, call)).await;
}

async fn answer(route: Route, call: Call) -> Reply {
    match route {
        // Probes have no token.
        Route::Health => web::json(StatusCode::OK, &json!({"status": "ok"})),
        Route::Readiness => readiness(&call.trace).await,
        Route::Operation(operation) => operate(operation, &call).await,
        Route::Unknown => {
            let message = "there is no such route";
            Err(ApiError::not_found("unknown_route", message))
        }
    }
}

async fn operate(operation: Operation, call: &Call) -> Reply {
    let principal = web::authenticate(call)?;
    web::require_role(&principal, ROLE)?;
    let operator = &principal.subject;
    match operation {
        Operation::Metrics => exposition(&call.trace).await,
        Operation::Queues => overview(&call.trace).await,
        Operation::DeadLetters { queue } => dead_letters(&known(queue)?, call),
        Operation::Redrive { queue } => redrive(&known(queue)?, call, operator).await,
        Operation::DeadLetter { queue, id } => {
            discard(&known(queue)?, &id, &call.trace, operator).await
        }
    }
}

/// Tries everything that is needed, whatever came of the others.
async fn readiness(trace: &Trace) -> Reply {
    let state = |name: &str, tried: Result<(), Failure>| match tried {
        Ok(()) => State::Ok,
        Err(error) => {
            let fields = json!({"check": name, "reason": error.to_string()});
            log::warn(trace, "something that is needed is not available", fields);
            State::Unavailable
        }
    };
    let readiness = Readiness::from(Checks {
        redis: state("redis", try_redis()),
        key_value: state("key_value", try_key_value()),
        s3: state("s3", try_s3(trace).await),
    });
    web::json(readiness.http_status(), &readiness)
}

fn try_redis() -> Result<(), Failure> {
    SpinRedis::open()?.call("PING", &[])?;
    Ok(())
}

fn try_key_value() -> Result<(), Failure> {
    SpinKeyValue::open()?.get(NOTHING)?;
    Ok(())
}

async fn try_s3(trace: &Trace) -> Result<(), Failure> {
    let store = Objects::from_variables("images_bucket_name")?;
    let store = store.with_headers(trace.headers());
    // Not a HEAD, which cannot tell an object that is not there from a bucket.
    store.get(NOTHING, 0).await?;
    Ok(())
}

async fn exposition(trace: &Trace) -> Reply {
    let text = metrics::render(&counts(trace).await?);
    let mut response = Response::new(text.into_bytes());
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(metrics::CONTENT_TYPE),
    );
    Ok(response)
}

async fn overview(trace: &Trace) -> Reply {
    let overview: Overview = counts(trace).await?.into_iter().collect();
    web::json(StatusCode::OK, &overview)
}

/// Counts, and then wakes what waits: a queue that all alarms of were lost, while
/// nobody was there to hear them, is found by whoever looks.
async fn counts(trace: &Trace) -> Result<Vec<(String, queue::Counts)>, ApiError> {
    let redis = SpinRedis::open()?;
    let mut counted = Vec::new();
    for name in names()? {
        let queue = worker::open(&redis, &name)?;
        let counts = queue.counts()?;
        queue.wake()?;
        worker::ring(&queue, trace).await;
        counted.push((name, counts));
    }
    Ok(counted)
}

fn dead_letters(queue: &str, call: &Call) -> Reply {
    let query = PageQuery::parse(&call.query())?;
    let redis = SpinRedis::open()?;
    let page = Queue::new(&redis, queue).dead_letters(query.after, query.limit)?;
    web::json(StatusCode::OK, &Page::of(queue, page))
}

async fn redrive(name: &str, call: &Call, operator: &str) -> Reply {
    let selection = Selection::try_from(call.json::<Redrive>()?)?;
    let redis = SpinRedis::open()?;
    let queue = worker::open(&redis, name)?;
    let redriven = match selection {
        Selection::All => queue.redrive_all(),
        Selection::These(ids) => queue.redrive(&ids),
    };
    // Also when it broke off: what was sent back until then waits for a worker.
    worker::ring(&queue, &call.trace).await;
    let redriven = redriven?;
    log::info(
        &call.trace,
        "dead letters were sent back",
        json!({"queue": name, "redriven": redriven.count, "by": operator}),
    );
    let answer = Answer {
        queue: name,
        redriven: redriven.count,
        missing: redriven.missing.iter().map(ToString::to_string).collect(),
    };
    web::json(StatusCode::OK, &answer)
}

async fn discard(queue: &str, id: &str, trace: &Trace, operator: &str) -> Reply {
    let unknown = || ApiError::not_found("unknown_dead_letter", "there is no such dead letter");
    let id = id.parse().map_err(|_| unknown())?;
    let redis = SpinRedis::open()?;
    let opened = worker::open(&redis, queue)?;
    if !opened.discard(id)? {
        return Err(unknown());
    }
    // Another may have waited for it in its line.
    worker::ring(&opened, trace).await;
    log::info(
        trace,
        "a dead letter was thrown away",
        json!({"queue": queue, "id": id.to_string(), "by": operator}),
    );
    Ok(web::empty(StatusCode::NO_CONTENT))
}

fn names() -> Result<Vec<String>, Failure> {
    queues::names(&base::text("queues")?)
        .map_err(|problem| Failure::misconfigured(format!("the variable queues {problem}")))
}

/// The queue, if it is one.
fn known(queue: String) -> Result<String, ApiError> {
    if names()?.contains(&queue) {
        return Ok(queue);
    }
    let message = format!("there is no queue {queue:?}");
    Err(ApiError::not_found("unknown_queue", message))
}
