//! The queue's promises, on a real Redis.

use std::time::Duration;

use queue::{
    Change, Delivery, Effect, Keeping, Minute, Notify, Outcome, Policy, Queue, QueueNames,
    Settlement,
};
use stores::native::NativeRedis;
use stores::{Arg, Redis, Value};
use tests::{OwnRedis, eventually};

fn policy() -> Policy {
    Policy {
        lease: Duration::from_secs(60),
        ..Policy::default()
    }
}

fn publish(queue: &Queue<'_, NativeRedis>, message: &str) {
    assert_eq!(
        queue.commit(&Change::new().publishing(message)).unwrap(),
        Outcome::Committed
    );
}

/// The next message, which may still be delayed.
async fn next(queue: &Queue<'_, NativeRedis>) -> Delivery {
    eventually("a message comes", || async {
        queue.claim(&policy(), 1).unwrap().pop()
    })
    .await
}

fn texts(deliveries: &[Delivery]) -> Vec<String> {
    deliveries
        .iter()
        .map(|delivery| String::from_utf8(delivery.message.clone()).unwrap())
        .collect()
}

fn length(redis: &NativeRedis, command: &str, key: &str) -> i64 {
    redis.call(command, &[key.into()]).unwrap()[0]
        .as_int()
        .unwrap()
}

/// A connection to subscribe with.
fn listener(server: &OwnRedis) -> redis::Connection {
    let client = redis::Client::open(server.server.url()).unwrap();
    let connection = client.get_connection().unwrap();
    let patience = Some(Duration::from_secs(30));
    connection.set_read_timeout(patience).unwrap();
    connection
}

#[tokio::test]
async fn what_is_published_is_delivered_once_and_is_gone_when_settled() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    assert!(queue.claim(&policy(), 10).unwrap().is_empty());
    for message in ["a", "b\0\"|", "c"] {
        publish(&queue, message);
    }
    let first = queue.claim(&policy(), 2).unwrap();
    let rest = queue.claim(&policy(), 10).unwrap();
    assert_eq!(
        (texts(&first), texts(&rest)),
        (vec!["a".into(), "b\0\"|".into()], vec!["c".into()])
    );
    assert!(
        first
            .iter()
            .chain(&rest)
            .all(|delivery| delivery.attempt == 1)
    );
    for delivery in first.iter().chain(&rest) {
        assert_eq!(queue.ack(delivery).unwrap(), Outcome::Committed);
        assert_eq!(queue.ack(delivery).unwrap(), Outcome::AlreadySettled);
    }
    assert_eq!(length(&redis, "XLEN", "{q}:queue:stream"), 0);
}

#[tokio::test]
async fn a_message_of_a_worker_that_died_is_delivered_again() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    publish(&queue, "a");
    let short = Policy {
        lease: Duration::from_millis(1),
        ..policy()
    };
    let died = queue.claim(&policy(), 1).unwrap();
    assert!(
        queue.claim(&policy(), 1).unwrap().is_empty(),
        "it is under a lease"
    );
    let (queue, short) = (&queue, &short);
    let again = eventually("the lease runs out", || async move {
        let again = queue.claim(short, 1).unwrap();
        (!again.is_empty()).then_some(again)
    })
    .await;
    assert_eq!(
        (again[0].id.as_str(), again[0].attempt),
        (died[0].id.as_str(), 2)
    );
    // Both workers may have it now; one of them settles.
    assert_eq!(queue.ack(&died[0]).unwrap(), Outcome::Committed);
    assert_eq!(queue.ack(&again[0]).unwrap(), Outcome::AlreadySettled);
}

