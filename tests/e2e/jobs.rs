//! Jobs, from their submission to their results.

use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use stores::{Arg, Redis, Value as Stored};
use tests::{App, Manifest, Service, USER, body, eventually, hex, refusal, root};

/// A job with a number of small toons.
fn job(id: Option<&str>, toons: usize) -> Value {
    let toons: Vec<_> = (0..toons)
        .map(|n| json!({"toonId": format!("TOON-{n:05}"), "title": format!("Strip {n}"), "panels": n % 7}))
        .collect();
    match id {
        Some(id) => json!({"jobId": id, "toons": toons}),
        None => json!({"toons": toons}),
    }
}

async fn submit(app: &App, user: &str, job: &Value) -> Value {
    body(app.post(user, "/submit-job", job).await, 202).await
}

async fn submit_with_key(app: &App, job: &Value, key: &str) -> Response {
    app.request_of(USER, Method::POST, "/submit-job")
        .header("idempotency-key", key)
        .json(job)
        .send()
        .await
        .unwrap()
}

async fn finished(app: &App, user: &str, id: &str) -> Value {
    eventually(&format!("job {id} is finished"), || async move {
        let status = body(app.get(user, &format!("/jobs/{id}?wait=20")).await, 200).await;
        let is_final = status["status"].as_str().unwrap().starts_with("COMPLETED");
        is_final.then_some(status)
    })
    .await
}

/// The number of messages that were processed so far. Those that a slow worker released are
/// counted when they are processed.
fn processed(app: &App) -> u64 {
    app.counts("jobs").processed
}

