//! The triggers, which call components.

pub mod http;
pub mod redis;
