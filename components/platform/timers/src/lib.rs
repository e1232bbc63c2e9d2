//! Timers: when the key of a queue's timer expires, Redis publishes its name, and the
//! delayed messages of that queue whose time has come are made ready.

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
    // Redis tells of every key that expires, and few are timers.
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
        "a timer went off",
        json!({"timer": key, "waiting": waiting, "delayed": delayed}),
    );
    Ok(())
}
