//! The data that all instances of a component share.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};

use http::{Request, Response};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::allowed_hosts::AllowedHosts;
use crate::factors::http_client::HttpClient;
use crate::factors::key_value::Stores;
use crate::factors::redis::Connections;
use crate::logs::ComponentLogs;

/// The data that all instances of a component share.
#[derive(Debug)]
pub struct ComponentContext {
    /// The component's name in the manifest.
    pub name: String,
    /// Its variables, templates filled in.
    pub variables: BTreeMap<String, String>,
    /// Its environment variables.
    pub environment: Vec<(String, String)>,
    /// The labels of stores that it may open.
    pub key_value_stores: BTreeSet<String>,
    /// The stores of the application.
    pub stores: Arc<Stores>,
    /// Connections to other servers that instances share.
    pub http: HttpClient,
    /// Connections to Redis that instances share.
    pub redis: Arc<Connections>,
    /// Where it may connect to.
    pub allowed_hosts: AllowedHosts,
    /// Where its output goes.
    pub logs: ComponentLogs,
    /// The application's own HTTP server, which starts after the components.
    pub service: Arc<OnceLock<Weak<dyn Service>>>,
}

impl ComponentContext {
    /// Tells the developer why a connection was refused, without the secrets in the URL.
    pub fn report_denied(&self, default_scheme: &str, url: &str) {
        let origin = hosts::origin(url, default_scheme);
        let origin = origin.as_deref().unwrap_or("an address that is no URL");
        tracing::warn!(
            component = self.name,
            "refused to connect to {origin}: allowed_outbound_hosts of the component doesn't have it"
        );
    }
}

/// The response to a request of one component to another one.
pub type ComponentResponse<'a> =
    Pin<Box<dyn Future<Output = Result<Response<WasiBody>, Error>> + Send + 'a>>;

/// The application's own HTTP server, as its components see it.
pub trait Service: std::fmt::Debug + Send + Sync {
    /// Where the application listens.
    fn address(&self) -> SocketAddr;

    /// Answers a request that one component sends to another one by its name. It
    /// goes in the slot of the component that asks; `depth` is how many components
    /// have called each other so far.
    ///
    /// # Errors
    /// There is no such component under the HTTP trigger.
    fn call_component<'a>(
        &'a self,
        component: &'a str,
        request: Request<WasiBody>,
        depth: u8,
    ) -> ComponentResponse<'a>;
}
