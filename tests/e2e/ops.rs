//! The operators' view of the application, and their handling of dead letters.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use base::Trace;
use devstack::s3::Fault;
use images_domain::Uploaded;
use queue::{Change, Delivery, Message, Policy, Queue, Settlement};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use stores::native::NativeRedis;
use stores::{Arg, Redis, RedisError};
use tests::{App, Hosts, Manifest, OwnRedis, Photo, SamplePhoto, USER, body, eventually, refusal};

const DEAD: &str = "/ops/queues/images/dead";
const REDRIVE: &str = "/ops/queues/images/dead/redrive";

/// A lease longer than any test.
fn policy() -> Policy {
    Policy {
        lease: Duration::from_secs(3600),
        ..Policy::default()
    }
}

async fn redrive(app: &App, body: &Value) -> Response {
    app.ops(Method::POST, REDRIVE, Some(body)).await
}

/// Makes messages dead letters of a queue.
pub(crate) fn make_dead(
    redis: &impl Redis,
    name: &str,
    messages: impl IntoIterator<Item = Vec<u8>>,
) {
    let queue = Queue::new(redis, name);
    for message in messages {
        let delivery = Delivery {
            leaves_group: false,
            id: "0-0".to_owned(),
            attempt: 5,
            deaths: 0,
            group: None,
            message,
        };
        let dead = queue.dead_letter(&delivery, "the labeler is down");
        queue.commit(&Change::new().with(dead)).unwrap();
    }
}

fn numbered(count: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(|n| json!({ "number": n }).to_string().into_bytes())
}

