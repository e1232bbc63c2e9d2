//! Requests with the expected statuses and JSON of their answers, and the answers.

use std::marker::PhantomData;

use anyhow::{Context, Result, bail, ensure};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use hyper::body::Bytes;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// A request, the expected status of its answer, and the type of the answer's JSON.
pub struct Call<T = Value> {
    method: Method,
    /// A path of the application, or a URL from one of its answers.
    uri: String,
    headers: HeaderMap,
    body: Bytes,
    expected: StatusCode,
    answer: PhantomData<fn() -> T>,
}

impl<T> Clone for Call<T> {
    fn clone(&self) -> Self {
        self.reading()
    }
}

impl<T> Call<T> {
    /// A request whose answer should have the status 200.
    pub fn new(method: Method, uri: impl Into<String>) -> Self {
        Self {
            method,
            uri: uri.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            expected: StatusCode::OK,
            answer: PhantomData,
        }
    }

    /// The same request with another type for the answer's JSON.
    pub fn reading<U>(&self) -> Call<U> {
        Call {
            method: self.method.clone(),
            uri: self.uri.clone(),
            headers: self.headers.clone(),
            body: self.body.clone(),
            expected: self.expected,
            answer: PhantomData,
        }
    }

    /// Adds a value of `Authorization`.
    #[must_use]
    pub fn with_token(self, token: &HeaderValue) -> Self {
        self.with_header(header::AUTHORIZATION, token.clone())
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Adds an `Idempotency-Key`.
    ///
    /// # Errors
    /// The key can't be in a header.
    pub fn with_idempotency_key(self, key: &str) -> Result<Self> {
        let name = HeaderName::from_static("idempotency-key");
        Ok(self.with_header(name, key.parse()?))
    }

    /// Adds headers.
    #[must_use]
    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Adds a body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds a body of JSON.
    #[must_use]
    pub fn with_json(self, body: impl Into<Bytes>) -> Self {
        let json = HeaderValue::from_static("application/json");
        self.with_header(header::CONTENT_TYPE, json).with_body(body)
    }

    /// Expects another status than 200.
    #[must_use]
    pub fn expecting(mut self, status: StatusCode) -> Self {
        self.expected = status;
        self
    }

    /// The request, to `base_url` where its own URI is a path.
    ///
    /// # Errors
    /// The URI is not valid.
    pub fn request(&self, base_url: &str) -> Result<http::Request<Bytes>> {
        let uri = match self.uri.starts_with('/') {
            true => format!("{base_url}{}", self.uri),
            false => self.uri.clone(),
        };
        let mut request = http::Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri.parse().context("the application gave no URL")?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The path in the application, without the query; `None` where the URI is another's URL.
    pub fn path(&self) -> Option<&str> {
        let path = self.uri.split('?').next();
        path.filter(|path| path.starts_with('/'))
    }

    /// The method and the URI, without secrets.
    pub fn name(&self) -> String {
        let path = self.uri.split('?').next().unwrap_or_default();
        let path = path.split_once("://").map_or(path, |(_, rest)| {
            rest.find('/').map_or("/", |at| rest.split_at(at).1)
        });
        format!("{} {path}", self.method)
    }

    /// Returns the answer, if it has the expected status.
    ///
    /// # Errors
    /// The status is another; a refusal of the application's tells why.
    pub fn accept(&self, answer: Answer) -> Result<Answer> {
        answer.expect(self.expected)
    }
}

/// The answer to a request.
pub struct Answer {
    /// [`Call::name`] of the request.
    pub to: String,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// The body of a refusal.
#[derive(Deserialize)]
struct Refusal {
    error: String,
    code: String,
}

impl Answer {
    fn expect(self, status: StatusCode) -> Result<Self> {
        let (to, found) = (&self.to, self.status);
        if found == status {
            return Ok(self);
        }
        match self.json::<Refusal>() {
            Ok(Refusal { error, code }) => {
                bail!("{to} should answer {status} and answered {found}: {error} ({code})")
            }
            // A store's answer may quote the request, signature and all.
            Err(_) => bail!("{to} should answer {status} and answered {found}"),
        }
    }

    /// Checks that this is a refusal with the reason `code`, and returns its
    /// message.
    ///
    /// # Errors
    /// The answer is no refusal, or has another reason, or is a 401 without a challenge.
    pub fn refused(self, status: u16, code: &str) -> Result<String> {
        let answer = self.expect(StatusCode::from_u16(status)?)?;
        let (to, refusal): (_, Refusal) = (&answer.to, answer.json()?);
        ensure!(
            refusal.code == code,
            "{to} should be refused as {code} and was as {}: {}",
            refusal.code,
            refusal.error
        );
        if status == 401 {
            let challenge = answer.header(&header::WWW_AUTHENTICATE)?;
            ensure!(
                challenge.starts_with("Bearer"),
                "{to} should be answered with a challenge for Bearer"
            );
            return Ok(format!("401 {code}, WWW-Authenticate: Bearer"));
        }
        Ok(format!("{status} {code}"))
    }

    /// Its JSON.
    ///
    /// # Errors
    /// The body is not JSON of this type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("the answer to {} is not the expected JSON", self.to))
    }

    /// One of its headers.
    ///
    /// # Errors
    /// The answer lacks the header.
    pub fn header(&self, name: &HeaderName) -> Result<&str> {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .with_context(|| format!("{} answered without {name}", self.to))
    }
}
