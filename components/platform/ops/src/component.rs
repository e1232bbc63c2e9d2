//! The component: routes, stores and answers.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use base::{Failure, Trace, log};
use http::StatusCode;
use objects::Objects;
use origins::{Origins, Wrong as WrongOrigin};
use purchases_domain::keys;
use queue::{Notify, Picked, Queue, QueueNames, health};
use schedule::{BuiltIn, Schedules, Seen, Wrong, tick};
use serde_json::json;
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;
use stores::{Arg, KeyValue, Redis, SpinKeyValue, SpinRedis};
use web::{ApiError, Call, Reply, Route};

use crate::dead::{Discarded, Page, PageQuery, Redriven, Selection, Wanted};
use crate::metrics;
use crate::queues::{History, Overview, Pause};
use crate::readiness::{Checks, Readiness, State};
use crate::schedules;

/// The role that opens the routes for operators.
const ROLE: &str = "ops";

/// Room for a thousand ids of maximum length.
const IDS_BODY: usize = 64 * 1024;

/// A key and an object that do not exist: the answer shows that a store works.
const NOTHING: &str = "readyz";

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let routes = [
        // Probes have no token.
        Route::get_public("/healthz", alive),
        Route::get_public("/readyz", readiness),
        Route::get("/metrics", exposition).role(ROLE),
        Route::get("/ops/queues", overview).role(ROLE),
        Route::get("/ops/schedules", timetable).role(ROLE),
        Route::get("/ops/queues/{queue}/history", history).role(ROLE),
        Route::post("/ops/queues/{queue}/pause", pause).role(ROLE),
        Route::post("/ops/queues/{queue}/resume", resume).role(ROLE),
        Route::get("/ops/queues/{queue}/dead", dead_letters).role(ROLE),
        Route::post("/ops/queues/{queue}/dead/redrive", redrive)
            .role(ROLE)
            .json(IDS_BODY),
        Route::post("/ops/queues/{queue}/dead/discard", discard_many)
            .role(ROLE)
            .json(IDS_BODY),
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
    let schedules = schedules();
    if let (Ok(redis), Ok(schedules)) = (&redis, &schedules) {
        let seen = look(redis, schedules, schedules.tags(), trace).await;
        warn_of(seen.map(|_| ()), trace);
    }
    let schedules = schedules.map(|schedules| schedules.wrong().to_vec());
    let origins = web::allowed_origins().map(|list| Origins::new(&list).wrong());
    let readiness = Readiness::from(Checks {
        redis: state("redis", with_redis(|_| Ok(()))),
        redis_policy: state("redis_policy", with_redis(health::check_policy)),
        redis_events: state("redis_events", with_redis(check_events)),
        key_value: state("key_value", try_key_value()),
        s3: state("s3", try_s3(trace).await),
        schedules: state("schedules", check_schedules(&schedules)),
        origins: state("origins", check_origins(&origins)),
    });
    let wrong = schedules.unwrap_or_default();
    let wrong = wrong.into_iter().map(|wrong| wrong.name);
    let readiness = readiness.with_wrong_schedules(wrong.collect());
    let wrong = origins.unwrap_or_default();
    let wrong = wrong.into_iter().map(|wrong| wrong.name);
    let readiness = readiness.with_wrong_origins(wrong.collect());
    web::json(readiness.http_status(), &readiness)
}

/// Checks that each line is a schedule.
fn check_schedules(wrong: &Result<Vec<Wrong>, Failure>) -> Result<(), Failure> {
    let wrong = wrong.as_ref().map_err(Failure::clone)?;
    if wrong.is_empty() {
        return Ok(());
    }
    let problems = wrong
        .iter()
        .map(|Wrong { name, problem }| format!("{name}: {problem}"));
    let problems: Vec<_> = problems.collect();
    Err(Failure::misconfigured(format!(
        "schedules are wrong: {}",
        problems.join("; ")
    )))
}

