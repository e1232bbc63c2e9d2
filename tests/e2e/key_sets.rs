//! The keys of an issuer's URL: rotations, and an issuer that is away.

use std::sync::{Arc, Mutex};

use devstack::Server;
use futures::future::join_all;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use jsonwebtoken::{Algorithm, EncodingKey};
use reqwest::Method;
use serde_json::{Value, json};
use stores::{Arg, Redis};
use tests::{App, Manifest, OwnRedis, body, refusal};

use crate::access::{is_refused, issuers, key_set, named, scan};

/// An issuer that publishes a set of keys.
struct Issuer {
    server: Server,
    published: Arc<Mutex<Published>>,
}

struct Published {
    status: StatusCode,
    set: String,
    readings: usize,
}

impl Issuer {
    async fn start(set: &Value) -> Self {
        let published = Arc::new(Mutex::new(Published {
            status: StatusCode::OK,
            set: set.to_string(),
            readings: 0,
        }));
        let state = published.clone();
        let service = tower::service_fn(move |request: Request<Incoming>| {
            let state = state.clone();
            async move {
                // As long as a reading takes, others come.
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                let mut state = state.lock().unwrap();
                state.readings += 1;
                assert_eq!(request.uri().path(), "/keys");
                let mut response = Response::new(Full::new(Bytes::from(state.set.clone())));
                *response.status_mut() = state.status;
                Ok::<_, std::convert::Infallible>(response)
            }
        });
        let any_port = ([127, 0, 0, 1], 0).into();
        Self {
            server: Server::start(any_port, service).await.unwrap(),
            published,
        }
    }

    fn publish(&self, set: &Value) {
        self.published.lock().unwrap().set = set.to_string();
    }

    fn answer(&self, status: StatusCode) {
        self.published.lock().unwrap().status = status;
    }

    fn readings(&self) -> usize {
        self.published.lock().unwrap().readings
    }
}

/// An application that reads the keys of an issuer and keeps them in a second Redis.
struct Reading {
    app: App,
    kept: OwnRedis,
}

impl Reading {
    async fn of(issuer: &Issuer) -> Self {
        let kept = OwnRedis::start().await;
        let config = format!(
            "[key_value_store.default]\ntype = \"redis\"\nurl = \"{}\"\n",
            kept.server.url()
        );
        let url = format!("{}/keys", issuer.server.url());
        let variables = [
            ("jwt_jwks_url", &*url),
            ("jwt_jwks_host", &*issuer.server.url()),
            ("jwt_secret", ""),
        ];
        let app = App::configured(Manifest::shipped(), &variables, &config).await;
        Self { app, kept }
    }

    /// Makes time pass: the turn of a minute expires, and the record ages.
    fn pass(&self, seconds: u64) {
        let redis = self.app.redis();
        let turns = redis.call("KEYS", &[Arg::from("orilla:jwks:*")]).unwrap();
        for turn in &turns {
            redis
                .call("DEL", &[Arg::from(turn.as_str().unwrap())])
                .unwrap();
        }
        let kept = self.kept.connect();
        let record = kept.call("GET", &[Arg::from("jwks")]).unwrap();
        let mut record: Value = serde_json::from_str(record[0].as_str().unwrap()).unwrap();
        for time in ["tried_at", "read_at"] {
            let then = record[time].as_u64().unwrap();
            record[time] = then.saturating_sub(seconds * 1000).into();
        }
        let record = record.to_string();
        kept.call("SET", &["jwks".into(), Arg::from(&record)])
            .unwrap();
    }
}

/// The sets of one issuer each.
fn sets(issuers: &[(Algorithm, EncodingKey, String)]) -> Vec<Value> {
    issuers
        .iter()
        .map(|one| key_set(std::slice::from_ref(one)))
        .collect()
}

/// A token of each key, which it names.
fn tokens(issuers: &[(Algorithm, EncodingKey, String)]) -> Vec<String> {
    let tokens = issuers.iter().map(|(algorithm, key, _)| {
        let kid = format!("{algorithm:?}");
        named(*algorithm, key, &kid)
    });
    tokens.collect()
}

async fn is_let_in(app: &App, token: &str) {
    body(scan(app, token).await, 200).await;
}

#[tokio::test]
async fn a_rotation_costs_nobody_a_401() {
    let keys = issuers();
    let (sets, tokens) = (sets(&keys), tokens(&keys));
    let issuer = Issuer::start(&sets[0]).await;
    let reading = Reading::of(&issuer).await;
    let app = &reading.app;

    // Many come before there is a set: one of them reads it for all.
    let many = join_all((0..8).map(|_| is_let_in(app, &tokens[0])));
    many.await;
    assert_eq!(issuer.readings(), 1);

    // Within the minute, a new key cannot be told from a forged one.
    let both = json!({"keys": [sets[0]["keys"][0], sets[1]["keys"][0]]});
    issuer.publish(&both);
    let response = scan(app, &tokens[1]).await;
    assert!(response.headers().contains_key("retry-after"));
    assert_eq!(refusal(response, 503).await, "unavailable");
    is_let_in(app, &tokens[0]).await;
    assert_eq!(issuer.readings(), 1);

    reading.pass(60);
    let many = join_all((0..8).map(|_| is_let_in(app, &tokens[1])));
    many.await;
    is_let_in(app, &tokens[0]).await;
    assert_eq!(issuer.readings(), 2);

    // The old key is withdrawn: its tokens, which were not renewed, are refused.
    issuer.publish(&sets[1]);
    reading.pass(60 * 60);
    is_let_in(app, &tokens[1]).await;
    assert_eq!(issuer.readings(), 3);
    assert_eq!(
        refusal(scan(app, &tokens[0]).await, 503).await,
        "unavailable"
    );
    reading.pass(60);
    assert!(is_refused(app, &tokens[0]).await);
    assert_eq!(issuer.readings(), 4);
    reading.app.stop().await;
}

