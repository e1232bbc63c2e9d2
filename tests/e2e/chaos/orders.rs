//! Orders that clients change while hosts are killed and Redis crashes.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use devstack::client::routes;
use futures::future::{join, join_all};
use reqwest::StatusCode;
use serde_json::json;
use stores::{Arg, Redis};
use tests::{App, Hosts, Manifest, Seed, Service, eventually};

use super::PATIENT;
use super::client::Client;
use super::killer::Killer;
use super::load::is_at_work;

const ORDERS: usize = 10;
const ROUNDS: usize = 20;
/// For hosts that are away for a while after each round.
const LONG_ROUNDS: usize = 6;

/// The last rounds, in which a kill at work is waited for if there was none.
const LAST_ROUNDS: usize = 5;

/// The number of changes of each order in a round.
const CHANGES: Range<usize> = 1..5;

/// The max time that a client waits before its next change.
const PAUSE: Duration = Duration::from_millis(150);

const HANDLING: Duration = Duration::from_millis(20);

/// The max time that a host works between two kills.
const WORK: Duration = Duration::from_millis(150);

/// The time in ms for which Redis is away.
const DOWN: Range<u64> = 100..500;

const STATUSES: [&str; 4] = ["received", "inprocess", "completed", "canceled"];

/// Orders. One client changes each of them.
#[derive(Default)]
struct Orders {
    client: Client,
    /// The statuses of the acknowledged versions, by the number of the order.
    statuses: BTreeMap<usize, Vec<&'static str>>,
}

impl Orders {
    /// Changes each order a few times, and repeats each request until it succeeds.
    async fn change(&mut self, app: &App, random: &mut fastrand::Rng, round: usize, rounds: usize) {
        let client = &self.client;
        for number in 0..ORDERS {
            self.statuses.entry(number).or_default();
        }
        let orders = self.statuses.iter_mut().map(|(&number, made)| {
            let pauses = (0..random.usize(CHANGES)).map(|_| PAUSE.mul_f64(random.f64()));
            let pauses: Vec<_> = pauses.collect();
            // Each order goes through the statuses as the rounds go by.
            let last = if number % 2 == 0 { 2 } else { 3 };
            let status = match round * 3 / rounds {
                2 => STATUSES[last],
                early => STATUSES[early],
            };
            async move {
                for pause in pauses {
                    tokio::time::sleep(pause).await;
                    let version = made.len() + 1;
                    let order = json!({"status": status, "description": text(version)});
                    let call = routes::change_order(&id(number), &order);
                    let answer = client.insist(app, &call).await;
                    // The order may have been committed before, without an answer.
                    assert_eq!(answer["version"], version, "nothing is done twice");
                    made.push(status);
                }
            }
        });
        join_all(orders).await;
    }

    /// Waits until all is processed, and checks that no version is lost or doubled,
    /// and that each order's versions were processed in their order.
    async fn are_processed_in_order(&self, app: &App, service: &Service) {
        for (number, statuses) in &self.statuses {
            let id = id(*number);
            app.order_is(&id, "processed").await;
            let versions = app.order_history(&id).await;
            assert_eq!(versions.len(), statuses.len(), "{id}");
            for (version, (found, status)) in (1..).zip(versions.iter().zip(statuses)) {
                assert_eq!(found["version"], version);
                assert_eq!(found["status"], *status);
                assert_eq!(found["description"], text(version));
                let piece = Service::version(&id, u64::try_from(version).unwrap());
                assert_eq!(found["processing"]["result"], Service::result(&piece));
            }
            let register = format!("{{orders}}:version:{id}");
            let version = app.redis().call("GET", &[Arg::from(&register)]).unwrap();
            assert_eq!(
                version[0].as_int().map(i64::unsigned_abs),
                u64::try_from(statuses.len()).ok()
            );
            were_handled_in_order(service, &id, statuses.len());
        }
        for status in STATUSES {
            let queue = format!("orders.{status}");
            eventually(&format!("{queue} is at rest"), || async {
                let counts = app.counts(&queue);
                assert_eq!((counts.dead, counts.dead_lettered), (0, 0), "{counts:?}");
                let left = counts.depth + counts.in_flight + counts.delayed + counts.held;
                (left == 0).then_some(())
            })
            .await;
        }
    }
}

/// The service may get a version again before its result is recorded, but never
/// before its predecessor is done, nor after its successor came.
fn were_handled_in_order(service: &Service, id: &str, versions: usize) {
    let visits = service.visits().into_iter();
    let visits: Vec<_> = visits
        .filter(|visit| visit.content["orderId"] == *id)
        .collect();
    let mut latest = 0;
    let mut done: Option<Instant> = None;
    for visit in &visits {
        let version = visit.content["version"].as_u64().unwrap();
        assert!(
            version == latest || version == latest + 1,
            "{version} came after {latest}: {visits:?}"
        );
        if version > latest {
            assert!(
                latest == 0 || done.is_some_and(|done| done <= visit.asked),
                "{visit:?} came too early"
            );
            (latest, done) = (version, None);
        }
        if let (None, Some((StatusCode::OK, at))) = (done, visit.answered) {
            done = Some(at);
        }
    }
    assert_eq!(latest, u64::try_from(versions).unwrap(), "{id}");
}

fn id(number: usize) -> String {
    format!("ORD-{number}")
}

