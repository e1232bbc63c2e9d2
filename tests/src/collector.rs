//! A collector of OpenTelemetry, which takes spans as the real one does: it reads them with
//! the types that OpenTelemetry publishes.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use devstack::Server;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span as ProtoSpan;
use tower::service_fn;

use crate::hex;

/// The running collector. Dropping it ends it.
pub struct Collector {
    server: Server,
    state: Arc<Mutex<State>>,
}

struct State {
    answer: StatusCode,
    /// The requests that were not taken, too.
    requests: usize,
    spans: Vec<Span>,
    complaints: Vec<String>,
}

/// A span that was taken. Ids are hex digits.
#[derive(Clone, Debug)]
pub struct Span {
    /// The name.
    pub name: String,
    /// The id of its trace.
    pub trace: String,
    /// Its own id.
    pub id: String,
    /// The id of its parent; empty without one.
    pub parent: String,
    /// Whether it says that it failed.
    pub failed: bool,
    /// `service.name` of its resource.
    pub service: String,
    of: ProtoSpan,
}

impl Span {
    /// The attribute `key` as text.
    pub fn attribute(&self, key: &str) -> Option<String> {
        text(&self.of.attributes, key)
    }

    /// When it began and ended, in nanoseconds since the Unix epoch.
    pub fn times(&self) -> (u64, u64) {
        (self.of.start_time_unix_nano, self.of.end_time_unix_nano)
    }
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text.clone()),
        any_value::Value::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

impl Collector {
    /// Starts a collector on a free port. It wants the header `x-key: secret key`.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            answer: StatusCode::OK,
            requests: 0,
            spans: Vec::new(),
            complaints: Vec::new(),
        }));
        let shared = state.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let state = shared.clone();
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let mut state = state.lock().unwrap();
                state.requests += 1;
                let mut status = state.answer;
                if status.is_success() {
                    match read(&head, &body) {
                        Ok(spans) => state.spans.extend(spans),
                        Err((refusal, complaint)) => {
                            status = refusal;
                            state.complaints.push(complaint);
                        }
                    }
                }
                let answer = Response::builder()
                    .status(status)
                    .header(header::CONTENT_TYPE, "application/json");
                Ok::<_, Infallible>(answer.body(r#"{"partialSuccess":{}}"#.to_owned()).unwrap())
            }
        });
        let server = Server::start(([127, 0, 0, 1], 0).into(), service).await;
        Self {
            server: server.unwrap(),
            state,
        }
    }

    /// The base URL.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Answers every request with `status` from now on, and takes spans with 200 alone.
    ///
    /// # Panics
    /// A request failed within the collector.
    pub fn answer(&self, status: StatusCode) {
        self.state.lock().unwrap().answer = status;
    }

    /// The number of requests so far.
    ///
    /// # Panics
    /// A request failed within the collector.
    pub fn requests(&self) -> usize {
        self.state.lock().unwrap().requests
    }

    /// The spans that were taken so far.
    ///
    /// # Panics
    /// A request was not as OTLP says.
    pub fn spans(&self) -> Vec<Span> {
        let state = self.state.lock().unwrap();
        assert!(state.complaints.is_empty(), "{:?}", state.complaints);
        state.spans.clone()
    }
}

/// The spans of a request, or how it is refused.
fn read(head: &http::request::Parts, body: &[u8]) -> Result<Vec<Span>, (StatusCode, String)> {
    let refuse = |status, why: String| Err((status, why));
    if head.uri.path() != "/v1/traces" || head.method != Method::POST {
        return refuse(
            StatusCode::NOT_FOUND,
            format!("{} {}", head.method, head.uri),
        );
    }
    let header = |name: &str| head.headers.get(name).map(|value| value.as_bytes());
    if header("x-key") != Some(b"secret key") {
        return refuse(StatusCode::UNAUTHORIZED, "no x-key".into());
    }
    if header("content-type") != Some(b"application/json") {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "no JSON".into());
    }
    let request: ExportTraceServiceRequest = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, error.to_string()),
    };
    let mut spans = Vec::new();
    for resource in request.resource_spans {
        let attributes = resource.resource.unwrap_or_default().attributes;
        let service = text(&attributes, "service.name").unwrap_or_default();
        for span in resource
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans)
        {
            let is_valid = span.trace_id.len() == 16
                && span.span_id.len() == 8
                && [0, 8].contains(&span.parent_span_id.len())
                && span.start_time_unix_nano <= span.end_time_unix_nano
                && span.start_time_unix_nano > 0
                && !span.name.is_empty();
            if !is_valid {
                return refuse(StatusCode::BAD_REQUEST, format!("{span:?}"));
            }
            spans.push(Span {
                name: span.name.clone(),
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                failed: span.status.as_ref().is_some_and(|status| status.code == 2),
                service: service.clone(),
                of: span,
            });
        }
    }
    Ok(spans)
}
