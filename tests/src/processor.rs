//! A service that processes toons, for `processor-http`.

use std::collections::{BTreeMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use devstack::Server;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};

/// Answers each toon with its id, after a while, and remembers when it was asked.
pub struct Processor {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    takes: Duration,
    poison: HashSet<String>,
    asked: BTreeMap<String, Vec<Instant>>,
}

impl Processor {
    /// Starts it. It takes so long for each toon.
    pub async fn start(takes: Duration) -> Self {
        let state = Arc::new(Mutex::new(State {
            takes,
            ..State::default()
        }));
        let answering = state.clone();
        let service = tower::service_fn(move |request: Request<_>| {
            let toon = request.headers()["x-toon-id"].to_str().unwrap().to_owned();
            answer(answering.clone(), toon)
        });
        let any_port = ([127, 0, 0, 1], 0).into();
        Self {
            server: Server::start(any_port, service).await.unwrap(),
            state,
        }
    }

    /// The value of the variable `processor_url`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The result of a toon.
    pub fn result(toon: &str) -> Value {
        json!({ "processed": toon })
    }

    /// These toons are answered with 500 from now on, and no others.
    pub fn poison<'t>(&self, toons: impl IntoIterator<Item = &'t str>) {
        self.state().poison = toons.into_iter().map(str::to_owned).collect();
    }

    /// When it was asked to process a toon.
    pub fn asked(&self, toon: &str) -> Vec<Instant> {
        self.state().asked.get(toon).cloned().unwrap_or_default()
    }

    /// How many toons it was asked to process.
    pub fn toons(&self) -> usize {
        self.state().asked.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

async fn answer(state: Arc<Mutex<State>>, toon: String) -> Result<Response<String>, Infallible> {
    let (takes, is_poison) = {
        let mut state = state.lock().unwrap();
        let asked = state.asked.entry(toon.clone()).or_default();
        asked.push(Instant::now());
        (state.takes, state.poison.contains(&toon))
    };
    tokio::time::sleep(takes).await;
    let status = match is_poison {
        true => StatusCode::INTERNAL_SERVER_ERROR,
        false => StatusCode::OK,
    };
    let body = Processor::result(&toon).to_string();
    Ok(Response::builder().status(status).body(body).unwrap())
}
