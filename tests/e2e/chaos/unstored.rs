//! Changes of orders that are committed and not stored, because their writer died
//! in between or its store failed.

use devstack::client::{Answer, Call, routes};
use futures::future::join;
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde_json::{Value, json};
use stores::{Arg, Redis};
use tests::{App, Hosts, Manifest, Service, USER, eventually};

use super::HASTY;

async fn start(service: &Service) -> App {
    let url = service.url();
    let variables = [&HASTY[..], &[("handler_url", &*url)]].concat();
    App::durable(Manifest::shipped().with_http_handler(), &variables).await
}

fn change(status: &str) -> Call {
    let order = json!({"status": status, "description": format!("it is {status}")});
    routes::change_order("A", &order)
}

async fn send(app: &App, status: &str) -> Answer {
    app.answer(USER, &change(status)).await.unwrap()
}

/// Changes the order, and returns the answer.
async fn changed(app: &App, status: &str) -> Value {
    app.ask(USER, &change(status)).await
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
    let broken = app.answer(USER, &change(status)).await;
    assert!(broken.is_err(), "{:?}", broken.map(|answer| answer.status));
    // The timer does not go off during a start of any length.
    timer(app, status, "PERSIST", &[]);
    hosts.start(0).await;
}

fn timer_goes_off(app: &App, status: &str) {
    assert_eq!(timer(app, status, "PEXPIRE", &[1.into()]), Some(1));
}

/// The order's writer dies before it sets a key. The order has one of these states then.
async fn heals(fault: &str, states: &[&str]) {
    let service = Service::start(Default::default()).await;
    let mut app = start(&service).await;
    let mut hosts = Hosts::take_over(&mut app, env!("CARGO_BIN_EXE_host"), 1).await;
    let (last, before) = states.split_last().unwrap();
    for status in before {
        changed(&app, status).await;
        app.order_is("A", "processed").await;
    }
    let version = u64::try_from(states.len()).unwrap();
    dies_of(&app, &mut hosts, fault, last).await;
    timer_goes_off(&app, last);
    is_handled(&service, version).await;

    let order = app.order_is("A", "processed").await;
    assert_eq!(
        (&order["version"], &order["description"]),
        (&json!(version), &json!(format!("it is {last}")))
    );
    // The client got no answer, and sends the change again.
    let again = changed(&app, last).await;
    assert_eq!(again["version"], version);
    let history = app.order_history("A").await;
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
    changed(&app, "received").await;
    app.order_is("A", "processed").await;

    let app = &app;
    let reader = async {
        let (mut seen, mut known) = ([0; 3], 1);
        while seen[2] == 0 || known == 1 {
            let call = routes::order("A");
            let Ok(answer) = app.answer(USER, &call).await else {
                continue;
            };
            let order: Value = call.accept(answer).unwrap().json().unwrap();
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
        assert_eq!(app.order("A").await["version"], 1);
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
    changed(&app, "received").await;
    let failed = app.order_is("A", "failed").await;
    let letter = &failed["processing"]["deadLetter"];
    assert_eq!(letter["queue"], "orders.received");

    dies_of(
        &app,
        &mut hosts,
        "exit-before-set:orders:A:v:2",
        "inprocess",
    )
    .await;
    assert_eq!(app.order("A").await["version"], 1);
    timer_goes_off(&app, "inprocess");
    eventually("what goes ahead of the change is done", || async {
        (app.counts("orders.inprocess").processed == 1).then_some(())
    })
    .await;
    let order = app.order("A").await;
    assert_eq!(order["version"], 2);
    assert_eq!(order["processing"]["state"], "held");
    assert_eq!(&order["processing"]["deadLetter"], letter);
    assert_eq!(handled(&service), [1]);

    service.poison([]);
    assert_eq!(app.redrive_all("orders.received").await, 1);
    assert_eq!(app.order_is("A", "processed").await["version"], 2);
    assert_eq!(handled(&service), [1, 1, 2]);
}

#[tokio::test]
async fn a_change_that_cannot_be_stored_is_a_503_and_comes_when_it_can() {
    let service = Service::start(Default::default()).await;
    let mut app = start(&service).await;
    changed(&app, "received").await;
    app.order_is("A", "processed").await;

    app.restart_with_faults(&["fail-set:orders:A:v:2"]).await;
    for _ in 0..2 {
        let refused = send(&app, "inprocess").await;
        refused.header(&RETRY_AFTER).unwrap();
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        let code = refused.json::<Value>().unwrap()["code"].take();
        assert!(code == "unavailable" || code == "contended", "{code}");
        assert_eq!(app.order("A").await["version"], 1);
    }
    eventually("its worker has tried in vain", || async {
        (app.counts("orders.inprocess").postponed > 0).then_some(())
    })
    .await;
    assert_eq!(handled(&service), [1], "what is not stored is not handled");

    app.restart_with_faults(&[]).await;
    // The client repeats its request.
    let call = change("inprocess");
    let answer: Value = eventually("the change is accepted", || async {
        let answer = app.answer(USER, &call).await.unwrap();
        let is_refused = answer.status == StatusCode::SERVICE_UNAVAILABLE;
        (!is_refused).then(|| call.accept(answer).unwrap().json().unwrap())
    })
    .await;
    assert_eq!(answer["version"], 2);
    assert_eq!(app.order_is("A", "processed").await["version"], 2);
    assert_eq!(app.order_history("A").await.len(), 2);
    assert_eq!(handled(&service), [1, 2]);
    app.stop().await;
}
