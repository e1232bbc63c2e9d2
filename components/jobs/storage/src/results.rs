//! The results of a job, page by page.

use jobs_domain::keys;
use stores::{Arg, Redis, Value};

use crate::Job;

/// A page ends after so many bytes of results, lest it fill a component's memory.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// The max results that are read at once.
const CHUNK: u32 = 100;

/// A page of results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// What came of toons, a JSON text each, in the order in which they were submitted.
    pub results: Vec<Vec<u8>>,
    /// The index of the toon that the next page begins with; at least the number
    /// of toons where this is the last page.
    pub next: u32,
}

/// What came of `limit` toons of a job from the index `first` on. Those that are
/// not finished are left out, and fewer toons are looked at where results are long.
///
/// # Errors
/// Those of Redis.
pub fn results(
    redis: &impl Redis,
    job: &Job,
    first: u32,
    limit: u32,
) -> Result<Page, base::Failure> {
    let key = keys::results(&job.id);
    let end = job.progress.total.min(first.saturating_add(limit));
    let mut page = Page {
        results: Vec::new(),
        next: first,
    };
    let mut bytes = 0;
    while page.next < end {
        let chunk = page.next..end.min(page.next.saturating_add(CHUNK));
        let indexes = chunk.clone().map(|index| Arg::Int(index.into()));
        let args: Vec<_> = [Arg::from(&key)].into_iter().chain(indexes).collect();
        for (index, result) in chunk.clone().zip(redis.call("HMGET", &args)?) {
            if bytes >= PAGE_BYTES {
                page.next = index;
                return Ok(page);
            }
            if let Value::Bytes(result) = result {
                bytes += result.len();
                page.results.push(result);
            }
        }
        page.next = chunk.end;
    }
    Ok(page)
}
