//! Changes of orders that are committed and not stored, because their writer died
//! in between or its store failed.

use futures::future::join;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use stores::{Arg, Redis};
use tests::{App, Hosts, Manifest, RequestBuilder, Service, USER, body, eventually, refusal};

use super::HASTY;
use super::load::counts;

async fn start(service: &Service) -> App {
    let url = service.url();
    let variables = [&HASTY[..], &[("handler_url", &*url)]].concat();
    App::durable(Manifest::shipped().with_http_handler(), &variables).await
}

fn change(app: &App, status: &str) -> RequestBuilder {
    app.request(Method::PUT, "/orders/A")
        .bearer_auth(app.token(USER))
        .json(&json!({"status": status, "description": format!("it is {status}")}))
}

async fn send(app: &App, status: &str) -> Response {
    change(app, status).send().await.unwrap()
}

async fn read(app: &App) -> Value {
    body(app.get(USER, "/orders/A").await, 200).await
}

async fn is(app: &App, state: &str) -> Value {
    eventually(&format!("the order is {state}"), || async move {
        let order = read(app).await;
        (order["processing"]["state"] == state).then_some(order)
    })
    .await
}

/// Waits until a version is handled, without a request to the application.
async fn is_handled(service: &Service, version: u64) {
    let piece = Service::version("A", version);
    eventually(&format!("{piece} is handled"), || async {
        (!service.asked(&piece).is_empty()).then_some(())
    })
    .await;
}

/// The handled versions, in their order.
fn handled(service: &Service) -> Vec<u64> {
    let visits = service.visits().into_iter();
    visits
        .map(|visit| visit.content["version"].as_u64().unwrap())
        .collect()
}

