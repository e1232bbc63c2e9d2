//! A double of a Databricks workspace: Jobs 2.2, SQL statements 2.0 and OAuth, as strict as
//! the real one, with the faults that tests ask for.
//!
//! Shapes, limits and errors are those of the REST reference and of the Python SDK 0.162.

mod answer;
mod fault;
mod jobs;
mod options;
mod sql;

use std::{
    collections::BTreeSet,
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use answer::{Answer, ApiError};
pub use fault::{Fault, Route};
pub use jobs::{RunState, SeenRun};
pub use options::DatabricksOptions;
pub use sql::SqlScript;

use crate::{Result, Server};

/// The max size of a body, in bytes: that of a statement.
const BODY_LIMIT: usize = 16 * 1024 * 1024;
/// How long tokens of OAuth are valid, in seconds.
const TOKEN_SECONDS: u64 = 3600;

/// The work of a run before it ends with success.
pub type OnSuccess = Arc<dyn Fn(SeenRun) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A request, however it was answered.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The method.
    pub method: Method,
    /// The path, without the query.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
}

/// The running double. Dropping it ends it.
pub struct Databricks {
    server: Server,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Databricks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Databricks")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

struct Shared {
    options: DatabricksOptions,
    on_success: OnSuccess,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    clients: BTreeSet<String>,
    faults: Vec<Fault>,
    seen: Vec<Seen>,
    /// Tokens of OAuth that are valid.
    tokens: BTreeSet<String>,
    issued: usize,
    jobs: jobs::Jobs,
    sql: sql::Statements,
}

impl Databricks {
    /// Starts the double. `on_success` is awaited before a run shows that it succeeded.
    ///
    /// # Errors
    /// The address cannot be used.
    pub async fn start(options: DatabricksOptions, on_success: OnSuccess) -> Result<Self> {
        let listen = options.listen;
        let shared = Arc::new(Shared {
            options,
            on_success,
            state: Mutex::default(),
        });
        let service = {
            let shared = shared.clone();
            tower::service_fn(move |request| {
                let shared = shared.clone();
                async move { shared.serve(request).await }
            })
        };
        let server = Server::start(listen, service).await?;
        Ok(Self { server, shared })
    }

    /// Its URL.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The credentials, jobs and warehouse.
    pub fn options(&self) -> &DatabricksOptions {
        &self.shared.options
    }

    /// Sets the mostradores that the table holds.
    pub fn set_clients<'a>(&self, clients: impl IntoIterator<Item = &'a str>) {
        let clients = clients.into_iter().map(str::to_owned);
        self.shared.state().clients = clients.collect();
    }

    /// Breaks requests. Faults of one route happen one after the other.
    pub fn break_with(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.state().faults.extend(faults);
    }

    /// Sets the states of the next run that is started: one a look, the last one for ever.
    pub fn script_run(&self, states: impl IntoIterator<Item = RunState>) {
        let states = states.into_iter().collect();
        self.shared.state().jobs.scripts.push_back(states);
    }

    /// Sets the behaviour of the next statements.
    pub fn script_sql(&self, script: SqlScript) {
        self.shared.state().sql.script = script;
    }

    /// All runs, in the order of their start.
    pub fn runs(&self) -> Vec<SeenRun> {
        self.shared.state().jobs.seen()
    }

    /// All requests, in order of arrival.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.state().seen.clone()
    }

    /// How many tokens of OAuth were given.
    pub fn issued_tokens(&self) -> usize {
        self.shared.state().issued
    }

    /// Revokes all tokens of OAuth.
    pub fn revoke_tokens(&self) {
        self.shared.state().tokens.clear();
    }

    /// Finishes requests in flight and stops.
    pub async fn shutdown(self) {
        self.server.shutdown().await;
    }
}

/// The connection is closed without an answer.
#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is broken on purpose")
    }
}

impl std::error::Error for Broken {}

