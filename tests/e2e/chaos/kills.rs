//! Hosts that are killed in the middle of their work.

use std::time::{Duration, Instant};

use futures::future::{join, join_all};
use tests::{App, Hosts, Manifest, Seed, Service, eventually};

use super::HASTY;
use super::load::{Load, is_at_work};

const ROUNDS: usize = 20;
const PHOTOS: usize = 50;
const TOONS: usize = 2_000;

/// The max time that a host works between two kills.
const WORK: Duration = Duration::from_millis(150);

/// The max time between the begin of a round and a photo.
const LATE: Duration = Duration::from_millis(500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_killed_time_and_again_loses_nothing_and_does_nothing_twice() {
    survive(1, Duration::from_millis(20)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_of_which_one_or_the_other_is_killed_share_the_work() {
    survive(2, Duration::from_millis(40)).await;
}

async fn survive(count: usize, toon: Duration) {
    let mut random = Seed::new().fork(0);
    let processor = Service::start(toon).await;
    let url = processor.url();
    let mut variables = vec![("processor_url", &*url)];
    variables.extend(HASTY);
    let manifest = Manifest::shipped().with_http_processor();
    let mut app = App::durable(manifest, &variables).await;
    let mut hosts = Hosts::take_over(&mut app, env!("CARGO_BIN_EXE_host"), count).await;
    let (app, load) = (&app, &Load::default());

    let mut started = Instant::now();
    let mut killed_at_work = 0;
    for round in 0..ROUNDS {
        let photos = round * PHOTOS / ROUNDS..(round + 1) * PHOTOS / ROUNDS;
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
            let at_work = || async { is_at_work(app, started).then_some(()) };
            eventually("a host works", at_work).await;
            tokio::time::sleep(WORK.mul_f64(random.f64())).await;
            let victim = random.usize(..count);
            hosts.kill(victim);
            killed_at_work += usize::from(is_at_work(app, started));
            started = Instant::now();
            hosts.start(victim).await;
        };
        join(join(uploads, submission), kill).await;
    }
    let unanswered = load.client.unanswered();
    println!("{killed_at_work} of {ROUNDS} kills at work, {unanswered} requests unanswered");
    assert!(killed_at_work >= ROUNDS / 2);
    // Where there is another host, it answers at once.
    assert!(unanswered > 0 || count > 1, "clients should have noticed");

    // The last notification may have gone to a host that was just being killed.
    load.submit(app, Some("JOB-last"), 1).await;
    load.upload(app, PHOTOS).await;
    load.is_done_once(app).await;
    assert_eq!(processor.pieces(), TOONS);
}
