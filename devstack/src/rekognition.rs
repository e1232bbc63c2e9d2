//! A double of Amazon Rekognition's `DetectLabels` for tests: it checks requests
//! like AWS, gives the answers that a test sets, and remembers every request.
//!
//! Shapes and errors are those of the Rekognition API reference.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{HeaderMap, Method, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio::sync::watch;

use crate::{
    Result, Server,
    sigv4_verify::{Keys, Refusal, verify_headers},
};

const TARGET: &str = "RekognitionService.DetectLabels";
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// The max size of an image that may be sent in a request, in bytes.
const IMAGE_LIMIT: usize = 5 * 1024 * 1024;
/// The max size of a body, in bytes.
const BODY_LIMIT: usize = 16 * 1024 * 1024;
const DEFAULT_MIN_CONFIDENCE: f64 = 55.0;
/// The time for which [`Rekognition::gather`] holds a request that stays alone.
const GATHER_LIMIT: Duration = Duration::from_secs(10);

/// How to start a [`Rekognition`].
#[derive(Clone)]
pub struct RekognitionOptions {
    /// The address to listen on; port 0 is any free port.
    pub listen: SocketAddr,
    /// The region that requests must be signed for.
    pub region: String,
    /// The keys that they must be signed with.
    pub keys: Keys,
}

impl Default for RekognitionOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            region: "us-east-1".into(),
            keys: Keys {
                access_key: "AKIDREKOGNITION".into(),
                secret_key: "rekognition-secret".into(),
                session_token: None,
            },
        }
    }
}

/// A label of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Its name, such as `Cat`.
    pub name: String,
    /// The confidence, 0 to 100.
    pub confidence: f64,
    /// The names of its parents.
    pub parents: Vec<String>,
}

impl Label {
    /// A label with the names of its parents.
    pub fn new(name: &str, confidence: f64, parents: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            confidence,
            parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
        }
    }
}

/// An error that AWS may answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// 400: too many requests.
    Throttling,
    /// 400: more requests than the account may send.
    ProvisionedThroughputExceeded,
    /// 500: an error inside AWS.
    InternalServerError,
    /// 503: AWS is not available.
    ServiceUnavailable,
    /// 400: the key may not do this.
    AccessDenied,
}

/// A request with a correct signature and body.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The SHA-256 of the image.
    pub image: [u8; 32],
    /// `MaxLabels`, if it was sent.
    pub max_labels: Option<i64>,
    /// `MinConfidence`, if it was sent.
    pub min_confidence: Option<f64>,
    /// All headers as they were sent.
    pub headers: HeaderMap,
}

/// The running double. Dropping it ends it.
pub struct Rekognition {
    server: Server,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Rekognition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rekognition")
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

struct Shared {
    options: RekognitionOptions,
    state: Mutex<State>,
    load: watch::Sender<Load>,
}

/// Requests in flight: the present number, and the max so far.
#[derive(Default)]
struct Load {
    now: usize,
    max: usize,
}

#[derive(Default)]
struct State {
    labels: HashMap<[u8; 32], Vec<Label>>,
    failures: VecDeque<Failure>,
    gather: usize,
    refused: usize,
    seen: Vec<Seen>,
}

impl Rekognition {
    /// Starts the double.
    ///
    /// # Errors
    /// The address can't be used.
    pub async fn start(options: RekognitionOptions) -> Result<Self> {
        let listen = options.listen;
        let shared = Arc::new(Shared {
            options,
            state: Mutex::default(),
            load: watch::Sender::default(),
        });
        let service = tower::service_fn({
            let shared = shared.clone();
            move |request| {
                let shared = shared.clone();
                async move { Ok::<_, Infallible>(shared.answer(request).await) }
            }
        });
        let server = Server::start(listen, service).await?;
        Ok(Self { server, shared })
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The endpoint, without a slash at its end.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The keys and the region that requests must be signed with.
    pub fn options(&self) -> &RekognitionOptions {
        &self.shared.options
    }

    /// Sets the labels of an image, given its bytes. Other images have none.
    pub fn set_labels(&self, image: &[u8], mut labels: Vec<Label>) {
        labels.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        let image = Sha256::digest(image).into();
        self.shared.state().labels.insert(image, labels);
    }

    /// The next `times` correct requests fail in this way.
    pub fn fail_next(&self, times: usize, failure: Failure) {
        let failures = std::iter::repeat_n(failure, times);
        self.shared.state().failures.extend(failures);
    }

    /// Holds every answer until `count` requests have been in flight at once;
    /// an answer held for ten seconds becomes a 503.
    pub fn gather(&self, count: usize) {
        self.shared.state().gather = count;
    }

    /// The max number of requests that were in flight at once.
    pub fn max_in_flight(&self) -> usize {
        self.shared.load.borrow().max
    }

    /// Every correct request, failed ones included, in order of arrival.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.state().seen.clone()
    }

