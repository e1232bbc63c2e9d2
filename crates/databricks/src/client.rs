//! Requests and their answers.

use base::Failure;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use outbound::{Spin, Transport};
use serde::de::DeserializeOwned;
use stores::Redis;

use crate::answer::Answer;
use crate::auth::{forget, token};
use crate::{Config, Error};

/// A workspace of Databricks.
pub struct Databricks<'a, R, T = Spin> {
    config: Config,
    redis: &'a R,
    transport: T,
    headers: HeaderMap,
}

impl<'a, R: Redis> Databricks<'a, R> {
    /// A workspace. OAuth tokens are kept in `redis`.
    pub fn new(config: Config, redis: &'a R) -> Self {
        Self::with_transport(config, redis, Spin)
    }
}

impl<'a, R: Redis, T: Transport> Databricks<'a, R, T> {
    /// The same through another transport.
    pub fn with_transport(config: Config, redis: &'a R, transport: T) -> Self {
        Self {
            config,
            redis,
            transport,
            headers: HeaderMap::new(),
        }
    }

    /// Sends these headers with each request, such as the ids of a trace.
    #[must_use]
    pub fn with_headers(self, headers: HeaderMap) -> Self {
        Self { headers, ..self }
    }

    /// Sends a request and reads the JSON of a successful answer, of `limit` bytes at most.
    pub(crate) async fn ask<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        limit: u64,
    ) -> Result<A, Error> {
        let answer = self.ask_sized(&method, path, body, limit).await?;
        Ok(answer.0)
    }

    /// The same, with the length of the answer in bytes.
    pub(crate) async fn ask_sized<A: DeserializeOwned>(
        &self,
        method: &Method,
        path: &str,
        body: Vec<u8>,
        limit: u64,
    ) -> Result<(A, u64), Error> {
        let bytes = self.send(method.clone(), path, body, limit).await?;
        let answer = serde_json::from_slice(&bytes).map_err(|error| {
            let path = path.split('?').next().unwrap_or_default();
            Error::unavailable(format!("the answer of {path} cannot be read: {error}"))
        })?;
        Ok((answer, bytes.len() as u64))
    }

    /// Sends a request and returns the body of a successful answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        limit: u64,
    ) -> Result<Vec<u8>, Error> {
        let (bearer, is_kept) = token(&self.config, self.redis, &self.transport).await?;
        let first = self.try_once(&method, path, body.clone(), limit, &bearer);
        let first = first.await?;
        // The token may have been revoked before its end.
        if first.status != StatusCode::UNAUTHORIZED || !is_kept {
            return first.success(&[&bearer]);
        }
        forget(&self.config, self.redis);
        let (bearer, _) = token(&self.config, self.redis, &self.transport).await?;
        let again = self.try_once(&method, path, body, limit, &bearer).await?;
        again.success(&[&bearer])
    }

    async fn try_once(
        &self,
        method: &Method,
        path: &str,
        body: Vec<u8>,
        limit: u64,
        bearer: &str,
    ) -> Result<Answer, Error> {
        let invalid = |error: &dyn ToString| Error::Misconfigured(error.to_string());
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.config.workspace));
        if !body.is_empty() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let mut request = request.body(body).map_err(|error| invalid(&error))?;
        request.headers_mut().extend(self.headers.clone());
        let bearer = HeaderValue::from_str(&format!("Bearer {bearer}"));
        let mut bearer = bearer.map_err(|_| invalid(&"the token of Databricks is no text"))?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        Answer::read(self.transport.send(request).await?, limit).await
    }
}

/// A body of Orilla's own, which always has JSON.
pub(crate) fn encode(body: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(body).map_err(|error| Error::Refused(Failure::from(error).to_string()))
}
