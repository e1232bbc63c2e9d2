//! The results of a job, page by page.

use jobs_domain::{Job, keys};
use stores::{Arg, Redis, Value};

/// The size in bytes after which a page ends, so that it fits into a component's memory.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// The maximum number of results that are read at once.
const CHUNK: u32 = 100;

/// A page of results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The outcomes as JSON texts, in the order in which the toons were submitted.
    pub results: Vec<Vec<u8>>,
    /// The index of the first toon of the next page; at least the number of toons on the
    /// last page.
    pub next: u32,
}

/// The outcomes of `limit` toons of a job from the index `first` on. Unfinished toons are
/// left out, and a page of long results ends early.
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
