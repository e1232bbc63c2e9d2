//! Faults of requests, such as a lost answer.

use std::time::Duration;

use http::{StatusCode, request::Parts};
use serde_json::json;

use super::answer::Answer;

/// The requests that a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// `run-now`.
    RunNow,
    /// `runs/get`.
    GetRun,
    /// `runs/cancel`.
    Cancel,
    /// A new SQL statement.
    Statement,
    /// A token of OAuth.
    Token,
}

impl Route {
    fn path(self) -> &'static str {
        match self {
            Self::RunNow => "/api/2.2/jobs/run-now",
            Self::GetRun => "/api/2.2/jobs/runs/get",
            Self::Cancel => "/api/2.2/jobs/runs/cancel",
            Self::Statement => "/api/2.0/sql/statements",
            Self::Token => "/oidc/v1/token",
        }
    }
}

/// How one request fails.
#[derive(Clone, Debug)]
pub struct Fault {
    route: Route,
    how: How,
    /// Whether the request has its effect all the same.
    pub(super) has_effect: bool,
}

#[derive(Clone, Debug)]
enum How {
    Status(StatusCode, Option<String>),
    Break,
    Hang,
}

impl Fault {
    /// The request is answered with a status and has no effect.
    pub fn status(route: Route, status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        Self {
            route,
            how: How::Status(status, None),
            has_effect: false,
        }
    }

    /// The connection breaks before the answer, and there is no effect.
    pub fn broken(route: Route) -> Self {
        Self {
            route,
            how: How::Break,
            has_effect: false,
        }
    }

    /// There is no answer, and no effect.
    pub fn hanging(route: Route) -> Self {
        Self {
            route,
            how: How::Hang,
            has_effect: false,
        }
    }

    /// The same after the effect.
    #[must_use]
    pub fn after_effect(self) -> Self {
        Self {
            has_effect: true,
            ..self
        }
    }

    /// The same with `Retry-After`.
    #[must_use]
    pub fn retry_after(self, value: &str) -> Self {
        let how = match self.how {
            How::Status(status, _) => How::Status(status, Some(value.to_owned())),
            how => how,
        };
        Self { how, ..self }
    }

    pub(super) fn is_of(&self, parts: &Parts) -> bool {
        parts.uri.path() == self.route.path()
    }

    pub(super) async fn answer(&self) -> Answer {
        match &self.how {
            How::Status(status, retry_after) => {
                let code = match *status {
                    StatusCode::TOO_MANY_REQUESTS => "REQUEST_LIMIT_EXCEEDED",
                    StatusCode::SERVICE_UNAVAILABLE => "TEMPORARILY_UNAVAILABLE",
                    StatusCode::FORBIDDEN => "PERMISSION_DENIED",
                    StatusCode::BAD_REQUEST => "INVALID_PARAMETER_VALUE",
                    _ => "INTERNAL_ERROR",
                };
                let body = json!({"error_code": code, "message": "a fault of the test"});
                Some((*status, retry_after.clone(), body))
            }
            How::Break => None,
            How::Hang => {
                // Longer than any client waits.
                tokio::time::sleep(Duration::from_secs(60)).await;
                None
            }
        }
    }
}
