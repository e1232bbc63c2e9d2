//! Whether the application reaches what it needs.

use http::StatusCode;
use serde::Serialize;

/// The state of something that is needed. Why it is not available is for the
/// log: anybody may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It did as asked.
    Ok,
    /// It did not.
    Unavailable,
}

/// What is needed, each with its state.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Checks {
    /// Redis.
    pub redis: State,
    /// Redis throws nothing away.
    pub redis_policy: State,
    /// Redis tells of keys that expire, and the component `timers` hears of them.
    pub redis_events: State,
    /// The key-value store.
    pub key_value: State,
    /// The object store.
    pub s3: State,
}

/// The body of `GET /readyz`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Readiness {
    status: State,
    checks: Checks,
}

impl From<Checks> for Readiness {
    fn from(checks: Checks) -> Self {
        let all = [
            checks.redis,
            checks.redis_policy,
            checks.redis_events,
            checks.key_value,
            checks.s3,
        ];
        let ready = all.iter().all(|state| *state == State::Ok);
        let status = if ready { State::Ok } else { State::Unavailable };
        Self { status, checks }
    }
}

impl Readiness {
    /// The status of the answer: 200, or 503 for load balancers and probes to
    /// leave this replica alone.
    pub fn http_status(&self) -> StatusCode {
        match self.status {
            State::Ok => StatusCode::OK,
            State::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ALL_WELL: Checks = Checks {
        redis: State::Ok,
        redis_policy: State::Ok,
        redis_events: State::Ok,
        key_value: State::Ok,
        s3: State::Ok,
    };

    #[test]
    fn it_is_ready_when_everything_answers() {
        let ready = Readiness::from(ALL_WELL);
        assert_eq!(ready.http_status(), 200);
        assert_eq!(
            serde_json::to_value(ready).unwrap(),
            json!({"status": "ok", "checks": {"redis": "ok", "redis_policy": "ok",
                "redis_events": "ok", "key_value": "ok", "s3": "ok"}})
        );
    }

    #[test]
    fn one_that_does_not_answer_is_named() {
        let down = Readiness::from(Checks {
            key_value: State::Unavailable,
            ..ALL_WELL
        });
        assert_eq!(down.http_status(), 503);
        assert_eq!(
            serde_json::to_value(down).unwrap(),
            json!({"status": "unavailable",
                "checks": {"redis": "ok", "redis_policy": "ok", "redis_events": "ok",
                    "key_value": "unavailable", "s3": "ok"}})
        );
    }
}
