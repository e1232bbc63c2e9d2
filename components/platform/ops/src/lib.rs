//! Operations: whether the application is alive and ready, the state of its queues and
//! schedules, and dead letters.
//!
//! These modules read requests and write answers, and know neither Spin nor a store. The
//! component around them asks Redis and the other stores.

pub mod dead;
pub mod metrics;
pub mod queues;
pub mod readiness;
pub mod schedules;

#[cfg(target_family = "wasm")]
mod component;
