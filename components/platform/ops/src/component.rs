//! The component: routes, stores and answers.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use base::{Failure, Trace, log};
use http::StatusCode;
use objects::Objects;
use purchases_domain::keys;
use queue::{Queue, health};
use serde_json::json;
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;
use stores::{Arg, KeyValue, Redis, SpinKeyValue, SpinRedis};
use web::{ApiError, Call, Reply, Route};

use crate::dead::{Answer, Page, PageQuery, Redrive, Selection};
use crate::metrics;
use crate::queues::{self, Overview};
use crate::readiness::{Checks, Readiness, State};

/// The role that opens the routes for operators.
const ROLE: &str = "ops";

/// Room for a redrive of a thousand ids of maximum length.
const REDRIVE_BODY: usize = 64 * 1024;

/// A key and an object that do not exist: the answer shows that a store works.
const NOTHING: &str = "readyz";

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let routes = [
        // Probes have no token.
        Route::get("/healthz", alive).public(),
        Route::get("/readyz", readiness).public(),
        Route::get("/metrics", exposition).role(ROLE),
        Route::get("/ops/queues", overview).role(ROLE),
        Route::get("/ops/queues/{queue}/dead", dead_letters).role(ROLE),
        Route::post("/ops/queues/{queue}/dead/redrive", redrive)
            .role(ROLE)
            .json(REDRIVE_BODY),
        Route::delete("/ops/queues/{queue}/dead/{id}", discard).role(ROLE),
    ];
    web::serve(request, out, routes).await;
}

async fn alive(_: Call) -> Reply {
    web::json(StatusCode::OK, &json!({"status": "ok"}))
}

/// Tries everything that is needed, even after a failure.
async fn readiness(call: Call) -> Reply {
    let trace = &call.trace;
    let state = |name: &str, tried: Result<(), Failure>| match tried {
        Ok(()) => State::Ok,
        Err(error) => {
            let fields = json!({"check": name, "reason": error.to_string()});
            log::warn(trace, "a check of /readyz failed", fields);
            State::Unavailable
        }
    };
    let redis = SpinRedis::open().and_then(|redis| {
        redis.call("PING", &[])?;
        Ok(redis)
    });
    let with_redis = |check: fn(&SpinRedis) -> Result<(), Failure>| match &redis {
        Ok(redis) => check(redis),
        Err(failure) => Err(failure.clone()),
    };
    let readiness = Readiness::from(Checks {
        redis: state("redis", with_redis(|_| Ok(()))),
        redis_policy: state("redis_policy", with_redis(health::check_policy)),
        redis_events: state("redis_events", with_redis(check_events)),
        key_value: state("key_value", try_key_value()),
        s3: state("s3", try_s3(trace).await),
    });
    web::json(readiness.http_status(), &readiness)
}

/// Checks that events of expired keys arrive, if the platform has a Redis trigger.
fn check_events(redis: &SpinRedis) -> Result<(), Failure> {
    match base::text("bell")?.trim() {
        "http" => Ok(()),
        _ => health::check_events(redis),
    }
}

fn try_key_value() -> Result<(), Failure> {
    SpinKeyValue::open()?.get(NOTHING)?;
    Ok(())
}

async fn try_s3(trace: &Trace) -> Result<(), Failure> {
    let mut buckets = vec!["images_bucket_name"];
    // Without a bucket, purchases are not in use.
    if !base::text("compras_bucket")?.trim().is_empty() {
        buckets.push("compras_bucket");
    }
    for bucket in buckets {
        let store = Objects::from_variables(bucket)?;
        let store = store.with_headers(trace.headers());
        // The answer to a HEAD does not tell a missing object from a missing bucket.
        store.get(NOTHING, 0).await?;
    }
    Ok(())
}

async fn exposition(call: Call) -> Reply {
    let mut text = metrics::render(&counts(&call.trace).await?);
    let redis = SpinRedis::open()?;
    let counters = redis.call("HGETALL", &[Arg::from(keys::METRICS)]);
    let counters = counters.map_err(Failure::from)?;
    let counters = counters.chunks_exact(2).filter_map(|pair| match pair {
        [name, value] => Some((name.as_str()?.to_owned(), value.as_str()?.parse().ok()?)),
        _ => None,
    });
    text.push_str(&metrics::render_archive(&counters.collect()));
    Ok(web::content(metrics::CONTENT_TYPE, text.into_bytes()))
}

async fn overview(call: Call) -> Reply {
    let overview: Overview = counts(&call.trace).await?.into_iter().collect();
    web::json(StatusCode::OK, &overview)
}

/// Counts, and then wakes the workers of waiting messages: a queue whose notifications
/// and timers were all lost goes on at the next look.
async fn counts(trace: &Trace) -> Result<Vec<(String, queue::Counts)>, ApiError> {
    let redis = SpinRedis::open()?;
    let mut counted = Vec::new();
    for name in names()? {
        let queue = worker::open(&redis, &name)?;
        let counts = queue.counts()?;
        queue.wake()?;
        worker::notify(&queue, trace).await;
        counted.push((name, counts));
    }
    Ok(counted)
}

async fn dead_letters(call: Call) -> Reply {
    let name = queue(&call)?;
    let query = PageQuery::parse(call.query())?;
    let redis = SpinRedis::open()?;
    let page = Queue::new(&redis, name).dead_letters(query.after, query.limit)?;
    web::json(StatusCode::OK, &Page::of(name, page))
}

async fn redrive(call: Call) -> Reply {
    let name = queue(&call)?;
    let selection = Selection::try_from(call.json::<Redrive>()?)?;
    let redis = SpinRedis::open()?;
    let queue = worker::open(&redis, name)?;
    let redriven = match selection {
        Selection::All => queue.redrive_all(),
        Selection::These(ids) => queue.redrive(&ids),
    };
    // Also after an error: the messages that were sent back before it wait for a worker.
    worker::notify(&queue, &call.trace).await;
    let redriven = redriven?;
    log::info(
        &call.trace,
        "dead letters were sent back",
        json!({"queue": name, "redriven": redriven.count, "by": call.principal()?.subject}),
    );
    let answer = Answer {
        queue: name,
        redriven: redriven.count,
        missing: redriven.missing.iter().map(ToString::to_string).collect(),
    };
    web::json(StatusCode::OK, &answer)
}

async fn discard(call: Call) -> Reply {
    let name = queue(&call)?;
    let unknown = || ApiError::not_found("unknown_dead_letter", "there is no such dead letter");
    let id = call.path("id").parse().map_err(|_| unknown())?;
    let redis = SpinRedis::open()?;
    let queue = worker::open(&redis, name)?;
    if !queue.discard(id)? {
        return Err(unknown());
    }
    // Another message of its message group may have waited for it.
    worker::notify(&queue, &call.trace).await;
    log::info(
        &call.trace,
        "a dead letter was thrown away",
        json!({"queue": name, "id": id.to_string(), "by": call.principal()?.subject}),
    );
    Ok(web::empty(StatusCode::NO_CONTENT))
}

fn names() -> Result<Vec<String>, Failure> {
    queues::names(&base::text("queues")?)
        .map_err(|problem| Failure::misconfigured(format!("the variable queues {problem}")))
}

/// The queue that the path names.
fn queue(call: &Call) -> Result<&str, ApiError> {
    let name = call.path("queue");
    if names()?.iter().any(|known| known == name) {
        return Ok(name);
    }
    let message = format!("there is no queue {name:?}");
    Err(ApiError::not_found("unknown_queue", message))
}
