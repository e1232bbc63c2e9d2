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
mod not_done;

use futures::future::join_all;
use http::header::CONTENT_TYPE;
use http::{Request, Uri};

use crate::{Spin, Transport};

pub use not_done::NotDone;

/// A piece of work.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Headers that identify it.
    pub headers: Vec<(&'static str, String)>,
    /// The thing to work on, as JSON.
    pub content: String,
}

/// A service that takes JSON and answers JSON.
#[derive(Debug, Clone)]
pub struct Service {
    role: &'static str,
    endpoint: Uri,
    max_answer_bytes: u64,
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

    /// Sends all pieces of work at the same time; the caller limits their number. Returns for
    /// each, in their order, the JSON of the answer, or `None` for an empty body.
    pub async fn post_all<T: Transport>(
        &self,
        transport: &T,
        pieces: Vec<Piece>,
    ) -> Vec<Result<Option<String>, NotDone>> {
        join_all(pieces.into_iter().map(|piece| self.post(transport, piece))).await
    }

    async fn post<T: Transport>(
        &self,
        transport: &T,
        piece: Piece,
    ) -> Result<Option<String>, NotDone> {
        let request = piece.headers.iter().fold(
            Request::post(&self.endpoint).header(CONTENT_TYPE, "application/json"),
            |request, (name, value)| request.header(*name, value),
        );
        let request = request
            .body(piece.content.into_bytes())
            .map_err(|error| NotDone::Refused(error.to_string()))?;
        let response = transport.send(request).await?;
        answer::read(self.role, self.max_answer_bytes, response).await
    }
}

/// Has pieces of work done by the service whose URL is in the variable `{role}_url`: see
/// [`Service::new`] and [`Service::post_all`]. Without a valid URL they are to be retried:
/// they are not at fault, and an operator may set the variable.
pub fn work(
    role: &'static str,
    max_answer_bytes: u64,
    pieces: Vec<Piece>,
) -> Vec<Result<Option<String>, NotDone>> {
    let variable = format!("{role}_url");
    let url = spin_sdk::variables::get(&variable).unwrap_or_default();
    match Service::new(role, &url, max_answer_bytes) {
        Ok(service) => spin_sdk::http::run(service.post_all(&Spin, pieces)),
        Err(problem) => {
            let not_done = NotDone::Passing(format!("the variable `{variable}` {problem}"));
            vec![Err(not_done); pieces.len()]
        }
    }
}