/// Calls a command on the key of a status's timer.
fn timer(app: &App, status: &str, command: &str, args: &[Arg<'_>]) -> Option<i64> {
    let key = format!("{{orders}}.{status}:queue:alarm");
    let args = [&[Arg::from(&key)], args].concat();
    app.redis().call(command, &args).unwrap()[0].as_int()
}

/// Sends a change to a host that the fault kills, and starts another in its place.
async fn dies_of(app: &App, hosts: &mut Hosts, fault: &str, status: &str) {
    hosts.start_with_faults(0, &[fault]).await;
    let broken = change(app, status).send().await;
    assert!(broken.is_err(), "{broken:?}");
    // The timer does not go off during a start of any length.
    timer(app, status, "PERSIST", &[]);
    hosts.start(0).await;
}

fn timer_goes_off(app: &App, status: &str) {
    assert_eq!(timer(app, status, "PEXPIRE", &[1.into()]), Some(1));
}

async fn history(app: &App) -> Vec<Value> {
    let path = "/orders/A?history=true";
    let mut history = body(app.get(USER, path).await, 200).await;
    let versions = history["versions"].as_array_mut().unwrap();
    std::mem::take(versions)
}

/// The order's writer dies before it sets a key. The order has one of these states then.
async fn heals(fault: &str, states: &[&str]) {
    let service = Service::start(Default::default()).await;
    let mut app = start(&service).await;
    let mut hosts = Hosts::take_over(&mut app, env!("CARGO_BIN_EXE_host"), 1).await;
    let (last, before) = states.split_last().unwrap();
    for status in before {
        body(send(&app, status).await, 200).await;
        is(&app, "processed").await;
    }
    let version = u64::try_from(states.len()).unwrap();
    dies_of(&app, &mut hosts, fault, last).await;
    timer_goes_off(&app, last);
    is_handled(&service, version).await;

    let order = is(&app, "processed").await;
    assert_eq!(
        (&order["version"], &order["description"]),
        (&json!(version), &json!(format!("it is {last}")))
    );
    // The client got no answer, and sends the change again.
    let again = body(send(&app, last).await, 200).await;
    assert_eq!(again["version"], version);
    let history = history(&app).await;
    let found: Vec<_> = history.iter().map(|version| &version["status"]).collect();
    assert_eq!(found, states);
    assert!(handled(&service).into_iter().eq(1..=version));
}

#[tokio::test]
async fn a_change_whose_writer_dies_is_stored_and_processed_without_anybody_asking() {
    heals("exit-before-set:orders:A:v:2", &["received", "canceled"]).await;
}

#[tokio::test]
async fn an_order_whose_writer_dies_is_there_without_anybody_asking() {
    heals("exit-before-set:orders:A:v:1", &["received"]).await;
}

#[tokio::test]
async fn a_change_whose_writer_dies_when_it_has_half_stored_it_is_whole() {
    heals("exit-before-set:orders:A", &["received", "inprocess"]).await;
}

#[tokio::test]
async fn who_reads_meanwhile_sees_the_old_order_and_then_the_new_one() {
    let service = Service::start(Default::default()).await;
    let mut app = start(&service).await;
    let mut hosts = Hosts::take_over(&mut app, env!("CARGO_BIN_EXE_host"), 1).await;
    body(send(&app, "received").await, 200).await;
    is(&app, "processed").await;

    let app = &app;
    let reader = async {
        let (mut seen, mut known) = ([0; 3], 1);
        while seen[2] == 0 || known == 1 {
            let request = app.request(Method::GET, "/orders/A");
            let Ok(response) = request.bearer_auth(app.token(USER)).send().await else {
                continue;
            };
            let order = body(response, 200).await;
            let version = order["version"].as_u64().unwrap();
            assert!(version >= known, "what was seen is not taken back");
            let status = ["", "received", "inprocess"][usize::try_from(version).unwrap()];
            assert_eq!(order["status"], status);
            assert_eq!(order["description"], format!("it is {status}"));
            seen[usize::try_from(version).unwrap()] += 1;
            known = version;
        }
        seen
    };
    let change = async {
        dies_of(app, &mut hosts, "exit-before-set:orders:A:v:2", "inprocess").await;
        // Version 2 is not stored yet, so the order is unchanged.
        assert_eq!(read(app).await["version"], 1);
        timer_goes_off(app, "inprocess");
        is_handled(&service, 2).await;
    };
    let (seen, ()) = join(reader, change).await;
    assert!(seen[1] > 0 && seen[2] > 0, "{seen:?}");
    assert_eq!(handled(&service), [1, 2]);
}

#[tokio::test]
async fn a_change_behind_a_dead_letter_is_stored_though_it_has_to_wait() {
    let service = Service::start(Default::default()).await;
    service.poison_with(StatusCode::UNPROCESSABLE_ENTITY, ["A/1"]);
    let mut app = start(&service).await;
    let mut hosts = Hosts::take_over(&mut app, env!("CARGO_BIN_EXE_host"), 1).await;
    body(send(&app, "received").await, 200).await;
    let failed = is(&app, "failed").await;
    let letter = &failed["processing"]["deadLetter"];
    assert_eq!(letter["queue"], "orders.received");

    dies_of(
        &app,
        &mut hosts,
        "exit-before-set:orders:A:v:2",
        "inprocess",
    )
    .await;
    assert_eq!(read(&app).await["version"], 1);
    timer_goes_off(&app, "inprocess");
    eventually("what goes ahead of the change is done", || async {
        (counts(&app, "orders.inprocess").processed == 1).then_some(())
    })
    .await;
    let order = read(&app).await;
    assert_eq!(order["version"], 2);
    assert_eq!(order["processing"]["state"], "held");
    assert_eq!(&order["processing"]["deadLetter"], letter);
    assert_eq!(handled(&service), [1]);

    service.poison([]);
    let redrive = app.request(Method::POST, "/ops/queues/orders.received/dead/redrive");
    let redrive = redrive
        .bearer_auth(app.stack.token("operator", &["ops"]).unwrap())
        .json(&json!({"all": true}));
    assert_eq!(
        body(redrive.send().await.unwrap(), 200).await["redriven"],
        1
    );
    assert_eq!(is(&app, "processed").await["version"], 2);
    assert_eq!(handled(&service), [1, 1, 2]);
}

#[tokio::test]
async fn a_change_that_cannot_be_stored_is_a_503_and_comes_when_it_can() {
    let service = Service::start(Default::default()).await;
    let mut app = start(&service).await;
    body(send(&app, "received").await, 200).await;
    is(&app, "processed").await;

    app.restart_with_faults(&["fail-set:orders:A:v:2"]).await;
    for _ in 0..2 {
        let refused = send(&app, "inprocess").await;
        assert!(refused.headers().contains_key("retry-after"));
        refusal(refused, 503).await;
        assert_eq!(read(&app).await["version"], 1);
    }
    eventually("its worker has tried in vain", || async {
        (counts(&app, "orders.inprocess").postponed > 0).then_some(())
    })
    .await;
    assert_eq!(handled(&service), [1], "what is not stored is not handled");

    app.restart_with_faults(&[]).await;
    // The client repeats its request.
    let answer = eventually("the change is accepted", || async {
        let answer = send(&app, "inprocess").await;
        match answer.status() {
            StatusCode::SERVICE_UNAVAILABLE => None,
            _ => Some(body(answer, 200).await),
        }
    })
    .await;
    assert_eq!(answer["version"], 2);
    assert_eq!(is(&app, "processed").await["version"], 2);
    assert_eq!(history(&app).await.len(), 2);
    assert_eq!(handled(&service), [1, 2]);
    app.stop().await;
}
