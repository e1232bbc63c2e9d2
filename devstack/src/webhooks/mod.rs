//! An example of a receiver of notifications: it accepts CloudEvents signed by the rules
//! of Standard Webhooks, each event once, and gives the answers that a test
//! sets.

mod verify;

use std::{collections::HashMap, convert::Infallible, net::SocketAddr, sync::Arc};

use http::{
    HeaderValue, Method, Request, Response, StatusCode, header::RETRY_AFTER, request::Parts,
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{Result, Server};
pub use verify::Refused;
use verify::{Event, Verifier};

/// A secret for receivers that only tests or the demo reach.
pub const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// The max size of a body, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// An accepted event.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// Its id: `webhook-id` and the `id` of the CloudEvent.
    pub id: String,
    /// The CloudEvent.
    pub body: Value,
    /// The number of deliveries so far, also of those not accepted.
    pub deliveries: usize,
}

/// The running receiver. Dropping it ends it.
#[derive(Debug)]
pub struct WebhookReceiver {
    server: Server,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    verifier: Verifier,
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of deliveries of each event, by its id.
    deliveries: HashMap<String, usize>,
    /// Accepted events. `deliveries` counts them.
    taken: Vec<(String, Value)>,
    refused: Vec<Refused>,
    answer: Answer,
    /// The `Retry-After` of answers that are not a success.
    retry_after: Option<HeaderValue>,
    /// The number of events after which the answer changes, and the next answer.
    then: Option<(usize, Answer)>,
}

/// The answer to valid events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Status(StatusCode),
    None,
}

impl Default for Answer {
    fn default() -> Self {
        Self::Status(StatusCode::NO_CONTENT)
    }
}

impl WebhookReceiver {
    /// Starts a receiver on a free port with this secret (`whsec_...`).
    ///
    /// # Errors
    /// The secret is not valid.
    pub async fn start(secret: &str) -> Result<Self> {
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0)), secret).await
    }

    /// Starts a receiver on an address.
    ///
    /// # Errors
    /// The address can't be used, or the secret is not valid.
    pub async fn listen(address: SocketAddr, secret: &str) -> Result<Self> {
        let shared = Arc::new(Shared {
            verifier: Verifier::new(secret)?,
            state: watch::Sender::default(),
        });
        let service = tower::service_fn({
            let shared = shared.clone();
            move |request| {
                let shared = shared.clone();
                async move { Ok::<_, Infallible>(shared.answer(request).await) }
            }
        });
        let server = Server::start(address, service).await?;
        Ok(Self { server, shared })
    }

    /// The URL of the receiver, for the variable `notification_urls`.
    /// Any path works.
    pub fn url(&self) -> String {
        self.server.url() + "/"
    }

    /// The accepted events, each once, in the order of acceptance.
    pub fn received(&self) -> Vec<Received> {
        self.shared.state.borrow().received()
    }

    /// Waits until more than `known` events were accepted, and returns all of them.
    pub async fn received_beyond(&self, known: usize) -> Vec<Received> {
        let mut state = self.shared.state.subscribe();
        // Fails only without a sender, and `self` holds one.
        let _ = state.wait_for(|state| state.taken.len() > known).await;
        self.received()
    }

    /// The number of valid requests, with any answer.
    pub fn deliveries(&self) -> usize {
        self.shared.state.borrow().deliveries.values().sum()
    }

    /// The refused requests, in order of arrival.
    pub fn refused(&self) -> Vec<Refused> {
        self.shared.state.borrow().refused.clone()
    }

    /// Answers events with this status from now on. A success
    /// accepts them.
    pub fn answer_with(&self, status: StatusCode) {
        self.set(Answer::Status(status));
    }

    /// Answers the next `count` events as before, and later ones with this
    /// status.
    pub fn answer_after(&self, count: usize, status: StatusCode) {
        let then = Some((count, Answer::Status(status)));
        self.shared.state.send_modify(|state| state.then = then);
    }

    /// Answers events with 503 and this `Retry-After` from now on.
    pub fn ask_to_wait(&self, retry_after: HeaderValue) {
        self.set(Answer::Status(StatusCode::SERVICE_UNAVAILABLE));
        let retry_after = Some(retry_after);
        self.shared
            .state
            .send_modify(|state| state.retry_after = retry_after);
    }

    /// Answers nothing from now on, until another answer is set.
    pub fn hang(&self) {
        self.set(Answer::None);
    }

    /// Finishes requests in flight and stops.
    pub async fn shutdown(self) {
        self.server.shutdown().await;
    }

    fn set(&self, answer: Answer) {
        self.shared.state.send_modify(|state| {
            state.answer = answer;
            state.retry_after = None;
            state.then = None;
        });
    }
}

