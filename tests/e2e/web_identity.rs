//! Credentials of AWS that renew: a role that is assumed with a token of the cluster.

use std::time::Duration;

use devstack::{Sts, sts};
use reqwest::Method;
use serde_json::Value;
use tests::{App, Photo, SamplePhoto, USER, body, eventually};

/// The application without keys, but with a role whose credentials end after `life`.
async fn with_role(life: Duration, token: &str) -> (App, Sts) {
    let mut app = App::start().await;
    let sessions = app.stack.s3().sessions().clone();
    let sts = Sts::start(sessions, life).await.unwrap();
    let variables = &mut app.stack.app_options_mut().variables;
    for (name, value) in [
        ("s3_access_key_id", ""),
        ("s3_secret_access_key", ""),
        ("aws_role_arn", sts::ROLE),
        ("aws_web_identity_token", token),
        ("aws_sts_host", &sts.url()),
    ] {
        variables.insert(name.into(), value.into());
    }
    app.stack.restart_app().await.unwrap();
    (app, sts)
}

#[tokio::test]
async fn a_role_stands_for_keys_in_all_that_photos_need() {
    let (app, sts) = with_role(Duration::from_secs(900), &Sts::token().unwrap()).await;
    let ready = app.request(Method::GET, "/readyz").send().await.unwrap();
    assert_eq!(body(ready, 200).await["checks"]["s3"], "ok");
    // The client uploads with a presigned URL, the analyzer reads and stores, and the client
    // downloads with another URL.
    let photo = Photo::of("chelsea.png");
    let file = app.upload(USER, &photo).await;
    app.looked_at(USER, &file).await;
    let answer = app.get(USER, &format!("/obtain/{file}")).await;
    let read = reqwest::get(answer.headers()["location"].to_str().unwrap());
    let read = read.await.unwrap();
    assert_eq!(read.status(), 200);
    assert!(read.url().as_str().contains("X-Amz-Security-Token="));
    assert!(!read.bytes().await.unwrap().is_empty());
    assert_eq!(sts.given(), 1, "the credentials are shared");
    app.stop().await;
}

#[tokio::test]
async fn credentials_are_renewed_before_they_end_and_outlast_an_outage() {
    let (app, sts) = with_role(Duration::from_secs(20), &Sts::token().unwrap()).await;
    let reaches_s3 = async || {
        let answer = app.request(Method::GET, "/readyz").send().await.unwrap();
        answer.json::<Value>().await.unwrap()["checks"]["s3"] == "ok"
    };
    assert!(reaches_s3().await);
    let first = sts.given();
    eventually("the credentials are renewed", async || {
        assert!(
            reaches_s3().await,
            "no request meets credentials that ended"
        );
        (sts.given() > first).then_some(())
    })
    .await;

    // While STS is away, the credentials hold until their end. Then requests are refused for
    // as long as it is away.
    sts.set_down(true);
    assert!(reaches_s3().await);
    let becomes = async |wanted: bool| {
        let what = format!("S3 is reached: {wanted}");
        eventually(&what, async || (reaches_s3().await == wanted).then_some(())).await;
    };
    becomes(false).await;
    sts.set_down(false);
    becomes(true).await;
    let file = app.upload(USER, &Photo::of("chelsea.png")).await;
    app.looked_at(USER, &file).await;
    app.stop().await;
}

#[tokio::test]
async fn a_token_that_the_role_does_not_trust_is_named_and_never_shown() {
    let token = Sts::token().unwrap().replace('e', "f");
    let (app, _sts) = with_role(Duration::from_secs(900), &token).await;
    let photo = Photo::of("chelsea.png").announcement(USER, 1);
    let answer = app.post(USER, "/receiver", &photo).await;
    let refused = body(answer, 500).await;
    assert_eq!(refused["code"], "misconfigured");
    let message = refused["error"].as_str().unwrap();
    assert!(message.contains("aws_web_identity_token"), "{message}");
    assert!(message.contains("InvalidIdentityToken"), "{message}");
    assert!(!message.contains(&token));
    app.stop().await;
}

#[tokio::test]
async fn nobody_outside_reaches_the_credentials() {
    let (app, _sts) = with_role(Duration::from_secs(900), &Sts::token().unwrap()).await;
    for path in [
        "/credentials",
        "/aws-credentials",
        "/aws-credentials/credentials",
    ] {
        let request = app.request(Method::GET, path);
        let request = request.header("host", "aws-credentials.spin.internal");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
    app.stop().await;
}
