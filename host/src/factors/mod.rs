//! The interfaces that the host gives to guests beside WASI's clocks, random and stdio.

pub mod http_client;
pub mod key_value;
pub mod outbound_http;
pub mod redis;
pub mod variables;