fn ids(page: &Value) -> Vec<String> {
    let letters = page["dead"].as_array().unwrap().iter();
    letters
        .map(|letter| letter["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Uploads a photo, and makes the message about it a dead letter.
async fn upload_died(app: &App, photo: &Photo) -> String {
    app.stack.s3().set_event_target(None);
    let file = app.upload(USER, photo).await;
    let message = Uploaded {
        file: file.parse().unwrap(),
        size: None,
        etag: None,
    };
    let message = message.encode(&Trace::new()).unwrap();
    make_dead(&app.redis(), "images", [message]);
    file
}

#[tokio::test]
async fn a_dead_letter_is_found_and_sent_back_and_its_work_is_done() {
    let app = App::start().await;
    let file = upload_died(&app, &Photo::of("coffee.jpg")).await;
    assert_eq!(app.queue("images").await["dead"], 1);

    let page = app.ops_get(DEAD).await;
    assert_eq!(
        (&page["queue"], &page["total"], &page["cursor"]),
        (&json!("images"), &json!(1), &Value::Null)
    );
    let letter = &page["dead"][0];
    assert_eq!(letter["message"]["type"], "image.uploaded");
    assert_eq!(letter["message"]["file"], file.as_str());
    assert_eq!(letter["error"], "the labeler is down");
    assert_eq!(letter["attempts"], 5);
    assert!(letter["diedAt"].as_str().unwrap().ends_with('Z'));

    let again = json!({"ids": [letter["id"]]});
    assert_eq!(
        body(redrive(&app, &again).await, 200).await,
        json!({"queue": "images", "redriven": 1, "missing": []})
    );
    // The request woke the worker.
    assert_eq!(app.looked_at(USER, &file).await["status"], "approved");
    assert_eq!(app.ops_get(DEAD).await["total"], 0);
    assert_eq!(
        body(redrive(&app, &again).await, 200).await,
        json!({"queue": "images", "redriven": 0, "missing": [letter["id"]]}),
        "it is sent back once"
    );
    app.stop().await;
}

#[tokio::test]
async fn sending_back_notifies_a_worker_over_http_where_that_is_set() {
    let token = "a token for notifications that is long enough";
    let app = App::of(
        Manifest::shipped().without_redis_triggers(),
        &[("bell", "http"), ("drain_token", token)],
    )
    .await;
    let file = upload_died(&app, &Photo::of("coffee.jpg")).await;
    let answer = body(redrive(&app, &json!({"all": true})).await, 200).await;
    assert_eq!(answer["redriven"], 1);
    assert_eq!(app.looked_at(USER, &file).await["status"], "approved");
    app.stop().await;
}

#[tokio::test]
async fn a_message_that_nobody_can_read_is_thrown_away() {
    let app = App::start().await;
    let redis = app.redis();
    let unreadable = Change::new().publishing("{this is no message");
    Queue::new(&redis, "images").commit(&unreadable).unwrap();
    let dead_one = async |not: &str| {
        eventually("the worker gives up", || async {
            let page = app.ops_get(DEAD).await;
            let letter = page["dead"].get(0)?;
            (letter["id"] != not).then(|| letter.clone())
        })
        .await
    };
    let letter = dead_one("").await;
    assert_eq!(letter["message"], "{this is no message");
    assert!(letter["error"].as_str().unwrap().contains("cannot be read"));

    // Sent back, the message dies again, for it is unchanged.
    let first = letter["id"].as_str().unwrap().to_owned();
    body(redrive(&app, &json!({"ids": [first]})).await, 200).await;
    let second = dead_one(&first).await["id"].as_str().unwrap().to_owned();

    let path = format!("{DEAD}/{second}");
    let deleted = app.ops(Method::DELETE, &path, None).await;
    assert_eq!(deleted.status(), 204);
    assert!(deleted.bytes().await.unwrap().is_empty());
    assert_eq!(app.ops_get(DEAD).await["dead"], json!([]));
    for path in [path, format!("{DEAD}/1-0"), format!("{DEAD}/no-id")] {
        let response = app.ops(Method::DELETE, &path, None).await;
        assert_eq!(refusal(response, 404).await, "unknown_dead_letter");
    }
    app.stop().await;
}

#[tokio::test]
async fn letters_are_thrown_away_one_many_and_all() {
    let app = App::of(Manifest::shipped().without_redis_triggers(), &[]).await;
    make_dead(&app.redis(), "images", numbered(250));
    let discard = async |wanted: &Value| {
        let path = format!("{DEAD}/discard");
        app.ops(Method::POST, &path, Some(wanted)).await
    };
    let first = ids(&app.ops_get(&format!("{DEAD}?limit=3")).await);
    let some = json!({"ids": [first[0], first[2], "1-0"]});
    assert_eq!(
        body(discard(&some).await, 200).await,
        json!({"queue": "images", "discarded": 2, "missing": ["1-0"]})
    );
    let left = app.ops_get(DEAD).await;
    assert_eq!((&left["total"], &ids(&left)[0]), (&json!(248), &first[1]));
    for wrong in [json!({}), json!({"ids": []}), json!({"ids": ["x"]})] {
        assert_eq!(refusal(discard(&wrong).await, 400).await, "invalid_field");
    }
    for count in [248, 0] {
        assert_eq!(
            body(discard(&json!({"all": true})).await, 200).await,
            json!({"queue": "images", "discarded": count, "missing": []})
        );
    }
    let queue = app.queue("images").await;
    assert_eq!((&queue["depth"], &queue["dead"]), (&json!(0), &json!(0)));
    app.stop().await;
}

#[tokio::test]
async fn letters_are_sent_back_once_however_many_operators_do_it() {
    let app = App::of(Manifest::shipped().without_redis_triggers(), &[]).await;
    let redis = app.redis();
    make_dead(&redis, "images", numbered(350));
    let some = ids(&app.ops_get(&format!("{DEAD}?limit=200")).await);
    let (all, some) = (json!({"all": true}), json!({ "ids": some }));
    let answers = futures::future::join_all([
        redrive(&app, &all),
        redrive(&app, &some),
        redrive(&app, &all),
        redrive(&app, &some),
    ])
    .await;
    let mut redriven = 0;
    for answer in answers {
        redriven += body(answer, 200).await["redriven"].as_u64().unwrap();
    }
    assert_eq!(redriven, 350);
    let queue = app.queue("images").await;
    assert_eq!((&queue["depth"], &queue["dead"]), (&json!(350), &json!(0)));

    // The messages are like new: none has a failed attempt, and each is there once.
    let mut seen = BTreeSet::new();
    let images = Queue::new(&redis, "images");
    for delivery in images.claim(&policy(), 1000).unwrap() {
        assert_eq!(delivery.attempt, 1);
        assert!(seen.insert(delivery.message));
    }
    assert_eq!(seen, numbered(350).collect());
    app.stop().await;
}

#[tokio::test]
async fn dead_letters_are_read_page_by_page_while_they_come_and_go() {
    let app = App::of(Manifest::shipped().without_redis_triggers(), &[]).await;
    let redis = app.redis();
    make_dead(&redis, "jobs", numbered(5));
    let dead = "/ops/queues/jobs/dead";
    let everything = ids(&app.ops_get(dead).await);
    assert_eq!(everything.len(), 5);

    let first = app.ops_get(&format!("{dead}?limit=2")).await;
    assert_eq!(first["total"], 5);
    assert_eq!(ids(&first), everything[..2]);
    assert_eq!(first["dead"][1]["message"], json!({"number": 1}));
    let next = format!(
        "{dead}?limit=2&cursor={}",
        first["cursor"].as_str().unwrap()
    );
    assert_eq!(ids(&app.ops_get(&next).await), everything[2..4]);

    // The letter in the cursor may be gone by then, and others may have come.
    for gone in &everything[1..3] {
        let path = format!("{dead}/{gone}");
        assert_eq!(app.ops(Method::DELETE, &path, None).await.status(), 204);
    }
    make_dead(&redis, "jobs", numbered(1));
    let second = app.ops_get(&next).await;
    assert_eq!(ids(&second), everything[3..]);
    let next = format!("{dead}?cursor={}", second["cursor"].as_str().unwrap());
    let last = app.ops_get(&next).await;
    assert_eq!((ids(&last).len(), &last["cursor"]), (1, &Value::Null));

    for wrong in ["limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=%2B"] {
        let response = app.ops(Method::GET, &format!("{dead}?{wrong}"), None).await;
        assert_eq!(refusal(response, 400).await, "invalid_query", "{wrong}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_page_of_large_letters_ends_early_and_none_is_left_out() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let large = (0..100_u8).map(|n| vec![n; 64 * 1024]);
    make_dead(&redis, "q", large);
    let queue = Queue::new(&redis, "q");
    let (mut after, mut pages, mut messages) = (None, 0, Vec::new());
    loop {
        let page = queue.dead_letters(after, 1000).unwrap();
        assert_eq!(page.total, 100);
        pages += 1;
        after = page.letters.last().map(|letter| letter.id);
        messages.extend(page.letters.into_iter().map(|letter| letter.message[0]));
        if !page.more {
            break;
        }
    }
    assert_eq!(pages, 2);
    assert_eq!(messages, (0..100).collect::<Vec<_>>());
}

/// A Redis that adds a dead letter at every script.
struct Dying<'a> {
    redis: &'a NativeRedis,
    deaths: Cell<u32>,
}

impl Redis for Dying<'_> {
    fn call(&self, command: &str, args: &[Arg<'_>]) -> Result<Vec<stores::Value>, RedisError> {
        if command == "EVALSHA" {
            assert!(self.deaths.get() < 10, "it would go on for ever");
            self.deaths.set(self.deaths.get() + 1);
            make_dead(self.redis, "q", numbered(1));
        }
        self.redis.call(command, args)
    }
}

#[tokio::test]
async fn all_are_those_that_were_dead_when_it_began() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    assert_eq!(queue.redrive_all().unwrap().count, 0);
    make_dead(&redis, "q", numbered(250));
    let dying = Dying {
        redis: &redis,
        deaths: Cell::new(0),
    };
    let sent_back = Queue::new(&dying, "q").redrive_all().unwrap().count;
    assert_eq!(sent_back, 250);
    let counts = queue.counts().unwrap();
    assert_eq!(counts.depth, 250);
    assert_eq!(counts.dead, u64::from(dying.deaths.get()));
    assert!(counts.dead > 0);
}

#[tokio::test]
async fn queues_are_counted_for_people_and_for_prometheus() {
    let app = App::of(Manifest::shipped().without_redis_triggers(), &[]).await;
    let empty = app.queue("jobs").await;
    assert_eq!(
        empty,
        json!({"name": "jobs", "depth": 0, "inFlight": 0, "oldestAgeSeconds": 0.0, "delayed": 0,
            "due": 0, "dead": 0, "held": 0, "processed": 0, "retried": 0, "paused": false}),
        "a queue that was never used"
    );

    let redis = app.redis();
    let jobs = Queue::new(&redis, "jobs");
    for message in numbered(7) {
        jobs.commit(&Change::new().publishing(message)).unwrap();
    }
    let taken = jobs.claim(&policy(), 5).unwrap();
    let hour = Duration::from_secs(3600);
    let settled = [
        Settlement::of(&taken[0]),
        Settlement::of(&taken[1]).with(jobs.retry(&taken[1], hour)),
        Settlement::of(&taken[2]).with(jobs.postpone(&taken[2], hour)),
        Settlement::of(&taken[3]).with(jobs.dead_letter(&taken[3], "no")),
    ];
    jobs.settle(&settled, &[]).unwrap();
    let overdue = jobs
        .names()
        .schedule("timer", b"{}", Duration::from_millis(1));
    jobs.commit(&Change::new().with(overdue)).unwrap();

    eventually("time passes", || async {
        let counts = jobs.counts().unwrap();
        (counts.oldest_age > Duration::ZERO && counts.due == 1).then_some(())
    })
    .await;
    let counted = app.queue("jobs").await;
    assert!(counted["oldestAgeSeconds"].as_f64().unwrap() > 0.0);
    for (name, count) in [
        ("depth", 2),
        ("inFlight", 1),
        ("delayed", 3),
        ("due", 1),
        ("dead", 1),
        ("processed", 1),
        ("retried", 1),
    ] {
        assert_eq!(counted[name], count, "{name}: {counted}");
    }
    let history = app.ops_get("/ops/queues/jobs/history").await;
    let minutes = history["minutes"].as_array().unwrap();
    assert_eq!(minutes.len(), 60);
    for name in ["processed", "retried", "dead"] {
        let counts = minutes.iter().map(|minute| minute[name].as_u64().unwrap());
        assert_eq!(counts.sum::<u64>(), 1, "{name}: {history}");
    }

    let response = app.ops(Method::GET, "/metrics", None).await;
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let text = response.text().await.unwrap();
    for (name, count) in [
        // A request for metrics wakes the workers of waiting messages.
        ("depth", 3),
        ("in_flight", 1),
        ("delayed", 2),
        ("due", 0),
        ("dead", 1),
        ("processed_total", 1),
        ("retried_total", 1),
        ("postponed_total", 1),
        ("dead_lettered_total", 1),
    ] {
        let line = format!("orilla_queue_{name}{{queue=\"jobs\"}} {count}");
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(text.contains("orilla_queue_depth{queue=\"images\"} 0\n"));

    // A letter that was sent back is no longer dead, but still counts as one death.
    jobs.redrive_all().unwrap();
    let counts = jobs.counts().unwrap();
    assert_eq!((counts.depth, counts.dead, counts.dead_lettered), (4, 0, 1));
    app.redis().call("FLUSHALL", &[]).unwrap();
    assert_eq!(app.queue("jobs").await, empty);
    app.stop().await;
}

/// The answer of `/readyz` while these dependencies are down.
fn states(down: &[&str]) -> Value {
    let checks = [
        "redis",
        "redis_policy",
        "redis_events",
        "key_value",
        "s3",
        "schedules",
        "origins",
    ];
    let state = |name: &&str| match down.contains(name) {
        true => "unavailable",
        false => "ok",
    };
    let states = checks
        .iter()
        .map(|name| ((*name).to_owned(), state(name).into()));
    let states: serde_json::Map<String, Value> = states.collect();
    let status = if down.is_empty() { "ok" } else { "unavailable" };
    json!({"status": status, "checks": states})
}

#[tokio::test]
async fn a_redis_that_would_throw_data_away_or_tells_of_no_timers_is_not_ready() {
    let app = App::start().await;
    let redis = app.redis();
    let set = |setting: [&str; 2]| {
        let [name, value] = setting.map(Arg::from);
        redis.call("CONFIG", &["SET".into(), name, value]).unwrap();
    };
    // Forgets before each look: a canary of before may still be on its way to `timers`,
    // and a busy machine may bring one too late for one look.
    let becomes = async |status: u16, down: &'static [&'static str]| {
        let what = format!("/readyz answers {status}");
        let told = eventually(&what, async || {
            let keys = ["orilla:canary:heard", "orilla:canary:missed"];
            redis.call("DEL", &keys.map(Arg::from)).unwrap();
            let response = app.request(Method::GET, "/readyz").send().await.unwrap();
            (response.status().as_u16() == status).then_some(response)
        });
        assert_eq!(body(told.await, status).await, states(down));
    };
    becomes(200, &[]).await;
    set(["maxmemory-policy", "allkeys-lru"]);
    becomes(503, &["redis_policy"]).await;
    set(["maxmemory-policy", "noeviction"]);
    set(["notify-keyspace-events", ""]);
    becomes(503, &["redis_events"]).await;
    set(["notify-keyspace-events", "Ex"]);
    becomes(200, &[]).await;
    app.stop().await;
}

#[tokio::test]
async fn a_bucket_that_is_missing_and_in_use_is_named() {
    for (variables, down) in [
        (&[("compras_bucket", "missing")][..], &["s3"][..]),
        (&[("ipp_raw_bucket", "missing")], &["s3"]),
        (&[("ipp_processed_bucket", "missing")], &["s3"]),
        // Without a workspace, ipp is not in use.
        (
            &[
                ("ipp_raw_bucket", "missing"),
                ("databricks_workspace_url", ""),
            ],
            &[],
        ),
        (&[("compras_bucket", "")], &[]),
    ] {
        let app = App::with(variables).await;
        let status = if down.is_empty() { 200 } else { 503 };
        let answer = app.request(Method::GET, "/readyz").send().await.unwrap();
        assert_eq!(body(answer, status).await, states(down), "{variables:?}");
        app.stop().await;
    }
}

#[tokio::test]
async fn an_origin_that_cannot_match_is_named_and_the_others_match_as_browsers_write_them() {
    let list = "HTTPS://Travel.Example:443/, travel.example, http://localhost:5173/app";
    let app = App::with(&[("allowed_origins", list)]).await;
    let response = app.request(Method::GET, "/readyz").send().await.unwrap();
    let ready = body(response, 503).await;
    assert_eq!(ready["checks"]["origins"], "unavailable");
    assert_eq!(
        ready["wrong_origins"],
        json!(["travel.example", "http://localhost:5173/app"])
    );
    // A component answers the first path, and the host the second.
    for path in ["/healthz", "/no/such/route"] {
        for (origin, allowed) in [
            ("https://travel.example", true),
            ("https://travel.example:8443", false),
            ("http://localhost:5173", false),
        ] {
            let request = app.request(Method::GET, path).header("origin", origin);
            let response = request.send().await.unwrap();
            let answered = response.headers().get("access-control-allow-origin");
            let answered = answered.map(|value| value.to_str().unwrap());
            assert_eq!(answered, allowed.then_some(origin), "{path}");
        }
    }
    app.stop().await;
}

/// An application whose documents are in a second Redis.
async fn with_documents(manifest: Manifest, variables: &[(&str, &str)]) -> (App, OwnRedis) {
    let documents = OwnRedis::start().await;
    let config = format!(
        "[key_value_store.default]\ntype = \"redis\"\nurl = \"{}\"\n",
        documents.server.url()
    );
    let app = App::configured(manifest, variables, &config).await;
    (app, documents)
}

async fn probe(app: &App, path: &str) -> reqwest::Result<Response> {
    app.request(Method::GET, path).send().await
}

/// Waits for an answer to `/readyz`: a host that has just ended gives none.
async fn readiness(app: &App, status: u16) -> Value {
    let answer = eventually("a probe is answered", async || {
        probe(app, "/readyz").await.ok()
    })
    .await;
    body(answer, status).await
}

async fn is_ready_again(app: &App) {
    eventually("it is ready again", || async {
        (probe(app, "/readyz").await.ok()?.status() == 200).then_some(())
    })
    .await;
}

async fn without_redis_it_is_not_ready_and_says_so(app: &App, documents: &OwnRedis) {
    assert_eq!(readiness(app, 200).await, states(&[]));

    app.stack.s3().faults().always(Fault::SlowDown);
    assert_eq!(readiness(app, 503).await, states(&["s3"]));
    app.stack.s3().faults().clear();

    app.stack.redis().stop().await.unwrap();
    let all_of_redis = ["redis", "redis_policy", "redis_events"];
    assert_eq!(readiness(app, 503).await, states(&all_of_redis));
    documents.server.stop().await.unwrap();
    let both = [&all_of_redis[..], &["key_value"]].concat();
    assert_eq!(readiness(app, 503).await, states(&both));
}

/// Checks the log of `ops` for the reason of each failure, once it is written.
async fn log_says_why(log: impl Fn() -> String) {
    for check in ["redis", "key_value", "s3"] {
        let line = eventually(&format!("the log names {check}"), || async {
            let named = format!("\"check\":\"{check}\"");
            let log = log();
            let line = log.lines().find(|line| line.contains(&named))?;
            serde_json::from_str::<Value>(line).ok()
        })
        .await;
        assert_eq!(line["level"], "WARN");
        assert!(!line["reason"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn readiness_names_what_is_out_of_reach_and_the_log_says_why() {
    // Spin ends together with the server of its Redis triggers, so the application has none here.
    let variables = [("bell", "http"), ("drain_token", "0123456789abcdef")];
    let manifest = Manifest::shipped().without_redis_triggers();
    let (app, documents) = with_documents(manifest, &variables).await;
    without_redis_it_is_not_ready_and_says_so(&app, &documents).await;
    for path in ["/metrics", "/ops/queues", DEAD] {
        let response = app.ops(Method::GET, path, None).await;
        assert_eq!(refusal(response, 503).await, "unavailable", "{path}");
    }
    // A restart would not bring back the dependency.
    let alive = probe(&app, "/healthz").await.unwrap();
    assert_eq!(body(alive, 200).await, json!({"status": "ok"}));

    app.stack.redis().restart().await.unwrap();
    documents.server.restart().await.unwrap();
    is_ready_again(&app).await;
    let file = app.stack.log_dir().join("ops_stdout.txt");
    log_says_why(|| std::fs::read_to_string(&file).unwrap()).await;
    app.stop().await;
}

#[tokio::test]
async fn a_host_like_spin_that_ends_without_redis_is_not_ready_until_it_is_back() {
    let (mut app, documents) = with_documents(Manifest::shipped(), &[]).await;
    let hosts = Hosts::like_spin(&mut app, env!("CARGO_BIN_EXE_host"), 1).await;
    // A restarted host serves for a moment each time.
    without_redis_it_is_not_ready_and_says_so(&app, &documents).await;
    app.stack.redis().restart().await.unwrap();
    documents.server.restart().await.unwrap();
    is_ready_again(&app).await;
    log_says_why(|| hosts.log("ops")).await;
}

#[tokio::test]
async fn queues_are_for_operators_and_probes_for_everybody() {
    let app = App::start().await;
    let letter = format!("{DEAD}/1-0");
    for (method, path, status) in [
        (Method::GET, "/metrics", 200),
        (Method::GET, "/ops/queues", 200),
        (Method::GET, DEAD, 200),
        (Method::POST, REDRIVE, 200),
        (Method::DELETE, &letter, 404),
    ] {
        let all = json!({"all": true});
        let request = || app.request(method.clone(), path).json(&all);
        assert_eq!(
            refusal(request().send().await.unwrap(), 401).await,
            "missing_token",
            "{path}"
        );
        let user = request().bearer_auth(app.token(USER)).send().await.unwrap();
        assert_eq!(refusal(user, 403).await, "missing_role", "{path}");
        let operator = app.ops(method.clone(), path, Some(&all)).await;
        assert_eq!(operator.status(), status, "{path}");

        let patch = app.ops(Method::PATCH, path, None).await;
        let allowed = patch.headers()["allow"].to_str().unwrap().to_owned();
        assert!(allowed.contains(method.as_str()), "{path}: {allowed}");
        assert_eq!(refusal(patch, 405).await, "method_not_allowed");
    }
    for path in ["/healthz", "/readyz"] {
        let response = app.request(Method::GET, path).send().await.unwrap();
        assert_eq!(body(response, 200).await["status"], "ok");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_request_that_cannot_be_followed_changes_nothing() {
    let app = App::of(Manifest::shipped().without_redis_triggers(), &[]).await;
    make_dead(&app.redis(), "images", numbered(1));
    for path in ["/ops/queues/nothing/dead", "/ops/queues/%7Bimages%7D/dead"] {
        let response = app.ops(Method::GET, path, None).await;
        assert_eq!(refusal(response, 404).await, "unknown_queue", "{path}");
    }
    let elsewhere = "/ops/queues/nothing/dead/redrive";
    let response = app
        .ops(Method::POST, elsewhere, Some(&json!({"all": true})))
        .await;
    assert_eq!(refusal(response, 404).await, "unknown_queue");

    let too_many: Vec<_> = (0..1001).map(|n| format!("{n}-0")).collect();
    for (wrong, code) in [
        (json!({}), "invalid_field"),
        (json!({"all": true, "ids": ["1-0"]}), "invalid_field"),
        (json!({"ids": []}), "invalid_field"),
        (json!({ "ids": too_many }), "invalid_field"),
        (json!({"ids": ["1-0", "every"]}), "invalid_field"),
        (json!({"ids": "1-0"}), "invalid_json"),
        (json!({"ids": ["1-0"], "force": true}), "invalid_json"),
    ] {
        assert_eq!(
            refusal(redrive(&app, &wrong).await, 400).await,
            code,
            "{wrong}"
        );
    }
    let huge = json!({"ids": ["1".repeat(70_000)]});
    assert_eq!(
        refusal(redrive(&app, &huge).await, 413).await,
        "body_too_large"
    );
    assert_eq!(app.ops_get(DEAD).await["total"], 1);
    app.stop().await;

    let app = App::with(&[("queues", "images, {jobs}")]).await;
    let response = app.ops(Method::GET, "/ops/queues", None).await;
    let answer = body(response, 500).await;
    assert_eq!(answer["code"], "misconfigured");
    assert!(answer["error"].as_str().unwrap().contains("queues"));
    app.stop().await;
}
