//! `wasi:http/outgoing-handler`: requests to the allowed hosts of a component, to
//! the application's own routes and to its other components.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Weak};

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri, header};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::allowed_hosts::internal_component;
use crate::context::{ComponentContext, Service};

/// The host name by which a component calls the application's own routes.
const ITSELF: &str = "self.alt";

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// Sends the requests of one instance.
pub struct OutboundHttp {
    context: Arc<ComponentContext>,
    /// The number of calls between components that led to the current call.
    pub depth: u8,
}

/// The maximum number of components in a chain of calls.
const MAX_CALLS: u8 = 8;

/// Where a request goes.
enum Target {
    World,
    Itself(Arc<dyn Service>),
    Component(Arc<dyn Service>, String),
}

impl OutboundHttp {
    /// Sends requests with the permissions of a component.
    pub fn new(context: Arc<ComponentContext>) -> Self {
        Self { context, depth: 0 }
    }

    /// The data that all instances of the component share.
    pub fn context(&self) -> &ComponentContext {
        &self.context
    }

    /// Decides where a request goes, and whether it may go there.
    fn target(&self, uri: &Uri) -> Result<Target, Error> {
        let host = uri.host().unwrap_or_default();
        let allowed_hosts = &self.context.allowed_hosts;
        let allowed = if host == ITSELF {
            allowed_hosts.allows_self()
        } else {
            allowed_hosts.allows(&uri.to_string(), "https")
        };
        if !allowed {
            self.context.report_denied("https", &uri.to_string());
            return Err(Error::HttpRequestDenied);
        }
        let service = || {
            let service = self.context.service.get().and_then(Weak::upgrade);
            service.ok_or(Error::DestinationNotFound)
        };
        match internal_component(host) {
            Some(component) => Ok(Target::Component(service()?, component.to_owned())),
            None if host == ITSELF => Ok(Target::Itself(service()?)),
            None => Ok(Target::World),
        }
    }
}

impl WasiHttpHooks for OutboundHttp {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Io,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send> {
        let (target, depth) = (self.target(request.uri()), self.depth + 1);
        let client = self.context.http.clone();
        Box::new(async move {
            let response = match target? {
                Target::World => client.send(request, options).await?,
                Target::Itself(service) => {
                    let request = redirect(request, service.address())?;
                    client.send(request, options).await?
                }
                Target::Component(service, component) => {
                    if depth > MAX_CALLS {
                        return Err(Error::LoopDetected);
                    }
                    service.call_component(&component, request, depth).await?
                }
            };
            // Connections are driven by tasks of their own.
            Ok((response, Box::new(async { Ok(()) }) as Io))
        })
    }
}

/// Sends a request for the application itself to its own address.
fn redirect(
    mut request: Request<WasiBody>,
    mut address: SocketAddr,
) -> Result<Request<WasiBody>, Error> {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    let address = address.to_string();
    let invalid = |_| Error::HttpRequestUriInvalid;
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::builder()
        .scheme(Scheme::HTTP)
        .authority(Authority::try_from(address.as_str()).map_err(|_| Error::HttpRequestUriInvalid)?)
        .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
        .build()
        .map_err(invalid)?;
    let host = HeaderValue::try_from(address).map_err(|_| Error::HttpRequestUriInvalid)?;
    request.headers_mut().insert(header::HOST, host);
    Ok(request)
}
