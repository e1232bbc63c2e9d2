//! Lost notifications and timers.

use queue::QueueNames;
use stores::{Arg, Redis};
use tests::{App, Manifest};

use super::load::{Load, finished};

const QUEUES: [&str; 2] = ["images", "jobs"];
const TOONS: usize = 300;

/// Publishes messages on both queues without a notification to their workers.
async fn publish_unnoticed(app: &App, load: &Load, number: usize) {
    load.submit(app, Some(&format!("JOB-{number}")), TOONS)
        .await;
    load.upload(app, number).await;
    app.stack.s3().events_delivered().await;
    for queue in QUEUES {
        let counts = app.counts(queue);
        assert!(counts.depth > 0 && counts.in_flight == 0, "{counts:?}");
    }
}

/// Changes a key of each queue.
fn with_each(app: &App, command: &str, part: &str, args: &[Arg<'_>]) -> [Option<i64>; 2] {
    QUEUES.map(|queue| {
        let key = format!("{{{queue}}}:queue:{part}");
        let args = [&[Arg::from(&key)], args].concat();
        app.redis().call(command, &args).unwrap()[0].as_int()
    })
}

/// Makes the timers go off now.
fn timers_go_off(app: &App) {
    with_each(app, "DEL", "bell", &[]);
    let were_set = with_each(app, "PEXPIRE", "alarm", &[1.into()]);
    assert_eq!(were_set, [Some(1), Some(1)]);
}

/// The keys that wake a queue's workers.
const WAKERS: [&str; 4] = ["bell", "alarm", "alarm:2", "alarm:3"];

/// Loses all notifications and timers, also the last fallback timer.
fn all_were_lost(app: &App) {
    for part in WAKERS {
        with_each(app, "DEL", part, &[]);
    }
}

#[tokio::test]
async fn a_lost_notification_is_made_up_for_by_a_timer() {
    let app = App::start().await;
    let load = Load::default();
    // The keys say that notifications are under way, so no other is sent; no worker gets them.
    with_each(&app, "SETNX", "bell", &["".into()]);
    publish_unnoticed(&app, &load, 0).await;
    timers_go_off(&app);
    load.is_done_once(&app).await;
}

#[tokio::test]
async fn a_worker_that_is_called_for_help_does_all_that_waits() {
    let app = App::start().await;
    let load = Load::default();
    with_each(&app, "SETNX", "bell", &["".into()]);
    publish_unnoticed(&app, &load, 0).await;
    for queue in QUEUES {
        let names = QueueNames::new(queue);
        let call = [names.help_channel(), ""].map(Arg::from);
        let heard = app.redis().call("PUBLISH", &call).unwrap();
        assert_eq!(heard[0].as_int(), Some(1), "{queue} has one worker more");
    }
    load.is_done_once(&app).await;
}

#[tokio::test]
async fn messages_that_are_published_while_no_worker_runs_are_done_when_one_does() {
    let mut app = App::of(Manifest::shipped().without_redis_triggers(), &[]).await;
    let load = Load::default();
    publish_unnoticed(&app, &load, 0).await;
    // The timers do not go off during a start of any length.
    with_each(&app, "PERSIST", "alarm", &[]);
    app.change(Manifest::shipped()).await;
    timers_go_off(&app);
    load.is_done_once(&app).await;
}

#[tokio::test]
async fn a_lost_timer_is_followed_by_others() {
    for (lost, next) in [
        (&["alarm"][..], "alarm:2"),
        (&["alarm", "alarm:2"], "alarm:3"),
    ] {
        let mut app = App::of(Manifest::shipped().without_redis_triggers(), &[]).await;
        let load = Load::default();
        publish_unnoticed(&app, &load, 0).await;
        with_each(&app, "DEL", "bell", &[]);
        for part in lost {
            assert_eq!(with_each(&app, "DEL", part, &[]), [Some(1), Some(1)]);
        }
        app.change(Manifest::shipped()).await;
        let were_set = with_each(&app, "PEXPIRE", next, &[1.into()]);
        assert_eq!(were_set, [Some(1), Some(1)]);
        load.is_done_once(&app).await;
    }
}

#[tokio::test]
async fn where_every_timer_is_lost_the_next_notification_recovers_everything() {
    let mut app = App::of(Manifest::shipped().without_redis_triggers(), &[]).await;
    let load = Load::default();
    publish_unnoticed(&app, &load, 0).await;
    all_were_lost(&app);
    app.change(Manifest::shipped()).await;
    load.submit(&app, Some("NEXT"), 1).await;
    load.upload(&app, 1).await;
    load.is_done_once(&app).await;
}

#[tokio::test]
async fn where_everything_is_lost_a_request_for_a_job_recovers_it() {
    let mut app = App::of(Manifest::shipped().without_redis_triggers(), &[]).await;
    let load = Load::default();
    load.submit(&app, Some("JOB-0"), TOONS).await;
    all_were_lost(&app);
    app.change(Manifest::shipped()).await;
    // The state has been like this for a while.
    let long_ago = [
        Arg::from("{jobs}:job:JOB-0"),
        Arg::from("updated"),
        0.into(),
    ];
    app.redis().call("HSET", &long_ago).unwrap();
    finished(&app, "JOB-0").await;
    load.is_done_once(&app).await;
}

#[tokio::test]
async fn a_request_for_an_order_whose_timers_were_lost_recovers_it() {
    let mut app = App::of(Manifest::shipped().without_redis_triggers(), &[]).await;
    app.put_order("A", "received", "d").await;
    let lost = WAKERS.map(|key| format!("{{orders}}.received:queue:{key}"));
    app.redis()
        .call("DEL", &lost.each_ref().map(Arg::from))
        .unwrap();
    app.change(Manifest::shipped()).await;
    // No request wakes workers before a timer would have gone off.
    app.order_is("A", "processed").await;
}
