//! Messages that fail at every attempt, until the cause is gone.

use std::time::Duration;

use devstack::client::routes;
use serde_json::{Value, json};
use tests::{App, Manifest, Service, USER, eventually};

use super::load::{finished, submission, toon_id};

/// So many that toons share messages.
const TOONS: usize = 240;
const POISONED: usize = 20;
const ATTEMPTS: u32 = 4;
const BASE: Duration = Duration::from_millis(100);

#[tokio::test]
async fn a_poisoned_toon_is_tried_as_often_as_the_policy_says_and_done_when_it_is_sent_back() {
    let processor = Service::start(Duration::ZERO).await;
    let app = App::durable(
        Manifest::shipped().with_http_processor(),
        &[
            ("processor_url", &*processor.url()),
            ("queue_attempts", &ATTEMPTS.to_string()),
            ("queue_retry_base_ms", &BASE.as_millis().to_string()),
            ("queue_retry_cap_ms", "60000"),
        ],
    )
    .await;
    let app = &app;
    // One in two, so that they share their batches with good toons.
    let poisoned: Vec<_> = (0..POISONED).map(|number| toon_id(number * 2)).collect();
    processor.poison(poisoned.iter().map(String::as_str));
    let _: Value = app.ask(USER, &submission(Some("P"), TOONS)).await;

    let job = finished(app, "P").await;
    assert_eq!(job.status, "COMPLETED_WITH_ERRORS");
    assert_eq!((job.processed_toons, job.failed_toons), (TOONS, POISONED));
    let all = app.results(USER, "P", 1000).await;
    assert_eq!(all.len(), TOONS);
    for result in &all {
        let toon = result["toonId"].as_str().unwrap().to_owned();
        let (expected, attempts) = match poisoned.contains(&toon) {
            true => ("FAILED", ATTEMPTS),
            false => ("COMPLETED", 1),
        };
        assert_eq!(
            (&result["status"], &result["attempts"]),
            (&json!(expected), &json!(attempts))
        );
        let tries = processor.asked(&toon).len();
        assert_eq!(tries, usize::try_from(attempts).unwrap(), "{toon}");
    }
    delays_grew(app, &processor, &poisoned);

    let dead: Value = app.operate(&routes::dead_letters("jobs")).await;
    assert_eq!(dead["total"], POISONED, "one dead letter for each");
    let letters = dead["dead"].as_array().unwrap();
    for letter in letters {
        assert_eq!(letter["attempts"], ATTEMPTS);
        assert!(
            letter["error"].as_str().unwrap().contains("500"),
            "{letter}"
        );
    }

    // One dead letter is sent back too early, and dies again.
    let first = json!({"ids": [letters[0]["id"]]});
    assert_eq!(app.redrive("jobs", &first).await, 1);
    eventually("it died again", || async {
        let counts = app.counts("jobs");
        let tries = u64::from(ATTEMPTS) * (u64::try_from(POISONED).unwrap() + 1);
        (counts.retried + counts.dead_lettered == tries).then_some(())
    })
    .await;
    assert_eq!(app.counts("jobs").dead, u64::try_from(POISONED).unwrap());

    // The service now accepts all toons.
    processor.poison([]);
    assert_eq!(app.redrive_all("jobs").await, POISONED);
    let job = eventually("the job is completed", || async {
        let job = finished(app, "P").await;
        (job.status == "COMPLETED").then_some(job)
    })
    .await;
    assert_eq!((job.processed_toons, job.failed_toons), (TOONS, 0));
    for result in app.results(USER, "P", 1000).await {
        let toon = result["toonId"].as_str().unwrap();
        assert_eq!(result["result"], Service::result(toon));
    }
    let counts = app.counts("jobs");
    assert_eq!((counts.dead, counts.delayed, counts.in_flight), (0, 0, 0));
    assert_eq!(counts.processed, u64::try_from(TOONS).unwrap());
}

/// Checks that each delay is below its bound, which doubles, and that none was cut short.
fn delays_grew(app: &App, processor: &Service, poisoned: &[String]) {
    let log = std::fs::read_to_string(app.stack.log_dir().join("jobs-worker_stdout.txt")).unwrap();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let retries: Vec<_> = lines.filter(|line| line["retryInMs"].is_u64()).collect();
    let mut sums = vec![0; usize::try_from(ATTEMPTS).unwrap() - 1];
    for toon in poisoned {
        let asked = processor.asked(toon);
        let of_toon = retries
            .iter()
            .filter(|line| line["toonId"] == toon.as_str());
        let delays: Vec<_> = of_toon
            .map(|line| line["retryInMs"].as_u64().unwrap())
            .collect();
        assert_eq!(delays.len(), sums.len(), "{toon}");
        for (failure, delay) in delays.into_iter().enumerate() {
            let bound = BASE * (1 << failure);
            let given = Duration::from_millis(delay);
            assert!(given <= bound, "{given:?} is above {bound:?}");
            // The due time is rounded down to a millisecond.
            let waited = asked[failure + 1] - asked[failure] + Duration::from_millis(1);
            assert!(waited >= given, "{waited:?} is less than {given:?}");
            sums[failure] += delay;
        }
    }
    // Each delay is random below its bound, and the bounds of so many are far apart.
    assert!(sums.first() < sums.last(), "{sums:?}");
}
