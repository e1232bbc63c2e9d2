//! The results of a job, page by page.

use jobs_domain::ResultsQuery;
use queue::Script;
use stores::{Arg, Redis};

use crate::{Job, StorageError, job};

static RESULTS: Script = Script::new(concat!(
    include_str!("job.lua"),
    include_str!("results.lua")
));

/// A page ends after so many bytes of results, lest it fill a component's memory.
const PAGE_BYTES: i64 = 4 * 1024 * 1024;

/// A page of results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// What came of toons, as a JSON array, in the order in which they were submitted.
    pub results: String,
    /// The index of the toon that the next page begins with; the number of
    /// toons where this is the last page.
    pub next: u32,
}

/// A job with the results that a query asks for, or `None` where there is no such job.
pub fn results(
    redis: &impl Redis,
    query: &ResultsQuery,
) -> Result<Option<(Job, Page)>, StorageError> {
    let id = &query.job_id;
    let args = [
        Arg::Int(query.first.into()),
        Arg::Int(query.limit.into()),
        Arg::Int(PAGE_BYTES),
    ];
    let mut reply = RESULTS.run(redis, &job::names(id).each_ref().map(String::as_str), &args)?;
    let Some(job) = job::read(id, &reply)? else {
        return Ok(None);
    };
    let mut page = || {
        let results = reply.pop()?.into_bytes();
        Some(Page {
            results: String::from_utf8(results).ok()?,
            next: reply.pop()?.as_int()?.try_into().ok()?,
        })
    };
    let page = page().ok_or_else(|| StorageError::Unreadable(id.to_string()))?;
    Ok(Some((job, page)))
}
