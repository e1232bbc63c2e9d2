//! The worker of the queue `traces`: sends the spans that wait in Redis to a collector of
//! OpenTelemetry (`otlp_host`). The first span asks for an export a second later;
//! `POST /ops/queues/traces/drain` does the same where there is no Redis trigger.

pub mod collector;
pub mod config;

#[cfg(target_family = "wasm")]
mod component;