    /// The number of requests refused because of their signature or body.
    pub fn refused(&self) -> usize {
        self.shared.state().refused
    }

    /// Finishes requests in flight and stops.
    pub async fn shutdown(self) {
        self.server.shutdown().await;
    }
}

/// An answer in AWS's shape: status, `__type`, message.
struct AwsError(StatusCode, &'static str, String);

impl AwsError {
    fn bad(kind: &'static str, message: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, kind, message.into())
    }
}

impl From<Failure> for AwsError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Throttling => Self::bad("ThrottlingException", "Rate exceeded"),
            Failure::ProvisionedThroughputExceeded => Self::bad(
                "ProvisionedThroughputExceededException",
                "Provisioned rate exceeded",
            ),
            Failure::AccessDenied => Self::bad(
                "AccessDeniedException",
                "User is not authorized to perform: rekognition:DetectLabels",
            ),
            Failure::InternalServerError => Self(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalServerError",
                "Internal server error".into(),
            ),
            Failure::ServiceUnavailable => Self(
                StatusCode::SERVICE_UNAVAILABLE,
                "ServiceUnavailableException",
                "Service is unavailable".into(),
            ),
        }
    }
}

impl From<Refusal> for AwsError {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::Missing => "MissingAuthenticationTokenException",
            Refusal::Malformed(_) => "IncompleteSignatureException",
            Refusal::UnknownKey => "UnrecognizedClientException",
            Refusal::Scope { .. }
            | Refusal::Unsigned(_)
            | Refusal::Expired(_)
            | Refusal::NotYet(_)
            | Refusal::Payload
            | Refusal::Mismatch => "InvalidSignatureException",
        };
        Self::bad(kind, refusal.to_string())
    }
}

/// Members that are not listed are ignored, as AWS does.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DetectLabels {
    image: Option<Image>,
    max_labels: Option<i64>,
    min_confidence: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    bytes: Option<String>,
}

