//! Answers requests with components.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri, Version, header};
use hyper::body::Incoming;
use wasmtime_wasi_http::{Error, WasiBody};

use super::body::{Bodies, BodyError, Progress, RequestBody};
use super::errors::{self, Asked, HostError, full};
use super::headers;
use super::router::{RouteMatch, Router};
use super::transport::Activity;
use crate::context::{ComponentResponse, Service};
use crate::limits::Limits;
use crate::runtime::{CallError, Runtime};

/// The paths that Spin answers itself, for all routes.
const WELL_KNOWN: &str = "/.well-known/spin/";
/// The client address that a component sees when another component calls it.
const NO_CLIENT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

/// The service that answers the application's HTTP requests.
pub struct HttpService {
    router: Router,
    runtime: Arc<Runtime>,
    address: SocketAddr,
    about: About,
    bodies: Bodies,
}

/// The host's own information about the application.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The JSON that `/.well-known/spin/info` answers.
    pub info: Bytes,
    /// The origins whose scripts may read the host's own errors, as the applications
    /// of this repository have them in their variable `allowed_origins`: a list
    /// separated by commas, or `*`.
    pub allowed_origins: String,
}

impl std::fmt::Debug for HttpService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HttpService({})", self.address)
    }
}

impl HttpService {
    /// Serves routes at the host's address.
    pub fn new(
        router: Router,
        runtime: Arc<Runtime>,
        address: SocketAddr,
        about: About,
        limits: &Limits,
    ) -> Self {
        Self {
            router,
            runtime,
            address,
            about,
            bodies: Bodies::new(limits),
        }
    }

    /// The routes.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// Answers a request from outside.
    pub async fn answer(
        &self,
        request: Request<Incoming>,
        client: SocketAddr,
        activity: Arc<Activity>,
    ) -> Response<WasiBody> {
        let mut request = request.map(|body| self.bodies.watch(body, activity));
        let progress = request.body().progress();
        let asked = Asked::new(request.headers());
        let version = request.version();
        let path = request.uri().path();
        let found = match path.strip_prefix(WELL_KNOWN) {
            Some(name) => Err(self.well_known(name)),
            None => self.router.route(path).ok_or(None),
        };
        let result = match found {
            Ok(found) => {
                headers::strip(&mut request);
                match make_absolute(&mut request) {
                    Ok(()) => {
                        headers::add(&mut request, &found, client);
                        self.call(&found.route.component, request).await
                    }
                    Err(reason) => {
                        tracing::debug!("refused a request: {reason}");
                        Err(errors::INVALID_HOST)
                    }
                }
            }
            Err(Some(response)) => Ok(response),
            Err(None) => Err(errors::NO_ROUTE),
        };
        let mut response =
            result.unwrap_or_else(|error| asked.refuse(error, &self.about.allowed_origins));
        if version >= Version::HTTP_2 {
            // Only streams end there, not connections (RFC 9113, 8.2.2).
            response.headers_mut().remove(header::CONNECTION);
        } else if !response.status().is_success() && !progress.has_ended() {
            // The host does not wait for the rest of the body.
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        response
    }

    /// Lets a component answer. It starts when the head of the request is here, and may
    /// answer before the body is.
    async fn call(
        &self,
        component: &str,
        request: Request<RequestBody>,
    ) -> Result<Response<WasiBody>, HostError> {
        let progress = request.body().progress();
        let called = self
            .runtime
            .call_http(component, request, progress.clone(), 0)
            .await;
        match called {
            // The host's own error comes before a guest's: the client or the host caused
            // the failure.
            Ok(response) if response.status().is_success() => Ok(response),
            called => match (error_of(&progress, called.is_err()), called) {
                (Some(error), _) => Err(error),
                (None, Ok(response)) => Ok(response),
                (None, Err(CallError::Busy)) => Err(errors::BUSY),
                (None, Err(CallError::Failed)) => Err(errors::FAILED),
            },
        }
    }

    fn well_known(&self, name: &str) -> Option<Response<WasiBody>> {
        let (body, kind) = match name {
            "health" => (Bytes::from_static(b"OK"), None),
            "info" => (self.about.info.clone(), Some("application/json")),
            _ => return None,
        };
        let mut response = Response::new(full(body));
        if let Some(kind) = kind {
            let kind = HeaderValue::from_static(kind);
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        Some(response)
    }
}

/// The error that the request's body caused, if it did. A call that failed while it waited
/// for the client ran out of time for that reason.
fn error_of(progress: &Progress, failed: bool) -> Option<HostError> {
    match progress.error() {
        Some(BodyError::Stalled) => Some(errors::BODY_TIMEOUT),
        Some(BodyError::Busy) => Some(errors::BUSY),
        None if failed && progress.is_waiting() => Some(errors::BODY_TIMEOUT),
        None => None,
    }
}

impl Service for HttpService {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn call_component<'a>(
        &'a self,
        component: &'a str,
        mut request: Request<WasiBody>,
        depth: u8,
    ) -> ComponentResponse<'a> {
        headers::strip(&mut request);
        let found = RouteMatch::internal(component, request.uri().path());
        headers::add(&mut request, &found, NO_CLIENT);
        Box::pin(async move {
            if !self.runtime.answers_http(component) {
                tracing::error!("no component `{component}` answers HTTP requests");
                return Err(Error::DestinationNotFound);
            }
            let asked = Asked::new(request.headers());
            let called = self.runtime.call_http(component, request, (), depth).await;
            Ok(called.unwrap_or_else(|error| {
                let error = match error {
                    CallError::Busy => errors::BUSY,
                    CallError::Failed => errors::FAILED,
                };
                asked.refuse(error, "")
            }))
        })
    }
}

/// Gives the request's URI the scheme and the authority of the request.
fn make_absolute<B>(request: &mut Request<B>) -> Result<(), &'static str> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => return Err("it has two Host headers"),
        (Some(host), None) => {
            let host = host.to_str().map_err(|_| "its Host header is not text")?;
            Some(Authority::try_from(host).map_err(|_| "its Host header is no authority")?)
        }
        (None, _) => None,
    };
    // HTTP/1.0 requires no Host (RFC 9112, 3.2).
    let needs_none = request.version() < Version::HTTP_11;
    let mut parts = Parts::from(std::mem::take(request.uri_mut()));
    parts.authority = match (host, parts.authority) {
        (Some(host), Some(authority)) if host != authority => {
            return Err("its Host header and its URI disagree");
        }
        (Some(authority), _) | (None, Some(authority)) => Some(authority),
        (None, None) if needs_none => Some(Authority::from_static("localhost")),
        (None, None) => return Err("it has no Host header"),
    };
    parts.scheme = Some(Scheme::HTTP);
    parts
        .path_and_query
        .get_or_insert(PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| "its URI is not valid")?;
    Ok(())
}
