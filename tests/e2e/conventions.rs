//! What holds for every route.

use reqwest::{Method, StatusCode};
use serde_json::json;
use tests::{App, Photo, USER, body, refusal};

const SITE: &str = "https://travel.example";

#[tokio::test]
async fn browsers_of_allowed_sites_may_call_every_route() {
    let app = App::with(&[(
        "allowed_origins",
        "https://other.example, https://travel.example",
    )])
    .await;
    for (path, method) in [
        ("/receiver", "POST"),
        ("/receiver/complete", "POST"),
        ("/obtain/x", "GET"),
        ("/images/x", "GET"),
        ("/scan", "GET"),
        ("/events/s3", "POST"),
        ("/ops/queues/images/drain", "POST"),
    ] {
        let preflight = |origin: &str| {
            app.request(Method::OPTIONS, path)
                .header("origin", origin)
                .header("access-control-request-method", method)
                .header("access-control-request-headers", "authorization")
                .send()
        };
        let response = preflight(SITE).await.unwrap();
        assert_eq!(response.status(), StatusCode::NO_CONTENT, "{path}");
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("access-control-allow-origin"), SITE);
        assert!(
            header("access-control-allow-methods").contains(method),
            "{path}"
        );
        assert!(header("access-control-allow-headers").contains("Authorization"));

        let stranger = preflight("https://evil.example").await.unwrap();
        assert!(
            !stranger
                .headers()
                .contains_key("access-control-allow-origin"),
            "{path}"
        );

        let wrong = app.request(Method::PATCH, path).send().await.unwrap();
        assert!(
            wrong.headers()["allow"].to_str().unwrap().contains(method),
            "{path}"
        );
        assert_eq!(refusal(wrong, 405).await, "method_not_allowed");
    }
    let refused = app
        .request(Method::GET, "/scan")
        .header("origin", SITE)
        .send()
        .await
        .unwrap();
    assert_eq!(
        refused.headers()["access-control-allow-origin"],
        SITE,
        "errors can be read, too"
    );
    app.stop().await;
}

#[tokio::test]
async fn head_is_answered_where_get_is() {
    let app = App::start().await;
    let file = app.upload(USER, &Photo::of("camera.png")).await;
    for path in [
        format!("/images/{file}"),
        "/scan".into(),
        format!("/obtain/{file}"),
    ] {
        let get = app.get(USER, &path).await.status();
        let head = app
            .request(Method::HEAD, &path)
            .bearer_auth(app.token(USER))
            .send()
            .await
            .unwrap();
        assert_eq!(head.status(), get, "{path}");
        assert!(head.bytes().await.unwrap().is_empty());
    }
    assert_eq!(
        app.request(Method::HEAD, "/receiver")
            .send()
            .await
            .unwrap()
            .status(),
        405
    );
    app.stop().await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let app = App::start().await;
    let mut announcement = Photo::of("camera.png").announcement(USER, 1);
    announcement["padding"] = "x".repeat(200_000).into();
    assert_eq!(
        refusal(app.post(USER, "/receiver", &announcement).await, 413).await,
        "body_too_large"
    );

    // Without a Content-Length it is found out while reading.
    let chunks =
        futures::stream::iter((0..4).map(|_| Ok::<_, std::io::Error>(vec![b' '; 100_000])));
    let streamed = app
        .request(Method::POST, "/receiver")
        .bearer_auth(app.token(USER))
        .body(reqwest::Body::wrap_stream(chunks))
        .send()
        .await
        .unwrap();
    assert_eq!(refusal(streamed, 413).await, "body_too_large");

    announcement["padding"] = "".into();
    announcement["post"]["content"] = "x".repeat(8193).into();
    assert_eq!(
        refusal(app.post(USER, "/receiver", &announcement).await, 400).await,
        "invalid_field"
    );
    announcement["post"]["content"] = "x".repeat(8192).into();
    body(app.post(USER, "/receiver", &announcement).await, 200).await;
    app.stop().await;
}

#[tokio::test]
async fn ids_follow_a_request_into_answers_and_logs() {
    let app = App::start().await;
    let response = app
        .request(Method::GET, "/scan")
        .header("x-request-id", "support-case-42")
        .header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["x-request-id"], "support-case-42");
    let traceparent = response.headers()["traceparent"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        traceparent.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"),
        "{traceparent}"
    );

    let log = app.stack.log_dir().join("images-scan_stdout.txt");
    let log = &log;
    let line = tests::eventually("the log line", || async move {
        let text = std::fs::read_to_string(log).ok()?;
        let line = text.lines().find(|line| line.contains("support-case-42"))?;
        serde_json::from_str::<serde_json::Value>(line).ok()
    })
    .await;
    assert_eq!(line["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(
        (&line["status"], &line["path"], &line["level"]),
        (&json!(401), &json!("/scan"), &json!("INFO"))
    );
    app.stop().await;
}

#[tokio::test]
async fn logs_hold_no_tokens_and_no_signed_urls() {
    let app = App::start().await;
    let file = app.upload(USER, &Photo::of("camera.png")).await;
    app.looked_at(USER, &file).await;
    app.get(USER, &format!("/obtain/{file}")).await;
    app.queue_is_empty().await;
    let token = app.token(USER);
    let signature = token.rsplit('.').next().unwrap();
    let mut lines = 0;
    for entry in std::fs::read_dir(app.stack.log_dir()).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for secret in [
            signature,
            app.stack.jwt_secret(),
            app.stack.events_token(),
            app.stack.s3().secret_key(),
            "X-Amz-Signature",
        ] {
            assert!(!text.contains(secret), "a secret is in the log");
        }
        lines += text.lines().count();
    }
    assert!(lines > 0);
    app.stop().await;
}
