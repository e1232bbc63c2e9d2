//! The stack as end-to-end tests use it.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod common;

use common::{MANIFEST, put};
use devstack::{Error, Stack, StackOptions};
use reqwest::StatusCode;
use tempfile::TempDir;

fn options(dir: &TempDir) -> StackOptions {
    let manifest = dir.path().join("spin.toml");
    std::fs::write(&manifest, MANIFEST).unwrap();
    StackOptions::new(manifest, dir.path().join("data"))
}

async fn status(url: &str) -> Option<StatusCode> {
    Some(reqwest::get(url).await.ok()?.status())
}

#[tokio::test]
async fn the_application_can_be_away_for_a_while() {
    let dir = tempfile::tempdir().unwrap();
    let mut stack = Stack::start(options(&dir)).await.unwrap();
    let url = stack.base_url();
    assert_eq!(status(&url).await, Some(StatusCode::NOT_FOUND));
    stack.stop_app().await;
    assert_eq!(status(&url).await, None);
    assert_eq!(put(stack.s3(), "images/a.jpg", "bytes").await.status(), 200);
    stack.restart_app().await.unwrap();
    assert_eq!(stack.base_url(), url);
    assert_eq!(status(&url).await, Some(StatusCode::NOT_FOUND));
    // This application has no route for notifications, so it accepts none.
    assert_eq!(stack.s3().pending_events(), 1);
    stack.shutdown().await;
}

#[tokio::test]
async fn a_double_of_rekognition_comes_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let stack = Stack::start(StackOptions {
        rekognition: true,
        ..options(&dir)
    })
    .await
    .unwrap();
    let double = stack.rekognition().unwrap();
    assert_eq!(status(&double.url()).await, Some(StatusCode::BAD_REQUEST));
    assert_eq!(double.refused(), 1);
}

#[tokio::test]
async fn what_does_not_start_takes_the_rest_down() {
    let dir = tempfile::tempdir().unwrap();
    let mut bad = options(&dir);
    bad.manifest = dir.path().join("missing.toml");
    let result = Stack::start(bad).await;
    assert!(matches!(result, Err(Error::Application(_))));
    // The data folder is free again, and Redis's files are, too.
    Stack::start(options(&dir)).await.unwrap().shutdown().await;
}
