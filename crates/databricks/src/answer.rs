//! Answers.

use futures::Stream;
use http::{HeaderMap, Response, StatusCode};
use outbound::collect;

use crate::Error;

/// The max bytes that are read of an answer that is no success.
const MAX_ERROR_BYTES: u64 = 64 * 1024;

/// An answer of any status.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    /// Reads an answer, of `limit` bytes at most where it is a success.
    ///
    /// The status of any other answer counts, with any body: a proxy's page of a megabyte
    /// with 503 asks to try again, as does an answer that breaks off.
    pub(crate) async fn read<B>(response: Response<B>, limit: u64) -> Result<Self, Error>
    where
        B: Stream<Item = Result<Vec<u8>, outbound::Error>> + Unpin,
    {
        let (head, body) = response.into_parts();
        let (status, headers) = (head.status, head.headers);
        let mut response = Response::new(body);
        let body = if status.is_success() {
            // Its length tells how much to read.
            *response.headers_mut() = headers.clone();
            collect(response, limit).await?.into_body()
        } else {
            let body = collect(response, MAX_ERROR_BYTES).await;
            body.map(Response::into_body).unwrap_or_default()
        };
        Ok(Self {
            status,
            headers,
            body,
        })
    }

    /// The body of a success. The text of an error has none of `secrets`, which a proxy
    /// may send back.
    pub(crate) fn success(self, secrets: &[&str]) -> Result<Vec<u8>, Error> {
        match self.status.is_success() {
            true => Ok(self.body),
            false => Err(Error::of_answer(
                self.status,
                &self.headers,
                &self.body,
                secrets,
            )),
        }
    }
}