fn text(version: usize) -> String {
    format!("change {version}")
}

async fn start(service: &Service) -> App {
    let url = service.url();
    let variables = [&PATIENT[..], &[("handler_url", &*url)]].concat();
    App::durable(Manifest::shipped().with_http_handler(), &variables).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_killed_time_and_again_loses_no_change_of_an_order() {
    survive(Hosts::take_over, 1, ROUNDS, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_like_spin_that_is_killed_time_and_again_loses_no_change_of_an_order() {
    // The workers start later than the clients, which may be done by then.
    survive(Hosts::like_spin, 1, LONG_ROUNDS, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_of_which_one_or_the_other_is_killed_keep_orders_in_order() {
    survive(Hosts::take_over, 2, ROUNDS, 1).await;
}

async fn survive(
    take_over: impl AsyncFnOnce(&mut App, &str, usize) -> Hosts,
    count: usize,
    rounds: usize,
    min_at_work: usize,
) {
    let seed = Seed::new();
    let (mut random, mut moments) = (seed.fork(0), seed.fork(1));
    let service = Service::start(HANDLING).await;
    let mut app = start(&service).await;
    let hosts = take_over(&mut app, env!("CARGO_BIN_EXE_host"), count).await;
    let (app, mut orders) = (&app, Orders::default());
    let mut killer = Killer::of(hosts, count);
    for round in 0..rounds {
        // On a busy machine, clients may have been done before workers began, in each round.
        let is_due = killer.at_work < min_at_work && round + LAST_ROUNDS >= rounds;
        let are_done = AtomicBool::new(false);
        let changes = async {
            orders.change(app, &mut random, round, rounds).await;
            are_done.store(true, Ordering::Relaxed);
        };
        let kill = async {
            let pause = WORK.mul_f64(moments.f64());
            works(app, killer.started, &are_done, is_due).await;
            if !is_due {
                tokio::time::sleep(pause).await;
            }
            killer.kill(app, &mut moments).await;
        };
        join(changes, kill).await;
    }
    killer.was_noticed(&orders.client, min_at_work);
    is_over(app, &service, &orders).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_that_crashes_time_and_again_loses_no_change_of_an_order() {
    let service = Service::start(HANDLING).await;
    let app = start(&service).await;
    let client = survive_redis(&app, &service, ROUNDS).await;
    assert!(client.refused() > 0, "clients should have noticed");
    assert_eq!(client.unanswered(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_like_spin_that_ends_when_redis_crashes_loses_no_change_of_an_order() {
    let service = Service::start(HANDLING).await;
    let mut app = start(&service).await;
    let _hosts = Hosts::like_spin(&mut app, env!("CARGO_BIN_EXE_host"), 1).await;
    let client = survive_redis(&app, &service, LONG_ROUNDS).await;
    assert!(client.unanswered() > 0, "clients should have noticed");
}

async fn survive_redis(app: &App, service: &Service, rounds: usize) -> Client {
    let seed = Seed::new();
    let (mut random, mut moments) = (seed.fork(0), seed.fork(1));
    let mut orders = Orders::default();
    let redis = app.stack.redis();
    for round in 0..rounds {
        let begun = Instant::now();
        let are_done = AtomicBool::new(false);
        let changes = async {
            orders.change(app, &mut random, round, rounds).await;
            are_done.store(true, Ordering::Relaxed);
        };
        let crash = async {
            works(app, begun, &are_done, false).await;
            tokio::time::sleep(WORK.mul_f64(moments.f64())).await;
            match moments.bool() {
                true => redis.kill().await.unwrap(),
                false => redis.stop().await.unwrap(),
            }
            tokio::time::sleep(Duration::from_millis(moments.u64(DOWN))).await;
            redis.restart().await.unwrap();
        };
        join(changes, crash).await;
    }
    let (refused, unanswered) = (orders.client.refused(), orders.client.unanswered());
    println!("{refused} requests refused, {unanswered} unanswered");
    is_over(app, service, &orders).await;
    orders.client
}

/// Waits until a worker works, or the clients are done: after a lost notification no
/// worker works for a while.
///
/// A kill at work that `is_due` also waits while messages are left.
async fn works(app: &App, since: Instant, are_done: &AtomicBool, is_due: bool) {
    let is_left = || {
        STATUSES.iter().any(|status| {
            let counts = app.counts(&format!("orders.{status}"));
            counts.depth + counts.in_flight > 0
        })
    };
    eventually("a worker works", || async {
        let is_over = are_done.load(Ordering::Relaxed) && !(is_due && is_left());
        (is_at_work(app, since) || is_over).then_some(())
    })
    .await;
}

/// The last notifications and timers may have been lost, so all queues are drained.
async fn is_over(app: &App, service: &Service, orders: &Orders) {
    let token = &app.operator();
    for status in STATUSES {
        let drain = &routes::drain(&format!("orders.{status}"));
        // A host like Spin may be restarting.
        eventually("the queue is drained", || async move {
            let answer = app.answer_to(token, drain).await.ok()?;
            (answer.status == 200).then_some(())
        })
        .await;
    }
    orders.are_processed_in_order(app, service).await;
    let (visits, pieces) = (service.visits().len(), service.pieces());
    println!("{pieces} versions, {visits} requests for them");
}
