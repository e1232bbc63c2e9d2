//! An example of a receiver of notifications: it takes what is signed as Standard
//! Webhooks has it and is a CloudEvent, each event once, and does what a test
//! tells it.

mod verify;

use std::{collections::HashMap, convert::Infallible, net::SocketAddr, sync::Arc};

use http::{Method, Request, Response, StatusCode, request::Parts};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{Result, Server};
use verify::{Event, Verifier};

/// The max size of a body, in bytes.
const BODY_LIMIT: usize = 1024 * 1024;

/// An event that was taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// Its id: `webhook-id` and the `id` of the CloudEvent.
    pub id: String,
    /// The CloudEvent.
    pub body: Value,
    /// How often it came so far, also while it was not taken.
    pub deliveries: usize,
}

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What it was answered with.
    pub status: StatusCode,
    /// What was wrong with it.
    pub reason: String,
}

/// The running receiver. It ends when it is dropped.
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
    /// How often each event came, by its id.
    deliveries: HashMap<String, usize>,
    /// Events that were taken. How often they came is above.
    taken: Vec<(String, Value)>,
    refused: Vec<Refused>,
    answer: Answer,
    /// After how many events it answers otherwise, and how.
    then: Option<(usize, Answer)>,
}

/// What events are answered with that are as they should be.
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
    /// Starts a receiver on a free port that knows this secret (`whsec_...`).
    ///
    /// # Errors
    /// The secret is none.
    pub async fn start(secret: &str) -> Result<Self> {
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0)), secret).await
    }

    /// Starts a receiver on an address.
    ///
    /// # Errors
    /// The address can't be used, or the secret is none.
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

    /// Where it takes events: what the variable `notification_urls` is to hold.
    /// Any path does.
    pub fn url(&self) -> String {
        self.server.url() + "/"
    }

    /// The events that were taken, each once, in the order in which they were.
    pub fn received(&self) -> Vec<Received> {
        self.shared.state.borrow().received()
    }

    /// Waits until more than `known` events were taken, and returns all of them.
    pub async fn received_beyond(&self, known: usize) -> Vec<Received> {
        let mut state = self.shared.state.subscribe();
        // It fails when there is no sender any more, and this holds one.
        let _ = state.wait_for(|state| state.taken.len() > known).await;
        self.received()
    }

    /// How many requests came that were as they should be, whatever they were
    /// answered with.
    pub fn deliveries(&self) -> usize {
        self.shared.state.borrow().deliveries.values().sum()
    }

    /// The requests that were refused, in order of arrival.
    pub fn refused(&self) -> Vec<Refused> {
        self.shared.state.borrow().refused.clone()
    }

    /// From now on events are answered with this status. They are taken if it is
    /// a success.
    pub fn answer_with(&self, status: StatusCode) {
        self.set(Answer::Status(status));
    }

    /// The next `count` events are answered as before, and from then on with this
    /// status.
    pub fn answer_after(&self, count: usize, status: StatusCode) {
        let then = Some((count, Answer::Status(status)));
        self.shared.state.send_modify(|state| state.then = then);
    }

    /// From now on nothing is answered, until it is said again what is.
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

    /// Notes that an event came, and says what it is answered with.
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

    /// Takes an event, unless it has been taken before.
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

    /// Waits until events are answered again.
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
