//! The HTTP trigger as clients see it.

mod common;

use std::time::Duration;

use common::{Project, client, eventually, get, probe_manifest};
use futures::StreamExt;
use futures::channel::mpsc::{UnboundedSender, unbounded};
use orilla::start;

/// A body that is sent piece by piece.
fn body() -> (UnboundedSender<std::io::Result<Vec<u8>>>, reqwest::Body) {
    let (sender, receiver) = unbounded();
    (sender, reqwest::Body::wrap_stream(receiver))
}

#[tokio::test]
async fn a_request_goes_to_the_component_of_its_route_with_headers_that_say_so() {
    let manifest = r#"
        spin_manifest_version = 2
        [application]
        name = "routes"
        [[trigger.http]]
        route = "/files/:name/..."
        component = "probe"
        [component.probe]
        source = "probe.wasm"
    "#;
    let project = Project::new(manifest, &["probe"]);
    let app = project.start().await;
    let url = format!("http://{}/files/a%20b/c/d/?x=1", app.address());
    let answer = client()
        .get(&url)
        .header("spin-path-match-name", "pretended")
        .header("spin-anything", "pretended")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let headers = answer.headers();
    for (name, value) in [
        ("spin-path-info", "/c/d/"),
        ("spin-full-url", url.as_str()),
        ("spin-matched-route", "/files/:name/..."),
        ("spin-base-path", "/"),
        ("spin-raw-component-route", "/files/:name/..."),
        ("spin-component-route", "/files/:name"),
        ("spin-path-match-name", "a%20b"),
    ] {
        let values: Vec<_> = headers.get_all(name).iter().collect();
        assert_eq!(values, [value], "{name}");
    }
    assert!(
        headers["spin-client-addr"]
            .to_str()
            .unwrap()
            .starts_with("127.0.0.1:")
    );
    assert!(!headers.contains_key("spin-anything"));
    assert_eq!(get(&app, "/elsewhere").await.status(), 404);
    assert_eq!(
        get(&app, "/.well-known/spin/health")
            .await
            .text()
            .await
            .unwrap(),
        "OK"
    );
    assert!(app.shutdown().await);
}

#[tokio::test]
async fn bodies_stream_both_ways_at_once() {
    let project = Project::new(&probe_manifest(""), &["probe"]);
    let app = project.start().await;
    let (sender, receiver) = body();
    let answer = client()
        .post(format!("http://{}/echo", app.address()))
        .body(receiver)
        .send()
        .await
        .unwrap();
    // The head is here before anything was sent, and each piece before the next.
    assert_eq!(answer.status(), 200);
    let mut pieces = answer.bytes_stream();
    for piece in ["one", "two"] {
        sender.unbounded_send(Ok(piece.into())).unwrap();
        assert_eq!(pieces.next().await.unwrap().unwrap(), piece);
    }
    drop(sender);
    assert!(pieces.next().await.is_none());

    let large = vec![7; 3 << 20];
    let url = format!("http://{}/echo", app.address());
    let answer = client().post(url).body(large.clone()).send().await.unwrap();
    assert_eq!(answer.bytes().await.unwrap(), large);
}

#[tokio::test]
async fn a_guest_that_fails_costs_its_own_request_only() {
    let project = Project::new(&probe_manifest(""), &["probe"]);
    let mut options = project.options();
    options.time_limit = Duration::from_secs(2);
    let app = start(options).await.unwrap();
    let failing = [
        "/trap", "/loop", "/memory", "/none", "/loop", "/loop", "/trap",
    ];
    let failing = failing.map(|path| get(&app, path));
    let fine = (0..20).map(|_| get(&app, "/"));
    let (failed, fine) = tokio::join!(
        futures::future::join_all(failing),
        futures::future::join_all(fine)
    );
    assert!(failed.iter().all(|answer| answer.status() == 500));
    assert!(fine.iter().all(|answer| answer.status() == 200));
    assert_eq!(get(&app, "/").await.status(), 200);
}

#[tokio::test]
async fn a_busy_guest_lets_others_run() {
    let project = Project::new(&probe_manifest(""), &["probe"]);
    let app = project.start().await;
    // This runtime has one thread, and its guest never returns by itself.
    let busy = get(&app, "/loop");
    tokio::select! {
        _ = busy => panic!("it can't be over"),
        answer = async { get(&app, "/").await } => assert_eq!(answer.status(), 200),
    }
}

#[tokio::test]
async fn what_is_in_flight_is_finished_before_the_end() {
    let project = Project::new(&probe_manifest(""), &["probe"]);
    let app = project.start().await;
    let address = app.address();
    let (sender, receiver) = body();
    let answer = client()
        .post(format!("http://{address}/echo"))
        .body(receiver)
        .send()
        .await
        .unwrap();
    let stopping = tokio::spawn(app.shutdown());
    eventually("the port is closed", || {
        std::net::TcpStream::connect(address).is_err()
    })
    .await;
    assert!(!stopping.is_finished());
    sender.unbounded_send(Ok("last words".into())).unwrap();
    drop(sender);
    assert_eq!(answer.text().await.unwrap(), "last words");
    assert!(stopping.await.unwrap());
}

#[tokio::test]
async fn an_end_that_takes_too_long_is_cut_short() {
    let project = Project::new(&probe_manifest(""), &["probe"]);
    let mut options = project.options();
    options.drain_limit = Duration::from_millis(50);
    let app = start(options).await.unwrap();
    let (_sender, receiver) = body();
    let url = format!("http://{}/echo", app.address());
    let answer = client().post(url).body(receiver).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(!app.shutdown().await);
    assert!(answer.bytes().await.is_err());
}

#[tokio::test]
async fn two_applications_in_one_process_do_not_meet() {
    let first = Project::new(&probe_manifest(""), &["probe"]);
    let second = Project::new(&probe_manifest(""), &["probe"]);
    let mut options = second.options();
    options.variables = [("greeting".to_owned(), "goodbye".to_owned())].into();
    let (one, two) = (first.start().await, start(options).await.unwrap());
    for app in [&one, &two] {
        assert_eq!(get(app, "/variable").await.status(), 200);
        assert_eq!(get(app, "/kdefault").await.status(), 200);
    }
    assert_eq!(first.output("probe"), "hello there\n");
    assert_eq!(second.output("probe"), "goodbye there\n");
    one.shutdown().await;
    assert_eq!(get(&two, "/").await.status(), 200);
}
