//! Lists of jobs, by the indexes.

use base::{Caller, Failure, IdError};
use jobs_domain::{Job, JobsQuery, keys};
use queue::Script;
use records::{Found, Place, Reach, Slice, search};
use stores::{Arg, Redis};

use crate::job::read;

static JOBS: Script = Script::new(&[queue::lua!("jobs.lua")]);

/// The maximum number of jobs that are read at once, and the maximum times for a page: few of
/// them may have the wanted status.
const CHUNK: u32 = 100;
const ROUNDS: u32 = 5;

/// Lists the jobs that the caller may see, newest first. A page of one status ends after
/// 500 jobs, however few of them have it.
///
/// # Errors
/// Those of Redis.
pub fn list(
    redis: &impl Redis,
    caller: Caller<'_>,
    query: &JobsQuery,
) -> Result<Found<Job>, Failure> {
    let index = match caller.is_admin {
        true => keys::ALL.to_owned(),
        false => keys::of_user(caller.subject),
    };
    let slice = Slice {
        index: &index,
        scores: (0, u64::MAX),
        after: query.after.as_ref(),
        limit: query.limit,
    };
    let reach = Reach {
        chunk: query.status.map_or(query.limit, |_| CHUNK),
        rounds: ROUNDS,
    };
    let is_wanted = |job: &Job, place: &Place| {
        let status = job.progress.status();
        // A job of an earlier one's id has an entry of its own.
        job.submitted == place.score
            && caller.may_use(&job.owner)
            && query.status.is_none_or(|wanted| wanted == status)
    };
    search(redis, slice, reach, |places| {
        let jobs = places.iter().zip(load_all(redis, &index, places)?);
        Ok(jobs
            .map(|(place, job)| job.filter(|job| is_wanted(job, place)))
            .collect())
    })
}

/// The jobs of these entries of an index, each `None` if it has expired.
fn load_all(
    redis: &impl Redis,
    index: &str,
    places: &[Place],
) -> Result<Vec<Option<Job>>, Failure> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let jobs = places.iter().map(|place| keys::job(&place.member));
    let jobs: Vec<_> = jobs.collect();
    let mut keys = vec![index];
    keys.extend(jobs.iter().map(String::as_str));
    let members = places.iter().map(|place| Arg::from(&place.member));
    let args: Vec<_> = members.chain(Job::FIELDS.map(Arg::from)).collect();
    let reply = JOBS.run(redis, &keys, &args)?;
    let jobs = places.iter().zip(reply.chunks(Job::FIELDS.len()));
    jobs.map(|(place, values)| match place.member.parse() {
        Ok(id) => read(redis, &id, values),
        Err(IdError) => Ok(None),
    })
    .collect()
}
