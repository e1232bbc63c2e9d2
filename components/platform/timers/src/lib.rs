//! Timers: Redis publishes the name of each expired key. If it is the timer of a queue, the
//! due messages of that queue are made ready. Then, and if it is the timer of schedules,
//! those that are due run.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use base::{Failure, Trace, log};
use queue::{Queue, QueueNames, health};
use schedule::{BuiltIn, Schedules, tick};
use serde_json::json;
use spin_sdk::redis_component;
use stores::SpinRedis;

#[redis_component]
fn handle(expired_key: Vec<u8>) -> Result<()> {
    let result = expired(&expired_key);
    SpinRedis::close();
    result
}

/// Does the work of the timer that expired.
fn expired(expired_key: &[u8]) -> Result<()> {
    let key = String::from_utf8_lossy(expired_key);
    let queue = QueueNames::of_timer(&key);
    let of_schedules = QueueNames::of_schedules_timer(&key);
    // All expired keys are published here, and most are not timers.
    if queue.is_none() && of_schedules.is_none() && key != health::CANARY {
        return Ok(());
    }
    let redis = SpinRedis::open().context("opening Redis")?;
    if key == health::CANARY {
        health::hear(&redis).context("noting the canary")?;
        return Ok(());
    }
    let trace = Trace::new();
    let woken = queue.map_or(Ok(()), |names| wake(&redis, names, &key, &trace));
    let expired = of_schedules.as_ref().map(QueueNames::tag);
    if let Err(error) = look_at_schedules(&redis, expired, &trace) {
        let fields = json!({"error": error.to_string()});
        log::error(&trace, "schedules could not be looked at", fields);
    }
    woken.context("waking the queue")
}

fn wake(redis: &SpinRedis, names: QueueNames, key: &str, trace: &Trace) -> Result<(), Failure> {
    let (waiting, delayed) = Queue::named(redis, names).wake()?;
    log::info(
        trace,
        "a timer expired",
        json!({"timer": key, "waiting": waiting, "delayed": delayed}),
    );
    Ok(())
}

/// Runs due schedules of all hash tags that have some, and looks at the one whose timer
/// expired, whose schedules may have been removed.
fn look_at_schedules(
    redis: &SpinRedis,
    expired: Option<&str>,
    trace: &Trace,
) -> Result<(), Failure> {
    let ipp = base::text("ipp_schedule")?;
    let schedules = Schedules::from_variables(&[BuiltIn {
        name: "ipp",
        expression: &ipp,
        queue: "ipp",
        message: r#"{"type":"ipp.automatic","schema":1}"#,
    }])?;
    let tags: BTreeSet<&str> = schedules.tags().into_iter().chain(expired).collect();
    for tag in tags {
        tick(
            &Queue::new(redis, tag),
            &schedules,
            base::now_millis(),
            trace,
        )?;
    }
    Ok(())
}
