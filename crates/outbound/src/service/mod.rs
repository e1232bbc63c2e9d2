//! Services of one's own that work is sent to, each piece in a POST.
//!
//! What an answer means, wherever such a service is used:
//!
//! | answer | piece of work |
//! |---|---|
//! | 2xx with JSON that is not too long, or without a body | done |
//! | 408, 425, 429, 5xx, or none | to be tried again |
//! | any other, redirects too | refused, with the status and how the body begins |

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

/// Why a piece of work was not done. The texts are for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The service refuses it. Another try won't help.
    #[error("{0}")]
    Refused(String),
    /// Not for now: another try may help.
    #[error("{0}")]
    Passing(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let told = error.to_string();
        match error {
            Error::Invalid { .. } => Self::Refused(told),
            // A permission that lacks is not the work's fault.
            Error::NotAllowed { .. } | Error::Unreachable { .. } => Self::Passing(told),
        }
    }
}

impl Service {
    /// The service at `url`, an absolute `http` or `https` URL, which may have a
    /// path and a query. `role` is what failures call it, such as `processor`;
    /// an answer has up to `max_answer_bytes`.
    ///
    /// # Errors
    /// What is wrong with the URL, to be read after the name of the variable.
    pub fn new(role: &'static str, url: &str, max_answer_bytes: u64) -> Result<Self, &'static str> {
        Ok(Self {
            role,
            endpoint: endpoint::parse(url)?,
            max_answer_bytes,
        })
    }

    /// Sends a piece of work: `content` is JSON, and `headers` say which it is.
    /// Returns the text of the JSON that was answered, or `None` for an empty body.
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