#[tokio::test]
async fn a_failed_message_comes_back_after_its_delay_and_counts_its_attempts() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    publish(&queue, "a|b");
    for attempt in 1..=4 {
        let delivery = next(&queue).await;
        assert_eq!(
            (delivery.attempt, delivery.message.as_slice()),
            (attempt, b"a|b".as_slice())
        );
        let retry = queue.retry(&delivery, Duration::from_millis(1));
        queue
            .commit(&Change::new().settling(&delivery).with(retry))
            .unwrap();
    }
    let delivery = next(&queue).await;
    let far = queue.retry(&delivery, Duration::MAX);
    queue
        .commit(&Change::new().settling(&delivery).with(far))
        .unwrap();
    assert_eq!(length(&redis, "ZCARD", "{q}:queue:delayed"), 1);
    assert_eq!(length(&redis, "XLEN", "{q}:queue:stream"), 0);
    assert!(queue.claim(&policy(), 1).unwrap().is_empty());
    let later = redis.call(
        "ZRANGE",
        &[
            "{q}:queue:delayed".into(),
            0.into(),
            0.into(),
            "WITHSCORES".into(),
        ],
    );
    assert!(later.unwrap().len() == 2);
}

#[tokio::test]
async fn a_dead_letter_keeps_message_error_and_attempts() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    publish(&queue, "poison");
    let delivery = queue.claim(&policy(), 1).unwrap().remove(0);
    let dead = queue.dead_letter(&delivery, "it would not go down");
    queue
        .commit(&Change::new().settling(&delivery).with(dead))
        .unwrap();
    let letter = queue.dead_letters(None, 10).unwrap().letters.remove(0);
    assert_eq!(
        (letter.message.as_slice(), &*letter.error, letter.attempts),
        (b"poison".as_slice(), "it would not go down", 1)
    );
    let now = redis.call("TIME", &[]).unwrap()[0].as_int().unwrap();
    assert!((now - 60..=now).contains(&i64::try_from(letter.died_at / 1_000).unwrap()));
    assert!(queue.claim(&policy(), 1).unwrap().is_empty());
}

#[tokio::test]
async fn a_change_happens_whole_or_not_at_all() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    let index = |member: &str| Effect::Index {
        key: "{q}:index".into(),
        member: member.into(),
        score: 1.5,
    };
    let change = |version, member: &str| {
        Change::new()
            .of_entity("{q}:version:e", version)
            .publishing(member)
            .with(index(member))
    };
    assert_eq!(
        queue.commit(&change(0, "first")).unwrap(),
        Outcome::Committed
    );
    assert_eq!(
        queue.commit(&change(0, "rival")).unwrap(),
        Outcome::Conflict { version: 1 }
    );
    assert_eq!(
        queue.commit(&change(1, "second")).unwrap(),
        Outcome::Committed
    );

    let members = redis
        .call("ZRANGE", &["{q}:index".into(), 0.into(), Arg::Int(-1)])
        .unwrap();
    assert_eq!(
        members.iter().filter_map(Value::as_str).collect::<Vec<_>>(),
        ["first", "second"]
    );
    assert_eq!(
        texts(&queue.claim(&policy(), 10).unwrap()),
        ["first", "second"]
    );

    let unknown = Delivery {
        leaves_group: false,
        id: "1-1".to_owned(),
        attempt: 1,
        deaths: 0,
        group: None,
        message: Vec::new(),
    };
    // Neither an effect nor a version is stored without its message.
    let settled = change(2, "third").settling(&unknown);
    assert_eq!(queue.commit(&settled).unwrap(), Outcome::AlreadySettled);
    assert_eq!(length(&redis, "ZCARD", "{q}:index"), 2);
    assert_eq!(
        redis.call("GET", &["{q}:version:e".into()]).unwrap(),
        [Value::Bytes(b"2".to_vec())]
    );
}

#[tokio::test]
async fn a_lost_register_is_made_good_by_the_version_that_is_known() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    let change = Change::new().of_entity("{q}:version:e", 7);
    assert_eq!(queue.commit(&change).unwrap(), Outcome::Committed);
    assert_eq!(
        queue.commit(&change).unwrap(),
        Outcome::Conflict { version: 8 }
    );
}

#[tokio::test]
async fn many_messages_cost_one_wake_up() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let mut listener = listener(&server);
    let mut notifications = listener.as_pubsub();
    notifications
        .subscribe(QueueNames::new("q").channel())
        .unwrap();

    let queue = Queue::new(&redis, "q");
    for number in 0..50 {
        publish(&queue, &number.to_string());
    }
    let many = (50..1_000).fold(Change::new(), |many, number| {
        many.publishing(number.to_string())
    });
    queue.commit(&many).unwrap();
    assert!(notifications.get_message().is_ok());
    // The claim clears the flag, so the next message notifies again, and none before.
    assert_eq!(queue.claim(&policy(), 2_000).unwrap().len(), 1_000);
    redis
        .call(
            "PUBLISH",
            &[QueueNames::new("q").channel().into(), "marker".into()],
        )
        .unwrap();
    assert_eq!(
        notifications.get_message().unwrap().get_payload_bytes(),
        b"marker"
    );
    publish(&queue, "next");
    assert_eq!(
        notifications.get_message().unwrap().get_payload_bytes(),
        b""
    );
}

