//! Messages that hold several others.

use std::cell::RefCell;
use std::time::Duration;

use base::Failure;
use queue::{Change, Counts, Effect, Incoming, Policy, Queue};
use serde_json::{Value, json};
use stores::Redis;
use stores::native::NativeRedis;
use tests::{OwnRedis, eventually};
use worker::{Leases, Parts, Share, Task, Verdict, Work};

const DONE: &str = "{q}:done";

/// One number, or several.
#[derive(Debug)]
struct Numbers(Vec<u32>);

impl<'m> Incoming<'m> for Numbers {
    const SCHEMA: u32 = 1;

    fn read(_: &str, message: &'m [u8]) -> Option<serde_json::Result<Self>> {
        let message = serde_json::from_slice::<Value>(message);
        Some(
            message
                .and_then(|message| serde_json::from_value(message["numbers"].clone()))
                .map(Self),
        )
    }
}

fn message(numbers: &[u32]) -> Vec<u8> {
    let message = json!({"type": "test.numbers", "schema": 1, "numbers": numbers});
    message.to_string().into_bytes()
}

/// Stores numbers. Multiples of 10 fail, and each call takes a while.
#[derive(Default)]
struct Storer {
    takes: Duration,
    /// The attempts of each call's numbers.
    calls: RefCell<Vec<Vec<(u32, u32)>>>,
}

impl Work for Storer {
    type Message<'m> = Numbers;

    const ABANDONED: &'static str = "every worker died";
    const HOLDS_SEVERAL: bool = true;

    fn share(&self, _: usize) -> Share {
        Share {
            per_call: 3,
            calls: 1,
        }
    }

    fn parts<'m>(&self, message: Self::Message<'m>) -> Parts<Self::Message<'m>> {
        match message.0.len() {
            1 => Parts::One(message),
            _ => Parts::Many(message.0.into_iter().map(|n| Numbers(vec![n])).collect()),
        }
    }

    fn pack(&self, parts: &[Task<'_, Numbers>]) -> Result<Vec<u8>, Failure> {
        let numbers: Vec<_> = parts.iter().map(|task| task.message.0[0]).collect();
        Ok(message(&numbers))
    }

    fn fields(&self, task: &Task<'_, Numbers>) -> Value {
        json!({"number": task.message.0})
    }

    async fn work(
        &self,
        tasks: &[Task<'_, Numbers>],
        _: &Leases<'_>,
    ) -> Result<Vec<Verdict>, Failure> {
        std::thread::sleep(self.takes);
        let numbers = tasks
            .iter()
            .map(|task| (task.message.0[0], task.delivery.attempt));
        let numbers: Vec<_> = numbers.collect();
        let verdicts = numbers.iter().map(|(number, _)| match number % 10 {
            0 => Verdict::retry("a multiple of ten"),
            _ => Verdict::Done(vec![Effect::Index {
                key: DONE.into(),
                member: number.to_string(),
                score: f64::from(*number),
            }]),
        });
        let verdicts = verdicts.collect();
        self.calls.borrow_mut().push(numbers);
        Ok(verdicts)
    }
}

fn policy() -> Policy {
    Policy {
        attempts: 2,
        base_delay: Duration::from_millis(1),
        ..Policy::default()
    }
}

fn publish(queue: &Queue<'_, NativeRedis>, numbers: &[u32]) {
    let change = Change::new().publishing(message(numbers));
    queue.commit(&change).unwrap();
}

/// Works until nothing is left. Returns the counts and the numbers that are done.
async fn emptied(
    redis: &NativeRedis,
    queue: &Queue<'_, NativeRedis>,
    policy: &Policy,
    storer: &Storer,
) -> (Counts, Vec<u32>) {
    let counts = eventually("the queue is empty", || async {
        worker::run(queue, policy, storer).await.unwrap();
        let counts = queue.counts().unwrap();
        (counts.depth + counts.in_flight + counts.delayed == 0).then_some(counts)
    })
    .await;
    let done = redis.call("ZRANGE", &[DONE.into(), 0.into(), (-1).into()]);
    let done = done
        .unwrap()
        .iter()
        .map(|it| it.as_int().unwrap().try_into().unwrap())
        .collect();
    (counts, done)
}

#[tokio::test]
async fn what_a_message_holds_is_settled_together_and_retried_and_buried_one_by_one() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    publish(&queue, &[8, 9, 10, 11]);
    publish(&queue, &[12]);
    publish(&queue, &[13, 14]);
    let storer = Storer::default();
    let handled = worker::run(&queue, &policy(), &storer).await.unwrap();
    assert!(
        (7..=8).contains(&handled),
        "{handled}: the retry may be due already"
    );
    let (counts, done) = emptied(&redis, &queue, &policy(), &storer).await;
    assert_eq!(done, [8, 9, 11, 12, 13, 14]);
    // Each is counted as if it had come by itself.
    assert_eq!((counts.processed, counts.retried, counts.dead), (6, 1, 1));
    let letters = queue.dead_letters(None, 9).unwrap().letters;
    assert_eq!((letters.len(), letters[0].attempts), (1, 2));
    let expected = [
        vec![(8, 1), (9, 1), (10, 1)],
        vec![(11, 1), (12, 1), (13, 1)],
        vec![(14, 1)],
        vec![(10, 2)],
    ];
    assert_eq!(*storer.calls.borrow(), expected);
    // A letter that is sent back comes by itself.
    queue.redrive_all().unwrap();
    let (counts, _) = emptied(&redis, &queue, &policy(), &storer).await;
    assert_eq!(counts.dead, 1);
}

#[tokio::test]
async fn each_goes_on_by_itself_when_a_worker_died() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    publish(&queue, &[1, 2, 3]);
    let hasty = Policy {
        lease: Duration::from_millis(1),
        ..policy()
    };
    assert_eq!(
        queue.claim(&hasty, 9).unwrap().len(),
        1,
        "and the worker dies"
    );
    tokio::time::sleep(Duration::from_millis(5)).await;
    let patient = Policy {
        lease: Duration::from_millis(500),
        ..policy()
    };
    let storer = Storer::default();
    let (counts, done) = emptied(&redis, &queue, &patient, &storer).await;
    assert_eq!(done, [1, 2, 3]);
    assert_eq!((counts.processed, counts.postponed, counts.dead), (3, 0, 0));
    let mut tried = storer.calls.take().concat();
    tried.sort_unstable();
    assert_eq!(tried, [(1, 2), (2, 2), (3, 2)]);
}

#[tokio::test]
async fn what_takes_long_is_settled_in_parts_and_the_rest_is_there_for_other_workers() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    publish(&queue, &[1, 2, 3, 4, 5, 6, 7]);
    let storer = Storer {
        takes: Duration::from_millis(60),
        ..Storer::default()
    };
    let (counts, done) = emptied(&redis, &queue, &policy(), &storer).await;
    assert_eq!(done, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(
        (counts.processed, counts.retried, counts.postponed),
        (7, 0, 0)
    );
    let sizes: Vec<_> = storer.calls.take().iter().map(Vec::len).collect();
    assert_eq!(sizes, [3, 3, 1]);
    // A worker gets the rest of one as another message: nothing is held back.
    let ids = redis
        .call("XINFO", &["STREAM".into(), "{q}:queue:stream".into()])
        .unwrap();
    let at = ids
        .iter()
        .position(|it| it.as_str() == Some("entries-added"))
        .unwrap();
    assert_eq!(ids[at + 1].as_int(), Some(3));
}
