//! A host may use an instance of a component for one call after the other: nothing of one
//! user's call may reach the next one.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{App, Photo, SamplePhoto, body, refusal};

use crate::conventions::Endpoint;

const USERS: [&str; 2] = ["41", "42"];
const ROUNDS: usize = 15;

/// The things that a user owns, one of each system.
struct Own {
    user: &'static str,
    paths: Vec<String>,
}

impl Own {
    async fn make(app: &App, user: &'static str) -> Self {
        let order = json!({"orderId": format!("ORD-{user}"), "status": "received",
            "description": "Mantenimiento", "registerDate": "2025-01-31T08:00:00Z"});
        body(app.post(user, "/orders", &order).await, 200).await;
        let job = json!({"toons": [{"toonId": format!("T-{user}")}]});
        let job = body(app.post(user, "/submit-job", &job).await, 202).await;
        let job = job["jobId"].as_str().unwrap();
        let photo = app.upload(user, &Photo::of("camera.png")).await;
        app.looked_at(user, &photo).await;
        let run = app.ipp_job(user).await;
        let paths = vec![
            format!("/orders/ORD-{user}"),
            format!("/jobs/{job}"),
            format!("/results?jobId={job}"),
            format!("/images/{photo}"),
            format!("/obtain/{photo}"),
            format!("/ipp/status/{run}"),
        ];
        Self { user, paths }
    }
}

/// The status of an answer to a user, or to nobody, which must have the id of its request.
async fn status(app: &App, user: Option<&str>, method: Method, path: &str, id: &str) -> StatusCode {
    let request = match user {
        Some(user) => app.request_of(user, method, path),
        None => app.request(method, path),
    };
    let answer = request.header("x-request-id", id).send().await.unwrap();
    assert_eq!(answer.headers()["x-request-id"], id, "{path}");
    answer.status()
}

#[tokio::test]
async fn two_users_in_turn_get_each_their_own_and_nobody_gets_anything() {
    let app = App::start().await;
    let ana = Own::make(&app, USERS[0]).await;
    let luis = Own::make(&app, USERS[1]).await;
    for round in 0..ROUNDS {
        for (at, (own, other)) in ana.paths.iter().zip(&luis.paths).enumerate() {
            for (owner, path, stranger) in
                [(ana.user, own, luis.user), (luis.user, other, ana.user)]
            {
                let id = |who: &str| format!("{round}-{at}-{who}");
                let ask = async |user, who: &str| {
                    status(&app, user, Method::GET, path, &id(who))
                        .await
                        .as_u16()
                };
                let served = ask(Some(owner), owner).await;
                assert!(served == 200 || served == 302, "{path}: {served}");
                let refused = ask(Some(stranger), stranger).await;
                assert!([401, 403, 404].contains(&refused), "{path}: {refused}");
                assert_eq!(ask(None, "nobody").await, 401, "{path}");
            }
        }
        for user in USERS {
            let orders = body(app.get(user, "/orders").await, 200).await;
            let ids: Vec<_> = orders["orders"].as_array().unwrap().iter().collect();
            assert_eq!(ids.len(), 1);
            assert_eq!(ids[0]["orderId"], format!("ORD-{user}"));
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn a_tenant_never_sees_what_another_one_bought_just_before() {
    let app = App::start().await;
    let read = async |tenant: &str| -> Value {
        let token = app.tenant_token("456", tenant, &[]);
        let request = app.request(Method::GET, "/compras").bearer_auth(token);
        body(request.send().await.unwrap(), 200).await
    };
    for tenant in USERS {
        let purchase = tests::purchase("COMPRA-1", tenant, "1.50", "2");
        let token = app.tenant_token("456", tenant, &[]);
        let request = app.request(Method::POST, "/compras").bearer_auth(token);
        let made = request.json(&purchase).send().await.unwrap();
        assert!(made.status().is_success(), "{}", made.status());
    }
    let pages = [read(USERS[0]).await, read(USERS[1]).await];
    assert_ne!(pages[0], pages[1]);
    for _ in 0..ROUNDS {
        for (tenant, page) in USERS.iter().zip(&pages) {
            assert_eq!(&read(tenant).await, page);
        }
        let nobody = app.request(Method::GET, "/compras").send().await.unwrap();
        refusal(nobody, 401).await;
    }
    app.stop().await;
}

#[tokio::test]
async fn on_every_method_of_every_route_a_token_is_forgotten_with_its_request() {
    let app = App::start().await;
    let operator = app.tenant_token("456", "cafe", &["ops", "admin"]);
    for endpoint in Endpoint::all(&app).await {
        let Endpoint { path, method, .. } = &endpoint;
        let ask = |id: &'static str| {
            let request = app.request(method.clone(), path);
            request.header("x-request-id", id)
        };
        for _ in 0..5 {
            let with = ask("with").bearer_auth(&operator).send().await.unwrap();
            let without = ask("without").send().await.unwrap();
            let ids = [&with, &without].map(|answer| answer.headers()["x-request-id"].clone());
            assert_eq!(ids, ["with", "without"], "{method} {path}");
            let is_refused = without.status() == StatusCode::UNAUTHORIZED;
            let status = without.status();
            assert!(
                is_refused || endpoint.is_open(),
                "{method} {path}: {status}"
            );
        }
    }
    app.stop().await;
}