#[tokio::test]
async fn a_worker_that_leaves_messages_calls_for_help_once_until_none_is_at_work() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let mut listener = listener(&server);
    let mut help = listener.as_pubsub();
    let names = QueueNames::new("q");
    help.subscribe(names.help_channel()).unwrap();
    // The number of calls for help since the last count.
    let mut calls = || {
        let marker = [names.help_channel(), "marker"].map(Arg::from);
        redis.call("PUBLISH", &marker).unwrap();
        let messages = std::iter::repeat_with(|| help.get_message().unwrap());
        let calls = messages.take_while(|message| message.get_payload_bytes() != b"marker");
        calls.count()
    };
    let queue = Queue::new(&redis, "q");
    let publish = |number: usize| (0..number).for_each(|_| publish(&queue, "a"));
    let claim = |max| {
        let deliveries = queue.claim(&policy(), max).unwrap();
        for delivery in &deliveries {
            queue.ack(delivery).unwrap();
        }
        deliveries.len()
    };

    publish(2);
    assert_eq!((claim(2), calls()), (2, 0), "it has taken all");
    publish(4);
    assert_eq!((claim(2), calls()), (2, 1));
    publish(2);
    assert_eq!((claim(2), calls()), (2, 0), "another was called already");
    assert_eq!((claim(2), calls()), (2, 0));
    assert_eq!((claim(2), calls()), (0, 0));
    publish(3);
    assert_eq!(
        (claim(1), calls()),
        (1, 1),
        "the one that was called may be gone"
    );
    let held = queue.claim(&policy(), 1).unwrap();
    assert_eq!((claim(1), claim(1)), (1, 0));
    publish(2);
    assert_eq!((claim(1), calls()), (1, 0), "another is still at work");
    queue.ack(&held[0]).unwrap();
    assert_eq!((claim(1), claim(1)), (1, 0));
    publish(2);
    assert_eq!((claim(1), calls()), (1, 1));
    let holds = length(&redis, "PTTL", "{q}:queue:help");
    assert!(holds > 0, "the one that was called may have died");

    redis.call("DEL", &["{q}:queue:help".into()]).unwrap();
    publish(2);
    let other = Queue::new(&redis, "q").with_notify(Notify::Caller);
    assert_eq!(other.claim(&policy(), 1).unwrap().len(), 1);
    assert_eq!((calls(), other.to_notify().len()), (0, 0));
}

#[tokio::test]
async fn a_timer_makes_up_for_a_lost_notification() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    publish(&queue, "a");
    assert!(
        length(&redis, "PTTL", "{q}:queue:alarm") > 0,
        "a timer is set"
    );
    assert_eq!(
        length(&redis, "EXISTS", "{q}:queue:bell"),
        0,
        "a notification that no worker heard does not hold back the next"
    );
    redis.call("DEL", &["{q}:queue:alarm".into()]).unwrap();
    let mut listener = listener(&server);
    let mut notifications = listener.as_pubsub();
    notifications
        .subscribe(QueueNames::new("q").channel())
        .unwrap();
    assert_eq!(queue.wake().unwrap(), (1, 0));
    assert!(notifications.get_message().is_ok());
    assert_eq!(length(&redis, "EXISTS", "{q}:queue:bell"), 1);
    assert!(
        length(&redis, "PTTL", "{q}:queue:alarm") > 0,
        "and again, until it is done"
    );

    let delivery = queue.claim(&policy(), 1).unwrap().remove(0);
    queue.ack(&delivery).unwrap();
    let timers = ["", ":2", ":3"].map(|fallback| format!("{{q}}:queue:alarm{fallback}"));
    let are_set = || {
        let reply = redis.call("EXISTS", &timers.each_ref().map(Arg::from));
        reply.unwrap()[0].as_int()
    };
    assert_eq!(are_set(), Some(3));
    assert_eq!(queue.wake().unwrap(), (0, 0));
    assert_eq!(are_set(), Some(0), "nothing waits: no more timers");
}

