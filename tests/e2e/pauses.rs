//! Queues that operators pause and resume.

use std::time::Duration;

use queue::{Change, Delivery, Notify, Policy, Queue, QueueNames};
use reqwest::Method;
use serde_json::{Value, json};
use stores::Redis;
use stores::native::NativeRedis;
use tests::{App, Manifest, OwnRedis, USER, body, refusal};

const LEASE: Duration = Duration::from_millis(50);

fn policy() -> Policy {
    Policy {
        lease: LEASE,
        ..Policy::default()
    }
}

fn publish(queue: &Queue<'_, NativeRedis>, message: &str) {
    queue.commit(&Change::new().publishing(message)).unwrap();
}

fn claim(queue: &Queue<'_, NativeRedis>) -> Vec<Delivery> {
    queue.claim(&policy(), 10).unwrap()
}

fn texts(deliveries: &[Delivery]) -> Vec<&str> {
    let texts = deliveries
        .iter()
        .map(|it| std::str::from_utf8(&it.message).unwrap());
    texts.collect()
}

#[tokio::test]
async fn nothing_of_a_paused_queue_is_claimed_and_nothing_is_lost() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    publish(&queue, "abandoned");
    let held = claim(&queue);
    assert_eq!(texts(&held), ["abandoned"]);
    publish(&queue, "before");
    let since = queue.pause().unwrap();
    assert_eq!(queue.pause().unwrap(), since, "it stays paused");
    publish(&queue, "during");
    let soon = queue
        .names()
        .schedule("soon", b"soon", Duration::from_millis(1));
    queue.commit(&Change::new().with(soon)).unwrap();
    tokio::time::sleep(2 * LEASE).await;
    for _ in 0..20 {
        assert!(claim(&queue).is_empty());
        queue.wake().unwrap();
    }
    let counts = queue.counts().unwrap();
    assert_eq!(counts.paused_since, Some(since));
    assert_eq!((counts.depth + counts.delayed, counts.in_flight), (3, 1));

    queue.resume().unwrap();
    queue.resume().unwrap();
    assert_eq!(queue.counts().unwrap().paused_since, None);
    // The lease that ran out counts once, however often a worker looked.
    let again = claim(&queue);
    assert_eq!((texts(&again), again[0].attempt), (vec!["abandoned"], 2));
    let rest = claim(&queue);
    assert_eq!(texts(&rest), ["before", "during", "soon"]);
    assert!(rest.iter().all(|delivery| delivery.attempt == 1));
}

#[tokio::test]
async fn what_was_claimed_before_a_pause_is_settled_in_it() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    publish(&queue, "a");
    let held = claim(&queue);
    queue.pause().unwrap();
    queue.extend(&held).unwrap();
    queue.ack(&held[0]).unwrap();
    let counts = queue.counts().unwrap();
    assert_eq!((counts.in_flight, counts.processed), (0, 1));
    // Other queues of the hash tag go on.
    let other = Queue::new(&redis, "q.other");
    publish(&other, "b");
    assert_eq!(texts(&claim(&other)), ["b"]);
}

#[tokio::test]
async fn the_end_of_a_pause_wakes_workers_at_once_and_the_pause_wakes_none() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q").with_notify(Notify::Caller);
    // A notification was on its way when the queue was paused.
    publish(&queue, "a");
    assert_eq!(queue.to_notify().len(), 1);
    queue.pause().unwrap();
    publish(&queue, "b");
    queue.wake().unwrap();
    assert!(queue.to_notify().is_empty());
    queue.resume().unwrap();
    assert!(queue.to_notify().iter().eq(["q"]));
    assert_eq!(texts(&claim(&queue)), ["a", "b"]);

    // The timers of delayed messages are set again.
    queue.pause().unwrap();
    let far = Duration::from_secs(3_000);
    let later = queue.names().schedule("later", b"later", far);
    queue.commit(&Change::new().with(later)).unwrap();
    let timer = "{q}:queue:alarm";
    assert!(QueueNames::of_timer(timer).is_some());
    redis.call("DEL", &[timer.into()]).unwrap();
    queue.resume().unwrap();
    let left = redis.call("PTTL", &[timer.into()]).unwrap()[0].as_int();
    assert!(left > Some(0), "{left:?}");
}

async fn post(app: &App, path: &str) -> Value {
    body(app.ops(Method::POST, path, None).await, 200).await
}

