//! Pages of a hash whose fields are whole numbers, such as the parts of something large.

use std::ops::Range;

use base::Failure;
use stores::{Arg, Redis, Value};

/// The size in bytes after which a page ends, so that it fits into a component's memory.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// The max values that are read at once.
const CHUNK: u32 = 100;

/// A page of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// The values that are there, in the order of their fields.
    pub values: Vec<Vec<u8>>,
    /// The field at which the next page begins; the end of the range on the last page.
    pub next: u32,
}

/// Reads the values of the fields in `range` of the hash `key`. Missing ones are left out, and
/// a page of long values ends early.
///
/// # Errors
/// Redis is out of reach.
pub fn numbered(redis: &impl Redis, key: &str, range: Range<u32>) -> Result<Numbered, Failure> {
    let mut page = Numbered {
        values: Vec::new(),
        next: range.start,
    };
    let mut bytes = 0;
    while page.next < range.end {
        let chunk = page.next..range.end.min(page.next.saturating_add(CHUNK));
        let fields = chunk.clone().map(|field| Arg::Int(field.into()));
        let args: Vec<_> = [Arg::from(key)].into_iter().chain(fields).collect();
        for (field, value) in chunk.clone().zip(redis.call("HMGET", &args)?) {
            if bytes >= PAGE_BYTES {
                page.next = field;
                return Ok(page);
            }
            if let Value::Bytes(value) = value {
                bytes += value.len();
                page.values.push(value);
            }
        }
        page.next = chunk.end;
    }
    Ok(page)
}
