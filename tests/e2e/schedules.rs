//! The guarantees of schedules: on a real Redis, with a clock that tests set, and in the
//! application.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::time::Duration;

use base::Trace;
use queue::{Change, Delivery, Notify, Outcome, Policy, Queue, QueueNames, Settlement};
use reqwest::Method;
use schedule::{BuiltIn, Last, Schedules, Seen, State, tick};
use serde_json::{Value as Json, json};
use stores::native::NativeRedis;
use stores::{Arg, Redis, Value};
use tests::{App, Manifest, OwnRedis, body, eventually};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// 2026-11-25T08:00:00Z.
const EIGHT: u64 = 1_795_593_600_000;

const DAILY: &str = r#"daily | cron(0 8 * * ? *) | q | {"type":"test.daily","schema":1}"#;
const MINUTELY: &str = r#"often | cron(* * * * ? *) | q | {"type":"test.often","schema":1}"#;

fn schedules(lines: &[&str]) -> Schedules {
    let queues = ["q", "q.other", "jobs"].map(str::to_owned);
    let schedules = Schedules::parse(&lines.join("\n"), &[], &queues);
    schedules.with_catch_up(Duration::from_secs(3_600))
}

fn look<'s>(redis: &NativeRedis, schedules: &'s Schedules, now: u64) -> Vec<Seen<'s>> {
    tick(&Queue::new(redis, "q"), schedules, now, &Trace::new()).unwrap()
}

/// The state of the first schedule after a look.
fn state(redis: &NativeRedis, schedules: &Schedules, now: u64) -> State {
    look(redis, schedules, now).remove(0).state
}

fn policy() -> Policy {
    Policy {
        lease: Duration::from_secs(60),
        ..Policy::default()
    }
}

fn claim(redis: &NativeRedis, queue: &str) -> Vec<Delivery> {
    Queue::new(redis, queue).claim(&policy(), 100).unwrap()
}

/// The name and time of the schedule that a message is of.
fn of(delivery: &Delivery) -> (String, String) {
    let message: Json = serde_json::from_slice(&delivery.message).unwrap();
    let text = |name: &str| message[name].as_str().unwrap().to_owned();
    (text("schedule"), text("scheduled_for"))
}

/// Takes all messages of a queue and settles them.
fn take(redis: &NativeRedis, queue: &str) -> Vec<(String, String)> {
    let deliveries = claim(redis, queue);
    for delivery in &deliveries {
        Queue::new(redis, queue).ack(delivery).unwrap();
    }
    deliveries.iter().map(of).collect()
}

fn number(redis: &NativeRedis, command: &str, key: &str) -> i64 {
    redis.call(command, &[key.into()]).unwrap()[0]
        .as_int()
        .unwrap()
}

#[tokio::test]
async fn a_schedule_publishes_its_message_with_its_name_and_time() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let daily = schedules(&[DAILY]);
    assert_eq!(state(&redis, &daily, EIGHT - 1).next, Some(EIGHT));
    assert_eq!(take(&redis, "q"), []);

    let queue = Queue::new(&redis, "q").with_notify(Notify::Caller);
    let seen = tick(&queue, &daily, EIGHT + 5, &Trace::new()).unwrap();
    assert!(queue.to_notify().iter().eq(["q"]), "a worker is notified");
    let last = Last {
        scheduled_for: EIGHT,
        ran_at: EIGHT + 5,
    };
    assert_eq!(seen[0].state.last, Some(last));
    assert_eq!(
        (seen[0].state.next, seen[0].state.runs),
        (Some(EIGHT + DAY), 1)
    );
    assert!(
        number(&redis, "PTTL", "{q}:queue:alarm") > 0,
        "a lost notification is made up for"
    );
    let delivery = claim(&redis, "q").remove(0);
    assert_eq!(
        String::from_utf8(delivery.message).unwrap(),
        r#"{"type":"test.daily","schema":1,"schedule":"daily","scheduled_for":"2026-11-25T08:00:00.000Z"}"#
    );
}

