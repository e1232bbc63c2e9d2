//! Error answers: requests that are refused or fail.

use base::{Failure, Invalid, NotChanged, Unknown, Unmet};
use http::{HeaderName, HeaderValue, StatusCode, header};

/// An answer that is not a success: `{"error": "<for a person>", "code": "<stable>"}`.
#[derive(Debug)]
pub struct ApiError {
    /// The status, used as RFC 9110 defines it.
    pub status: StatusCode,
    /// A stable word for programs, in snake case.
    pub code: &'static str,
    /// The error and its remedy, for a person.
    pub message: String,
    /// Headers that belong to the answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// A text for the log only.
    pub detail: Option<String>,
}

impl ApiError {
    /// An answer with any status.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            headers: Vec::new(),
            detail: None,
        }
    }

    /// 400: the request cannot be understood or breaks a rule.
    pub fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// 401 with the challenge of RFC 6750, 3. `error` is one of its error codes; `None`
    /// if no credentials were sent.
    pub fn unauthorized(
        code: &'static str,
        message: impl Into<String>,
        error: Option<&str>,
    ) -> Self {
        let message = message.into();
        let challenge = match error {
            None => r#"Bearer realm="orilla""#.to_owned(),
            Some(error) => {
                let description: String = message
                    .chars()
                    .filter(|c| (' '..='~').contains(c) && !matches!(c, '"' | '\\'))
                    .collect();
                format!(
                    r#"Bearer realm="orilla", error="{error}", error_description="{description}""#
                )
            }
        };
        let mut answer = Self::new(StatusCode::UNAUTHORIZED, code, message);
        if let Ok(challenge) = HeaderValue::try_from(challenge) {
            answer.headers.push((header::WWW_AUTHENTICATE, challenge));
        }
        answer
    }

    /// 403: the caller is known and is not permitted.
    pub fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// 404: it does not exist, or the caller must not know that it does.
    pub fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// 409: the request is in conflict with the state of its resource.
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message)
    }

    /// Adds `Retry-After` in seconds (RFC 9110, 10.2.3).
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        let seconds = HeaderValue::from(seconds);
        self.headers.push((header::RETRY_AFTER, seconds));
        self
    }

    /// Adds a text for the log.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

impl From<Invalid> for ApiError {
    fn from(invalid: Invalid) -> Self {
        Self::bad_request(invalid.code, invalid.message)
    }
}

impl From<Unmet> for ApiError {
    fn from(unmet: Unmet) -> Self {
        let status = StatusCode::PRECONDITION_FAILED;
        Self::new(status, "precondition_failed", unmet.to_string())
    }
}

impl From<Unknown> for ApiError {
    fn from(unknown: Unknown) -> Self {
        Self::not_found(unknown.code, unknown.message)
    }
}

impl From<NotChanged> for ApiError {
    fn from(error: NotChanged) -> Self {
        match error {
            NotChanged::Conflict { code, message } => Self::conflict(code, message),
            NotChanged::Unknown(unknown) => unknown.into(),
            NotChanged::KeyReused { message } => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Self::new(status, "idempotency_key_reused", message)
            }
            NotChanged::Unconditional { message } => {
                let status = StatusCode::PRECONDITION_REQUIRED;
                Self::new(status, "precondition_required", message)
            }
            NotChanged::Unmet(unmet) => unmet.into(),
            NotChanged::Failed(failure) => failure.into(),
        }
    }
}

impl From<Failure> for ApiError {
    /// 503 with `Retry-After` if another try can help, 500 if only the operator can.
    fn from(failure: Failure) -> Self {
        let retry = |code, message| {
            Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message).retry_after(2)
        };
        match failure {
            Failure::Misconfigured(message) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "misconfigured", message)
            }
            Failure::Unavailable { what, detail } => retry(
                "unavailable",
                format!("{what} cannot be reached right now; try again"),
            )
            .detail(detail),
            Failure::Contended { .. } => retry("contended", format!("{failure}; try again")),
            Failure::Internal(detail) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "the server failed; its log has the details",
            )
            .detail(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_cannot_be_broken_by_its_text() {
        let error = ApiError::unauthorized(
            "invalid_token",
            "a \"quote\"\r\nand é",
            Some("invalid_token"),
        );
        assert_eq!(
            error.headers[0].1,
            r#"Bearer realm="orilla", error="invalid_token", error_description="a quoteand ""#
        );
    }
}
