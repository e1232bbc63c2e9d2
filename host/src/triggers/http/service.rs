//! Answers requests with components.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::uri::{Authority, Parts, PathAndQuery, Scheme};
use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use wasmtime_wasi_http::{Error, WasiBody};

use super::headers;
use super::router::{RouteMatch, Router};
use crate::context::{ComponentResponse, Service};
use crate::runtime::Runtime;

/// Where Spin has its own answers, whatever the routes are.
const WELL_KNOWN: &str = "/.well-known/spin/";
/// What a component called by another one sees as the address of its client.
const NO_CLIENT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

/// What answers the application's HTTP requests.
pub struct HttpService {
    router: Router,
    runtime: Arc<Runtime>,
    address: SocketAddr,
    info: Bytes,
}

impl std::fmt::Debug for HttpService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HttpService({})", self.address)
    }
}

impl HttpService {
    /// Serves routes at the address that is listened on; `info` is the JSON that
    /// `/.well-known/spin/info` answers.
    pub fn new(router: Router, runtime: Arc<Runtime>, address: SocketAddr, info: Bytes) -> Self {
        Self {
            router,
            runtime,
            address,
            info,
        }
    }

    /// The routes.
    pub fn router(&self) -> &Router {
        &self.router
    }

    /// Answers a request from outside.
    pub async fn answer(
        &self,
        mut request: Request<WasiBody>,
        client: SocketAddr,
    ) -> Response<WasiBody> {
        headers::strip(&mut request);
        let path = request.uri().path().to_owned();
        if let Some(name) = path.strip_prefix(WELL_KNOWN) {
            return self.well_known(name);
        }
        let Some(found) = self.router.route(&path) else {
            return status(StatusCode::NOT_FOUND);
        };
        if let Err(reason) = make_absolute(&mut request) {
            tracing::debug!("refused a request: {reason}");
            return status(StatusCode::BAD_REQUEST);
        }
        let Ok(slot) = self.runtime.slot().await else {
            let mut response = status(StatusCode::SERVICE_UNAVAILABLE);
            let soon = header::HeaderValue::from_static("1");
            response.headers_mut().insert(header::RETRY_AFTER, soon);
            return response;
        };
        headers::add(&mut request, &found, client);
        self.runtime
            .call_http(&found.component, request, Some(slot), 0)
            .await
            .unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
    }

    fn well_known(&self, name: &str) -> Response<WasiBody> {
        let mut response = match name {
            "health" => Response::new(full(Bytes::from_static(b"OK"))),
            "info" => Response::new(full(self.info.clone())),
            _ => return status(StatusCode::NOT_FOUND),
        };
        if name == "info" {
            let json = header::HeaderValue::from_static("application/json");
            response.headers_mut().insert(header::CONTENT_TYPE, json);
        }
        response
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
            let call = self.runtime.call_http(component, request, None, depth);
            Ok(call
                .await
                .unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR)))
        })
    }
}

/// Gives the request's URI the scheme and the authority that it came by.
fn make_absolute(request: &mut Request<WasiBody>) -> Result<(), &'static str> {
    let host = match request.headers().get(header::HOST) {
        Some(host) => {
            let host = host.to_str().map_err(|_| "its Host header is not text")?;
            Some(Authority::try_from(host).map_err(|_| "its Host header is no authority")?)
        }
        None => None,
    };
    let mut parts = Parts::from(std::mem::take(request.uri_mut()));
    parts.authority = match (host, parts.authority) {
        (Some(host), Some(authority)) if host != authority => {
            return Err("its Host header and its URI disagree");
        }
        (Some(authority), _) | (None, Some(authority)) => Some(authority),
        (None, None) => return Err("it has no Host header"),
    };
    parts.scheme = Some(Scheme::HTTP);
    parts
        .path_and_query
        .get_or_insert(PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| "its URI is not valid")?;
    Ok(())
}

fn status(status: StatusCode) -> Response<WasiBody> {
    let mut response = Response::new(full(Bytes::new()));
    *response.status_mut() = status;
    response
}

fn full(bytes: Bytes) -> WasiBody {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}
