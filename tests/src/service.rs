//! A service of the user's own, which workers send work to.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use devstack::Server;
use http::header::CONTENT_TYPE;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::sync::watch;

/// The service for `processor-http` and `handler-http`. Answers each piece
/// of work with its name, after a while, and remembers all requests.
///
/// A toon's name is its id, and an order's version is named as by [`Service::version`].
pub struct Service {
    server: Server,
    state: Arc<Mutex<State>>,
}

/// One request for a piece of work.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The name of the piece of work.
    pub piece: String,
    /// The number of the attempt, from the request.
    pub attempt: u32,
    /// The work to do.
    pub content: Value,
    /// The time of the request.
    pub asked: Instant,
    /// The status and the time of the answer, if there was one.
    pub answered: Option<(StatusCode, Instant)>,
}

#[derive(Default)]
struct State {
    takes: Duration,
    poison: HashMap<String, StatusCode>,
    visits: Vec<Visit>,
    /// The number of requests in hand. Answers wait until there are `together`.
    in_work: usize,
    together: usize,
    /// Whether there have been `together`.
    met: watch::Sender<bool>,
}

/// A piece of work in hand. It is dropped, too, when the client leaves.
struct InWork(Arc<Mutex<State>>);

impl InWork {
    fn begin(state: Arc<Mutex<State>>) -> Self {
        {
            let mut state = state.lock().unwrap();
            state.in_work += 1;
            if state.in_work >= state.together {
                state.met.send_replace(true);
            }
        }
        Self(state)
    }
}

impl Drop for InWork {
    fn drop(&mut self) {
        self.0.lock().unwrap().in_work -= 1;
    }
}

impl Service {
    /// Starts the service. Each piece of work takes this time.
    pub async fn start(takes: Duration) -> Self {
        let state = Arc::new(Mutex::new(State {
            takes,
            ..State::default()
        }));
        let answering = state.clone();
        let service = tower::service_fn(move |request| answer(answering.clone(), request));
        let any_port = ([127, 0, 0, 1], 0).into();
        Self {
            server: Server::start(any_port, service).await.unwrap(),
            state,
        }
    }

    /// The value of the variable `processor_url` or `handler_url`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The name of an order's version.
    pub fn version(order: &str, version: u64) -> String {
        format!("{order}/{version}")
    }

    /// The result of a piece of work.
    pub fn result(piece: &str) -> Value {
        json!({ "processed": piece })
    }

    /// Answers these pieces with 500 from now on, and no others.
    pub fn poison<'p>(&self, pieces: impl IntoIterator<Item = &'p str>) {
        self.poison_with(StatusCode::INTERNAL_SERVER_ERROR, pieces);
    }

    /// Answers these pieces with a status from now on, and no others.
    pub fn poison_with<'p>(&self, status: StatusCode, pieces: impl IntoIterator<Item = &'p str>) {
        let pieces = pieces.into_iter().map(|piece| (piece.to_owned(), status));
        self.state().poison = pieces.collect();
    }

    /// Sets the time for each piece of work from now on.
    pub fn takes(&self, takes: Duration) {
        self.state().takes = takes;
    }

    /// Answers no request until `together` pieces of work are in hand at once.
    pub fn answers_when_asked_for(&self, together: usize) {
        let mut state = self.state();
        state.together = together;
        state.met.send_replace(state.in_work >= together);
    }

    /// All requests, in their order.
    pub fn visits(&self) -> Vec<Visit> {
        self.state().visits.clone()
    }

    /// The times of the requests for a piece of work.
    pub fn asked(&self, piece: &str) -> Vec<Instant> {
        let visits = self.visits().into_iter();
        visits
            .filter(|visit| visit.piece == piece)
            .map(|visit| visit.asked)
            .collect()
    }

    /// The number of pieces of work in all requests.
    pub fn pieces(&self) -> usize {
        let state = self.state();
        let pieces: HashSet<_> = state.visits.iter().map(|visit| &visit.piece).collect();
        pieces.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

async fn answer(
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<String>, hyper::Error> {
    let (head, body) = request.into_parts();
    let _in_work = InWork::begin(state.clone());
    let content = body.collect().await?.to_bytes();
    let header = |name| {
        head.headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let piece = match header("x-order-id") {
        Some(order) => {
            let version = header("x-order-version").unwrap().parse().unwrap();
            Service::version(&order, version)
        }
        None => header("x-toon-id").unwrap(),
    };
    let (visit, takes, status, mut met) = {
        let mut state = state.lock().unwrap();
        state.visits.push(Visit {
            piece: piece.clone(),
            attempt: header("x-attempt").unwrap().parse().unwrap(),
            content: serde_json::from_slice(&content).unwrap(),
            asked: Instant::now(),
            answered: None,
        });
        let visit = state.visits.len() - 1;
        let poison = state.poison.get(&piece).copied();
        let met = state.met.subscribe();
        (visit, state.takes, poison.unwrap_or_default(), met)
    };
    met.wait_for(|met| *met).await.unwrap();
    tokio::time::sleep(takes).await;
    state.lock().unwrap().visits[visit].answered = Some((status, Instant::now()));
    let response = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, "application/json")
        .body(Service::result(&piece).to_string());
    Ok(response.unwrap())
}
