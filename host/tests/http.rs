//! The HTTP trigger as clients see it.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod common;

use std::time::Duration;

use common::{
    CLOSE, Project, assert_error, body, client, eventually, get, probe_manifest, said, sent,
};
use futures::StreamExt;
use orilla::start;
use tokio::io::AsyncWriteExt;

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

#[tokio::test]
async fn the_hosts_own_errors_have_the_form_of_the_applications() {
    let manifest = probe_manifest("").replace("/...", "/quiet").replace(
        "[variables]",
        "[variables]\nallowed_origins = { default = \"https://a.example\" }",
    );
    let project = Project::new(&manifest, &["probe"]);
    let app = project.start().await;
    for (request, status, code) in [
        ("nonsense\r\n\r\n".to_owned(), "400", "invalid_request"),
        (
            format!("GET /none HTTP/1.1\r\n{CLOSE}\r\n"),
            "404",
            "not_found",
        ),
        (
            format!("GET //quiet HTTP/1.1\r\n{CLOSE}\r\n"),
            "404",
            "not_found",
        ),
        (
            format!("GET /quiet HTTP/1.1\r\nhost: y\r\n{CLOSE}\r\n"),
            "400",
            "invalid_host",
        ),
        (
            "GET /quiet HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(),
            "400",
            "invalid_host",
        ),
        (
            format!(
                "POST /quiet HTTP/1.1\r\n{CLOSE}content-length: 1\r\ncontent-length: 2\r\n\r\nab"
            ),
            "400",
            "invalid_request",
        ),
        (
            format!(
                "GET /quiet HTTP/1.1\r\n{CLOSE}x: {}\r\n\r\n",
                "y".repeat(100_000)
            ),
            "431",
            "headers_too_large",
        ),
    ] {
        assert_error(&said(sent(&app, request).await).await, status, code);
    }
    let url = format!("http://{}/none", app.address());
    let request = client().get(url).header("x-request-id", "mine");
    let answer = request.header("origin", "https://a.example").send().await;
    let answer = answer.unwrap();
    assert_eq!(answer.headers()["x-request-id"], "mine");
    let allowed = &answer.headers()["access-control-allow-origin"];
    assert_eq!(allowed, "https://a.example");
    // HTTP/1.0 requires no Host.
    let old = said(sent(&app, "GET /quiet HTTP/1.0\r\n\r\n").await).await;
    assert!(old.starts_with("HTTP/1.0 200 "), "{old}");
}

#[tokio::test]
async fn a_failure_of_a_guest_is_told_in_the_form_of_the_applications() {
    let manifest = probe_manifest("").replace(
        "[variables]",
        "[variables]\nallowed_origins = { default = \"https://a.example\" }",
    );
    let project = Project::new(&manifest, &["probe"]);
    let app = project.start().await;
    for path in ["/trap", "/memory", "/none"] {
        let request = format!("GET {path} HTTP/1.1\r\n{CLOSE}\r\n");
        assert_error(&said(sent(&app, request).await).await, "500", "internal");
        for (origin, is_allowed) in [("https://a.example", true), ("https://b.example", false)] {
            let request = client().get(format!("http://{}{path}", app.address()));
            let request = request.header("x-request-id", "mine");
            let answer = request.header("origin", origin).send().await.unwrap();
            assert_eq!(answer.status(), 500, "{path}");
            let headers = answer.headers();
            assert_eq!(headers["x-request-id"], "mine", "{path}");
            let allowed = headers.get("access-control-allow-origin");
            assert_eq!(allowed.is_some_and(|to| to == origin), is_allowed, "{path}");
            assert_eq!(allowed.is_some(), is_allowed, "{path}");
        }
    }
}

#[tokio::test]
async fn a_field_that_was_sent_twice_reaches_the_component_twice() {
    let project = Project::new(&probe_manifest(""), &["probe"]);
    let app = project.start().await;
    let twice = "authorization: Bearer a\r\nauthorization: Bearer b\r\n";
    let answer = said(sent(&app, format!("GET / HTTP/1.1\r\n{CLOSE}{twice}\r\n")).await).await;
    assert!(
        answer.contains("Bearer a") && answer.contains("Bearer b"),
        "{answer}"
    );
}