#[tokio::test]
async fn scripts_are_sent_again_to_a_server_that_forgot_them() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    publish(&queue, "a");
    redis.call("SCRIPT", &["FLUSH".into()]).unwrap();
    publish(&queue, "b");
    assert_eq!(texts(&queue.claim(&policy(), 10).unwrap()), ["a", "b"]);
}

#[tokio::test]
async fn a_claim_sets_the_queues_timer_again_if_it_was_lost() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    publish(&queue, "a");
    let delivery = queue.claim(&policy(), 1).unwrap().remove(0);
    let hour = Duration::from_secs(3_600);
    let retry = queue.retry(&delivery, hour);
    queue
        .commit(&Change::new().settling(&delivery).with(retry))
        .unwrap();
    // The timer went off without a subscriber.
    redis.call("DEL", &["{q}:queue:alarm".into()]).unwrap();
    assert!(queue.claim(&policy(), 10).unwrap().is_empty());
    let timer = length(&redis, "PTTL", "{q}:queue:alarm");
    assert!(
        timer > 3_000_000,
        "at the time of the delayed message: {timer}"
    );
}

#[tokio::test]
async fn of_messages_that_come_again_one_is_given_at_a_time() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    for message in ["killer", "b", "c"] {
        publish(&queue, message);
    }
    let hasty = Policy {
        lease: Duration::from_millis(1),
        ..policy()
    };
    assert_eq!(queue.claim(&hasty, 10).unwrap().len(), 3);
    let (queue, hasty) = (&queue, &hasty);
    let again = eventually("the leases run out", || async move {
        let again = queue.claim(hasty, 10).unwrap();
        (!again.is_empty()).then_some(again)
    })
    .await;
    // The failures of the killer leave the others' attempts unchanged.
    assert_eq!(
        (texts(&again), again[0].attempt, again[0].deaths),
        (vec!["killer".to_owned()], 2, 1)
    );
}

#[tokio::test]
async fn a_postponed_message_has_as_many_attempts_left_as_before() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    publish(&queue, "a");
    for _ in 0..3 {
        let delivery = next(&queue).await;
        assert_eq!(delivery.attempt, 1);
        let later = queue.postpone(&delivery, Duration::from_millis(1));
        queue
            .commit(&Change::new().settling(&delivery).with(later))
            .unwrap();
    }
}

#[tokio::test]
async fn a_batch_is_settled_in_one_go_and_each_message_by_one_worker() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    for message in ["a", "b", "c"] {
        publish(&queue, message);
    }
    let held = queue.claim(&policy(), 10).unwrap();
    let add = |member: &str| Effect::Index {
        key: "{q}:done".into(),
        member: member.into(),
        score: 0.0,
    };
    let settle = |delivery: &Delivery, by: &str| {
        let text = String::from_utf8(delivery.message.clone()).unwrap();
        Settlement::of(delivery).with(add(&format!("{text} by {by}")))
    };
    let first = [settle(&held[0], "one")];
    assert_eq!(queue.settle(&first, &[add("after one")]).unwrap(), [true]);
    let all: Vec<_> = held
        .iter()
        .map(|delivery| settle(delivery, "two"))
        .collect();
    assert_eq!(
        queue.settle(&all, &[add("after two")]).unwrap(),
        [false, true, true]
    );
    assert_eq!(
        queue.settle(&all, &[add("after three")]).unwrap(),
        [false, false, false]
    );
    let done = redis
        .call("ZRANGE", &["{q}:done".into(), 0.into(), (-1).into()])
        .unwrap();
    let done: Vec<_> = done.iter().filter_map(Value::as_str).collect();
    assert_eq!(
        done,
        ["a by one", "after one", "after two", "b by two", "c by two"]
    );
    assert_eq!(length(&redis, "XLEN", "{q}:queue:stream"), 0);
}

