//! Jobs in the key-value store.

use std::time::Duration;

use base::{Caller, Failure, Trace};
use databricks::RunId;
use ipp_domain::{Expire, Job, JobId, follow_later, keys};
use queue::{Change, Message, Queue};
use records::{Page, Place, Slice, Step, Versioned};
use stores::{Arg, KeyValue, Redis, Value};

/// The time after which the follower starts the run of a new job, if the request that
/// stored the job did not: it has asked Databricks by then, or has died.
const FIRST_LOOK: Duration = Duration::from_secs(10);

/// The jobs, for changes.
#[derive(Clone, Copy)]
pub struct Ipp<'a, R, K> {
    /// The queue `ipp`.
    pub queue: &'a Queue<'a, R>,
    /// The key-value store.
    pub store: &'a K,
    /// The ids of the request or message that leads to the change.
    pub trace: &'a Trace,
}

/// A job.
///
/// # Errors
/// The store is out of reach.
pub fn load(store: &impl KeyValue, id: &JobId) -> Result<Option<Versioned<Job>>, Failure> {
    records::latest(store, &keys::record(id))
}

/// The job whose id is `id`, if the caller may use it. A text that is no id is that of no
/// job.
///
/// # Errors
/// The store is out of reach.
pub fn load_for(
    store: &impl KeyValue,
    id: &str,
    caller: Caller<'_>,
) -> Result<Option<Job>, Failure> {
    let Ok(id) = id.parse() else {
        return Ok(None);
    };
    let job = load(store, &id)?.map(|found| found.document);
    Ok(job.filter(|job| caller.may_use(&job.owner)))
}

/// The job as it was committed last. A message may arrive before the writer of the version
/// that it follows from has stored it, so this waits for the writer for a moment.
///
/// # Errors
/// A store is out of reach, or the writer has died: a worker stores the version then, and
/// the message should be postponed.
pub fn committed(
    redis: &impl Redis,
    store: &impl KeyValue,
    id: &JobId,
) -> Result<Option<Versioned<Job>>, Failure> {
    const LOOKS: u32 = 20;
    const PAUSE: Duration = Duration::from_millis(10);
    let entity = keys::entity(id);
    for _ in 1..LOOKS {
        match records::committed(redis, store, &entity) {
            Err(Failure::Unavailable { .. }) => std::thread::sleep(PAUSE),
            known => return known,
        }
    }
    records::committed(redis, store, &entity)
}

/// A page of the jobs that the caller may see, newest first.
///
/// # Errors
/// A store is out of reach.
pub fn list(
    redis: &impl Redis,
    store: &impl KeyValue,
    caller: Caller<'_>,
    after: Option<&Place>,
    limit: u32,
) -> Result<Page<Job>, Failure> {
    let index = match caller.is_admin {
        true => keys::ALL.to_owned(),
        false => keys::of_user(caller.subject),
    };
    let slice = Slice {
        index: &index,
        scores: (0, u64::MAX),
        after,
        limit,
    };
    let key = |id: &str| Some(keys::record(&id.parse().ok()?));
    records::list(redis, store, slice, key, |job: &Job| {
        caller.may_use(&job.owner)
    })
}

/// The job that waits for a run of Databricks.
///
/// # Errors
/// Redis is out of reach.
pub fn job_of_run(redis: &impl Redis, run: RunId) -> Result<Option<JobId>, Failure> {
    let run = run.to_string();
    let args = [Arg::from(keys::RUNS), Arg::from(&run)];
    let reply = redis.call("HGET", &args)?;
    Ok(reply
        .first()
        .and_then(Value::as_str)
        .and_then(|id| id.parse().ok()))
}

/// Wakes workers if a job had no progress for a while: its notification may be lost.
///
/// # Errors
/// Redis is out of reach.
pub fn wake_if_idle(redis: &impl Redis, job: &Job, now: u64) -> Result<(), Failure> {
    let idle = Duration::from_millis(now.saturating_sub(job.updated_at.millis()));
    let queues = [keys::QUEUE, keys::FILES];
    queues
        .into_iter()
        .try_for_each(|name| Queue::new(redis, name).wake_if_idle(idle))
}

impl<R: Redis, K: KeyValue> Ipp<'_, R, K> {
    /// Stores a new job and returns it, or the job of this id that is there already.
    ///
    /// # Errors
    /// A store is out of reach. The job may have been committed: then the follower stores
    /// it and starts its run.
    pub fn create(&self, job: &Job, retention: Duration) -> Result<Versioned<Job>, Failure> {
        let entity = keys::entity(&job.job_id);
        let stored = records::update(self.queue, self.store, &entity, self.trace, |latest| {
            if latest.is_some() {
                return Ok::<_, Failure>(Step::none());
            }
            let expire = Expire {
                job_id: job.job_id.clone(),
            };
            let names = self.queue.names();
            let id = format!("expire:{}", job.job_id);
            let expire = names.schedule(&id, &expire.encode(&job.trace)?, retention);
            Ok(Step::from(Some(job.clone()))
                .with(follow_later(job, FIRST_LOOK)?)
                .with(expire))
        })?;
        stored.ok_or_else(|| Failure::internal("a stored job is missing"))
    }

    /// Changes a job as `change` says, and returns its latest version; `None` if there is
    /// no such job.
    ///
    /// # Errors
    /// A store is out of reach. The change may have been committed.
    pub fn change(
        &self,
        id: &JobId,
        mut change: impl FnMut(&Job) -> Option<Job>,
    ) -> Result<Option<Versioned<Job>>, Failure> {
        let entity = keys::entity(id);
        records::edit(self.queue, self.store, &entity, self.trace, |job| {
            Ok(change(job))
        })
    }

    /// Lets the follower look after a job after a delay. The latest delay counts.
    ///
    /// # Errors
    /// Redis is out of reach.
    pub fn follow(&self, job: &Job, delay: Duration) -> Result<(), Failure> {
        let change = Change::new().with(follow_later(job, delay)?);
        self.queue.commit(&change).map(|_| ())
    }

    /// Removes a job. Its files stay: their buckets have lifecycle rules of their own.
    ///
    /// # Errors
    /// A store is out of reach: call it again.
    pub fn remove(&self, id: &JobId) -> Result<(), Failure> {
        let Some(latest) = load(self.store, id)? else {
            return Ok(());
        };
        records::remove(self.queue, self.store, &latest)
    }
}