#[tokio::test]
async fn a_time_runs_once_however_many_look() {
    let server = OwnRedis::start().await;
    let lines = [
        MINUTELY,
        r#"other | rate(1 minute) | q.other | {"type":"test.other","schema":1}"#,
    ];
    let schedules = schedules(&lines);
    look(&server.connect(), &schedules, EIGHT - MINUTE);
    let looks = Barrier::new(8);
    let redis = server.connect();
    for round in 0..20 {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let redis = server.connect();
                    looks.wait();
                    look(&redis, &schedules, EIGHT + round * MINUTE);
                });
            }
        });
        let time = base::rfc3339(EIGHT + round * MINUTE);
        assert_eq!(take(&redis, "q"), [("often".to_owned(), time.clone())]);
        assert_eq!(take(&redis, "q.other"), [("other".to_owned(), time)]);
    }
    let seen = look(&redis, &schedules, EIGHT + 20 * MINUTE - 1);
    assert!(
        seen.iter()
            .all(|seen| (seen.state.runs, seen.state.missed, seen.state.skipped) == (20, 0, 0))
    );
}

#[tokio::test]
async fn a_missed_time_runs_late_once_and_not_too_late() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let daily = schedules(&[DAILY]);
    look(&redis, &daily, EIGHT - 1);

    // The whole application was away for three days, until half past eight.
    let late = state(&redis, &daily, EIGHT + 3 * DAY + HOUR / 2);
    assert_eq!((late.runs, late.missed), (1, 3));
    assert_eq!(
        take(&redis, "q"),
        [("daily".to_owned(), base::rfc3339(EIGHT + 3 * DAY))]
    );

    let too_late = state(&redis, &daily, EIGHT + 4 * DAY + HOUR + 1);
    assert_eq!(
        (too_late.runs, too_late.missed, too_late.next),
        (1, 4, Some(EIGHT + 5 * DAY))
    );
    assert_eq!(take(&redis, "q"), []);
}

#[tokio::test]
async fn a_time_is_skipped_while_the_last_message_is_on_the_queue() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let often = schedules(&[MINUTELY]);
    let queue = Queue::new(&redis, "q");
    let mut now = EIGHT - MINUTE;
    look(&redis, &often, now);
    let mut skips = || {
        now += MINUTE;
        let before = state(&redis, &often, now - 1).skipped;
        state(&redis, &often, now).skipped > before
    };
    assert!(!skips());
    assert!(skips(), "it is ready");
    let delivery = claim(&redis, "q").remove(0);
    assert!(skips(), "it is under a lease");

    let retry = queue.retry(&delivery, Duration::from_secs(3_600));
    let retried = Change::new().settling(&delivery).with(retry);
    assert_eq!(queue.commit(&retried).unwrap(), Outcome::Committed);
    assert!(skips(), "it is delayed");
    let entry = redis
        .call("ZRANGE", &["{q}:queue:delayed".into(), 0.into(), 0.into()])
        .unwrap()
        .remove(0)
        .into_bytes();
    let due = [
        "{q}:queue:delayed".into(),
        1.into(),
        Arg::from(entry.as_slice()),
    ];
    redis.call("ZADD", &due).unwrap();
    queue.wake().unwrap();
    assert!(skips(), "it is ready again");
    let delivery = claim(&redis, "q").remove(0);
    assert_eq!(delivery.attempt, 2);

    let settlement =
        Settlement::of(&delivery).with(queue.postpone(&delivery, Duration::from_millis(1)));
    assert_eq!(queue.settle(&[settlement], &[]).unwrap(), [true]);
    assert!(skips(), "it is postponed");
    std::thread::sleep(Duration::from_millis(5));
    let delivery = claim(&redis, "q").remove(0);
    assert_eq!(delivery.attempt, 2);
    assert!(skips(), "it is under a lease again");

    queue.ack(&delivery).unwrap();
    assert!(!skips(), "it is done");
    let delivery = claim(&redis, "q").remove(0);
    let dead = queue.dead_letter(&delivery, "no");
    queue
        .commit(&Change::new().settling(&delivery).with(dead))
        .unwrap();
    assert!(!skips(), "a dead letter waits for an operator");
    assert!(skips());
    redis.call("DEL", &["{q}:queue:stream".into()]).unwrap();
    assert!(!skips(), "an operator removed it by hand");
}

