//! Notifications, which wake workers.

use base::{Failure, Trace, log, text};
use http::{Request, StatusCode, header};
use outbound::{BaseUrl, Transport};
use queue::{Notify, Queue};
use serde_json::json;
use stores::Redis;

/// The queue `name`, whose workers are notified as [`notify_mode`] says.
///
/// # Errors
/// Those of [`notify_mode`].
pub fn open<'a, R: Redis>(redis: &'a R, name: &str) -> Result<Queue<'a, R>, Failure> {
    Ok(Queue::new(redis, name).with_notify(notify_mode()?))
}

/// How workers are notified: by Redis, or by requests of the one that publishes. The
/// variable `bell` has the application's `bell`, `bell_url` and `drain_token` with a blank
/// between.
///
/// # Errors
/// [`Failure::Misconfigured`] where one of these is missing or invalid.
pub fn notify_mode() -> Result<Notify, Failure> {
    NotifySettings::parse(&text("bell")?)?.notify()
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
    let text = text("bell")?;
    NotifySettings::parse(&text)?.token().map(str::to_owned)
}

async fn request_drain(queue: &str, trace: &Trace) -> Result<(), String> {
    let request = drain_request(queue, trace).map_err(|failure| failure.to_string())?;
    let answer = outbound::Spin
        .send(request)
        .await
        .map_err(|error| error.to_string())?;
    match answer.status() {
        StatusCode::ACCEPTED => Ok(()),
        status => Err(format!("the drain route answered {status}")),
    }
}

fn drain_request(queue: &str, trace: &Trace) -> Result<Request<Vec<u8>>, Failure> {
    let text = text("bell")?;
    let settings = NotifySettings::parse(&text)?;
    let mut request = Request::post(format!("{}/ops/queues/{queue}/drain", settings.base_url()?))
        .header(
            header::AUTHORIZATION,
            format!("Bearer {}", settings.token()?),
        )
        .body(Vec::new())
        .map_err(|_| Failure::variable("drain_token", "cannot be sent in a header"))?;
    request.headers_mut().extend(trace.headers());
    Ok(request)
}

/// The values in the variable `bell`.
struct NotifySettings<'a> {
    kind: &'a str,
    url: &'a str,
    token: &'a str,
}

impl<'a> NotifySettings<'a> {
    fn parse(text: &'a str) -> Result<Self, Failure> {
        let [kind, url, token] = base::split("bell", text, ' ')?.map(str::trim);
        Ok(Self { kind, url, token })
    }

    fn notify(&self) -> Result<Notify, Failure> {
        match self.kind {
            "redis" => Ok(Notify::Redis),
            "http" => {
                self.token()?;
                self.base_url()?;
                Ok(Notify::Caller)
            }
            _ => Err(Failure::variable("bell", "must be `redis` or `http`")),
        }
    }

    fn base_url(&self) -> Result<BaseUrl, Failure> {
        BaseUrl::parse(self.url).map_err(|problem| Failure::variable("bell_url", problem))
    }

    fn token(&self) -> Result<&'a str, Failure> {
        base::check_token("drain_token", self.token)?;
        Ok(self.token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_may_hold_blanks_and_counts_for_http_alone() {
        let settings = NotifySettings::parse("http http://self.alt  a token with blanks ").unwrap();
        assert_eq!(settings.notify(), Ok(Notify::Caller));
        assert_eq!(settings.base_url().unwrap().to_string(), "http://self.alt");
        assert_eq!(settings.token(), Ok("a token with blanks"));
        let settings = NotifySettings::parse("redis http://self.alt ").unwrap();
        assert_eq!(settings.notify(), Ok(Notify::Redis));
        assert!(settings.token().is_err());
    }

    #[test]
    fn a_wrong_value_is_named() {
        for (text, name) in [
            ("smtp http://self.alt 0123456789abcdef", "bell"),
            (" redis http://self.alt ", "bell"),
            ("http self.alt 0123456789abcdef", "bell_url"),
            ("http http://self.alt ", "drain_token"),
            ("http http://self.alt 0123456789abcde", "drain_token"),
            ("redis", "bell"),
        ] {
            let error = NotifySettings::parse(text).and_then(|settings| settings.notify());
            let error = error.unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("the variable {name} ")),
                "{text}: {error}"
            );
            assert!(!error.contains("0123"), "{error}");
        }
    }
}
