//! Lua scripts, loaded once into Redis and then called by their hash.

use base::Failure;
use stores::{Arg, Redis, RedisError, Value};

/// A script and its SHA-1 hash, by which Redis knows it. Make it in a `static`: then the
/// compiler computes the hash, and not each instance of a component.
pub struct Script {
    source: &'static str,
    hash: [u8; 40],
}

impl Script {
    /// A script from its source.
    pub const fn new(source: &'static str) -> Self {
        let digest = const_sha1::sha1(source.as_bytes()).as_bytes();
        Self {
            source,
            hash: hex(&digest),
        }
    }

    /// Runs the script. Its source is sent only where Redis does not know the hash.
    ///
    /// # Errors
    /// Redis is out of reach, or the script failed.
    pub fn run(
        &self,
        redis: &impl Redis,
        keys: &[&str],
        args: &[Arg<'_>],
    ) -> Result<Vec<Value>, Failure> {
        let count = i64::try_from(keys.len()).unwrap_or(i64::MAX);
        let mut call = Vec::with_capacity(2 + keys.len() + args.len());
        call.push(Arg::Bytes(&self.hash));
        call.push(Arg::Int(count));
        call.extend(keys.iter().map(|key| Arg::Text(key)));
        call.extend_from_slice(args);
        match redis.call("EVALSHA", &call) {
            Err(RedisError::NoScript) => {
                if let Some(first) = call.first_mut() {
                    *first = Arg::Text(self.source);
                }
                Ok(redis.call("EVAL", &call)?)
            }
            other => Ok(other?),
        }
    }
}

#[allow(
    clippy::indexing_slicing,
    reason = "constant, so checked by the compiler"
)]
const fn hex(digest: &[u8; 20]) -> [u8; 40] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 40];
    let mut at = 0;
    while at < digest.len() {
        text[2 * at] = DIGITS[(digest[at] >> 4) as usize];
        text[2 * at + 1] = DIGITS[(digest[at] & 15) as usize];
        at += 1;
    }
    text
}

#[cfg(test)]
mod tests {
    use sha1::{Digest, Sha1};

    use super::*;

    static LONG: Script = Script::new(concat!(
        include_str!("lua/queues.lua"),
        include_str!("lua/effects.lua"),
        include_str!("lua/commit.lua")
    ));
    static SHORT: Script = Script::new("return 1");

    #[test]
    fn a_script_has_the_hash_that_redis_gives_it() {
        for script in [&LONG, &SHORT] {
            let hash: String = Sha1::digest(script.source)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(hash.as_bytes(), script.hash);
        }
    }
}
