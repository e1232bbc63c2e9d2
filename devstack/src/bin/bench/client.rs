//! HTTP over one connection that is kept open, with as little of the client's
//! own time as possible: it runs beside what is measured.

use std::net::SocketAddr;

use anyhow::{Context, Result, anyhow, bail, ensure};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::TcpStream;

/// A request, and the status that its answer must have.
#[derive(Clone)]
pub struct Call {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    expected: StatusCode,
}

impl Call {
    /// A request that must be answered with 200. The URI is a path, or an URL
    /// whose host and port the connection is to.
    ///
    /// # Errors
    /// The URI is none.
    pub fn new(method: Method, uri: &str) -> Result<Self> {
        Ok(Self {
            method,
            uri: uri.parse().context("no URI")?,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            expected: StatusCode::OK,
        })
    }

    /// With a bearer token.
    #[must_use]
    pub fn with_token(mut self, token: &HeaderValue) -> Self {
        self.headers.insert(header::AUTHORIZATION, token.clone());
        self
    }

    /// With more headers.
    #[must_use]
    pub fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// With a body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// With a body of JSON.
    ///
    /// # Errors
    /// The body can't be JSON.
    pub fn with_json(mut self, body: &impl Serialize) -> Result<Self> {
        let json = HeaderValue::from_static("application/json");
        self.headers.insert(header::CONTENT_TYPE, json);
        Ok(self.with_body(serde_json::to_vec(body)?))
    }

    /// To be answered with another status than 200.
    #[must_use]
    pub fn expecting(mut self, status: StatusCode) -> Self {
        self.expected = status;
        self
    }

    fn request(&self, host: &HeaderValue) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = match self.uri.path_and_query() {
            Some(path) if self.uri.host().is_some() => path.as_str().parse()?,
            _ => self.uri.clone(),
        };
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(header::HOST, host.clone());
        Ok(request)
    }
}

/// A connection to a server.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: HeaderValue,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Why it ends, the next request is told.
        tokio::spawn(connection);
        let host = HeaderValue::try_from(address.to_string())?;
        Ok(Self { sender, host })
    }

    /// Sends a request and returns the body of its answer.
    ///
    /// # Errors
    /// There is no answer, or it has another status; that tells the body, if it
    /// is one of the application's.
    pub async fn send(&mut self, call: &Call) -> Result<Bytes> {
        let to = || format!("{} {}", call.method, call.uri.path());
        let unsent = |error: hyper::Error| anyhow!(error).context(to());
        self.sender.ready().await.map_err(unsent)?;
        let request = call.request(&self.host)?;
        let answer = self.sender.send_request(request).await.map_err(unsent)?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(unsent)?.to_bytes();
        if head.status == call.expected {
            return Ok(body);
        }
        // What a store writes may quote the request, signature and all.
        let json = HeaderValue::from_static("application/json");
        let told = match head.headers.get(header::CONTENT_TYPE) {
            Some(kind) if kind == json => String::from_utf8_lossy(&body).into_owned(),
            _ => format!("{} bytes", body.len()),
        };
        bail!(
            "{} should answer {} and answered {}: {told}",
            to(),
            call.expected,
            head.status
        )
    }

    /// Sends a request and reads the JSON of its answer.
    ///
    /// # Errors
    /// As [`Connection::send`]; or the answer is other JSON.
    pub async fn ask<T: DeserializeOwned>(&mut self, call: &Call) -> Result<T> {
        let body = self.send(call).await?;
        ensure!(!body.is_empty(), "{} answered nothing", call.uri.path());
        serde_json::from_slice(&body)
            .with_context(|| format!("{} answered what was not understood", call.uri.path()))
    }
}
