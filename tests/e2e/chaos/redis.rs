//! Redis that crashes and comes back, while jobs are submitted and worked on.

use std::ops::Range;
use std::time::{Duration, Instant};

use futures::future::{join_all, join3, join4};
use tests::{App, Hosts, Manifest, Seed, eventually};
use tokio::time::timeout;

use super::PATIENT;
use super::client::Client;
use super::load::{Load, is_at_work};

const ROUNDS: usize = 6;

/// The max time from the first submission of jobs to the crash of Redis, where the
/// crash does not wait for a worker.
const SUBMITTING: Duration = Duration::from_millis(100);

/// The max wait for a worker: longer than a queue's timer, for the
/// notification may have been published before a host subscribed.
const AT_WORK: Duration = Duration::from_secs(15);

/// The time in ms for which Redis is away.
const DOWN: Range<u64> = 100..500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_that_crashes_time_and_again_loses_nothing_that_was_answered() {
    let client = survive(&start().await).await;
    assert!(client.refused() > 0, "clients should have noticed");
    assert_eq!(client.unanswered(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_like_spin_that_ends_when_redis_crashes_loses_nothing_that_was_answered() {
    let mut app = start().await;
    let _hosts = Hosts::like_spin(&mut app, env!("CARGO_BIN_EXE_host"), 1).await;
    let client = survive(&app).await;
    assert!(client.unanswered() > 0, "clients should have noticed");
}

async fn start() -> App {
    // Small batches give many moments to crash at.
    let variables = [&PATIENT[..], &[("queue_batch", "4")]].concat();
    App::durable(Manifest::shipped(), &variables).await
}

async fn survive(app: &App) -> Client {
    let mut random = Seed::new().fork(0);
    let load = Load::default();
    let redis = app.stack.redis();
    let mut crashed_at_work = 0;
    for round in 0..ROUNDS {
        // The large job is staged in several calls, the small ones are not.
        let large = format!("LARGE-{round}");
        let large = load.submit(app, Some(&large), 600);
        let small = async |count| join_all((0..count).map(|_| load.submit(app, None, 25))).await;
        let photo = async |number| load.upload(app, number).await;
        let begun = Instant::now();
        let crash = async {
            if round % 2 == 0 {
                let at_work = || async { is_at_work(app, begun).then_some(()) };
                let at_work = eventually("a worker works", at_work);
                // The worker may have been too quick to be seen.
                let _ = timeout(AT_WORK, at_work).await;
            } else {
                tokio::time::sleep(SUBMITTING.mul_f64(random.f64())).await;
            }
            crashed_at_work += usize::from(is_at_work(app, begun));
            match random.bool() {
                true => redis.kill().await.unwrap(),
                false => redis.stop().await.unwrap(),
            }
            let back = async {
                tokio::time::sleep(Duration::from_millis(random.u64(DOWN))).await;
                redis.restart().await.unwrap();
            };
            join3(small(2), photo(2 * round), back).await;
        };
        join4(large, small(8), photo(2 * round + 1), crash).await;
    }
    let (refused, unanswered) = (load.client.refused(), load.client.unanswered());
    println!(
        "{crashed_at_work} of {ROUNDS} crashes at work, {refused} requests refused, \
         {unanswered} unanswered"
    );
    assert!(crashed_at_work > 0);

    load.submit(app, Some("LAST"), 1).await;
    load.upload(app, 2 * ROUNDS).await;
    load.is_done_once(app).await;
    load.client
}
