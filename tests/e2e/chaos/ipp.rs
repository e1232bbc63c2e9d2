//! Hosts that are killed while they follow runs of Databricks.

use std::collections::BTreeMap;
use std::time::Duration;

use devstack::client::{Call, routes};
use futures::future::{join, join_all};
use serde_json::Value;
use tests::{App, Hosts, Manifest, Seed, eventually};

use super::PATIENT;

const JOBS: usize = 50;
const ROUNDS: usize = 10;

/// The max time between the begin of a round and the kill, and a start.
const ROUND: Duration = Duration::from_millis(1_500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_started_once_and_followed_to_the_end_by_hosts_that_are_killed() {
    let mut random = Seed::new().fork(1);
    let mut app = App::durable(Manifest::shipped(), &PATIENT).await;
    let mut hosts = Hosts::take_over(&mut app, env!("CARGO_BIN_EXE_host"), 1).await;
    let app = &app;
    for round in 0..ROUNDS {
        let jobs = round * JOBS / ROUNDS..(round + 1) * JOBS / ROUNDS;
        let starts = jobs.map(|number| (number, ROUND.mul_f64(random.f64())));
        let starts = starts.collect::<Vec<_>>().into_iter();
        let starts = join_all(starts.map(|(number, late)| async move {
            tokio::time::sleep(late).await;
            start(app, number).await
        }));
        let kill = async {
            tokio::time::sleep(ROUND.mul_f64(random.f64())).await;
            hosts.kill(0);
            hosts.start(0).await;
        };
        join(starts, kill).await;
    }
    for number in 0..JOBS {
        // A repetition finds the job.
        let id = start(app, number).await;
        let call = routes::ipp_status(&id, 0);
        eventually(&format!("job {number} is COMPLETED"), || async {
            let status = answered(app, &call).await?;
            assert_ne!(status["status"], "FAILED", "{status}");
            (status["status"] == "COMPLETED").then_some(())
        })
        .await;
        let files = app.processed(&id);
        assert_eq!(files.len(), 1, "{files:?}");
        assert_eq!(files["processed_data.csv"].lines().count(), 5);
    }
    let mut started: BTreeMap<_, usize> = BTreeMap::new();
    for run in app.stack.databricks().runs() {
        *started.entry((run.job_id, run.token)).or_default() += 1;
    }
    assert!(started.values().all(|count| *count == 1), "{started:?}");
    assert_eq!(started.len(), 2 * JOBS);
}

/// Starts a job until there is an answer, and returns its id.
async fn start(app: &App, number: usize) -> String {
    let call = routes::start_ipp(&[&(number + 1).to_string()]);
    let call = call.with_idempotency_key(&format!("job-{number}"));
    let call = call.unwrap();
    eventually(&format!("job {number} is started"), || async {
        let started = answered(app, &call).await?;
        started["job_id"].as_str().map(str::to_owned)
    })
    .await
}

/// The JSON of an answer, if there is a good one.
async fn answered(app: &App, call: &Call) -> Option<Value> {
    let answer = app.answer("ana", call).await.ok()?;
    call.accept(answer).ok()?.json().ok()
}
