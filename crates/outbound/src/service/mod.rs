//! Services of an operator that do work: each piece of work is sent in a POST.
//!
//! Meaning of an answer:
//!
//! | answer | piece of work |
//! |---|---|
//! | 2xx with JSON within the limit, or without a body | done |
//! | 408, 425, 429, 5xx, or no answer | to be retried |
//! | any other, also a redirect | refused, with the status and the begin of the body |

mod answer;
mod endpoint;

use http::header::CONTENT_TYPE;
use http::{Request, Uri};

use crate::{Error, Transport};

/// A service that takes JSON and answers JSON.
#[derive(Debug, Clone)]
pub struct Service {
    role: &'static str,
    endpoint: Uri,
    max_answer_bytes: u64,
}

/// The reason why a piece of work was not done, in texts for operators.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The service refuses it. A retry does not help.
    #[error("{0}")]
    Refused(String),
    /// The service cannot do it now. A retry may help.
    #[error("{0}")]
    Passing(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let told = error.to_string();
        match error {
            Error::Invalid { .. } => Self::Refused(told),
            // The operator adds the permission; the work stays.
            Error::NotAllowed { .. } | Error::Unreachable { .. } => Self::Passing(told),
        }
    }
}

impl Service {
    /// The service at `url`, an absolute `http` or `https` URL, which may have a path and a
    /// query. `role` is its name in failures, such as `processor`. A longer answer than
    /// `max_answer_bytes` is refused.
    ///
    /// # Errors
    /// The problem of the URL, as a text that follows the name of the variable.
    pub fn new(role: &'static str, url: &str, max_answer_bytes: u64) -> Result<Self, &'static str> {
        Ok(Self {
            role,
            endpoint: endpoint::parse(url)?,
            max_answer_bytes,
        })
    }

    /// Sends a piece of work: `content` is JSON, and `headers` identify it. Returns the JSON
    /// of the answer, or `None` for an empty body.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn post<T: Transport>(
        &self,
        transport: &T,
        headers: &[(&str, &str)],
        content: String,
    ) -> Result<Option<String>, Failure> {
        let request = headers.iter().fold(
            Request::post(&self.endpoint).header(CONTENT_TYPE, "application/json"),
            |request, (name, value)| request.header(*name, *value),
        );
        let request = request
            .body(content.into_bytes())
            .map_err(|error| Failure::Refused(error.to_string()))?;
        let response = transport.send(request).await?;
        answer::read(self.role, self.max_answer_bytes, response).await
    }
}