/// Checks that each entry of `allowed_origins` can match.
fn check_origins(wrong: &Result<Vec<WrongOrigin>, Failure>) -> Result<(), Failure> {
    let wrong = wrong.as_ref().map_err(Failure::clone)?;
    if wrong.is_empty() {
        return Ok(());
    }
    let problems = wrong.iter();
    let problems = problems.map(|wrong| format!("{} {}", wrong.name, wrong.problem));
    let problems: Vec<_> = problems.collect();
    Err(Failure::misconfigured(format!(
        "allowed_origins: {}",
        problems.join("; ")
    )))
}

/// Checks that events of expired keys arrive, if the platform has a Redis trigger.
fn check_events(redis: &SpinRedis) -> Result<(), Failure> {
    match worker::notify_mode()? {
        Notify::Caller => Ok(()),
        Notify::Redis => health::check_events(redis),
    }
}

fn try_key_value() -> Result<(), Failure> {
    SpinKeyValue::open()?.get(NOTHING)?;
    Ok(())
}

async fn try_s3(trace: &Trace) -> Result<(), Failure> {
    let is_set = |name| Ok::<_, Failure>(!base::text(name)?.trim().is_empty());
    let mut buckets = vec!["images_bucket_name"];
    // Without these variables, purchases and ipp are not in use.
    if is_set("compras_bucket")? {
        buckets.push("compras_bucket");
    }
    if is_set("databricks_workspace_url")? {
        buckets.extend(["ipp_raw_bucket", "ipp_processed_bucket"]);
    }
    for bucket in buckets {
        let store = Objects::from_variables(bucket).await?;
        // The answer to a HEAD does not tell a missing object from a missing bucket.
        store.traced(trace).get(NOTHING, 0).await?;
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
    let requests = telemetry::histograms(&redis)?;
    text.push_str(&metrics::render_requests(&requests));
    match schedules() {
        Ok(schedules) => {
            let seen = look(&redis, &schedules, schedules.all_tags(), &call.trace).await?;
            text.push_str(&metrics::render_schedules(&seen));
        }
        Err(failure) => warn_of(Err(failure), &call.trace),
    }
    Ok(web::content(metrics::CONTENT_TYPE, text.into_bytes()))
}

async fn overview(call: Call) -> Reply {
    let overview: Overview = counts(&call.trace).await?.into_iter().collect();
    let looked = async {
        let schedules = schedules()?;
        let redis = SpinRedis::open()?;
        look(&redis, &schedules, schedules.tags(), &call.trace).await?;
        Ok(())
    };
    warn_of(looked.await, &call.trace);
    web::json(StatusCode::OK, &overview)
}

async fn timetable(call: Call) -> Reply {
    let schedules = schedules()?;
    let redis = SpinRedis::open()?;
    let seen = look(&redis, &schedules, schedules.all_tags(), &call.trace).await?;
    let overview = schedules::Overview::of(&seen, schedules.wrong());
    web::json(StatusCode::OK, &overview)
}

/// The schedules of the variables.
fn schedules() -> Result<Schedules, Failure> {
    let ipp = base::text("ipp_schedule")?;
    Schedules::from_variables(&[BuiltIn {
        name: "ipp",
        expression: &ipp,
        queue: "ipp",
        message: r#"{"type":"ipp.automatic","schema":1}"#,
    }])
}

/// Looks at the schedules of these hash tags and runs those that are due: their timers may
/// have been lost, or no component hears them. Returns them by their names.
async fn look<'s>(
    redis: &SpinRedis,
    schedules: &'s Schedules,
    tags: impl IntoIterator<Item = &'s str>,
    trace: &Trace,
) -> Result<Vec<Seen<'s>>, Failure> {
    let mut all = Vec::new();
    for tag in tags {
        let queue = worker::open(redis, tag)?;
        let seen = tick(&queue, schedules, base::now_millis(), trace);
        worker::notify(&queue, trace).await;
        all.extend(seen?);
    }
    all.sort_by_key(|seen| seen.schedule.name());
    Ok(all)
}

