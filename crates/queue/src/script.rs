//! Lua scripts, loaded once into Redis and then called by their hash.

use base::Failure;
use stores::{Arg, Redis, RedisError, Value};

use crate::lua;

// What several scripts share, as their files tell.
pub(crate) const EFFECTS: &str = lua!("lua/effects.lua");
pub(crate) const FIELDS: &str = lua!("lua/fields.lua");
pub(crate) const LETTERS: &str = lua!("lua/letters.lua");
pub(crate) const PROMOTE: &str = lua!("lua/promote.lua");
pub(crate) const QUEUES: &str = lua!("lua/queues.lua");

/// The max bytes of a script.
const MAX_BYTES: usize = 32 * 1024;

/// The code of a Lua file, whose path is relative to the file that calls this: without
/// comment lines, blank lines and indentation, which would only make components larger.
///
/// Redis numbers the lines of this code, not those of the file.
#[macro_export]
macro_rules! lua {
    ($file:literal) => {{
        const SOURCE: &[u8] = include_bytes!($file);
        const CODE: [u8; $crate::lua_len(SOURCE)] = $crate::lua_code(SOURCE);
        const TEXT: &str = match ::core::str::from_utf8(&CODE) {
            Ok(text) => text,
            Err(_) => panic!("a Lua file has to be UTF-8"),
        };
        TEXT
    }};
}

/// The length of [`lua_code`] in bytes.
#[doc(hidden)]
pub const fn lua_len(source: &[u8]) -> usize {
    strip(source, &mut [0; MAX_BYTES])
}

/// The code of a source for [`lua!`].
#[doc(hidden)]
pub const fn lua_code<const LEN: usize>(source: &[u8]) -> [u8; LEN] {
    let mut code = [0; LEN];
    strip(source, &mut code);
    code
}

/// Writes a source's lines of code, and returns their length in bytes.
///
/// # Panics
/// The source has `[[`, which begins a text or a comment of several lines, or `code` is too
/// short. The compiler tells.
#[allow(
    clippy::indexing_slicing,
    reason = "constant, so checked by the compiler"
)]
const fn strip(source: &[u8], code: &mut [u8]) -> usize {
    let (mut at, mut len) = (0, 0);
    while at < source.len() {
        while at < source.len() && source[at] == b' ' {
            at += 1;
        }
        let is_comment = at + 1 < source.len() && source[at] == b'-' && source[at + 1] == b'-';
        let begin = len;
        while at < source.len() && source[at] != b'\n' {
            let is_long = at + 1 < source.len() && source[at] == b'[' && source[at + 1] == b'[';
            assert!(!is_long, "a line within [[ ]] would lose its indentation");
            if !is_comment {
                code[len] = source[at];
                len += 1;
            }
            at += 1;
        }
        at += 1;
        if len > begin {
            code[len] = b'\n';
            len += 1;
        }
    }
    len
}

/// A script and its SHA-1 hash, by which Redis knows it. Make it in a `static`: then the
/// compiler computes the hash, and not each instance of a component.
pub struct Script {
    parts: &'static [&'static str],
    hash: [u8; 40],
}

impl Script {
    /// A script from its source, in parts so that scripts can share some of them.
    ///
    /// # Panics
    /// The source has more than 32 KiB. The compiler tells where this is a `static`.
    #[allow(
        clippy::indexing_slicing,
        reason = "constant, so checked by the compiler"
    )]
    pub const fn new(parts: &'static [&'static str]) -> Self {
        let mut source = [0; MAX_BYTES];
        let (mut part, mut len) = (0, 0);
        while part < parts.len() {
            let bytes = parts[part].as_bytes();
            let mut at = 0;
            while at < bytes.len() {
                source[len] = bytes[at];
                (at, len) = (at + 1, len + 1);
            }
            part += 1;
        }
        let digest = const_sha1::sha1(source.split_at(len).0).as_bytes();
        Self {
            parts,
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
                let source = self.parts.concat();
                if let Some(first) = call.first_mut() {
                    *first = Arg::Text(&source);
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

    static LONG: Script = Script::new(&[QUEUES, EFFECTS, lua!("lua/commit.lua")]);
    static SHORT: Script = Script::new(&["return 1"]);

    #[test]
    fn a_script_has_the_hash_that_redis_gives_it() {
        for script in [&LONG, &SHORT] {
            let hash: String = Sha1::digest(script.parts.concat())
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(hash.as_bytes(), script.hash);
        }
    }

    #[test]
    fn code_is_without_comments_and_indentation() {
        let source = b"-- Adds.\n\nlocal sum = 0 -- yet\nfor i = 1, 2 do\n  -- Twice.\n  sum = sum + i\nend\nreturn sum";
        let code = lua_code::<100>(source);
        let code = str::from_utf8(&code[..lua_len(source)]).unwrap();
        let expected = "local sum = 0 -- yet\nfor i = 1, 2 do\nsum = sum + i\nend\nreturn sum\n";
        assert_eq!(code, expected);
    }
}
