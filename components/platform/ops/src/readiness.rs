//! Whether the application reaches the services that it needs.

use http::StatusCode;
use serde::Serialize;

/// The state of a required service. The log has the reason of a failure, since the route
/// is public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The check succeeded.
    Ok,
    /// The check failed.
    Unavailable,
}

/// The checks with their states.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Checks {
    /// Redis.
    pub redis: State,
    /// Redis evicts no keys.
    pub redis_policy: State,
    /// Redis publishes expired keys, and the component `timers` receives the events.
    pub redis_events: State,
    /// The key-value store.
    pub key_value: State,
    /// The object store.
    pub s3: State,
    /// Each line of the variable `schedules` is a schedule.
    pub schedules: State,
    /// Each entry of the variable `allowed_origins` can match.
    pub origins: State,
}

/// The body of `GET /readyz`.
#[derive(Clone, Debug, Serialize)]
pub struct Readiness {
    status: State,
    checks: Checks,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    wrong_schedules: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    wrong_origins: Vec<String>,
}

impl From<Checks> for Readiness {
    fn from(checks: Checks) -> Self {
        let all = [
            checks.redis,
            checks.redis_policy,
            checks.redis_events,
            checks.key_value,
            checks.s3,
            checks.schedules,
            checks.origins,
        ];
        let ready = all.iter().all(|state| *state == State::Ok);
        let status = if ready { State::Ok } else { State::Unavailable };
        Self {
            status,
            checks,
            wrong_schedules: Vec::new(),
            wrong_origins: Vec::new(),
        }
    }
}

impl Readiness {
    /// The readiness with the names of the lines that are no schedules.
    pub fn with_wrong_schedules(self, wrong_schedules: Vec<String>) -> Self {
        Self {
            wrong_schedules,
            ..self
        }
    }

    /// The readiness with the entries that are no origins.
    pub fn with_wrong_origins(self, wrong_origins: Vec<String>) -> Self {
        Self {
            wrong_origins,
            ..self
        }
    }

    /// The status of the answer: 200, or 503, by which load balancers and probes leave
    /// this replica out.
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
        schedules: State::Ok,
        origins: State::Ok,
    };

    #[test]
    fn it_is_ready_when_everything_answers() {
        let ready = Readiness::from(ALL_WELL);
        assert_eq!(ready.http_status(), 200);
        assert_eq!(
            serde_json::to_value(ready).unwrap(),
            json!({"status": "ok", "checks": {"redis": "ok", "redis_policy": "ok",
                "redis_events": "ok", "key_value": "ok", "s3": "ok", "schedules": "ok", "origins": "ok"}})
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
                    "key_value": "unavailable", "s3": "ok", "schedules": "ok",
                    "origins": "ok"}})
        );
    }

    #[test]
    fn wrong_schedules_are_named() {
        let wrong = Readiness::from(Checks {
            schedules: State::Unavailable,
            ..ALL_WELL
        })
        .with_wrong_schedules(vec!["nightly".to_owned(), "line 3".to_owned()]);
        assert_eq!(wrong.http_status(), 503);
        let wrong = serde_json::to_value(wrong).unwrap();
        assert_eq!(wrong["checks"]["schedules"], "unavailable");
        assert_eq!(wrong["wrong_schedules"], json!(["nightly", "line 3"]));
        assert_eq!(wrong.get("wrong_origins"), None);
    }

    #[test]
    fn wrong_origins_are_named() {
        let wrong = Readiness::from(Checks {
            origins: State::Unavailable,
            ..ALL_WELL
        })
        .with_wrong_origins(vec!["travel.example".to_owned()]);
        assert_eq!(wrong.http_status(), 503);
        let wrong = serde_json::to_value(wrong).unwrap();
        assert_eq!(wrong["checks"]["origins"], "unavailable");
        assert_eq!(wrong["wrong_origins"], json!(["travel.example"]));
    }
}