#[tokio::test]
async fn a_staged_batch_is_published_whole_or_not_at_all() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    let messages = || (0..10_000).map(|n| format!("message {n}").into_bytes());
    let staged = queue.stage("first", messages()).unwrap();
    assert_eq!(length(&redis, "XLEN", "{q}:queue:stream"), 0, "not yet");
    let change = Change::new()
        .of_entity("{q}:version:a", 0)
        .publishing_staged(staged.clone());
    assert_eq!(queue.commit(&change).unwrap(), Outcome::Committed);
    assert_eq!(length(&redis, "XLEN", "{q}:queue:stream"), 10_000);
    let order = queue.claim(&policy(), 10_000).unwrap();
    assert!(
        order
            .iter()
            .map(|delivery| delivery.message.clone())
            .eq(messages())
    );

    // The job exists already: no message of its second batch is published.
    let staged = queue.stage("second", messages()).unwrap();
    let change = Change::new()
        .of_entity("{q}:version:a", 0)
        .publishing_staged(staged);
    assert_eq!(
        queue.commit(&change).unwrap(),
        Outcome::Conflict { version: 1 }
    );
    assert_eq!(length(&redis, "XLEN", "{q}:queue:stream"), 10_000);

    // A batch with a missing part is refused.
    let staged = queue.stage("third", messages()).unwrap();
    redis
        .call("LPOP", &["{q}:queue:staged:third".into()])
        .unwrap();
    let change = Change::new()
        .of_entity("{q}:version:b", 0)
        .publishing_staged(staged);
    assert!(queue.commit(&change).is_err());
    assert_eq!(length(&redis, "EXISTS", "{q}:version:b"), 0);
    assert!(
        length(&redis, "PTTL", "{q}:queue:staged:third") > 0,
        "it goes by itself"
    );
}

#[tokio::test]
async fn an_idempotency_key_lets_a_change_happen_once() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    let change = |value: &str| {
        Change::new()
            .once("{q}:once:key", value, Duration::from_secs(60))
            .publishing(value)
    };
    assert_eq!(queue.commit(&change("first")).unwrap(), Outcome::Committed);
    assert_eq!(
        queue.commit(&change("second")).unwrap(),
        Outcome::Duplicate {
            value: b"first".to_vec()
        }
    );
    assert_eq!(texts(&queue.claim(&policy(), 10).unwrap()), ["first"]);
    assert!(length(&redis, "PTTL", "{q}:once:key") > 0);
}

#[tokio::test]
async fn a_lease_that_is_extended_does_not_run_out() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    for message in ["slow", "abandoned", "done"] {
        publish(&queue, message);
    }
    let held = queue.claim(&policy(), 3).unwrap();
    queue.ack(&held[2]).unwrap();
    let idle = |delivery: &Delivery| {
        let id = delivery.id.as_str();
        let stream = "{q}:queue:stream".into();
        let pending = redis.call(
            "XPENDING",
            &[stream, "workers".into(), id.into(), id.into(), 1.into()],
        );
        pending.unwrap().get(2).and_then(Value::as_int)
    };
    let idle = &idle;
    let held = &held;
    eventually("both have been held for a while", || async move {
        (idle(&held[0])? > 1_000).then_some(())
    })
    .await;
    queue.extend([&held[0], &held[2]]).unwrap();
    assert_eq!(idle(&held[2]), None, "what is settled stays settled");
    let abandoned = idle(&held[1]).unwrap();
    assert!(idle(&held[0]).unwrap() < abandoned);

    let short = Policy {
        // A second longer than the extended one has been held.
        lease: Duration::from_millis(abandoned.unsigned_abs()),
        ..policy()
    };
    let again = queue.claim(&short, 10).unwrap();
    assert_eq!(texts(&again), ["abandoned"]);
    assert_eq!(
        queue.ack(&held[0]).unwrap(),
        Outcome::Committed,
        "it still is its worker's"
    );
}

#[tokio::test]
async fn a_scheduled_message_comes_once_at_the_time_that_was_given_last() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    for delay in [Duration::from_secs(3_000), Duration::from_millis(1)] {
        let timer = queue.names().schedule("timer:a", b"look", delay);
        queue.commit(&Change::new().with(timer)).unwrap();
    }
    assert_eq!(length(&redis, "ZCARD", "{q}:queue:delayed"), 1);
    let delivery = next(&queue).await;
    assert_eq!(
        (delivery.message.as_slice(), delivery.attempt),
        (b"look".as_slice(), 1)
    );
    assert!(queue.claim(&policy(), 10).unwrap().is_empty());
}

