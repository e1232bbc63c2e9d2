//! Instances that are used again: how often, and the reasons to end one.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod common;

use std::time::Duration;

use common::{Project, get, probe_manifest};
use orilla::{Limits, RunningApp, start};

/// The guest that remembers its last call, started with these limits.
async fn started(limits: Limits) -> (Project, RunningApp) {
    let manifest = probe_manifest("").replace("probe.wasm", "rememberer.wasm");
    let project = Project::new(&manifest, &["rememberer"]);
    let mut options = project.options();
    options.limits = limits;
    let app = start(options).await.unwrap();
    (project, app)
}

/// Limits with another number of calls.
fn calls(max_instance_reuse_count: u32) -> Limits {
    Limits {
        max_instance_reuse_count,
        idle_instance_timeout: Duration::from_secs(60),
        ..Limits::default()
    }
}

async fn status(app: &RunningApp, path: &str) -> u16 {
    get(app, path).await.status().as_u16()
}

/// Sends requests until one has this status: an instance waits for its next call shortly
/// after its answer, and a request that comes earlier gets another one.
async fn answers(app: &RunningApp, path: &str, wanted: u16) {
    for _ in 0..2_000 {
        if status(app, path).await == wanted {
            return;
        }
    }
    panic!("{path} is never answered with {wanted}");
}

#[tokio::test]
async fn an_instance_has_as_many_calls_as_it_may_and_no_more() {
    let (_project, app) = started(calls(3)).await;
    answers(&app, "/c", 203).await;
    for _ in 0..30 {
        let status = status(&app, "/c").await;
        assert!((201..=203).contains(&status), "{status}");
    }
}

#[tokio::test]
async fn with_one_call_an_instance_remembers_nothing() {
    let (_project, app) = started(calls(1)).await;
    for _ in 0..30 {
        assert_eq!(status(&app, "/a").await, 201);
    }
}

#[tokio::test]
async fn what_fails_or_keeps_a_handle_or_much_memory_is_not_used_again() {
    for ending in ["t", "k", "m"] {
        let (_project, app) = started(calls(1_000_000)).await;
        let saw = |letter: &str| 400 + u16::from(letter.as_bytes().first().copied().unwrap());
        answers(&app, "/a", saw("a")).await;
        for _ in 0..30 {
            status(&app, &format!("/{ending}")).await;
            assert_ne!(status(&app, "/a").await, saw(ending), "/{ending}");
        }
    }
}

#[tokio::test]
async fn an_instance_that_waits_for_too_long_ends() {
    let (_project, app) = started(Limits {
        idle_instance_timeout: Duration::from_millis(20),
        ..calls(1_000_000)
    })
    .await;
    answers(&app, "/a", 400 + u16::from(b'a')).await;
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if status(&app, "/a").await == 201 {
            return;
        }
    }
    panic!("an instance never ends");
}
