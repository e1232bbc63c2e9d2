//! Hosts that are killed in the middle of their work.

use std::time::Duration;

use futures::future::{join, join_all};
use tests::{App, Hosts, Manifest, Seed, Service, eventually};

use super::PATIENT;
use super::killer::Killer;
use super::load::{Load, is_at_work};

const ROUNDS: usize = 20;
/// For hosts that are away for a while after each round.
const LONG_ROUNDS: usize = 6;
const PHOTOS: usize = 50;
const TOONS: usize = 2_000;

/// The max time that a host works between two kills.
const WORK: Duration = Duration::from_millis(150);

/// The max time between the begin of a round and a photo.
const LATE: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_killed_time_and_again_loses_nothing_and_does_nothing_twice() {
    survive(
        Hosts::take_over,
        1,
        Duration::from_millis(20),
        ROUNDS,
        ROUNDS / 2,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_like_spin_that_is_killed_time_and_again_loses_nothing() {
    // The workers start later than the clients, which may be done by then.
    survive(
        Hosts::like_spin,
        1,
        Duration::from_millis(20),
        LONG_ROUNDS,
        0,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_of_which_one_or_the_other_is_killed_share_the_work() {
    survive(
        Hosts::take_over,
        2,
        Duration::from_millis(40),
        ROUNDS,
        ROUNDS / 2,
    )
    .await;
}

async fn survive(
    take_over: impl AsyncFnOnce(&mut App, &str, usize) -> Hosts,
    count: usize,
    toon: Duration,
    rounds: usize,
    min_at_work: usize,
) {
    let mut random = Seed::new().fork(0);
    let processor = Service::start(toon).await;
    let url = processor.url();
    let mut variables = vec![("processor_url", &*url)];
    variables.extend(PATIENT);
    let manifest = Manifest::shipped().with_http_processor();
    let mut app = App::durable(manifest, &variables).await;
    let hosts = take_over(&mut app, env!("CARGO_BIN_EXE_host"), count).await;
    let (app, load) = (&app, &Load::default());
    let mut killer = Killer::of(hosts, count);
    for round in 0..rounds {
        let photos = round * PHOTOS / rounds..(round + 1) * PHOTOS / rounds;
        let uploads = photos.map(|number| (number, LATE.mul_f64(random.f64())));
        let uploads = uploads.collect::<Vec<_>>().into_iter();
        let uploads = join_all(uploads.map(|(number, late)| async move {
            tokio::time::sleep(late).await;
            load.upload(app, number).await;
        }));
        let submission = async {
            let toons = if round == 0 { TOONS } else { 1 };
            load.submit(app, Some(&format!("JOB-{round}")), toons).await
        };
        let kill = async {
            let at_work = || async { is_at_work(app, killer.started).then_some(()) };
            eventually("a host works", at_work).await;
            tokio::time::sleep(WORK.mul_f64(random.f64())).await;
            killer.kill(app, &mut random).await;
        };
        join(join(uploads, submission), kill).await;
    }
    killer.was_noticed(&load.client, min_at_work);

    // The last notification may have gone to a host that was being killed.
    load.submit(app, Some("JOB-last"), 1).await;
    load.upload(app, PHOTOS).await;
    load.is_done_once(app).await;
    assert_eq!(processor.pieces(), TOONS);
}