impl From<Infallible> for Broken {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(
        &self,
        request: Request<Incoming>,
    ) -> std::result::Result<Response<Full<Bytes>>, Broken> {
        let Some((status, retry_after, body)) = self.answer(request).await else {
            return Err(Broken);
        };
        let mut response = Response::new(Full::from(body.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let json = header::HeaderValue::from_static("application/json");
        headers.insert(header::CONTENT_TYPE, json);
        if let Some(value) = retry_after.and_then(|value| value.parse().ok()) {
            headers.insert(header::RETRY_AFTER, value);
        }
        Ok(response)
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, BODY_LIMIT).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        let fault = {
            let mut state = self.state();
            state.seen.push(Seen {
                method: parts.method.clone(),
                path: parts.uri.path().to_owned(),
                headers: parts.headers.clone(),
            });
            let at = state.faults.iter().position(|fault| fault.is_of(&parts));
            at.map(|at| state.faults.remove(at))
        };
        if let Some(fault) = &fault
            && !fault.has_effect
        {
            return fault.answer().await;
        }
        let answer = match self.route(&parts, &body).await {
            Ok(body) => (StatusCode::OK, None, body),
            Err(ApiError(status, code, message)) => (
                status,
                None,
                json!({"error_code": code, "message": message}),
            ),
        };
        match fault {
            Some(fault) => fault.answer().await,
            None => Some(answer),
        }
    }

    async fn route(&self, parts: &Parts, body: &Bytes) -> std::result::Result<Value, ApiError> {
        let path = parts.uri.path();
        if (&parts.method, path) == (&Method::POST, "/oidc/v1/token") {
            return self.give_token(&parts.headers, body);
        }
        self.check_bearer(&parts.headers)?;
        match (&parts.method, path) {
            (&Method::POST, "/api/2.2/jobs/run-now") => {
                self.state().jobs.run_now(&self.options, read(parts, body)?)
            }
            (&Method::GET, "/api/2.2/jobs/runs/get") => self.get_run(parts).await,
            (&Method::POST, "/api/2.2/jobs/runs/cancel") => {
                self.state().jobs.cancel(read(parts, body)?)
            }
            (&Method::POST, "/api/2.0/sql/statements") => {
                let clients = self.state().clients.clone();
                let request = read(parts, body)?;
                self.state().sql.execute(&self.options, &clients, request)
            }
            (method, path) => {
                if let Some(rest) = path.strip_prefix("/api/2.0/sql/statements/") {
                    return self.state().sql.follow(method, rest);
                }
                let message = format!("No API found for '{method} {path}'");
                Err(ApiError(
                    StatusCode::NOT_FOUND,
                    "ENDPOINT_NOT_FOUND",
                    message,
                ))
            }
        }
    }

    async fn get_run(&self, parts: &Parts) -> std::result::Result<Value, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let id = query.strip_prefix("run_id=").and_then(|id| id.parse().ok());
        let id: u64 = id.ok_or_else(|| ApiError::invalid("run_id must be one number"))?;
        let ended = self.state().jobs.look(id, self.options.duration)?;
        if let Some(run) = ended {
            (self.on_success)(run).await;
            self.state().jobs.succeeded(id);
        }
        let url = |job, run| format!("https://workspace.example/?o=1#job/{job}/run/{run}");
        self.state().jobs.show(id, url)
    }

    /// OAuth client credentials (RFC 6749, 4.4).
    fn give_token(
        &self,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> std::result::Result<Value, ApiError> {
        let (id, secret) = &self.options.client;
        let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")));
        let sent = headers.get(header::AUTHORIZATION);
        if sent.is_none_or(|sent| sent != basic.as_str()) {
            let status = StatusCode::UNAUTHORIZED;
            return Err(ApiError(
                status,
                "invalid_client",
                "Client authentication failed".into(),
            ));
        }
        let form: BTreeSet<_> = url::form_urlencoded::parse(body).collect();
        let wanted = [("grant_type", "client_credentials"), ("scope", "all-apis")];
        let wanted = wanted.map(|(name, value)| (name.into(), value.into()));
        if form != BTreeSet::from(wanted) {
            let status = StatusCode::BAD_REQUEST;
            return Err(ApiError(
                status,
                "invalid_request",
                "unexpected form".into(),
            ));
        }
        let mut state = self.state();
        state.issued += 1;
        let token = format!("oauth-{}-{}", state.issued, "0123456789abcdef");
        state.tokens.insert(token.clone());
        Ok(
            json!({"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS,
            "scope": "all-apis"}),
        )
    }

    fn check_bearer(&self, headers: &HeaderMap) -> std::result::Result<(), ApiError> {
        let refused = |status, code, message: &str| Err(ApiError(status, code, message.to_owned()));
        let sent = headers.get(header::AUTHORIZATION);
        let Some(sent) = sent.and_then(|sent| sent.to_str().ok()?.strip_prefix("Bearer ")) else {
            let message = "Credential was not sent or was of an unsupported type for this API.";
            return refused(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message);
        };
        if sent == self.options.token || self.state().tokens.contains(sent) {
            return Ok(());
        }
        match sent.starts_with("oauth-") {
            true => refused(
                StatusCode::UNAUTHORIZED,
                "UNAUTHENTICATED",
                "The token is expired",
            ),
            false => refused(
                StatusCode::FORBIDDEN,
                "PERMISSION_DENIED",
                "Invalid access token.",
            ),
        }
    }
}

/// Reads a body of JSON whose members are all known.
fn read<T: DeserializeOwned>(parts: &Parts, body: &Bytes) -> std::result::Result<T, ApiError> {
    let kind = parts.headers.get(header::CONTENT_TYPE);
    if kind.is_none_or(|kind| kind != "application/json") {
        return Err(ApiError::invalid("Content-Type must be application/json"));
    }
    serde_json::from_slice(body).map_err(|error| {
        let status = StatusCode::BAD_REQUEST;
        ApiError(
            status,
            "MALFORMED_REQUEST",
            format!("Could not parse request object: {error}"),
        )
    })
}