#[tokio::test]
async fn who_sends_slowly_keeps_nobody_else_waiting() {
    let project = Project::new(&probe_manifest(""), &["probe"]);
    let mut options = project.options();
    options.limits.max_working_instances = 1;
    options.limits.body_timeout = Duration::from_secs(2);
    let app = start(options).await.unwrap();
    let head = format!("POST /body HTTP/1.1\r\n{CLOSE}content-length: 9\r\n\r\nx");
    let mut slow = Vec::new();
    for _ in 0..8 {
        slow.push(sent(&app, &head).await);
    }
    assert_eq!(get(&app, "/").await.status(), 200);
    // The steady client is served, the others have stalled.
    let mut steady = slow.pop().unwrap();
    steady.write_all(b"12345678").await.unwrap();
    assert!(said(steady).await.starts_with("HTTP/1.1 200 "));
    for slow in slow {
        assert_error(&said(slow).await, "408", "body_timeout");
    }
}

#[tokio::test]
async fn guests_that_sleep_keep_nobody_else_waiting() {
    let project = Project::new(&probe_manifest(""), &["probe"]);
    let mut options = project.options();
    options.limits.max_working_instances = 1;
    let app = start(options).await.unwrap();
    let sleeping = futures::future::join_all((0..8).map(|_| get(&app, "/sleep")));
    let mut sleeping = std::pin::pin!(sleeping);
    tokio::select! {
        biased;
        _ = &mut sleeping => panic!("they were to sleep longer"),
        answer = get(&app, "/") => assert_eq!(answer.status(), 200),
    }
    assert!(sleeping.await.iter().all(|answer| answer.status() == 200));
}

#[tokio::test]
async fn past_the_last_instance_a_request_is_told_to_come_again() {
    let project = Project::new(&probe_manifest(""), &["probe"]);
    let mut options = project.options();
    options.limits.max_instances = 1;
    options.limits.body_timeout = Duration::from_secs(20);
    let app = start(options).await.unwrap();
    let head = format!("POST /body HTTP/1.1\r\n{CLOSE}content-length: 2\r\n\r\nx");
    let mut first = sent(&app, head).await;
    let request = format!("GET / HTTP/1.1\r\n{CLOSE}\r\n");
    // Another thread may not have begun the first request yet.
    let refused = loop {
        let answer = said(sent(&app, &request).await).await;
        if !answer.starts_with("HTTP/1.1 200 ") {
            break answer;
        }
    };
    assert_error(&refused, "503", "busy");
    assert!(refused.contains("retry-after: 1"), "{refused}");
    first.write_all(b"y").await.unwrap();
    assert!(said(first).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_head_that_takes_too_long_is_told_so_and_an_idle_connection_is_closed() {
    let project = Project::new(&probe_manifest(""), &["probe"]);
    let mut options = project.options();
    options.limits.head_timeout = Duration::from_millis(300);
    let app = start(options).await.unwrap();
    let slow = sent(&app, "GET / HTTP/1.1\r\nho").await;
    assert_error(&said(slow).await, "408", "head_timeout");
    assert_eq!(said(sent(&app, "").await).await, "");
    let idle = sent(&app, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(said(idle).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn an_early_answer_arrives_though_the_client_is_still_sending() {
    let manifest = probe_manifest("").replace("/...", "/quiet");
    let project = Project::new(&manifest, &["probe"]);
    let app = project.start().await;
    let head = "POST /none HTTP/1.1\r\nhost: x\r\ncontent-length: 8000000\r\n\r\n";
    let mut stream = sent(&app, head).await;
    stream.write_all(&vec![b'x'; 8_000_000]).await.unwrap();
    assert_error(&said(stream).await, "404", "not_found");
}
