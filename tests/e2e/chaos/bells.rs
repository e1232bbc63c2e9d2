//! Bells that nobody hears.

use stores::{Arg, Redis};
use tests::{App, Manifest};

use super::load::{Load, counts};

const QUEUES: [&str; 2] = ["images", "jobs"];
const TOONS: usize = 300;

/// Publishes on both queues what no worker hears of.
async fn publish_unheard(app: &App, load: &Load, number: usize) {
    load.submit(app, Some(&format!("JOB-{number}")), TOONS)
        .await;
    load.upload(app, number).await;
    app.stack.s3().events_delivered().await;
    for queue in QUEUES {
        let counts = counts(app, queue);
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

/// The alarms go off now, and not when their time has come.
fn alarms_go_off(app: &App) {
    with_each(app, "DEL", "bell", &[]);
    let were_set = with_each(app, "PEXPIRE", "alarm", &[1.into()]);
    assert_eq!(were_set, [Some(1), Some(1)]);
}

#[tokio::test]
async fn a_bell_that_is_lost_is_made_up_for_by_a_timer() {
    let app = App::start().await;
    let load = Load::default();
    // The bells ring already, for workers that never come: no other is rung.
    with_each(&app, "SETNX", "bell", &["".into()]);
    publish_unheard(&app, &load, 0).await;
    alarms_go_off(&app);
    load.is_done_once(&app).await;
}

#[tokio::test]
async fn what_is_published_while_no_worker_runs_is_done_when_one_does() {
    let mut app = App::of(Manifest::shipped().without_redis_triggers(), &[]).await;
    let load = Load::default();
    publish_unheard(&app, &load, 0).await;
    // However long the start takes, their time has not come before.
    with_each(&app, "PERSIST", "alarm", &[]);
    app.change(Manifest::shipped()).await;
    alarms_go_off(&app);
    load.is_done_once(&app).await;
}

#[tokio::test]
async fn where_the_alarm_is_lost_too_the_next_bell_recovers_everything() {
    let mut app = App::of(Manifest::shipped().without_redis_triggers(), &[]).await;
    let load = Load::default();
    publish_unheard(&app, &load, 0).await;
    // They went off while nobody listened.
    with_each(&app, "DEL", "bell", &[]);
    with_each(&app, "DEL", "alarm", &[]);
    app.change(Manifest::shipped()).await;
    load.submit(&app, Some("NEXT"), 1).await;
    load.upload(&app, 1).await;
    load.is_done_once(&app).await;
}
