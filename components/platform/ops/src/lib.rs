//! Operations: whether the application is alive and ready, how its queues are
//! doing, and what to do with their dead letters.
//!
//! The modules here read requests and write answers, and know neither Spin nor
//! a store. The component around them asks Redis and the other stores.

pub mod dead;
pub mod metrics;
pub mod queues;
pub mod readiness;

#[cfg(target_family = "wasm")]
mod component;
