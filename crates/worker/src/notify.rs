//! Notifications, which wake workers.

use base::{Failure, Trace, log, text};
use http::{Request, StatusCode, header};
use outbound::{BaseUrl, Transport};
use queue::{Notify, Queue};
use serde_json::json;
use stores::Redis;

/// The queue `name`, whose workers are notified as the variable `bell` says: by `redis`,
/// or by `http` requests to `bell_url` with the token `drain_token`.
///
/// # Errors
/// [`Failure::Misconfigured`] where one of these variables is missing or invalid.
pub fn open<'a, R: Redis>(redis: &'a R, name: &str) -> Result<Queue<'a, R>, Failure> {
    let notify = match text("bell")?.trim() {
        "redis" => Notify::Redis,
        "http" => {
            drain_token()?;
            base_url()?;
            Notify::Caller
        }
        _ => {
            let message = "the variable bell must be `redis` or `http`";
            return Err(Failure::misconfigured(message));
        }
    };
    Ok(Queue::new(redis, name).with_notify(notify))
}

/// Notifies workers over HTTP of the messages that `queue` published. Call it after each
/// write. It does nothing where Redis notifies them.
///
/// A notification that fails is logged and is no error: the messages are safe, and the
/// next notification or a scheduled drain wakes a worker for them.
pub async fn notify<R: Redis>(queue: &Queue<'_, R>, trace: &Trace) {
    for name in queue.to_notify() {
        if let Err(reason) = request_drain(&name, trace).await {
            let fields = json!({"queue": name, "reason": reason});
            log::warn(trace, "no worker could be woken", fields);
        }
    }
}

/// The token of notifications over HTTP, which the drain route accepts.
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