/// The sample of a metric for a queue.
async fn metric(app: &App, sample: &str) -> String {
    let metrics = app.ops(Method::GET, "/metrics", None).await;
    let metrics = metrics.text().await.unwrap();
    let line = metrics.lines().find_map(|line| line.strip_prefix(sample));
    line.unwrap_or_else(|| panic!("{sample}: {metrics}"))
        .trim()
        .to_owned()
}

#[tokio::test]
async fn an_operator_pauses_jobs_and_they_go_on_when_it_is_over() {
    let mut app = App::start().await;
    let job = |id: &str| json!({"jobId": id, "toons": [{"toonId": "a"}, {"toonId": "b"}]});
    let paused = post(&app, "/ops/queues/jobs/pause").await;
    assert_eq!(
        (&paused["queue"], &paused["paused"]),
        (&json!("jobs"), &json!(true))
    );
    assert_eq!(post(&app, "/ops/queues/jobs/pause").await, paused);

    body(app.post(USER, "/submit-job", &job("A")).await, 202).await;
    assert_eq!(post(&app, "/ops/queues/jobs/drain").await["handled"], 0);
    let state = app.queue("jobs").await;
    assert_eq!(
        (
            &state["paused"],
            &state["pausedSince"],
            &state["depth"],
            &state["retried"]
        ),
        (&json!(true), &paused["pausedSince"], &json!(2), &json!(0))
    );
    assert_eq!(app.queue("images").await["paused"], false);
    assert_eq!(
        metric(&app, "orilla_queue_paused{queue=\"jobs\"}").await,
        "1"
    );
    let waits = body(app.get(USER, "/jobs/A").await, 200).await;
    assert_eq!(waits["status"], "PENDING");
    // Other queues are worked on, and the pause outlives the application.
    let order = json!({"orderId": "O", "status": "received", "description": "x"});
    body(app.post(USER, "/orders", &order).await, 200).await;
    app.order_is("O", "processed").await;
    app.change(Manifest::shipped()).await;
    assert_eq!(post(&app, "/ops/queues/jobs/drain").await["handled"], 0);

    // Two requests, and nothing else wakes the workers.
    for _ in 0..2 {
        let resumed = post(&app, "/ops/queues/jobs/resume").await;
        assert_eq!(resumed, json!({"queue": "jobs", "paused": false}));
    }
    let done = body(app.get(USER, "/jobs/A?wait=20").await, 200).await;
    assert_eq!(done["status"], "COMPLETED");
    let page = body(app.get(USER, "/results?jobId=A").await, 200).await;
    let attempts = page["results"].as_array().unwrap().iter();
    assert!(attempts.clone().all(|it| it["attempts"] == 1), "{page}");
    assert_eq!(
        metric(&app, "orilla_queue_paused{queue=\"jobs\"}").await,
        "0"
    );
    app.stop().await;
}

#[tokio::test]
async fn only_operators_pause_queues_that_there_are() {
    let app = App::start().await;
    for what in ["pause", "resume"] {
        let path = format!("/ops/queues/jobs/{what}");
        let request = app.request_of(USER, Method::POST, &path);
        let refused = request.send().await.unwrap();
        assert_eq!(refusal(refused, 403).await, "missing_role");
        let path = format!("/ops/queues/none/{what}");
        let refused = app.ops(Method::POST, &path, None).await;
        assert_eq!(refusal(refused, 404).await, "unknown_queue");
    }
    assert_eq!(app.queue("jobs").await["paused"], false);
    app.stop().await;
}

#[tokio::test]
async fn without_redis_triggers_the_end_of_a_pause_wakes_a_worker_over_http() {
    let variables = [
        ("bell", "http"),
        ("drain_token", "a-token-of-the-deployment"),
    ];
    let app = App::of(Manifest::shipped().without_redis_triggers(), &variables).await;
    post(&app, "/ops/queues/jobs/pause").await;
    let job = json!({"jobId": "A", "toons": [{"toonId": "a"}]});
    body(app.post(USER, "/submit-job", &job).await, 202).await;
    post(&app, "/ops/queues/jobs/resume").await;
    let done = body(app.get(USER, "/jobs/A?wait=20").await, 200).await;
    assert_eq!(done["status"], "COMPLETED");
    app.stop().await;
}