#[tokio::test]
async fn messages_of_others_hold_up_no_schedule() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let lines = schedules(&[
        MINUTELY,
        r#"second | rate(1 minute) | q | {"type":"test.often","schema":1}"#,
    ]);
    look(&redis, &lines, EIGHT - MINUTE);
    let publish = Change::new().publishing("other");
    Queue::new(&redis, "q").commit(&publish).unwrap();
    let seen = look(&redis, &lines, EIGHT);
    assert!(seen.iter().all(|seen| seen.state.runs == 1));
    // The first is done, and the second is not.
    let deliveries = claim(&redis, "q");
    let first = deliveries
        .iter()
        .find(|delivery| delivery.message != b"other" && of(delivery).0 == "often");
    Queue::new(&redis, "q").ack(first.unwrap()).unwrap();
    let seen = look(&redis, &lines, EIGHT + MINUTE);
    let counts: Vec<_> = seen
        .iter()
        .map(|seen| (seen.state.runs, seen.state.skipped))
        .collect();
    assert_eq!(counts, [(2, 0), (1, 1)]);
}

#[tokio::test]
async fn the_timer_goes_off_at_the_next_time_of_any_schedule() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let left = || number(&redis, "PTTL", "{q}:schedules:alarm");
    let near = |left: i64, expected: u64| {
        let expected = i64::try_from(expected).unwrap();
        (expected - 10_000..=expected).contains(&left)
    };
    let daily = schedules(&[DAILY]);
    look(&redis, &daily, EIGHT - HOUR);
    assert!(near(left(), HOUR), "{}", left());
    let both = schedules(&[
        DAILY,
        r#"other | rate(5 minutes) | q.other | {"type":"test.other","schema":1}"#,
    ]);
    look(&redis, &both, EIGHT - HOUR);
    assert!(near(left(), 5 * MINUTE), "{}", left());
    for fallback in ["2", "3"] {
        let key = format!("{{q}}:schedules:alarm:{fallback}");
        assert!(number(&redis, "PTTL", &key) > left());
        assert_eq!(
            QueueNames::of_schedules_timer(&key).unwrap().name(),
            "q",
            "the component `timers` knows it"
        );
    }

    // The next look sets a timer that was lost.
    redis.call("DEL", &["{q}:schedules:alarm".into()]).unwrap();
    look(&redis, &both, EIGHT - HOUR + 4 * MINUTE);
    assert!(near(left(), MINUTE), "{}", left());
    // The next time of a schedule that ran.
    redis.call("DEL", &["{q}:schedules:alarm".into()]).unwrap();
    look(&redis, &both, EIGHT - HOUR + 5 * MINUTE);
    assert!(near(left(), 5 * MINUTE), "{}", left());
}

#[tokio::test]
async fn a_look_with_nothing_to_do_is_one_read() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let daily = schedules(&[DAILY]);
    look(&redis, &daily, EIGHT - HOUR);
    // The scripts are loaded now.
    let commands = || {
        let info = redis.call("INFO", &["stats".into()]).unwrap();
        let info = info[0].as_str().unwrap().to_owned();
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("total_commands_processed:"));
        line.unwrap().trim().parse::<u64>().unwrap()
    };
    look(&redis, &daily, EIGHT - HOUR);
    let before = commands();
    look(&redis, &daily, EIGHT - HOUR);
    // The script, its two commands, and INFO.
    assert!(commands() - before <= 4);
}

