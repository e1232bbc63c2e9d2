use base::{Failure, Trace, log};
use http::StatusCode;
use queue::{Change, LetterId, Queue};
use serde_json::json;
use stores::{Redis, SpinRedis};
use web::{ApiError, Call, Reply};
use webhooks::{
    MAX_ATTEMPTS, Resend, Target, attempts, failed_since, kept_since, keys, read_kept, sent_again,
};

use crate::common::find;

/// The deliveries of a page by default.
const LIMIT: u32 = 20;

/// The events that are read and sent again at once: each may have some hundred KiB.
const CHUNK: usize = 20;

pub(crate) async fn list(call: Call) -> Reply {
    let query = call.query();
    query.only(&["limit", "cursor"])?;
    let limit = query.limit(LIMIT, MAX_ATTEMPTS)?;
    let after: Option<LetterId> = query.cursor()?;
    let redis = SpinRedis::open()?;
    let target = find(call.path("id"), &webhooks::load(&redis)?)?;
    let page = attempts(&redis, &target.id(), after, limit)?;
    web::json(StatusCode::OK, &page)
}

/// Sends one event again.
pub(crate) async fn resend_one(call: Call) -> Reply {
    let redis = SpinRedis::open()?;
    let target = on(&call, &redis)?;
    let event = call.path("event").to_owned();
    let sent = send(&call, &redis, &target, std::slice::from_ref(&event)).await?;
    if sent == 0 {
        let message = "there is no such event among those that are kept";
        return Err(ApiError::not_found("unknown_event", message));
    }
    web::json(StatusCode::ACCEPTED, &json!({"event": event}))
}

/// Sends all events since a time again that failed, or all that the webhook wants.
pub(crate) async fn resend_since(call: Call) -> Reply {
    let body: Resend = call.object()?;
    let (since, all) = body.parse()?;
    let redis = SpinRedis::open()?;
    let target = on(&call, &redis)?;
    let ids = match all {
        false => failed_since(&redis, &target.id(), since.millis())?,
        true => {
            let kept = kept_since(&redis, since.millis())?.into_iter();
            let wanted = kept.filter(|(_, kind)| target.wants(kind));
            wanted.map(|(id, _)| id).collect()
        }
    };
    let sent = send(&call, &redis, &target, &ids).await?;
    web::json(StatusCode::ACCEPTED, &json!({"events": sent}))
}

/// The endpoint of the path, if it is on: one that is off gets nothing.
fn on(call: &Call, redis: &impl Redis) -> Result<Target, ApiError> {
    let target = find(call.path("id"), &webhooks::load(redis)?)?;
    match target.is_on() {
        true => Ok(target),
        false => Err(ApiError::conflict(
            "webhook_off",
            "the webhook is off: switch it on first, by PATCH with {\"enabled\": true}",
        )),
    }
}

/// Sends events again, as far as they are kept, and returns how many.
async fn send(
    call: &Call,
    redis: &SpinRedis,
    target: &Target,
    ids: &[String],
) -> Result<usize, Failure> {
    let queue = worker::open(redis, keys::QUEUE)?;
    let mut sent = 0;
    for ids in ids.chunks(CHUNK) {
        sent += send_chunk(&queue, target, ids, &call.trace)?;
    }
    worker::notify(&queue, &call.trace).await;
    let by = &call.principal()?.subject;
    let fields = json!({"webhook": target.id(), "events": sent, "by": by});
    log::info(&call.trace, "events are sent again", fields);
    Ok(sent)
}

fn send_chunk(
    queue: &Queue<'_, impl Redis>,
    target: &Target,
    ids: &[String],
    trace: &Trace,
) -> Result<usize, Failure> {
    let events = read_kept(queue.redis(), ids)?;
    let sends = events.iter().map(|event| sent_again(target, event, trace));
    let sends: Vec<_> = sends.collect::<Result<_, _>>()?;
    let count = sends.len();
    if count > 0 {
        queue.commit(&Change::new().with_all(sends))?;
    }
    Ok(count)
}
