//! The console, as people use it: `tests/console/stories.mjs` in Chromium.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{App, Manifest, Photo, SamplePhoto, Service, USER, body, eventually, root};
use tokio::process::Command;

use crate::ops::make_dead;

/// Fails with advice where a program is missing.
async fn run(command: &mut Command, advice: &str) -> String {
    let output = command.output().await;
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}: {advice}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    text
}

fn chromium() -> &'static str {
    let places = [
        "/usr/bin/chromium",
        "/usr/bin/chromium-browser",
        "/usr/bin/google-chrome",
    ];
    let found = places.into_iter().find(|place| Path::new(place).exists());
    found.expect("Chromium is missing: run scripts/setup --tests, or apt-get install chromium")
}

/// A job with a failed toon, an order with two versions, and a photo under review.
async fn fill(app: &App, processor: &Service) {
    processor.poison_with(StatusCode::UNPROCESSABLE_ENTITY, ["TOON-BAD"]);
    let toons = ["TOON-A", "TOON-BAD", "TOON-C"].map(|toon| json!({"toonId": toon}));
    let job = json!({"jobId": "JOB-1", "toons": toons});
    body(app.post(USER, "/submit-job", &job).await, 202).await;
    eventually("the job ends", || async {
        let job: Value = body(app.get(USER, "/jobs/JOB-1").await, 200).await;
        (job["status"] == "COMPLETED_WITH_ERRORS").then_some(())
    })
    .await;
    let order = json!({"orderId": "ORD-1", "status": "received", "description": "Tune the harp"});
    body(app.post(USER, "/orders", &order).await, 200).await;
    let change = json!({"status": "inprocess", "description": "Tune the harp, soon"});
    let change = app
        .request_of(USER, Method::PUT, "/orders/ORD-1")
        .json(&change);
    body(change.send().await.unwrap(), 200).await;
    let photo = Photo::of("chelsea.png");
    let file = app.upload(USER, &photo).await;
    assert_eq!(app.looked_at(USER, &file).await["status"], "under_review");
    let messages = (0..3).map(|n| json!({"type": "ipp.file", "number": n}).to_string());
    make_dead(&app.redis(), "ipp.files", messages.map(String::into_bytes));
}

#[tokio::test]
async fn people_watch_and_repair_the_application_in_the_console() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("console");
    fs::create_dir_all(&folder).unwrap();
    for file in ["package.json", "package-lock.json", "stories.mjs"] {
        fs::copy(root().join("tests/console").join(file), folder.join(file)).unwrap();
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--silent", "--no-audit", "--no-fund"]);
    run(
        npm.current_dir(&folder),
        "npm is missing: run scripts/setup",
    )
    .await;

    // The issuer is a double in the script, which listens there.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let issuer = format!("http://127.0.0.1:{port}");
    let processor = Service::start(Duration::ZERO).await;
    let app = App::of(
        Manifest::shipped().with_http_processor(),
        &[
            ("processor_url", &*processor.url()),
            ("censored_rejected_threshold", "100"),
            // The script has receivers there, and itself sends again the events that they
            // refused.
            ("notification_hosts", "http://127.0.0.1:*"),
            ("notification_retry_schedule", "1h"),
            ("oidc_issuer", &issuer),
            ("oidc_client_id", "orilla-console"),
        ],
    )
    .await;
    fill(&app, &processor).await;
    let roles = ["ops", "admin", "reviewer"];
    let mut node = Command::new("node");
    node.arg("stories.mjs")
        .env("ORILLA", app.stack.base_url())
        .env("OPERATOR", app.tenant_token(USER, "cafe", &roles))
        .env("USER", app.tenant_token(USER, "cafe", &[]))
        .env("JOB", "JOB-1")
        .env("ORDER", "ORD-1")
        .env("OIDC_PORT", port.to_string())
        .env("CHROMIUM", chromium())
        .current_dir(&folder);
    run(&mut node, "Node is missing: run scripts/setup").await;
    app.stop().await;
}

#[tokio::test]
async fn the_page_is_kept_by_browsers_as_long_as_it_may_be() {
    let app = App::start().await;
    let get = |path: String| app.request(Method::GET, &path);
    let page = get("/console".into()).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let header = |name: &str| page.headers()[name].to_str().unwrap().to_owned();
    assert!(header("content-security-policy").contains("connect-src 'self';"));
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert!(header("cache-control").contains("no-cache"));
    let again = get("/console".into()).header("if-none-match", header("etag"));
    assert_eq!(again.send().await.unwrap().status(), 304);
    let html = page.text().await.unwrap();
    let files: Vec<_> = html
        .split('"')
        .filter(|word| word.starts_with("/console/"))
        .collect();
    assert_eq!(files.len(), 3, "{html}");
    for file in files {
        let asset = get(file.to_owned()).send().await.unwrap();
        assert_eq!(asset.status(), 200, "{file}");
        let cached = asset.headers()["cache-control"].to_str().unwrap();
        assert!(cached.ends_with("immutable"), "{file}: {cached}");
    }
    let config = get("/console/config.json".into()).send().await.unwrap();
    assert_eq!(body(config, 200).await, json!({"oidc": null}));
    app.stop().await;
}