#[tokio::test]
async fn a_caller_that_notifies_itself_is_told_when_to() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q").with_notify(Notify::Caller);
    assert!(queue.to_notify().is_empty());
    publish(&queue, "a");
    publish(&queue, "b");
    let notified = queue.to_notify();
    assert!(notified.iter().eq(["q"]), "once for both");
    assert!(queue.to_notify().is_empty());
    publish(&queue, "c");
    assert!(queue.to_notify().is_empty(), "a notification is under way");
    assert_eq!(queue.claim(&policy(), 1).unwrap().len(), 1);
    queue.wake().unwrap();
    assert!(queue.to_notify().iter().eq(["q"]), "some are left");
}

#[tokio::test]
async fn what_became_of_messages_is_counted() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    for message in ["done", "again", "later", "dead"] {
        publish(&queue, message);
    }
    let held = queue.claim(&policy(), 10).unwrap();
    let far = Duration::from_secs(60);
    let settlements = [
        Settlement::of(&held[0]),
        Settlement::of(&held[1]).with(queue.retry(&held[1], far)),
        Settlement::of(&held[2]).with(queue.postpone(&held[2], far)),
        Settlement::of(&held[3]).with(queue.dead_letter(&held[3], "no")),
    ];
    queue.settle(&settlements, &[]).unwrap();
    queue.settle(&settlements, &[]).unwrap();
    let count = |name: &str| {
        redis
            .call("HGET", &["{q}:queue:stats".into(), name.into()])
            .unwrap()[0]
            .as_int()
    };
    assert_eq!(
        ["settled", "retried", "postponed", "dead"].map(count),
        [Some(4), Some(1), Some(1), Some(1)]
    );
}

#[tokio::test]
async fn what_became_of_messages_is_told_of_each_minute_of_the_last_hour() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    let minutes = "{q}:queue:minutes";
    let this = redis.call("TIME", &[]).unwrap()[0].as_int().unwrap() / 60;
    // An hour has 60 minutes, so that the count of one hour ago is forgotten.
    for (ago, count) in [(60, 7), (59, 5), (2, 3)] {
        let field = format!("{}:settled", this - ago);
        redis
            .call("HSET", &[minutes.into(), (&field).into(), count.into()])
            .unwrap();
    }
    for message in ["done", "again", "dead"] {
        publish(&queue, message);
    }
    let held = queue.claim(&policy(), 10).unwrap();
    let settlements = [
        Settlement::of(&held[0]),
        Settlement::of(&held[1]).with(queue.retry(&held[1], Duration::from_secs(60))),
        Settlement::of(&held[2]).with(queue.dead_letter(&held[2], "no")),
    ];
    queue.settle(&settlements, &[]).unwrap();

    let history = queue.history().unwrap();
    assert_eq!(history.len(), 60);
    assert!(
        history
            .windows(2)
            .all(|pair| pair[1].at - pair[0].at == 60_000)
    );
    let past = u64::try_from(this - 2).unwrap() * 60_000;
    let past = history.iter().find(|minute| minute.at == past).unwrap();
    assert_eq!((past.processed, past.retried, past.dead), (3, 0, 0));
    // The clock may have gone on to the next minute meanwhile.
    let last = &history[58..];
    let sum = |count: fn(&Minute) -> u64| last.iter().map(count).sum::<u64>();
    let sums = (sum(|m| m.processed), sum(|m| m.retried), sum(|m| m.dead));
    assert_eq!(sums, (1, 1, 1));
    let forgotten = format!("{}:settled", this - 60);
    let is_kept = redis.call("HEXISTS", &[minutes.into(), (&forgotten).into()]);
    assert_eq!(is_kept.unwrap()[0], Value::Int(0));
    let expires_in = redis.call("PTTL", &[minutes.into()]).unwrap()[0].as_int();
    assert!(expires_in.unwrap() > 3_500_000);
}