impl State {
    fn received(&self) -> Vec<Received> {
        let received = |(id, body): &(String, Value)| Received {
            id: id.clone(),
            body: body.clone(),
            deliveries: self.deliveries.get(id).copied().unwrap_or_default(),
        };
        self.taken.iter().map(received).collect()
    }

    /// Counts a delivery, and returns its answer.
    fn arrive(&mut self, id: &str) -> Answer {
        *self.deliveries.entry(id.to_owned()).or_default() += 1;
        match &mut self.then {
            Some((0, answer)) => {
                self.answer = *answer;
                self.then = None;
            }
            Some((count, _)) => *count -= 1,
            None => {}
        }
        self.answer
    }

    /// Accepts an event, unless it was accepted before.
    fn take(&mut self, event: Event) {
        if self.taken.iter().all(|(id, _)| *id != event.id) {
            self.taken.push((event.id, event.body));
        }
    }
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (status, body) = match self.receive(request).await {
            Ok(status) => (status, Bytes::new()),
            Err(Refused { status, reason }) => {
                (status, json!({ "error": reason }).to_string().into())
            }
        };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        let retry_after = self.state.borrow().retry_after.clone();
        if let Some(value) = retry_after.filter(|_| !status.is_success()) {
            response.headers_mut().insert(RETRY_AFTER, value);
        }
        response
    }

    async fn receive(&self, request: Request<Incoming>) -> Result<StatusCode, Refused> {
        let (parts, body) = request.into_parts();
        let event = match self.read(&parts, body).await {
            Ok(event) => event,
            Err(refused) => {
                tracing::warn!(reason = refused.reason, "a webhook was refused");
                let refusal = refused.clone();
                self.state.send_modify(|state| state.refused.push(refusal));
                return Err(refused);
            }
        };
        let mut answer = Answer::None;
        self.state
            .send_modify(|state| answer = state.arrive(&event.id));
        let status = match answer {
            Answer::Status(status) => status,
            Answer::None => self.resumed().await,
        };
        if status.is_success() {
            self.state.send_modify(|state| state.take(event));
        }
        Ok(status)
    }

    async fn read(&self, parts: &Parts, body: Incoming) -> Result<Event, Refused> {
        if parts.method != Method::POST {
            return Err(Refused {
                status: StatusCode::METHOD_NOT_ALLOWED,
                reason: "webhooks come by POST".into(),
            });
        }
        let body = Limited::new(body, BODY_LIMIT).collect().await;
        let body = body.map_err(|error| Refused {
            status: StatusCode::BAD_REQUEST,
            reason: format!("the body cannot be read: {error}"),
        })?;
        self.verifier.verify(&parts.headers, &body.to_bytes())
    }

    /// Waits until the receiver answers events again.
    async fn resumed(&self) -> StatusCode {
        let mut state = self.state.subscribe();
        loop {
            if let Answer::Status(status) = state.borrow_and_update().answer {
                return status;
            }
            if state.changed().await.is_err() {
                return StatusCode::SERVICE_UNAVAILABLE;
            }
        }
    }
}