#[tokio::test]
async fn the_old_set_serves_while_the_issuer_is_away() {
    let keys = issuers();
    let (sets, tokens) = (sets(&keys), tokens(&keys));
    let issuer = Issuer::start(&sets[0]).await;
    issuer.answer(StatusCode::NOT_FOUND);
    let reading = Reading::of(&issuer).await;
    let app = &reading.app;

    // There is no set yet.
    for _ in 0..2 {
        assert_eq!(
            refusal(scan(app, &tokens[0]).await, 503).await,
            "unavailable"
        );
        assert_eq!(issuer.readings(), 1);
    }
    issuer.answer(StatusCode::OK);
    reading.pass(60);
    is_let_in(app, &tokens[0]).await;

    // Neither an error nor an answer without keys takes the old set's place.
    for (status, set) in [
        (StatusCode::INTERNAL_SERVER_ERROR, &sets[1]),
        (StatusCode::FOUND, &sets[1]),
        (StatusCode::OK, &json!({"keys": []})),
        (StatusCode::OK, &json!({"error": "busy"})),
        (
            StatusCode::OK,
            &json!({"keys": [], "x": "x".repeat(70_000)}),
        ),
    ] {
        let before = issuer.readings();
        issuer.answer(status);
        issuer.publish(set);
        reading.pass(24 * 60 * 60);
        is_let_in(app, &tokens[0]).await;
        assert_eq!(issuer.readings(), before + 1, "{status}");
        is_let_in(app, &tokens[0]).await;
        assert_eq!(
            refusal(scan(app, &tokens[1]).await, 503).await,
            "unavailable"
        );
        assert_eq!(issuer.readings(), before + 1, "{status}");
    }
    issuer.publish(&sets[1]);
    reading.pass(60);
    is_let_in(app, &tokens[1]).await;
    reading.pass(60);
    assert!(is_refused(app, &tokens[0]).await, "its key is withdrawn");
    reading.app.stop().await;
}

/// The permissions that reading needs are each component's own.
#[tokio::test]
async fn every_endpoint_for_users_knows_the_keys_of_the_url() {
    let keys = issuers();
    let issuer = Issuer::start(&key_set(&keys)).await;
    let reading = Reading::of(&issuer).await;
    let app = &reading.app;
    let tokens = tokens(&keys);
    for path in [
        "/scan",
        "/obtain/456-1-2-3-x.png",
        "/images/456-1-2-3-x.png",
        "/jobs/x",
        "/orders/x",
        "/compras",
        "/compras/report",
        "/ipp/status/x",
        "/ipp/results/x",
        "/metrics",
    ] {
        let ask = |token: String| app.request(Method::GET, path).bearer_auth(token).send();
        let let_in = ask(tokens[1].clone()).await.unwrap().status();
        assert!(
            ![401, 500, 503].contains(&let_in.as_u16()),
            "{path}: {let_in}"
        );
        // It waits for a set that the endpoint cannot ask for yet.
        let unknown = named(keys[0].0, &keys[0].1, "other");
        assert_eq!(ask(unknown).await.unwrap().status(), 503, "{path}");
    }
    assert_eq!(issuer.readings(), 1);
    // Clients do not reach the reader.
    let response = app
        .request(Method::GET, "/jwks-reader")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 404);
    let response = app
        .request(Method::GET, "/read")
        .header("host", "jwks-reader.spin.internal")
        .send()
        .await
        .unwrap();
    assert!(response.status().is_client_error(), "{}", response.status());
    assert_eq!(issuer.readings(), 1);
    reading.app.stop().await;
}

/// Otherwise a host that the operator did not allow could set the keys.
#[tokio::test]
async fn a_host_that_is_not_configured_is_not_called_and_the_log_says_so() {
    let keys = issuers();
    let issuer = Issuer::start(&key_set(&keys)).await;
    let url = format!("{}/keys", issuer.server.url());
    let app = App::with(&[("jwt_jwks_url", &*url), ("jwt_secret", "")]).await;
    assert_eq!(
        refusal(scan(&app, &tokens(&keys)[0]).await, 503).await,
        "unavailable"
    );
    assert_eq!(issuer.readings(), 0);
    let log = app.stack.log_dir().join("jwks-reader_stdout.txt");
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("set `jwt_jwks_host` to it"), "{log}");
    app.stop().await;
}
