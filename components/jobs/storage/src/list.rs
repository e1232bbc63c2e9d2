//! Lists of jobs, by the indexes.

use base::{Caller, Failure};
use jobs_domain::{JobId, JobsQuery, keys};
use queue::Script;
use records::{Entries, Place, Slice, entries};
use stores::{Arg, Redis, Value};

use crate::Job;
use crate::job::{FIELDS, read};

static JOBS: Script = Script::new(include_str!("jobs.lua"));

/// The maximum number of entries of the index that are read for a page, if most of them are
/// not wanted.
const MAX_ENTRIES: u32 = 500;

/// The maximum number of jobs that are read at once.
const CHUNK: u32 = 100;

/// A page of jobs.
#[derive(Debug)]
pub struct Jobs {
    /// The jobs, newest first.
    pub jobs: Vec<Job>,
    /// Where the next page goes on, if there may be more.
    pub last: Option<Place>,
}

/// Lists the jobs that the caller may see, newest first. A page of one status ends after
/// 500 jobs, however few of them have it.
///
/// # Errors
/// Those of Redis.
pub fn list(redis: &impl Redis, caller: Caller<'_>, query: &JobsQuery) -> Result<Jobs, Failure> {
    let index = match caller.is_admin {
        true => keys::ALL.to_owned(),
        false => keys::of_user(caller.subject),
    };
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let mut page = Jobs {
        jobs: Vec::new(),
        last: query.after.clone(),
    };
    let mut seen = 0;
    while seen < MAX_ENTRIES {
        let slice = Slice {
            index: &index,
            scores: (0, u64::MAX),
            after: page.last.as_ref(),
            limit: if query.status.is_some() {
                CHUNK
            } else {
                query.limit
            },
        };
        let Entries { places, last } = entries(redis, slice)?;
        seen = seen.saturating_add(CHUNK);
        let ids: Vec<(Place, JobId)> = places
            .into_iter()
            .filter_map(|place| {
                let id = place.member.parse().ok()?;
                Some((place, id))
            })
            .collect();
        for ((place, _), job) in ids.iter().zip(load_all(redis, &index, &ids)?) {
            let job = job.filter(|job| {
                // A job of an earlier one's id has an entry of its own.
                job.submitted == place.score
                    && caller.may_use(&job.owner)
                    && query
                        .status
                        .is_none_or(|wanted| wanted == job.progress.status())
            });
            page.jobs.extend(job);
            if page.jobs.len() == limit {
                page.last = Some(place.clone());
                let is_end = last.is_none() && ids.last().is_none_or(|(end, _)| end == place);
                page.last = page.last.filter(|_| !is_end);
                return Ok(page);
            }
        }
        page.last = last;
        if page.last.is_none() {
            break;
        }
    }
    Ok(page)
}

/// The jobs of these entries of an index, each `None` if it has expired.
fn load_all(
    redis: &impl Redis,
    index: &str,
    ids: &[(Place, JobId)],
) -> Result<Vec<Option<Job>>, Failure> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let jobs: Vec<_> = ids.iter().map(|(_, id)| keys::job(id)).collect();
    let mut keys = vec![index];
    keys.extend(jobs.iter().map(String::as_str));
    let members = ids.iter().map(|(_, id)| Arg::from(id.as_str()));
    let args: Vec<_> = members.chain(FIELDS.map(Arg::from)).collect();
    let reply = JOBS.run(redis, &keys, &args)?;
    let values = reply.chunks(FIELDS.len()).map(<[Value]>::to_vec);
    let jobs = ids.iter().zip(values);
    jobs.map(|((_, id), values)| read(redis, id, values))
        .collect()
}
