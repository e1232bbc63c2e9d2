//! Workers that die while they handle a message, and whether the message counts it as a
//! failure.

use std::cell::RefCell;
use std::time::Duration;

use base::Failure;
use queue::{Change, Incoming, Policy, Queue};
use serde_json::{Value, json};
use stores::native::NativeRedis;
use tests::{OwnRedis, eventually};
use worker::{Leases, Task, Verdict, Work};

const MESSAGE: &str = r#"{"type": "test.call", "schema": 1}"#;

/// A message that asks for a call of another service.
struct Call;

impl<'m> Incoming<'m> for Call {
    const SCHEMA: u32 = 1;

    fn read(_: &str, _: &'m [u8]) -> Option<serde_json::Result<Self>> {
        Some(Ok(Self))
    }
}

/// Notes the attempts, all of which fail. `COUNTS` says whether workers that died count.
#[derive(Default)]
struct Caller<const COUNTS: bool> {
    attempts: RefCell<Vec<u32>>,
}

impl<const COUNTS: bool> Work for Caller<COUNTS> {
    type Message<'m> = Call;

    const ABANDONED: &'static str = "every worker died";
    const COUNTS_DEATHS: bool = COUNTS;

    fn fields(&self, _: &Task<'_, Call>) -> Value {
        json!({})
    }

    async fn work(
        &self,
        tasks: &[Task<'_, Call>],
        _: &Leases<'_>,
    ) -> Result<Vec<Verdict>, Failure> {
        let attempts = tasks.iter().map(|task| task.delivery.attempt);
        self.attempts.borrow_mut().extend(attempts);
        Ok(tasks
            .iter()
            .map(|_| Verdict::retry("the service does not answer"))
            .collect())
    }
}

fn policy() -> Policy {
    Policy {
        lease: Duration::from_millis(1),
        attempts: 3,
        base_delay: Duration::from_millis(1),
        ..Policy::default()
    }
}

/// Lets workers die of the one message that is there.
async fn die(queue: &Queue<'_, NativeRedis>, workers: usize) {
    for _ in 0..workers {
        eventually("the message is there", || async {
            queue.claim(&policy(), 1).unwrap().pop()
        })
        .await;
    }
    tokio::time::sleep(Duration::from_millis(5)).await;
}

/// Works until the message was tried `count` times.
async fn tried<const COUNTS: bool>(
    queue: &Queue<'_, NativeRedis>,
    caller: &Caller<COUNTS>,
    count: usize,
) -> Vec<u32> {
    let (queue, caller) = (&queue, &caller);
    eventually("it is tried", || async move {
        worker::run(queue, &policy(), *caller).await.unwrap();
        let attempts = caller.attempts.borrow().clone();
        (attempts.len() >= count).then_some(attempts)
    })
    .await
}

#[tokio::test]
async fn a_worker_that_died_is_a_failure_of_its_message_unless_others_are_called() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let (own, others) = (Queue::new(&redis, "own"), Queue::new(&redis, "others"));
    for queue in [&own, &others] {
        queue.commit(&Change::new().publishing(MESSAGE)).unwrap();
        die(queue, 2).await;
    }
    assert_eq!(tried(&own, &Caller::<true>::default(), 1).await, [3]);
    let attempts = tried(&others, &Caller::<false>::default(), 3).await;
    assert_eq!(attempts, [1, 2, 3]);
    for queue in [&own, &others] {
        let letters = queue.dead_letters(None, 9).unwrap().letters;
        assert_eq!((letters.len(), letters[0].attempts), (1, 3));
        assert_eq!(letters[0].error, "the service does not answer");
    }
}

#[tokio::test]
async fn a_message_of_which_every_worker_dies_is_given_up_in_any_case() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "others");
    queue.commit(&Change::new().publishing(MESSAGE)).unwrap();
    die(&queue, 3).await;
    let caller = Caller::<false>::default();
    let letters = eventually("it is given up", || async {
        worker::run(&queue, &policy(), &caller).await.unwrap();
        let letters = queue.dead_letters(None, 9).unwrap().letters;
        (!letters.is_empty()).then_some(letters)
    })
    .await;
    assert_eq!(letters[0].error, "every worker died");
    assert_eq!(*caller.attempts.borrow(), [0; 0]);
}
