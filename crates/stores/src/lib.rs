//! The two stores that every system is built on, as small traits.
//!
//! Inside a component both are Spin's; native tests use the same rules over a
//! map and a real Redis.

mod key_value;
#[cfg(feature = "native")]
pub mod native;
mod redis;

pub use key_value::{KeyValue, MemoryKeyValue, SpinKeyValue};
pub use redis::{Arg, Redis, RedisError, SpinRedis, Value};
