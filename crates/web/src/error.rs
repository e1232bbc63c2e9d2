//! What a client is told when a request is refused or fails.

use http::{HeaderName, HeaderValue, StatusCode, header};

/// An answer that is not a success: `{"error": "<for a person>", "code": "<stable>"}`.
#[derive(Debug)]
pub struct ApiError {
    /// The status, used as RFC 9110 defines it.
    pub status: StatusCode,
    /// A stable word for programs, in snake case.
    pub code: &'static str,
    /// What is wrong and what to change, for a person.
    pub message: String,
    /// Headers that belong to the answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What goes into the log and not to the client.
    pub detail: Option<String>,
}

impl ApiError {
    /// An answer with a status of one's choice.
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

    /// 401 with the challenge that RFC 6750, 3 asks for. `error` is one of
    /// its error codes; none where no credentials were sent.
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

    /// 403: known, and not allowed.
    pub fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message)
    }

    /// 404: there is no such thing, or none that this caller may know of.
    pub fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// 500: the deployment lacks something that only its operator can change.
    /// `message` names the variable, never its value.
    pub fn misconfigured(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "misconfigured", message)
    }

    /// 500 for what must not happen.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "something went wrong here; the log has the details",
        )
        .detail(detail)
    }

    /// 503: something that is needed is out of reach. Nothing was changed, or
    /// what was changed is safe to ask for again.
    pub fn unavailable(what: &str, detail: impl Into<String>) -> Self {
        let message = format!("{what} cannot be reached right now; try again");
        let mut answer =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message).detail(detail);
        answer
            .headers
            .push((header::RETRY_AFTER, HeaderValue::from_static("2")));
        answer
    }

    /// Adds a text for the log.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
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
