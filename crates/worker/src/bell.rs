//! How workers are woken.

use base::{Failure, Trace, log, text};
use http::{Request, StatusCode, header};
use outbound::{BaseUrl, Transport};
use queue::{Bell, Queue};
use serde_json::json;
use stores::Redis;

/// The queue `name`, with the bell that the variable `bell` chooses.
///
/// # Errors
/// The variable is neither `redis` nor `http`, or what a bell over HTTP needs is
/// not set.
pub fn open<'a, R: Redis>(redis: &'a R, name: &str) -> Result<Queue<'a, R>, Failure> {
    let bell = match text("bell")?.trim() {
        "redis" => Bell::Redis,
        "http" => {
            drain_token()?;
            base_url()?;
            Bell::Caller
        }
        _ => {
            let message = "the variable bell must be `redis` or `http`";
            return Err(Failure::misconfigured(message));
        }
    };
    Ok(Queue::new(redis, name).with_bell(bell))
}

/// Wakes workers over HTTP if what was done on the queue asks for them; to be
/// called when that is through. Where Redis is the bell it has rung already.
///
/// A bell that cannot be rung loses nothing and is no error to a client: the
/// next bell, or whoever drains the queue on a schedule, makes up for it.
pub async fn ring<R: Redis>(queue: &Queue<'_, R>, trace: &Trace) {
    for name in queue.must_ring() {
        if let Err(reason) = request_drain(&name, trace).await {
            let fields = json!({"queue": name, "reason": reason});
            log::warn(trace, "no worker could be woken", fields);
        }
    }
}

/// The token that a bell sends, and that a drain route takes from one.
pub(crate) fn drain_token() -> Result<String, Failure> {
    base::token("drain_token")
}

fn base_url() -> Result<BaseUrl, Failure> {
    BaseUrl::parse(text("bell_url")?.trim())
        .map_err(|error| Failure::misconfigured(format!("the variable bell_url {error}")))
}

async fn request_drain(queue: &str, trace: &Trace) -> Result<(), String> {
    let base = base_url().map_err(|error| error.to_string())?;
    let token = drain_token().map_err(|error| error.to_string())?;
    let mut request = Request::post(format!("{base}/ops/queues/{queue}/drain"))
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Vec::new())
        .map_err(|_| "the variable drain_token cannot be sent in a header".to_owned())?;
    request.headers_mut().extend(trace.headers());
    let answer = outbound::Spin
        .send(request)
        .await
        .map_err(|error| error.to_string())?;
    match answer.status() {
        StatusCode::ACCEPTED => Ok(()),
        status => Err(format!("the drain route answered {status}")),
    }
}
