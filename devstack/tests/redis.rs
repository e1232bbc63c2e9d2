//! Redis under the project's configuration: outages lose nothing.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use devstack::{Error, Redis, RedisOptions};
use redis::AsyncCommands;
use tempfile::TempDir;

async fn start() -> (TempDir, Redis) {
    let dir = tempfile::tempdir().unwrap();
    let redis = Redis::start(RedisOptions::new(dir.path())).await.unwrap();
    (dir, redis)
}

async fn connect(redis: &Redis) -> redis::RedisResult<redis::aio::MultiplexedConnection> {
    redis::Client::open(redis.url())?
        .get_multiplexed_async_connection()
        .await
}

#[tokio::test]
async fn an_outage_keeps_port_and_data() {
    let (_dir, redis) = start().await;
    let url = redis.url().to_owned();
    let () = connect(&redis).await.unwrap().set("k", "v").await.unwrap();

    redis.stop().await.unwrap();
    assert!(connect(&redis).await.is_err());
    redis.restart().await.unwrap();
    assert_eq!(redis.url(), url);
    let value: String = connect(&redis).await.unwrap().get("k").await.unwrap();
    assert_eq!(value, "v");
}

#[tokio::test]
async fn after_a_crash_everything_that_was_answered_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = RedisOptions::new(dir.path());
    options.settings = vec![("appendfsync".into(), "always".into())];
    let redis = Redis::start(options).await.unwrap();
    let mut connection = connect(&redis).await.unwrap();
    for number in 1..=100 {
        let () = connection.set(number, "v").await.unwrap();
    }
    redis.kill().await.unwrap();
    assert!(connect(&redis).await.is_err());

    redis.restart().await.unwrap();
    let mut connection = connect(&redis).await.unwrap();
    let count: usize = redis::cmd("DBSIZE")
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(count, 100);
    let (_, policy): (String, String) = redis::cmd("CONFIG")
        .arg(&["GET", "appendfsync"])
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(policy, "always");
}

#[tokio::test]
async fn a_new_redis_finds_the_data_of_the_old() {
    let (dir, redis) = start().await;
    let () = connect(&redis).await.unwrap().set("k", "v").await.unwrap();
    drop(redis);
    let redis = Redis::start(RedisOptions::new(dir.path())).await.unwrap();
    let value: String = connect(&redis).await.unwrap().get("k").await.unwrap();
    assert_eq!(value, "v");
}

#[tokio::test]
async fn it_is_configured_as_the_application_needs_it() {
    let (_dir, redis) = start().await;
    let mut connection = connect(&redis).await.unwrap();
    for (name, expected) in [
        ("appendonly", "yes"),
        ("maxmemory-policy", "noeviction"),
        ("notify-keyspace-events", "xE"),
        ("bind", "127.0.0.1"),
    ] {
        let (_, value): (String, String) = redis::cmd("CONFIG")
            .arg(&["GET", name])
            .query_async(&mut connection)
            .await
            .unwrap();
        assert_eq!(value, expected, "{name}");
    }
}

#[tokio::test]
async fn a_redis_of_the_user_is_used_and_left_alone() {
    let (_dir, running) = start().await;
    let redis = Redis::external(running.url()).await.unwrap();
    assert_eq!(redis.host(), running.host());
    assert!(matches!(redis.stop().await, Err(Error::RedisExternal)));
    drop(redis);
    assert!(connect(&running).await.is_ok());

    running.stop().await.unwrap();
    let error = Redis::external(running.url()).await.unwrap_err();
    assert!(error.to_string().contains(&running.host()), "{error}");
    let error = Redis::external("http://127.0.0.1").await.unwrap_err();
    assert!(error.to_string().contains("redis://"), "{error}");
}

#[tokio::test]
async fn who_has_no_redis_is_told_how_to_install_it() {
    let dir = tempfile::tempdir().unwrap();
    let error = Redis::start(RedisOptions {
        program: "redis-server-that-is-not-installed".into(),
        ..RedisOptions::new(dir.path())
    })
    .await
    .unwrap_err();
    assert!(
        error.to_string().contains("apt-get install redis-server"),
        "{error}"
    );
}

#[tokio::test]
async fn a_port_in_use_is_reported() {
    let (_dir, running) = start().await;
    let port = running.host().rsplit_once(':').unwrap().1.parse().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let result = Redis::start(RedisOptions {
        port: Some(port),
        ..RedisOptions::new(dir.path())
    })
    .await;
    assert!(matches!(result, Err(Error::RedisStart { .. })));
}