#[tokio::test]
async fn what_is_kept_is_bounded_by_number_size_and_time() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    let keep = |id: &str, value: &str, keeping: Keeping| {
        let keep = Effect::Keep {
            key: "{q}:kept".into(),
            id: id.into(),
            label: format!("label of {id}"),
            value: value.into(),
            keeping,
        };
        queue.commit(&Change::new().with(keep)).unwrap();
    };
    let kept = || {
        let ids = ["{q}:kept:times".into(), 0.into(), (-1).into()];
        let ids = redis.call("ZRANGE", &ids).unwrap();
        let size = redis.call("GET", &["{q}:kept:bytes".into()]).unwrap();
        let counts = ["{q}:kept", "{q}:kept:labels"].map(|key| length(&redis, "HLEN", key));
        assert_eq!(counts, [ids.len() as i64; 2]);
        let ids: Vec<_> = ids
            .iter()
            .map(|id| id.as_str().unwrap().to_owned())
            .collect();
        (ids.join(" "), size[0].as_int().unwrap())
    };
    let day = Keeping {
        count: 3,
        bytes: 100,
        time: Duration::from_secs(86_400),
    };
    for id in ["a", "b", "c", "d"] {
        keep(id, "0123456789", day);
    }
    assert_eq!(kept(), ("b c d".into(), 30));
    // A value stays as it was kept first.
    keep("c", "another", day);
    assert_eq!(kept(), ("b c d".into(), 30));
    keep("e", &"x".repeat(85), day);
    assert_eq!(kept(), ("d e".into(), 95));
    keep("f", &"x".repeat(101), day);
    assert_eq!(kept(), ("d e".into(), 95));
    // As if they had been kept long ago.
    for id in ["d", "e"] {
        let long_ago = ["{q}:kept:times".into(), 1.into(), id.into()];
        redis.call("ZADD", &long_ago).unwrap();
    }
    keep("g", "1", day);
    assert_eq!(kept(), ("g".into(), 1));
    for part in ["", ":labels", ":times", ":bytes"] {
        let left = length(&redis, "PTTL", &format!("{{q}}:kept{part}"));
        assert!(left > 0, "{part} expires with the last value: {left}");
    }
}

#[tokio::test]
async fn a_log_and_a_set_keep_the_latest() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    for n in 0..7 {
        let change = Change::new()
            .with(Effect::Append {
                key: "{q}:log".into(),
                value: n.to_string().into_bytes(),
                max: 3,
            })
            .with(Effect::Index {
                key: "{q}:set".into(),
                member: n.to_string(),
                score: f64::from(n),
            })
            .with(Effect::Trim {
                key: "{q}:set".into(),
                max: 4,
            });
        queue.commit(&change).unwrap();
    }
    let log = redis
        .call("XRANGE", &["{q}:log".into(), "-".into(), "+".into()])
        .unwrap();
    let values: Vec<_> = log
        .chunks(3)
        .map(|entry| entry[2].as_str().unwrap())
        .collect();
    assert_eq!(values, ["4", "5", "6"]);
    assert_eq!(length(&redis, "ZCARD", "{q}:set"), 4);
    let first = redis
        .call("ZRANGE", &["{q}:set".into(), 0.into(), 0.into()])
        .unwrap();
    assert_eq!(first[0].as_str(), Some("3"));
}

#[tokio::test]
async fn a_message_that_nobody_wants_is_not_published() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let (queue, told) = (Queue::new(&redis, "q"), Queue::new(&redis, "told"));
    let publish = |wishes: &[&str]| {
        let wishes = wishes.iter().map(|wish| (*wish).to_owned()).collect();
        let send = QueueNames::new("told").send_if_any("{told}:wanted", wishes, "a message");
        queue.commit(&Change::new().with(send)).unwrap();
        told.claim(&policy(), 9).unwrap().len()
    };
    assert_eq!(publish(&["a", "b"]), 0);
    let wanted = ["{told}:wanted".into(), 0.into(), "b".into()];
    redis.call("ZADD", &wanted).unwrap();
    assert_eq!(publish(&["a"]), 0);
    assert_eq!(publish(&["a", "b"]), 1);
    assert_eq!(publish(&["b", "b"]), 1);
}