#[tokio::test]
async fn the_sample_job_is_taken_on_and_its_results_come_in_its_order() {
    let app = App::start().await;
    let sample = std::fs::read(root().join("data/test_request.json")).unwrap();
    let sample: Value = serde_json::from_slice(&sample).unwrap();
    let response = app.post(USER, "/submit-job", &sample).await;
    assert_eq!(response.headers()["location"], "/jobs/JOB-001");
    let total = sample["toons"].as_array().unwrap().len();
    assert_eq!(
        body(response, 202).await,
        json!({"jobId": "JOB-001", "status": "PENDING", "totalToons": total})
    );

    let status = finished(&app, USER, "JOB-001").await;
    assert_eq!(status["status"], "COMPLETED");
    assert_eq!(
        (
            &status["processedToons"],
            &status["failedToons"],
            &status["progress"]
        ),
        (&json!(total), &json!(0), &json!(100))
    );
    for time in ["submittedAt", "startedAt", "finishedAt", "updatedAt"] {
        assert!(status[time].is_string(), "{time}: {status}");
    }

    let page = body(app.get(USER, "/results?jobId=JOB-001").await, 200).await;
    assert_eq!(
        (&page["status"], &page["cursor"]),
        (&json!("COMPLETED"), &Value::Null)
    );
    let ids = |toons: &Value| -> Vec<String> {
        let toons = toons.as_array().unwrap().iter();
        toons
            .map(|toon| toon["toonId"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(ids(&page["results"]), ids(&sample["toons"]));
    let first = &page["results"][0];
    assert_eq!(
        (&first["status"], &first["attempts"]),
        (&json!("COMPLETED"), &json!(1))
    );
    assert_eq!(first["result"]["hash"].as_str().unwrap().len(), 64);
    app.stop().await;
}

#[tokio::test]
async fn the_hash_of_a_toon_does_not_depend_on_how_it_was_written() {
    let app = App::start().await;
    let text = r#"{"jobId": "J", "toons": [{"b": 1.0, "toonId": "T", "a": "\u00f1"}]}"#;
    let response = app
        .request_of(USER, Method::POST, "/submit-job")
        .body(text)
        .send()
        .await
        .unwrap();
    body(response, 202).await;
    finished(&app, USER, "J").await;
    let canonical = r#"{"a":"ñ","b":1,"toonId":"T"}"#;
    let hash = <sha2::Sha256 as sha2::Digest>::digest(canonical);
    let hash = hex(&hash);
    let result = &app.results(USER, "J", 10).await[0]["result"];
    assert_eq!(result["hash"], json!(hash));
    assert_eq!(result["size"], canonical.len());
    app.stop().await;
}

#[tokio::test]
async fn a_job_that_is_submitted_again_runs_once() {
    let app = App::start().await;
    let first = submit(&app, USER, &job(Some("A"), 5)).await;
    finished(&app, USER, "A").await;
    assert_eq!(submit(&app, USER, &job(Some("A"), 5)).await, first);
    // The same job in another notation.
    let toons: Vec<_> = (0..5)
        .map(|n| {
            format!(r#"{{"title": "Strip {n}", "panels": {n}.0, "toonId": "TOON-\u003000{n:02}"}}"#)
        })
        .collect();
    let text = format!(r#" {{"toons": [{}], "jobId": "A"}}"#, toons.join(" , "));
    let rewritten = app.request_of(USER, Method::POST, "/submit-job").body(text);
    assert_eq!(body(rewritten.send().await.unwrap(), 202).await, first);

    let other = app.post(USER, "/submit-job", &job(Some("A"), 6)).await;
    assert_eq!(refusal(other, 409).await, "job_id_taken");
    let anothers = app.post("other", "/submit-job", &job(Some("A"), 5)).await;
    assert_eq!(refusal(anothers, 409).await, "job_id_taken");

    submit(&app, USER, &job(Some("B"), 1)).await;
    finished(&app, USER, "B").await;
    assert_eq!(
        processed(&app),
        6,
        "five toons of A and one of B, each once"
    );
    app.stop().await;
}

#[tokio::test]
async fn an_idempotency_key_stands_for_one_job() {
    let app = App::start().await;
    let first = body(submit_with_key(&app, &job(None, 3), "key-1").await, 202).await;
    let id = first["jobId"].as_str().unwrap();
    assert_eq!(
        body(submit_with_key(&app, &job(None, 3), "key-1").await, 202).await,
        first
    );
    assert_eq!(
        body(submit_with_key(&app, &job(None, 3), "\"key-1\"").await, 202).await,
        first
    );
    let other = submit_with_key(&app, &job(None, 4), "key-1").await;
    assert_eq!(refusal(other, 422).await, "idempotency_key_reused");
    let renamed = submit_with_key(&app, &job(Some("own"), 3), "key-1").await;
    assert_eq!(refusal(renamed, 422).await, "idempotency_key_reused");
    let empty = submit_with_key(&app, &job(None, 3), "").await;
    assert_eq!(refusal(empty, 400).await, "invalid_idempotency_key");

    let second = body(submit_with_key(&app, &job(None, 3), "key-2").await, 202).await;
    assert_ne!(first["jobId"], second["jobId"]);
    let anothers = app
        .request_of("other", Method::POST, "/submit-job")
        .header("idempotency-key", "key-1")
        .json(&job(None, 4))
        .send()
        .await
        .unwrap();
    assert_ne!(
        body(anothers, 202).await["jobId"],
        first["jobId"],
        "keys are one's own"
    );
    finished(&app, USER, id).await;
    finished(&app, USER, second["jobId"].as_str().unwrap()).await;
    app.stop().await;
}

#[tokio::test]
async fn many_submissions_of_one_job_at_once_make_one() {
    let app = App::start().await;
    let large = job(Some("L"), 300);
    let small = job(Some("S"), 10);
    let both = [&large, &small].into_iter().cycle().take(16);
    let answers =
        futures::future::join_all(both.map(|job| app.post(USER, "/submit-job", job))).await;
    for answer in answers {
        assert_eq!(answer.status(), 202);
    }
    assert_eq!(finished(&app, USER, "L").await["processedToons"], 300);
    assert_eq!(finished(&app, USER, "S").await["processedToons"], 10);
    assert_eq!(processed(&app), 310);
    app.stop().await;
}

#[tokio::test]
async fn a_refused_submission_names_the_place_and_leaves_nothing() {
    let app = App::start().await;
    let mut twice = job(Some("A"), 18);
    twice["toons"][17]["toonId"] = json!("TOON-00003");
    let cases = [
        (json!([]), "body"),
        (json!({"jobId": "A"}), "toons"),
        (json!({"jobId": "A", "toons": []}), "toons"),
        (json!({"jobId": "a b", "toons": [{"toonId": "1"}]}), "jobId"),
        (json!({"toons": [{"toonId": "1"}, 7]}), "toons[1]"),
        (
            json!({"toons": [{"toonId": "1"}, {"id": "2"}]}),
            "toons[1].toonId",
        ),
        (json!({"toons": [{"toonId": 1}]}), "toons[0].toonId"),
        (twice, "toons[17].toonId"),
        (
            json!({"toons": [{"toonId": "1", "text": "x".repeat(65_536)}]}),
            "toons[0]",
        ),
        (job(Some("A"), 10_001), "toons"),
    ];
    for (request, place) in cases {
        let response = app.post(USER, "/submit-job", &request).await;
        let answer = body(response, 400).await;
        assert_eq!(answer["code"], "invalid_field", "{answer}");
        let error = answer["error"].as_str().unwrap();
        assert!(error.starts_with(&format!("{place}: ")), "{error}");
    }
    let broken = app
        .request_of(USER, Method::POST, "/submit-job")
        .body(r#"{"toons": [{"toonId": "1"}"#);
    assert_eq!(
        refusal(broken.send().await.unwrap(), 400).await,
        "invalid_json"
    );
    let large = app
        .request_of(USER, Method::POST, "/submit-job")
        .body(vec![b' '; 8 * 1024 * 1024 + 1]);
    assert_eq!(
        refusal(large.send().await.unwrap(), 413).await,
        "body_too_large"
    );
    assert_eq!(
        refusal(app.get(USER, "/jobs/A").await, 404).await,
        "unknown_job"
    );
    let keys = app.redis().call("KEYS", &["{jobs}:*".into()]).unwrap();
    assert!(keys.is_empty(), "{keys:?}");
    app.stop().await;
}

#[tokio::test]
async fn ten_thousand_toons_are_read_page_by_page() {
    let app = App::start().await;
    submit(&app, USER, &job(Some("big"), 10_000)).await;
    let status = finished(&app, USER, "big").await;
    assert_eq!(
        (&status["processedToons"], &status["failedToons"]),
        (&json!(10_000), &json!(0))
    );
    let all = app.results(USER, "big", 1_000).await;
    for (n, result) in all.iter().enumerate() {
        assert_eq!(result["toonId"], format!("TOON-{n:05}"));
    }
    assert_eq!(all.len(), 10_000);
    app.stop().await;
}

#[tokio::test]
async fn a_job_that_is_too_long_for_one_worker_has_two() {
    let processor = Service::start(Duration::ZERO).await;
    processor.answers_when_asked_for(8);
    let variables = [
        ("processor_url", &*processor.url()),
        ("queue_batch", "8"),
        // One worker's concurrent requests are not enough.
        ("queue_concurrency", "4"),
    ];
    let app = App::of(Manifest::shipped().with_http_processor(), &variables).await;
    submit(&app, USER, &job(Some("LONG"), 50)).await;
    let status = finished(&app, USER, "LONG").await;
    assert_eq!(status["status"], "COMPLETED", "{status}");
    app.stop().await;
}

#[tokio::test]
async fn a_body_of_eight_mebibytes_is_worked_on() {
    let app = App::start().await;
    let toons: Vec<_> = (0..130)
        .map(|n| json!({"toonId": n.to_string(), "text": "ñ".repeat(32_000)}))
        .collect();
    submit(&app, USER, &json!({"jobId": "heavy", "toons": toons})).await;
    assert_eq!(finished(&app, USER, "heavy").await["processedToons"], 130);
    app.stop().await;
}

/// The stored outcome of a toon, as a worker writes it.
fn completed(toon: &str, result: &Value) -> Value {
    json!({"toonId": toon, "status": "COMPLETED", "result": result, "durationMs": 1,
        "attempts": 1, "processedAt": "2026-11-22T10:30:45.137Z"})
}

#[tokio::test]
async fn partial_results_are_there_while_a_job_runs() {
    let app = App::of(Manifest::shipped().without_redis_triggers(), &[]).await;
    submit(&app, USER, &job(Some("A"), 4)).await;
    let status = body(app.get(USER, "/jobs/A").await, 200).await;
    assert_eq!(
        (&status["status"], &status["progress"]),
        (&json!("PENDING"), &json!(0))
    );
    assert!(status["startedAt"].is_null());
    // Settles one toon of the four, as a worker would.
    let redis = app.redis();
    let queue = queue::Queue::new(&redis, "jobs");
    let held = queue.claim(&queue::Policy::default(), 3).unwrap();
    let third = completed("TOON-00002", &json!(null));
    queue
        .settle(
            &[queue::Settlement::of(&held[2]).with(queue::Effect::Set {
                key: "{jobs}:results:A".into(),
                fields: vec![("2".into(), third.to_string().into_bytes())],
            })],
            &[queue::Effect::Tally {
                key: "{jobs}:job:A".into(),
                field: "processed".into(),
                what: queue::Tallied::Fields,
                of: "{jobs}:results:A".into(),
            }],
        )
        .unwrap();
    let page = body(app.get(USER, "/results?jobId=A").await, 200).await;
    assert_eq!(page["status"], "PROCESSING");
    assert_eq!(page["results"], json!([third]));
    let status = body(app.get(USER, "/jobs/A").await, 200).await;
    assert_eq!(
        (&status["processedToons"], &status["progress"]),
        (&json!(1), &json!(25))
    );
    // The limit counts toons, unfinished ones included.
    let path = "/results?jobId=A&limit=2";
    let first = body(app.get(USER, path).await, 200).await;
    assert_eq!(first["results"], json!([]));
    let next = first["cursor"].as_str().unwrap();
    let last = app.get(USER, &format!("{path}&cursor={next}")).await;
    let last = body(last, 200).await;
    assert_eq!(last["results"], json!([third]));
    assert_eq!(last["cursor"], Value::Null);
    app.stop().await;
}

#[tokio::test]
async fn a_page_of_long_results_is_shorter_than_was_asked_for() {
    const TOONS: usize = 250;
    let app = App::of(Manifest::shipped().without_redis_triggers(), &[]).await;
    submit(&app, USER, &job(Some("A"), TOONS)).await;
    let redis = app.redis();
    for index in 0..TOONS {
        let outcome = json!({"n": index, "text": "x".repeat(60_000)});
        let result = completed(&format!("TOON-{index:05}"), &outcome).to_string();
        let args = [
            "{jobs}:results:A".into(),
            i64::try_from(index).unwrap().into(),
            Arg::from(&result),
        ];
        redis.call("HSET", &args).unwrap();
    }
    let page = body(app.get(USER, "/results?jobId=A&limit=1000").await, 200).await;
    let length = page["results"].as_array().unwrap().len();
    // The number of toons that have 4 MiB together.
    assert!((65..75).contains(&length), "{length}");
    let all = app.results(USER, "A", 1_000).await;
    let order: Vec<_> = all
        .iter()
        .map(|result| result["result"]["n"].as_u64())
        .collect();
    let expected: Vec<_> = (0..250).map(Some).collect();
    assert_eq!(order, expected);
    app.stop().await;
}

#[tokio::test]
async fn a_job_of_an_earlier_version_is_counted() {
    let app = App::of(Manifest::shipped().without_redis_triggers(), &[]).await;
    let toons = json!([{"toonId": "a"}, {"toonId": "b"}]);
    let job = json!({"jobId": "OLD", "toons": toons});
    body(app.post(USER, "/submit-job", &job).await, 202).await;
    assert_eq!(app.drain("jobs").await["handled"], 2);
    // The second toon failed.
    let redis = app.redis();
    let failed = ["{jobs}:failed:OLD".into(), 1.into(), 1.into()];
    redis.call("SETBIT", &failed).unwrap();
    let count = ["{jobs}:job:OLD".into(), "failed".into(), 1.into()];
    redis.call("HSET", &count).unwrap();
    let now = body(app.get(USER, "/jobs/OLD").await, 200).await;
    assert_eq!(
        (&now["status"], &now["processedToons"], &now["failedToons"]),
        (&json!("COMPLETED_WITH_ERRORS"), &json!(2), &json!(1))
    );

    // Removes the counts of the job: the older version stored none.
    let counts = ["{jobs}:job:OLD".into(), "processed".into(), "failed".into()];
    let removed = app.redis().call("HDEL", &counts).unwrap();
    assert_eq!(removed, [Stored::Int(2)]);
    assert_eq!(body(app.get(USER, "/jobs/OLD").await, 200).await, now);

    // The older version ended a job whose counts were begun.
    let [job, processed, failed] = counts;
    let behind = [
        job,
        "updated".into(),
        0.into(),
        processed,
        1.into(),
        failed,
        0.into(),
    ];
    app.redis().call("HSET", &behind).unwrap();
    let now = body(app.get(USER, "/jobs/OLD").await, 200).await;
    assert_eq!(
        (&now["status"], &now["processedToons"], &now["failedToons"]),
        (&json!("COMPLETED_WITH_ERRORS"), &json!(2), &json!(1))
    );
    app.stop().await;
}

#[tokio::test]
async fn a_job_is_its_submitters_own() {
    let app = App::start().await;
    submit(&app, USER, &job(Some("mine"), 2)).await;
    finished(&app, USER, "mine").await;
    for path in [
        "/jobs/mine",
        "/results?jobId=mine",
        "/jobs/nobodys",
        "/results?jobId=nobodys",
    ] {
        assert_eq!(
            refusal(app.get("other", path).await, 404).await,
            "unknown_job",
            "{path}"
        );
    }
    for path in ["/jobs/mine", "/results?jobId=mine"] {
        let admin = app.stack.token("boss", &["admin"]).unwrap();
        let response = app
            .request(Method::GET, path)
            .bearer_auth(admin)
            .send()
            .await
            .unwrap();
        assert_eq!(body(response, 200).await["jobId"], "mine");
        let nobody = app.request(Method::GET, path).send().await.unwrap();
        assert_eq!(refusal(nobody, 401).await, "missing_token");
    }
    let nobody = app
        .request(Method::POST, "/submit-job")
        .json(&job(None, 1))
        .send()
        .await;
    assert_eq!(refusal(nobody.unwrap(), 401).await, "missing_token");
    app.stop().await;
}

#[tokio::test]
async fn a_client_that_knows_the_status_waits_for_news() {
    let app = App::of(Manifest::shipped().without_redis_triggers(), &[]).await;
    submit(&app, USER, &job(Some("A"), 3)).await;
    let response = app.get(USER, "/jobs/A").await;
    let tag = response.headers()["etag"].to_str().unwrap().to_owned();
    let known = |wait: u32| {
        app.request_of(USER, Method::GET, &format!("/jobs/A?wait={wait}"))
            .header("if-none-match", &tag)
    };
    let unchanged = known(0).send().await.unwrap();
    assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(unchanged.headers()["etag"], tag.as_str());

    let (news, drained) = tokio::join!(known(20).send(), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        app.drain("jobs").await
    });
    assert_eq!(drained["handled"], 3);
    let news = news.unwrap();
    assert_ne!(news.headers()["etag"], tag.as_str());
    body(news, 200).await;
    let refused = app.get(USER, "/jobs/A?wait=21").await;
    assert_eq!(refusal(refused, 400).await, "invalid_query");
    app.stop().await;
}

#[tokio::test]
async fn who_waits_for_too_much_at_once_is_answered_at_once() {
    let variables = [("max_waiting_per_user", "2")];
    let app = App::of(Manifest::shipped().without_redis_triggers(), &variables).await;
    submit(&app, USER, &job(Some("A"), 1)).await;
    let wait = || app.request_of(USER, Method::GET, "/jobs/A?wait=20").send();
    let mut waiting = [tokio::spawn(wait()), tokio::spawn(wait())];
    eventually("both wait", || async {
        let places = ["{jobs}:waiting".into()];
        let places = app.redis().call("ZCARD", &places).unwrap();
        (places == [Stored::Int(2)]).then_some(())
    })
    .await;
    let third = body(wait().await.unwrap(), 200).await;
    assert_eq!(third["status"], "PENDING");
    assert!(waiting.iter().all(|wait| !wait.is_finished()));

    // Another user has places of their own, and these are free again when the job changes.
    app.drain("jobs").await;
    for wait in &mut waiting {
        let news = wait.await.unwrap().unwrap();
        assert_eq!(body(news, 200).await["status"], "COMPLETED");
    }
    let places = app
        .redis()
        .call("ZCARD", &["{jobs}:waiting".into()])
        .unwrap();
    assert_eq!(places, [Stored::Int(0)]);
    app.stop().await;
}

#[tokio::test]
async fn without_redis_triggers_a_notification_over_http_wakes_the_workers() {
    let variables = [
        ("bell", "http"),
        ("drain_token", "a-token-of-the-deployment"),
    ];
    let app = App::of(Manifest::shipped().without_redis_triggers(), &variables).await;
    submit(&app, USER, &job(Some("A"), 100)).await;
    assert_eq!(finished(&app, USER, "A").await["processedToons"], 100);
    for token in ["", "a-token-of-the-deploymenT"] {
        let response = app
            .request(Method::POST, "/ops/queues/jobs/drain")
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 401);
    }
    let user = app.post(USER, "/ops/queues/jobs/drain", &json!({})).await;
    assert_eq!(refusal(user, 403).await, "missing_role");
    app.stop().await;
}

#[tokio::test]
async fn a_job_is_kept_for_as_long_as_is_said() {
    let app = App::with(&[("job_retention_days", "1")]).await;
    submit(&app, USER, &job(Some("A"), 3)).await;
    finished(&app, USER, "A").await;
    let keys = app.redis().call("KEYS", &["{jobs}:*:A".into()]).unwrap();
    assert_eq!(keys.len(), 3, "{keys:?}");
    for key in keys {
        let left = app
            .redis()
            .call("PTTL", &[key.as_str().unwrap().into()])
            .unwrap();
        let left = left[0].as_int().unwrap();
        assert!((1..=86_400_000).contains(&left), "{key:?}: {left}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_dead_letter_of_a_job_that_was_forgotten_is_no_part_of_the_next_of_its_id() {
    let app = App::of(Manifest::shipped().without_redis_triggers(), &[]).await;
    submit(&app, USER, &job(Some("A"), 2)).await;
    let redis = app.redis();
    let queue = queue::Queue::new(&redis, "jobs");
    for delivery in queue.claim(&queue::Policy::default(), 2).unwrap() {
        let dead = queue.dead_letter(&delivery, "down");
        let settlement = queue::Settlement::of(&delivery).with(dead);
        queue.settle(&[settlement], &[]).unwrap();
    }
    for key in ["job", "version", "results", "failed"] {
        let key = format!("{{jobs}}:{key}:A");
        redis.call("DEL", &[key.as_str().into()]).unwrap();
    }
    submit(&app, "other", &job(Some("A"), 1)).await;
    queue.redrive_all().unwrap();
    assert_eq!(app.drain("jobs").await["handled"], 3);
    let status = finished(&app, "other", "A").await;
    assert_eq!(
        (&status["processedToons"], &status["totalToons"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(app.results("other", "A", 10).await.len(), 1);
    app.stop().await;
}
