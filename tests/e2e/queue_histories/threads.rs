//! Workers that really run side by side, with leases that really run out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use queue::{Change, Effect, Outcome, Policy, Queue, Settlement};
use stores::{Arg, Redis};
use tests::{OwnRedis, Seed};

const WRITERS: usize = 3;
const VERSIONS: usize = 100;
const WORKERS: usize = 4;
const BATCH: usize = 5;

/// Each worker dies, or hangs until its lease has run out, one time in `ILL`.
const ILL: usize = 8;

/// The max wait for the other workers, also on a slow machine.
const PATIENCE: Duration = Duration::from_secs(90);

#[tokio::test]
async fn workers_side_by_side_lose_nothing_and_do_nothing_twice() {
    let server = OwnRedis::start().await;
    let seed = Seed::new();
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| write(&server));
        }
        for number in 0..WORKERS {
            let random = seed.fork(number);
            let (server, done) = (&server, &done);
            scope.spawn(move || work(server, random, done));
        }
    });

    let redis = server.connect();
    let range = |key: &str| {
        let all = [Arg::from(key), 0.into(), Arg::Int(-1)];
        redis.call("ZRANGE", &all).unwrap()
    };
    let mut effects = BTreeMap::<u64, usize>::new();
    for effect in range("{t}:effects") {
        let effect = effect.as_str().unwrap();
        let version = effect.split('#').next().unwrap();
        *effects.entry(version.parse().unwrap()).or_default() += 1;
    }
    let total = WRITERS * VERSIONS;
    assert!(effects.values().all(|times| *times == 1), "{effects:?}");
    let expected: BTreeSet<_> = (1..=u64::try_from(total).unwrap()).collect();
    assert!(effects.keys().eq(&expected), "{effects:?}");
    let counts = Queue::new(&redis, "t").counts().unwrap();
    assert_eq!(
        (counts.depth, counts.in_flight, counts.delayed, counts.dead),
        (0, 0, 0, 0)
    );
    assert_eq!(counts.processed, u64::try_from(total).unwrap());
}

/// Raises one entity, against all the other writers, until its share is done.
fn write(server: &OwnRedis) {
    let redis = server.connect();
    let queue = Queue::new(&redis, "t");
    let (mut known, mut raised) = (0, 0);
    while raised < VERSIONS {
        let change = Change::new()
            .of_entity("{t}:version", known)
            .publishing((known + 1).to_string());
        match queue.commit(&change).unwrap() {
            Outcome::Committed => {
                known += 1;
                raised += 1;
            }
            Outcome::Conflict { version } => known = version,
            other => panic!("{other:?}"),
        }
    }
}

/// Works until everything is done, with every kind of failure.
fn work(server: &OwnRedis, mut random: fastrand::Rng, done: &AtomicUsize) {
    let redis = server.connect();
    let queue = Queue::new(&redis, "t");
    let policy = Policy {
        lease: Duration::from_millis(3),
        ..Policy::default()
    };
    let started = Instant::now();
    while done.load(Ordering::Relaxed) < WRITERS * VERSIONS {
        assert!(started.elapsed() < PATIENCE, "the work comes to no end");
        let deliveries = queue.claim(&policy, BATCH).unwrap();
        match random.usize(..ILL) {
            0 => continue,
            1 => std::thread::sleep(policy.lease * 2),
            2 => queue.extend(&deliveries).unwrap(),
            _ => {}
        }
        let settlements: Vec<_> = deliveries
            .iter()
            .map(|delivery| {
                let message = String::from_utf8_lossy(&delivery.message);
                let effect = match random.usize(..ILL) {
                    0 => queue.retry(delivery, Duration::from_millis(1)),
                    1 => queue.postpone(delivery, Duration::from_millis(1)),
                    _ => Effect::Index {
                        key: "{t}:effects".into(),
                        member: format!("{message}#{}", random.u64(..)),
                        score: 0.0,
                    },
                };
                (effect.clone(), Settlement::of(delivery).with(effect))
            })
            .collect();
        let (effects, settlements): (Vec<_>, Vec<_>) = settlements.into_iter().unzip();
        let settled = queue.settle(&settlements, &[]).unwrap();
        let finished = effects.iter().zip(settled);
        let finished =
            finished.filter(|(effect, ours)| *ours && matches!(effect, Effect::Index { .. }));
        done.fetch_add(finished.count(), Ordering::Relaxed);
    }
}
