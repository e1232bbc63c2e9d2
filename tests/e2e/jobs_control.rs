//! Jobs: listed, canceled, tried again, and begun at their time.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use stores::{Arg, Redis, Value as Stored};
use tests::{App, Manifest, Service, USER, body, eventually, refusal};

const OTHER: &str = "other";
pub(crate) const DAY: u64 = 24 * 60 * 60 * 1_000;

pub(crate) fn job(id: &str, toons: usize) -> Value {
    let toons: Vec<_> = (0..toons)
        .map(|n| json!({"toonId": format!("T-{n}")}))
        .collect();
    json!({"jobId": id, "toons": toons})
}

/// A job that waits for so long, in milliseconds.
pub(crate) fn job_in(id: &str, toons: usize, wait: u64) -> Value {
    let mut job = job(id, toons);
    job["notBefore"] = json!(base::rfc3339(base::now_millis() + wait));
    job
}

pub(crate) async fn submit(app: &App, user: &str, job: &Value) -> Value {
    body(app.post(user, "/submit-job", job).await, 202).await
}

async fn status(app: &App, id: &str) -> Value {
    body(app.get(USER, &format!("/jobs/{id}")).await, 200).await
}

/// The job once it has this status.
pub(crate) async fn becomes(app: &App, id: &str, wanted: &str) -> Value {
    eventually(&format!("job {id} is {wanted}"), || async move {
        let job = status(app, id).await;
        (job["status"] == wanted).then_some(job)
    })
    .await
}

pub(crate) async fn control(app: &App, user: &str, id: &str, what: &str) -> Response {
    let path = format!("/jobs/{id}/{what}");
    app.request_of(user, Method::POST, &path)
        .send()
        .await
        .unwrap()
}

