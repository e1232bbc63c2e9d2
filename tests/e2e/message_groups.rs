//! Message groups: messages that are delivered one after the other.

use std::time::Duration;

use queue::{Change, Delivery, Group, Notify, Outcome, Policy, Queue, QueueNames, Settlement};
use stores::Redis;
use stores::native::NativeRedis;
use tests::{OwnRedis, eventually};

const GROUP: &str = "{q}:group:e";

fn publish(queue: &Queue<'_, NativeRedis>, message: &str) {
    publish_on(queue, queue.names(), message, None);
}

fn publish_on(
    queue: &Queue<'_, NativeRedis>,
    names: &QueueNames,
    message: &str,
    ahead: Option<&str>,
) {
    let group = Group {
        key: GROUP.to_owned(),
        ahead: ahead.map(Into::into),
    };
    let change = Change::new().with(names.send_in(group, message));
    assert_eq!(queue.commit(&change).unwrap(), Outcome::Committed);
}

fn claim(queue: &Queue<'_, NativeRedis>) -> Vec<Delivery> {
    queue.claim(&Policy::default(), 10).unwrap()
}

fn texts(deliveries: &[Delivery]) -> Vec<&str> {
    let texts = deliveries.iter();
    texts
        .map(|delivery| str::from_utf8(&delivery.message).unwrap())
        .collect()
}

fn done(queue: &Queue<'_, NativeRedis>, delivery: &Delivery) {
    let settled = queue.settle(&[Settlement::of(delivery)], &[]).unwrap();
    assert_eq!(settled, [true]);
}

fn head(redis: &NativeRedis) -> Option<String> {
    let head = redis
        .call("LINDEX", &[GROUP.into(), 0.into()])
        .unwrap()
        .remove(0);
    head.as_str().map(str::to_owned)
}

#[tokio::test]
async fn the_next_message_of_a_group_comes_when_the_one_before_is_done() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    for message in ["1", "2 with\nspaces", "3"] {
        publish(&queue, message);
    }
    let other = Change::new().publishing("of no group");
    queue.commit(&other).unwrap();

    assert_eq!(queue.counts().unwrap().held, 2);
    let held = claim(&queue);
    assert_eq!(texts(&held), ["1", "of no group"], "others are not held up");
    assert_eq!(held[0].group.as_deref(), Some(GROUP));
    assert!(claim(&queue).is_empty());

    done(&queue, &held[0]);
    let held = claim(&queue);
    assert_eq!(texts(&held), ["2 with\nspaces"]);
    // A second settlement does not deliver the third message too soon.
    done(&queue, &held[0]);
    let again = queue.settle(&[Settlement::of(&held[0])], &[]).unwrap();
    assert_eq!(again, [false]);
    let held = claim(&queue);
    assert_eq!(texts(&held), ["3"]);
    assert_eq!(queue.ack(&held[0]).unwrap(), Outcome::Committed);
    assert_eq!(head(&redis), None, "nothing is left of the group");

    publish(&queue, "4");
    assert_eq!(texts(&claim(&queue)), ["4"]);
}

#[tokio::test]
async fn a_message_that_is_tried_again_keeps_its_place() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    publish(&queue, "1");
    publish(&queue, "2");
    let soon = Duration::from_millis(1);
    for turn in 0..2 {
        let delivery = next(&queue).await;
        assert_eq!(texts(std::slice::from_ref(&delivery)), ["1"]);
        let later = match turn {
            0 => queue.retry(&delivery, soon),
            _ => queue.postpone(&delivery, soon),
        };
        let settlement = Settlement::of(&delivery).with(later);
        queue.settle(&[settlement], &[]).unwrap();
    }
    let delivery = next(&queue).await;
    assert_eq!(
        (texts(std::slice::from_ref(&delivery)), delivery.attempt),
        (vec!["1"], 2)
    );
    done(&queue, &delivery);
    assert_eq!(texts(&claim(&queue)), ["2"]);
}

#[tokio::test]
async fn a_dead_letter_holds_up_its_group_until_it_is_done_or_thrown_away() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let queue = Queue::new(&redis, "q");
    for message in ["1", "2", "3"] {
        publish(&queue, message);
    }
    let make_dead = |delivery: &Delivery| {
        let dead = queue.dead_letter(delivery, "no");
        queue
            .settle(&[Settlement::of(delivery).with(dead)], &[])
            .unwrap();
        queue.dead_letters(None, 1).unwrap().letters.remove(0).id
    };
    let letter = make_dead(&claim(&queue)[0]);
    assert!(claim(&queue).is_empty());
    assert_eq!(head(&redis), Some(format!("q/{letter}")));

    assert_eq!(queue.redrive(&[letter]).unwrap().count, 1);
    assert_eq!(head(&redis).as_deref(), Some(""));
    let held = claim(&queue);
    assert_eq!((texts(&held), held.len()), (vec!["1"], 1));
    done(&queue, &held[0]);

    let letter = make_dead(&claim(&queue)[0]);
    assert!(claim(&queue).is_empty());
    assert!(queue.discard(letter).unwrap());
    assert!(
        !queue.discard(letter).unwrap(),
        "and not the one after it, too"
    );
    assert_eq!(texts(&claim(&queue)), ["3"], "and not 2");
    assert_eq!(queue.counts().unwrap().held, 0);
}

#[tokio::test]
async fn a_group_goes_over_the_queues_of_one_hash_tag() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let a = Queue::new(&redis, "q.a").with_notify(Notify::Caller);
    let b = Queue::new(&redis, "q.b");
    publish(&a, "1");
    publish_on(&a, b.names(), "2", Some("2 is coming"));
    assert!(a.to_notify().iter().eq(["q.a", "q.b"]));

    let ahead = claim(&b);
    assert_eq!(texts(&ahead), ["2 is coming"]);
    assert_eq!(ahead[0].group, None);
    done(&b, &ahead[0]);
    assert!(claim(&b).is_empty());

    done(&a, &claim(&a)[0]);
    assert!(
        a.to_notify().iter().eq(["q.b"]),
        "the worker of the first notifies that of the second"
    );
    assert_eq!(texts(&claim(&b)), ["2"]);
    assert!(claim(&a).is_empty());
}

/// The next message, which may still be delayed.
async fn next(queue: &Queue<'_, NativeRedis>) -> Delivery {
    eventually("a message comes", || async { claim(queue).pop() }).await
}
