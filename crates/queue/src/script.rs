//! Lua scripts, loaded once into a server and then called by their hash.

use std::fmt::Write;

use sha1::{Digest, Sha1};
use stores::{Arg, Redis, RedisError, Value};

/// A script and the hash that Redis knows it by.
pub struct Script {
    source: &'static str,
    hash: String,
}

impl Script {
    /// A script from its source.
    pub fn new(source: &'static str) -> Self {
        let mut hash = String::with_capacity(40);
        for byte in Sha1::digest(source.as_bytes()) {
            // Writing to a string cannot fail.
            let _ = write!(hash, "{byte:02x}");
        }
        Self { source, hash }
    }

    /// Runs the script. Where the server does not have it yet, it is sent along.
    pub fn run(
        &self,
        redis: &impl Redis,
        keys: &[&str],
        args: &[Arg<'_>],
    ) -> Result<Vec<Value>, RedisError> {
        let count = i64::try_from(keys.len()).unwrap_or(i64::MAX);
        let mut call = Vec::with_capacity(2 + keys.len() + args.len());
        call.push(Arg::Text(&self.hash));
        call.push(Arg::Int(count));
        call.extend(keys.iter().map(|key| Arg::Text(key)));
        call.extend_from_slice(args);
        match redis.call("EVALSHA", &call) {
            Err(RedisError::NoScript) => {
                if let Some(first) = call.first_mut() {
                    *first = Arg::Text(self.source);
                }
                redis.call("EVAL", &call)
            }
            other => other,
        }
    }
}
