//! The two stores of every system, as small traits: a key-value store and Redis.
//!
//! Components use those of Spin. Native tests use a map and a real Redis.

mod key_value;
#[cfg(feature = "native")]
pub mod native;
mod redis;

pub use key_value::{KeyValue, MemoryKeyValue, SpinKeyValue};
pub use redis::{Arg, Redis, RedisError, SpinRedis, Value};
