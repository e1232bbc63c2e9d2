//! Requests whose answers are compared with the OpenAPI document.

use http::{HeaderName, HeaderValue};
use reqwest::{Body, Response, ResponseBuilderExt};
use serde::Serialize;

use crate::api::{API, Answered};

/// A request to the application, or to a URL that it gave. Where the OpenAPI document does
/// not have an answer of the application, sending fails the test.
pub struct RequestBuilder {
    inner: reqwest::RequestBuilder,
    /// Whether it goes to the application.
    is_own: bool,
}

impl RequestBuilder {
    pub(crate) fn new(inner: reqwest::RequestBuilder, is_own: bool) -> Self {
        Self { inner, is_own }
    }

    fn map(self, change: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder) -> Self {
        Self {
            inner: change(self.inner),
            ..self
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        HeaderName: TryFrom<N>,
        <HeaderName as TryFrom<N>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        self.map(|inner| inner.header(name, value))
    }

    /// Adds a bearer token.
    #[must_use]
    pub fn bearer_auth(self, token: impl std::fmt::Display) -> Self {
        self.map(|inner| inner.bearer_auth(token))
    }

    /// Adds a name and a password.
    #[must_use]
    pub fn basic_auth(self, name: &str, password: Option<&str>) -> Self {
        self.map(|inner| inner.basic_auth(name, password))
    }

    /// Adds a body of JSON.
    #[must_use]
    pub fn json(self, body: &(impl Serialize + ?Sized)) -> Self {
        self.map(|inner| inner.json(body))
    }

    /// Adds a body.
    #[must_use]
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.map(|inner| inner.body(body))
    }

    /// The same request once more; `None` where its body is a stream.
    pub fn try_clone(&self) -> Option<Self> {
        let inner = self.inner.try_clone()?;
        Some(Self { inner, ..*self })
    }

    /// Sends the request and reads the whole answer.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn send(self) -> reqwest::Result<Response> {
        let (client, request) = self.inner.build_split();
        let request = request?;
        let method = request.method().clone();
        let response = client.execute(request).await?;
        let (status, url) = (response.status(), response.url().clone());
        let headers = response.headers().clone();
        let body = response.bytes().await?;
        if self.is_own {
            API.check(&Answered {
                method: &method,
                path: url.path(),
                status,
                headers: &headers,
                body: &body,
            });
        }
        let mut read = http::Response::builder().status(status).url(url);
        if let Some(own) = read.headers_mut() {
            *own = headers;
        }
        Ok(read.body(body).unwrap().into())
    }
}
