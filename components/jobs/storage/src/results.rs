//! The results of a job, page by page.

use std::sync::LazyLock;

use jobs_domain::{ResultsQuery, keys};
use queue::Script;
use stores::{Arg, Redis, RedisError, Value};

static RESULTS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("results.lua")));

/// A page ends after so many bytes of results, lest it fill a component's memory.
const PAGE_BYTES: i64 = 4 * 1024 * 1024;

/// A page of results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// What came of toons, as JSON, in the order in which they were submitted.
    pub results: Vec<String>,
    /// The index of the toon that the next page begins with; the number of
    /// toons where this is the last page.
    pub next: u32,
}

/// The results of a job with `total` toons that a query asks for.
pub fn results(redis: &impl Redis, query: &ResultsQuery, total: u32) -> Result<Page, RedisError> {
    let args = [
        Arg::Int(query.first.into()),
        Arg::Int(query.limit.into()),
        Arg::Int(total.into()),
        Arg::Int(PAGE_BYTES),
    ];
    let mut reply = RESULTS
        .run(redis, &[&keys::results(&query.job_id)], &args)?
        .into_iter();
    let next = reply.next().as_ref().and_then(Value::as_int);
    Ok(Page {
        next: next.and_then(|next| next.try_into().ok()).unwrap_or(total),
        results: reply
            .filter_map(|result| String::from_utf8(result.into_bytes()).ok())
            .collect(),
    })
}