/// Counts a request as in flight for as long as it lives.
struct InFlight<'a>(&'a watch::Sender<Load>);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|load| load.now -= 1);
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (status, body) = match self.detect(request).await {
            Ok(labels) => (StatusCode::OK, labels),
            Err(AwsError(status, kind, message)) => {
                (status, json!({ "__type": kind, "message": message }))
            }
        };
        let mut response = Response::new(Full::from(body.to_string()));
        *response.status_mut() = status;
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            header::HeaderValue::from_static(CONTENT_TYPE),
        );
        response
    }

    async fn detect(&self, request: Request<Incoming>) -> Result<Value, AwsError> {
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, BODY_LIMIT)
            .collect()
            .await
            .map_err(|error| AwsError::bad("SerializationException", error.to_string()))?
            .to_bytes();
        let seen = self.check(parts, &body).inspect_err(|_| {
            self.state().refused += 1;
        })?;

        let _in_flight = self.enter();
        self.state().seen.push(seen.clone());
        self.wait_for_others().await?;
        let mut state = self.state();
        if let Some(failure) = state.failures.pop_front() {
            return Err(failure.into());
        }
        let max = seen
            .max_labels
            .and_then(|max| usize::try_from(max).ok())
            .unwrap_or(usize::MAX);
        let min = seen.min_confidence.unwrap_or(DEFAULT_MIN_CONFIDENCE);
        let labels: Vec<_> = state
            .labels
            .get(&seen.image)
            .into_iter()
            .flatten()
            .filter(|label| label.confidence >= min)
            .take(max)
            .map(label)
            .collect();
        Ok(json!({ "Labels": labels, "LabelModelVersion": "3.0" }))
    }

    /// The checks that AWS makes before it looks at an image.
    fn check(&self, parts: Parts, body: &[u8]) -> Result<Seen, AwsError> {
        let header = |name: &str| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        if parts.method != Method::POST
            || parts.uri.path() != "/"
            || header("content-type") != Some(CONTENT_TYPE)
            || header("x-amz-target") != Some(TARGET)
        {
            return Err(AwsError::bad(
                "UnknownOperationException",
                format!("want POST / of {CONTENT_TYPE} with x-amz-target {TARGET}"),
            ));
        }
        verify_headers(
            &parts.method,
            &parts.uri,
            &parts.headers,
            body,
            &self.options.keys,
            (&self.options.region, "rekognition"),
            OffsetDateTime::now_utc(),
        )?;
        let input: DetectLabels = serde_json::from_slice(body)
            .map_err(|error| AwsError::bad("SerializationException", error.to_string()))?;
        let image = input
            .image
            .and_then(|image| image.bytes)
            .ok_or_else(|| AwsError::bad("InvalidParameterException", "Image.Bytes is missing"))?;
        let image = BASE64_STANDARD
            .decode(image)
            .map_err(|error| AwsError::bad("SerializationException", error.to_string()))?;
        if input.max_labels.is_some_and(|max| max < 0) {
            return Err(AwsError::bad(
                "ValidationException",
                "MaxLabels must be greater than or equal to 0",
            ));
        }
        if input
            .min_confidence
            .is_some_and(|min| !(0.0..=100.0).contains(&min))
        {
            return Err(AwsError::bad(
                "ValidationException",
                "MinConfidence must be between 0 and 100",
            ));
        }
        if image.len() > IMAGE_LIMIT {
            return Err(AwsError::bad(
                "ImageTooLargeException",
                "Image size is too large",
            ));
        }
        // Rekognition knows only JPEG and PNG.
        if !(image.starts_with(b"\xFF\xD8\xFF") || image.starts_with(b"\x89PNG\r\n\x1A\n")) {
            return Err(AwsError::bad(
                "InvalidImageFormatException",
                "Request has invalid image format",
            ));
        }
        Ok(Seen {
            image: Sha256::digest(&image).into(),
            max_labels: input.max_labels,
            min_confidence: input.min_confidence,
            headers: parts.headers,
        })
    }

    fn enter(&self) -> InFlight<'_> {
        self.load.send_modify(|load| {
            load.now += 1;
            load.max = load.max.max(load.now);
        });
        InFlight(&self.load)
    }

    async fn wait_for_others(&self) -> Result<(), AwsError> {
        let wanted = self.state().gather;
        let mut load = self.load.subscribe();
        let gathered = load.wait_for(|load| load.max >= wanted);
        match tokio::time::timeout(GATHER_LIMIT, gathered).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Failure::ServiceUnavailable.into()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn label(label: &Label) -> Value {
    let parents: Vec<_> = label
        .parents
        .iter()
        .map(|name| json!({ "Name": name }))
        .collect();
    json!({
        "Name": label.name,
        "Confidence": label.confidence,
        "Instances": [],
        "Parents": parents,
        "Aliases": [],
        "Categories": [],
    })
}