/// The statuses of the finished toons, by their ids.
async fn outcomes(app: &App, id: &str) -> Vec<(String, String)> {
    let page = body(
        app.get(USER, &format!("/results?jobId={id}&limit=1000"))
            .await,
        200,
    )
    .await;
    let results = page["results"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    results
        .map(|it| (text(&it["toonId"]), text(&it["status"])))
        .collect()
}

fn count(app: &App, command: &str, key: &str) -> i64 {
    let reply = app.redis().call(command, &[key.into()]).unwrap();
    reply.first().and_then(Stored::as_int).unwrap()
}

async fn listed(app: &App, token: &str, query: &str) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/jobs?limit=2{query}{cursor}");
        let request = app.request(Method::GET, &path).bearer_auth(token);
        let page = body(request.send().await.unwrap(), 200).await;
        let jobs = page["jobs"].as_array().unwrap();
        assert!(jobs.len() <= 2);
        ids.extend(
            jobs.iter()
                .map(|job| job["jobId"].as_str().unwrap().to_owned()),
        );
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

#[tokio::test]
async fn users_list_their_jobs_newest_first_and_admins_all() {
    let app = App::of(Manifest::shipped().without_redis_triggers(), &[]).await;
    for id in ["A", "B", "C"] {
        submit(&app, USER, &job(id, 1)).await;
    }
    app.drain("jobs").await;
    // Jobs of one millisecond are listed by their ids, so that these are in order as well.
    submit(&app, OTHER, &job("CC", 1)).await;
    submit(&app, USER, &job("D", 1)).await;
    submit(&app, USER, &job_in("E", 1, DAY)).await;
    body(control(&app, USER, "B", "cancel").await, 409).await;
    body(control(&app, USER, "D", "cancel").await, 200).await;

    let (token, theirs) = (app.token(USER), app.token(OTHER));
    assert_eq!(listed(&app, &token, "").await, ["E", "D", "C", "B", "A"]);
    assert_eq!(listed(&app, &theirs, "").await, ["CC"]);
    let admin = app.stack.token("boss", &["admin"]).unwrap();
    let all = ["E", "D", "CC", "C", "B", "A"];
    assert_eq!(listed(&app, &admin, "").await, all);
    for (wanted, ids) in [
        ("COMPLETED", &["C", "B", "A"][..]),
        ("canceled", &["D"]),
        ("Scheduled", &["E"]),
        ("PROCESSING", &[]),
    ] {
        let query = format!("&status={wanted}");
        assert_eq!(listed(&app, &token, &query).await, ids, "{wanted}");
    }
    assert_eq!(listed(&app, &admin, "&status=PENDING").await, ["CC"]);
    // An entry is the job as its own route shows it.
    let page = body(app.get(USER, "/jobs?limit=1").await, 200).await;
    assert_eq!(page["jobs"][0], status(&app, "E").await);

    // A job that has expired leaves the list, and is left behind nowhere for long.
    let redis = app.redis();
    for key in ["job", "version", "results"] {
        let key = format!("{{jobs}}:{key}:B");
        redis.call("DEL", &[key.as_str().into()]).unwrap();
    }
    assert_eq!(listed(&app, &token, "").await, ["E", "D", "C", "A"]);
    assert_eq!(count(&app, "ZCARD", "{jobs}:index:user:456"), 4);
    let all = "{jobs}:index:all";
    eventually("submissions clean up", || async {
        submit(&app, OTHER, &job("again", 1)).await;
        let again = ["{jobs}:job:again", "{jobs}:version:again"].map(Arg::from);
        redis.call("DEL", &again).unwrap();
        let left = redis.call("ZSCORE", &[all.into(), "B".into()]).unwrap();
        (left == [Stored::Nil]).then_some(())
    })
    .await;

    for query in ["status=DONE", "limit=0", "limit=101", "cursor=x"] {
        let refused = app.get(USER, &format!("/jobs?{query}")).await;
        assert_eq!(refusal(refused, 400).await, "invalid_query", "{query}");
    }
    app.stop().await;
}

#[tokio::test]
async fn what_is_not_begun_of_a_canceled_job_is_not_processed() {
    let app = App::of(Manifest::shipped().without_redis_triggers(), &[]).await;
    submit(&app, USER, &job("A", 5)).await;
    submit(&app, USER, &job("B", 2)).await;
    let stolen = control(&app, OTHER, "A", "cancel").await;
    assert_eq!(refusal(stolen, 404).await, "unknown_job");
    let unknown = control(&app, USER, "none", "cancel").await;
    assert_eq!(refusal(unknown, 404).await, "unknown_job");

    // A client that waits for its end is told at once.
    let wait = app.request_of(USER, Method::GET, "/jobs/A?wait=20").send();
    let waiting = tokio::spawn(wait);
    let canceled = body(control(&app, USER, "A", "cancel").await, 200).await;
    assert_eq!(
        (
            &canceled["status"],
            &canceled["canceledToons"],
            &canceled["processedToons"]
        ),
        (&json!("CANCELED"), &json!(5), &json!(0))
    );
    assert_eq!(canceled["canceledAt"], canceled["finishedAt"]);
    assert!(canceled.get("startedAt").is_none());
    let told = body(waiting.await.unwrap().unwrap(), 200).await;
    assert_eq!(told["status"], "CANCELED");
    let again = body(control(&app, USER, "A", "cancel").await, 200).await;
    assert_eq!(again, canceled);

    assert_eq!(app.drain("jobs").await["handled"], 7);
    assert_eq!(status(&app, "A").await, canceled);
    assert!(outcomes(&app, "A").await.is_empty());
    assert_eq!(outcomes(&app, "B").await.len(), 2);
    let ended = body(control(&app, USER, "B", "cancel").await, 409).await;
    assert_eq!(ended["code"], "job_ended");
    assert!(
        ended["error"].as_str().unwrap().contains("COMPLETED"),
        "{ended}"
    );
    // The same submission is answered as before, and stays canceled.
    submit(&app, USER, &job("A", 5)).await;
    assert_eq!(status(&app, "A").await, canceled);
    app.stop().await;
}

#[tokio::test]
async fn toons_in_work_finish_when_their_job_is_canceled_and_the_counts_stay_true() {
    const TOONS: usize = 60;
    let processor = Service::start(Duration::from_millis(100)).await;
    processor.answers_when_asked_for(1_000);
    let variables = [
        ("processor_url", &*processor.url()),
        ("queue_batch", "2"),
        ("queue_concurrency", "2"),
    ];
    let app = App::of(Manifest::shipped().with_http_processor(), &variables).await;
    submit(&app, USER, &job("A", TOONS)).await;
    eventually("toons are in work", || async {
        (processor.visits().len() >= 2).then_some(())
    })
    .await;
    let canceled = body(control(&app, USER, "A", "cancel").await, 200).await;
    assert_eq!(canceled["status"], "CANCELED");
    assert_eq!(canceled["canceledToons"], TOONS);
    processor.answers_when_asked_for(0);
    eventually("the queue is empty", || async {
        (count(&app, "XLEN", "{jobs}:queue:stream") == 0).then_some(())
    })
    .await;
    let now = status(&app, "A").await;
    let (processed, left) = (&now["processedToons"], &now["canceledToons"]);
    let (processed, left) = (processed.as_u64().unwrap(), left.as_u64().unwrap());
    assert!((2..TOONS as u64).contains(&processed), "{now}");
    assert_eq!(processed + left, TOONS as u64);
    assert_eq!(processor.visits().len() as u64, processed, "each toon once");
    assert_eq!(outcomes(&app, "A").await.len() as u64, processed);
    assert_eq!(now["status"], "CANCELED");
    assert!(now["finishedAt"].as_str() >= now["canceledAt"].as_str());
    app.stop().await;
}

#[tokio::test]
async fn a_double_click_retries_the_failed_toons_once() {
    let processor = Service::start(Duration::ZERO).await;
    processor.poison_with(StatusCode::UNPROCESSABLE_ENTITY, ["T-1", "T-3"]);
    let variables = [("processor_url", &*processor.url())];
    let app = App::of(Manifest::shipped().with_http_processor(), &variables).await;
    submit(&app, USER, &job("A", 5)).await;
    let ended = becomes(&app, "A", "COMPLETED_WITH_ERRORS").await;
    assert_eq!(
        (&ended["processedToons"], &ended["failedToons"]),
        (&json!(5), &json!(2))
    );
    assert_eq!(count(&app, "XLEN", "{jobs}:queue:dead"), 2);

    processor.poison([]);
    let answers =
        futures::future::join_all((0..4).map(|_| control(&app, USER, "A", "retry"))).await;
    let mut begun = 0;
    for answer in answers {
        match answer.status().as_u16() {
            200 => begun += 1,
            _ => {
                let code = refusal(answer, 409).await;
                assert!(
                    ["job_running", "nothing_failed"].contains(&&*code),
                    "{code}"
                );
            }
        }
    }
    assert_eq!(begun, 1);
    let done = becomes(&app, "A", "COMPLETED").await;
    assert_eq!(
        (&done["processedToons"], &done["failedToons"]),
        (&json!(5), &json!(0))
    );
    let statuses: BTreeSet<_> = outcomes(&app, "A").await.into_iter().collect();
    let expected = (0..5).map(|n| (format!("T-{n}"), "COMPLETED".to_owned()));
    assert_eq!(statuses, expected.collect());
    for (toon, times) in [("T-0", 1), ("T-1", 2), ("T-2", 1), ("T-3", 2), ("T-4", 1)] {
        assert_eq!(processor.asked(toon).len(), times, "{toon}");
    }
    assert_eq!(count(&app, "XLEN", "{jobs}:queue:dead"), 0);
    let again = control(&app, USER, "A", "retry").await;
    assert_eq!(refusal(again, 409).await, "nothing_failed");
    app.stop().await;
}

#[tokio::test]
async fn counts_and_results_follow_a_retry_that_fails_again() {
    let processor = Service::start(Duration::ZERO).await;
    processor.poison_with(StatusCode::UNPROCESSABLE_ENTITY, ["T-1", "T-2"]);
    let variables = [("processor_url", &*processor.url())];
    let manifest = Manifest::shipped()
        .with_http_processor()
        .without_redis_triggers();
    let app = App::of(manifest, &variables).await;
    submit(&app, USER, &job("A", 3)).await;
    let early = control(&app, USER, "A", "retry").await;
    assert_eq!(refusal(early, 409).await, "job_running");
    app.drain("jobs").await;
    becomes(&app, "A", "COMPLETED_WITH_ERRORS").await;
    for user in [OTHER, "nobody"] {
        let stolen = control(&app, user, "A", "retry").await;
        assert_eq!(refusal(stolen, 404).await, "unknown_job");
    }

    processor.poison_with(StatusCode::UNPROCESSABLE_ENTITY, ["T-2"]);
    let retried = body(control(&app, USER, "A", "retry").await, 200).await;
    assert_eq!(
        (
            &retried["status"],
            &retried["processedToons"],
            &retried["failedToons"]
        ),
        (&json!("PROCESSING"), &json!(1), &json!(0))
    );
    assert!(retried.get("finishedAt").is_none());
    assert_eq!(
        outcomes(&app, "A").await,
        [("T-0".to_owned(), "COMPLETED".to_owned())]
    );
    assert_eq!(app.drain("jobs").await["handled"], 2);
    let ended = status(&app, "A").await;
    assert_eq!(ended["status"], "COMPLETED_WITH_ERRORS");
    assert_eq!(
        (&ended["processedToons"], &ended["failedToons"]),
        (&json!(3), &json!(1))
    );

    // An operator threw the last letter away: its toon cannot be tried again.
    app.redis()
        .call(
            "XTRIM",
            &["{jobs}:queue:dead".into(), "MAXLEN".into(), 0.into()],
        )
        .unwrap();
    let gone = control(&app, USER, "A", "retry").await;
    assert_eq!(refusal(gone, 409).await, "toons_gone");
    assert_eq!(
        status(&app, "A").await["failedToons"],
        1,
        "nothing has changed"
    );

    // A canceled job is not tried again, and a retry can be canceled.
    processor.poison_with(StatusCode::UNPROCESSABLE_ENTITY, ["T-0"]);
    submit(&app, USER, &job("B", 1)).await;
    app.drain("jobs").await;
    body(control(&app, USER, "B", "retry").await, 200).await;
    let canceled = body(control(&app, USER, "B", "cancel").await, 200).await;
    assert_eq!(canceled["canceledToons"], 1);
    app.drain("jobs").await;
    assert_eq!(processor.asked("T-0").len(), 2, "once in each job");
    let refused = control(&app, USER, "B", "retry").await;
    assert_eq!(refusal(refused, 409).await, "job_canceled");
    app.stop().await;
}

#[tokio::test]
async fn a_job_begins_at_its_time_also_after_a_restart() {
    let mut app = App::start().await;
    let scheduled = job_in("A", 300, 2_000);
    let answer = submit(&app, USER, &scheduled).await;
    assert_eq!(answer["status"], "SCHEDULED");
    let waits = status(&app, "A").await;
    assert_eq!(waits["status"], "SCHEDULED");
    assert_eq!(waits["notBefore"], scheduled["notBefore"]);
    let done = becomes(&app, "A", "COMPLETED").await;
    assert!(
        done["startedAt"].as_str() >= done["notBefore"].as_str(),
        "{done}"
    );
    assert_eq!(done["processedToons"], 300);
    assert_eq!(outcomes(&app, "A").await.len(), 300);
    // The same submission again, also after its time, is the same job.
    assert_eq!(submit(&app, USER, &scheduled).await, answer);

    // A time that is over is no reason to wait.
    let mut late = job("B", 2);
    late["notBefore"] = json!("2026-01-01T00:00:00+01:00");
    assert_eq!(submit(&app, USER, &late).await["status"], "SCHEDULED");
    becomes(&app, "B", "COMPLETED").await;

    submit(&app, USER, &job_in("C", 3, DAY)).await;
    app.change(Manifest::shipped()).await;
    app.drain("jobs").await;
    assert_eq!(status(&app, "C").await["status"], "SCHEDULED");
    app.time_passes_on("jobs").await;
    assert_eq!(becomes(&app, "C", "COMPLETED").await["processedToons"], 3);
    assert_eq!(count(&app, "EXISTS", "{jobs}:toons:C"), 0);
    app.stop().await;
}

#[tokio::test]
async fn a_job_that_waits_is_canceled_before_it_begins_and_is_kept_from_its_time_on() {
    let app = App::with(&[("job_retention_days", "1")]).await;
    let far = job_in("far", 1, 30 * DAY + 60_000);
    let refused = body(app.post(USER, "/submit-job", &far).await, 400).await;
    assert_eq!(refused["code"], "invalid_field");
    assert!(
        refused["error"]
            .as_str()
            .unwrap()
            .starts_with("notBefore: "),
        "{refused}"
    );
    let mut wrong = job("wrong", 1);
    wrong["notBefore"] = json!("tomorrow");
    let refused = app.post(USER, "/submit-job", &wrong).await;
    assert_eq!(refusal(refused, 400).await, "invalid_field");

    let waits = job_in("A", 2, 20 * DAY);
    submit(&app, USER, &waits).await;
    for key in ["job", "version", "toons"] {
        let left = count(&app, "PTTL", &format!("{{jobs}}:{key}:A"));
        let days = 20.9 * DAY as f64..=21.0 * DAY as f64;
        assert!(days.contains(&(left as f64)), "{key}: {left}");
    }
    // Another time is another job.
    for other in [job("A", 2), job_in("A", 2, 21 * DAY)] {
        let taken = app.post(USER, "/submit-job", &other).await;
        assert_eq!(refusal(taken, 409).await, "job_id_taken");
    }
    assert_eq!(count(&app, "ZCARD", "{jobs}:queue:delayed"), 1);
    let canceled = body(control(&app, USER, "A", "cancel").await, 200).await;
    assert_eq!(
        (&canceled["status"], &canceled["canceledToons"]),
        (&json!("CANCELED"), &json!(2))
    );
    assert_eq!(canceled["notBefore"], waits["notBefore"]);
    assert_eq!(count(&app, "ZCARD", "{jobs}:queue:delayed"), 0);
    assert_eq!(count(&app, "EXISTS", "{jobs}:toons:A"), 0);
    assert_eq!(
        body(control(&app, USER, "A", "cancel").await, 200).await,
        canceled
    );
    let left = count(&app, "PTTL", "{jobs}:job:A");
    assert!((1..=DAY as i64).contains(&left), "{left}");
    app.drain("jobs").await;
    assert_eq!(status(&app, "A").await, canceled);
    app.stop().await;
}