/// Logs the failure of a look at schedules by a request for something else.
fn warn_of(looked: Result<(), Failure>, trace: &Trace) {
    if let Err(failure) = looked {
        let fields = json!({"reason": failure.to_string()});
        log::warn(trace, "schedules could not be looked at", fields);
    }
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

async fn history(call: Call) -> Reply {
    let name = queue(&call)?;
    let redis = SpinRedis::open()?;
    let minutes = Queue::new(&redis, name).history()?;
    web::json(StatusCode::OK, &History::new(name, minutes))
}

async fn dead_letters(call: Call) -> Reply {
    let name = queue(&call)?;
    let query = PageQuery::parse(call.query())?;
    let redis = SpinRedis::open()?;
    let page = Queue::new(&redis, name).dead_letters(query.after, query.limit)?;
    web::json(StatusCode::OK, &Page::of(name, page))
}

async fn redrive(call: Call) -> Reply {
    let (name, redriven) = pick(&call, |queue, selection| match selection {
        Selection::All => queue.redrive_all(),
        Selection::These(ids) => queue.redrive(&ids),
    })
    .await?;
    log::info(
        &call.trace,
        "dead letters were sent back",
        json!({"queue": name, "redriven": redriven.count, "by": call.principal()?.subject}),
    );
    web::json(StatusCode::OK, &Redriven::of(name, &redriven))
}

async fn discard_many(call: Call) -> Reply {
    let (name, discarded) = pick(&call, |queue, selection| match selection {
        Selection::All => queue.discard_all(),
        Selection::These(ids) => queue.discard_many(&ids),
    })
    .await?;
    log::info(
        &call.trace,
        "dead letters were thrown away",
        json!({"queue": name, "discarded": discarded.count, "by": call.principal()?.subject}),
    );
    web::json(StatusCode::OK, &Discarded::of(name, &discarded))
}

/// Lets `pick` send back, or throw away, the dead letters that a request names. Also after an
/// error workers are notified: of messages that were sent back before it, and of those whose
/// message groups waited. Returns the queue's name, too.
async fn pick(
    call: &Call,
    pick: impl FnOnce(&Queue<'_, SpinRedis>, Selection) -> Result<Picked, Failure>,
) -> Result<(&str, Picked), ApiError> {
    let name = queue(call)?;
    let selection = Selection::try_from(call.object::<Wanted>()?)?;
    let picked = worker::publish(name, &call.trace, |queue| pick(queue, selection)).await?;
    Ok((name, picked))
}

async fn discard(call: Call) -> Reply {
    let name = queue(&call)?;
    let unknown = || ApiError::not_found("unknown_dead_letter", "there is no such dead letter");
    let id = call.path("id").parse().map_err(|_| unknown())?;
    // Another message of its message group may have waited for it.
    if !worker::publish(name, &call.trace, |queue| queue.discard(id)).await? {
        return Err(unknown());
    }
    log::info(
        &call.trace,
        "a dead letter was thrown away",
        json!({"queue": name, "id": id.to_string(), "by": call.principal()?.subject}),
    );
    Ok(web::empty(StatusCode::NO_CONTENT))
}

async fn pause(call: Call) -> Reply {
    let name = queue(&call)?;
    let redis = SpinRedis::open()?;
    let since = worker::open(&redis, name)?.pause()?;
    log::info(
        &call.trace,
        "a queue was paused",
        json!({"queue": name, "by": call.principal()?.subject}),
    );
    web::json(StatusCode::OK, &Pause::new(name, Some(since)))
}

async fn resume(call: Call) -> Reply {
    let name = queue(&call)?;
    worker::publish(name, &call.trace, |queue| queue.resume()).await?;
    log::info(
        &call.trace,
        "a queue was resumed",
        json!({"queue": name, "by": call.principal()?.subject}),
    );
    web::json(StatusCode::OK, &Pause::new(name, None))
}

fn names() -> Result<Vec<String>, Failure> {
    QueueNames::list(&base::text("queues")?).map_err(|problem| Failure::variable("queues", problem))
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
