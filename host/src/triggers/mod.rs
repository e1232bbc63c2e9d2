//! What calls components.

pub mod http;
pub mod redis;
