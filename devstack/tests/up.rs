//! `devstack up` and `devstack token`, as a user calls them.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use common::MANIFEST;
use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Up {
    process: Child,
    application: String,
    redis: String,
    s3: String,
}

fn devstack(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_devstack"));
    command.current_dir(dir).env_remove("REDIS_URL");
    command
}

fn up_command(dir: &Path) -> Command {
    let mut command = devstack(dir);
    command.args(["up", "--quiet", "--listen", "127.0.0.1:0"]);
    command.args(["--s3-listen", "127.0.0.1:0"]);
    command
}

/// Starts it and reads the addresses that it prints.
fn up(dir: &Path, configure: impl FnOnce(&mut Command)) -> Up {
    let mut command = up_command(dir);
    configure(&mut command);
    let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.as_mut().unwrap()).lines();
    let mut address = |name: &str| loop {
        let line = lines.next().expect("it ended early").unwrap();
        if let Some(address) = line.strip_prefix(name) {
            return address.trim().to_owned();
        }
    };
    Up {
        application: address("Application"),
        s3: address("S3"),
        redis: address("Redis"),
        process,
    }
}

impl Up {
    fn signal(&mut self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.process.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn project() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("spin.toml"), MANIFEST).unwrap();
    dir
}

async fn redis_answers(url: &str) -> bool {
    let client = redis::Client::open(url).unwrap();
    client.get_multiplexed_async_connection().await.is_ok()
}

async fn wait_until_redis_is_gone(url: &str) {
    while redis_answers(url).await {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

fn failure(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test]
async fn everything_starts_and_stops_together() {
    let dir = project();
    let mut up = up(dir.path(), |_| {});
    let answer = reqwest::get(&up.application).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let answer = reqwest::get(format!("{}/images", up.s3)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert!(redis_answers(&up.redis).await);

    up.signal(Signal::TERM);
    assert!(up.process.wait().unwrap().success());
    assert!(!redis_answers(&up.redis).await);
    assert!(reqwest::get(&up.application).await.is_err());
}

#[tokio::test]
async fn redis_ends_even_if_the_stack_is_killed() {
    let dir = project();
    let mut up = up(dir.path(), |_| {});
    assert!(redis_answers(&up.redis).await);
    up.signal(Signal::KILL);
    up.process.wait().unwrap();
    wait_until_redis_is_gone(&up.redis).await;
}

#[tokio::test]
async fn a_redis_of_the_user_is_used_and_outlives_the_stack() {
    let dir = project();
    let data = tempfile::tempdir().unwrap();
    let redis = devstack::Redis::start(devstack::RedisOptions::new(data.path()))
        .await
        .unwrap();
    let mut up = up(dir.path(), |command| {
        command.env("REDIS_URL", redis.url());
    });
    assert_eq!(up.redis, redis.url());
    up.signal(Signal::INT);
    assert!(up.process.wait().unwrap().success());
    assert!(redis_answers(redis.url()).await);
}

#[tokio::test]
async fn one_data_folder_is_for_one_stack() {
    let dir = project();
    let _up = up(dir.path(), |_| {});
    let second = up_command(dir.path()).output().unwrap();
    let message = failure(&second);
    assert!(message.contains("in use by another devstack"), "{message}");
}

#[test]
fn what_is_missing_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let message = failure(&up_command(dir.path()).output().unwrap());
    assert!(message.contains("spin.toml"), "{message}");
    let without_data = devstack(dir.path())
        .args(["token", "--subject", "456", "--data-dir", "elsewhere"])
        .output()
        .unwrap();
    let message = failure(&without_data);
    assert!(message.contains("elsewhere/secrets.json"), "{message}");
}

#[tokio::test]
async fn tokens_stay_valid_over_a_restart() {
    let dir = project();
    let secret = || fs::read(dir.path().join(".orilla/secrets.json")).unwrap();
    let mut first = up(dir.path(), |_| {});
    let before = secret();
    first.signal(Signal::TERM);
    first.process.wait().unwrap();
    let _second = up(dir.path(), |_| {});
    assert!(secret() == before);

    let mut token = devstack(dir.path())
        .args(["token", "--subject", "456", "--role", "ops"])
        .args(["--tenant", "cafe-azul"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut text = String::new();
    token
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert!(token.wait().unwrap().success());
    let parts: Vec<_> = text.trim().split('.').collect();
    assert_eq!(parts.len(), 3, "{text}");
    let claims = BASE64_URL_SAFE_NO_PAD.decode(parts[1]).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let user = ["sub", "roles", "tenant_id"].map(|name| &claims[name]);
    assert_eq!(user, [&json!("456"), &json!(["ops"]), &json!("cafe-azul")]);
}