#[tokio::test]
async fn another_expression_starts_from_now_and_a_line_that_is_gone_leaves_nothing() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let daily = schedules(&[DAILY]);
    look(&redis, &daily, EIGHT - 1);
    assert_eq!(state(&redis, &daily, EIGHT).runs, 1);

    let later = DAILY.replace("0 8", "0 12");
    let later = schedules(&[&later]);
    let state_of_later = state(&redis, &later, EIGHT + HOUR);
    assert_eq!(
        (state_of_later.next, state_of_later.runs),
        (Some(EIGHT + 4 * HOUR), 1)
    );
    // A wrong line keeps its state, for it may be put right.
    let wrong = DAILY.replace("cron", "corn");
    assert_eq!(look(&redis, &schedules(&[&wrong]), EIGHT + HOUR).len(), 0);
    assert_eq!(state(&redis, &later, EIGHT + HOUR).runs, 1);

    look(&redis, &schedules(&[MINUTELY]), EIGHT + HOUR);
    let left = redis.call("HKEYS", &["{q}:schedules".into()]).unwrap();
    assert_eq!(left, [Value::Bytes(b"often".to_vec())]);
    assert_eq!(number(&redis, "EXISTS", "{q}:queue:scheduled"), 0);
    // Its line is back: it is new.
    let again = state(&redis, &daily, EIGHT + 2 * DAY);
    assert_eq!((again.next, again.runs), (Some(EIGHT + 3 * DAY), 0));

    // A queue of another hash tag takes the state away from here.
    look(
        &redis,
        &schedules(&[&DAILY.replace("| q |", "| jobs |")]),
        EIGHT,
    );
    assert_eq!(number(&redis, "EXISTS", "{q}:schedules"), 0);
}

#[tokio::test]
async fn a_schedule_that_redis_lost_is_armed_by_the_next_look() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let daily = schedules(&[DAILY]);
    look(&redis, &daily, EIGHT - 1);
    redis.call("FLUSHALL", &[]).unwrap();
    redis.call("SCRIPT", &["FLUSH".into()]).unwrap();
    assert_eq!(state(&redis, &daily, EIGHT - 1).next, Some(EIGHT));
    let garbage = ["{q}:schedules", "daily", "?"].map(Arg::from);
    redis.call("HSET", &garbage).unwrap();
    assert_eq!(state(&redis, &daily, EIGHT + 1).next, Some(EIGHT + DAY));
    assert_eq!(take(&redis, "q"), []);
}

#[tokio::test]
async fn one_of_the_applications_own_runs_like_the_others() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let own = BuiltIn {
        name: "own",
        expression: "rate(1 hour)",
        queue: "q",
        message: r#"{"type":"test.own","schema":1}"#,
    };
    let schedules = Schedules::parse("", &[own], &["q".to_owned()]);
    look(&redis, &schedules, EIGHT);
    look(&redis, &schedules, EIGHT + HOUR);
    assert_eq!(
        take(&redis, "q"),
        [("own".to_owned(), base::rfc3339(EIGHT + HOUR))]
    );
}

#[tokio::test]
async fn however_the_clock_is_moved_no_time_runs_twice_and_each_is_counted() {
    let server = OwnRedis::start().await;
    let redis = server.connect();
    let often = schedules(&[MINUTELY]);
    look(&redis, &often, EIGHT - MINUTE);
    let mut ran = Vec::new();
    let (mut now, mut latest) = (EIGHT - MINUTE, EIGHT - MINUTE);
    for _ in 0..500 {
        // Mostly a little on; sometimes hours on, and sometimes back.
        now = match fastrand::u64(0..10) {
            0 => now + fastrand::u64(0..3 * HOUR),
            1 => now - fastrand::u64(0..2 * HOUR),
            _ => now + fastrand::u64(0..3 * MINUTE),
        };
        latest = latest.max(now);
        look(&redis, &often, now);
        if fastrand::u64(0..4) > 0 {
            ran.extend(take(&redis, "q"));
        }
    }
    ran.extend(take(&redis, "q"));
    let distinct: BTreeSet<_> = ran.iter().collect();
    assert_eq!(distinct.len(), ran.len(), "a time ran twice");
    let state = state(&redis, &often, latest);
    ran.extend(take(&redis, "q"));
    assert_eq!(state.runs, ran.len() as u64);
    let times = (latest - EIGHT) / MINUTE + 1;
    assert_eq!(state.runs + state.missed + state.skipped, times);
    assert!(state.runs > 0 && state.missed > 0 && state.skipped > 0);
}

/// A schedule whose message no worker of the queue knows, so that it becomes a dead letter.
const UNKNOWN: &str = r#"unknown | rate(1 day) | jobs | {"type":"test.unknown","schema":1}"#;

async fn get(app: &App, path: &str, status: u16) -> Json {
    body(app.ops(Method::GET, path, None).await, status).await
}

