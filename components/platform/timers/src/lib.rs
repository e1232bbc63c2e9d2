//! Timers: Redis publishes the name of each expired key. If it is the timer of a queue,
//! the due messages of that queue are made ready.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use anyhow::{Context, Result};
use base::{Trace, log};
use queue::{Queue, QueueNames, health};
use serde_json::json;
use spin_sdk::redis_component;
use stores::SpinRedis;

#[redis_component]
fn handle(expired_key: Vec<u8>) -> Result<()> {
    let key = String::from_utf8_lossy(&expired_key);
    // All expired keys are published here, and most are not timers.
    let names = QueueNames::of_timer(&key);
    if names.is_none() && key != health::CANARY {
        return Ok(());
    }
    let redis = SpinRedis::open().context("opening Redis")?;
    let Some(names) = names else {
        health::hear(&redis).context("noting the canary")?;
        return Ok(());
    };
    let (waiting, delayed) = Queue::named(&redis, names)
        .wake()
        .context("waking the queue")?;
    log::info(
        &Trace::new(),
        "a timer expired",
        json!({"timer": key, "waiting": waiting, "delayed": delayed}),
    );
    Ok(())
}