async fn metrics(app: &App) -> String {
    let metrics = app.ops(Method::GET, "/metrics", None).await;
    metrics.text().await.unwrap()
}

/// Moves the next time of the schedule to `next`, and its timer to `timer` from now.
fn bring_forward(redis: &NativeRedis, next: u64, timer: Option<i64>) {
    let field = ["{jobs}:schedules", "unknown"].map(Arg::from);
    let state = redis.call("HGET", &field).unwrap().remove(0).into_bytes();
    let mut state: Json = serde_json::from_slice(&state).unwrap();
    state["next"] = json!(next);
    let state = state.to_string();
    redis
        .call("HSET", &[field[0], field[1], Arg::from(&state)])
        .unwrap();
    if let Some(timer) = timer {
        let args = [
            "{jobs}:schedules:alarm".into(),
            "".into(),
            "PX".into(),
            Arg::Int(timer),
        ];
        redis.call("SET", &args).unwrap();
    }
}

/// Waits for the dead letter of the schedule's message.
async fn message_died(redis: &NativeRedis) -> Json {
    let letter = eventually("a worker took the message", || async {
        let page = Queue::new(redis, "jobs").dead_letters(None, 10).unwrap();
        page.letters.into_iter().next()
    })
    .await;
    serde_json::from_slice(&letter.message).unwrap()
}

#[tokio::test]
async fn the_application_runs_schedules_by_their_timer_and_names_wrong_ones() {
    let wrong = UNKNOWN
        .replace("unknown |", "wrong |")
        .replace("rate", "daily");
    let lines = format!("{UNKNOWN}\n{wrong}\n");
    let app = App::with(&[("schedules", lines.as_str())]).await;
    let redis = app.redis();

    let ready = get(&app, "/readyz", 503).await;
    assert_eq!(ready["checks"]["schedules"], "unavailable");
    assert_eq!(ready["checks"]["redis"], "ok");
    assert_eq!(ready["wrong_schedules"], json!(["wrong"]));
    let overview = get(&app, "/ops/schedules", 200).await;
    let schedule = &overview["schedules"][0];
    assert_eq!(
        (&schedule["name"], &schedule["queue"], &schedule["last"]),
        (&json!("unknown"), &json!("jobs"), &Json::Null)
    );
    assert!(schedule["next"].is_string());
    assert_eq!(overview["wrong"][0]["name"], "wrong");

    // From here on no request looks, but for the last ones.
    let next = base::now_millis() + 1_000;
    bring_forward(&redis, next, Some(1_000));
    let message = message_died(&redis).await;
    let expected = json!({"type": "test.unknown", "schema": 1, "schedule": "unknown",
        "scheduled_for": base::rfc3339(next)});
    assert_eq!(message, expected);
    let overview = get(&app, "/ops/schedules", 200).await;
    let schedule = &overview["schedules"][0];
    assert_eq!(schedule["last"]["scheduledFor"], base::rfc3339(next));
    assert_eq!(schedule["next"], base::rfc3339(next + DAY));
    let metrics = metrics(&app).await;
    for line in [
        "orilla_schedule_runs_total{schedule=\"unknown\"} 1",
        "orilla_schedule_missed_total{schedule=\"unknown\"} 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{metrics}");
    }
    app.stop().await;
}

#[tokio::test]
async fn without_timers_the_routes_of_operations_run_schedules() {
    let variables = [
        ("bell", "http"),
        ("drain_token", "0123456789abcdef"),
        ("schedules", UNKNOWN),
    ];
    for path in ["/metrics", "/readyz", "/ops/queues", "/ops/schedules"] {
        let app = App::of(Manifest::shipped().without_redis_triggers(), &variables).await;
        let redis = app.redis();
        get(&app, "/ops/schedules", 200).await;
        let next = base::now_millis() - 1;
        bring_forward(&redis, next, None);
        let answer = app.ops(Method::GET, path, None).await;
        assert_eq!(answer.status(), 200, "{path}");
        let message = message_died(&redis).await;
        assert_eq!(message["scheduled_for"], base::rfc3339(next), "{path}");
        app.stop().await;
    }
}
