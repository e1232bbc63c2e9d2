//! Messages of the queue and the work for each type.

use base::{Failure, Timestamp, Trace};
use databricks::{Config, Databricks};
use ipp_domain::{Incoming, Job};
use ipp_storage::Ipp;
use queue::{Effect, Queue};
use records::{Carries, Received};
use serde_json::{Value, json};
use stores::{SpinKeyValue, SpinRedis};
use worker::{Leases, Share, Trouble, Verdict, Work, one_by_one};

pub(crate) type Task<'m> = worker::Task<'m, Incoming>;

pub(crate) struct Follower<'a> {
    pub(crate) queue: &'a Queue<'a, SpinRedis>,
    pub(crate) store: SpinKeyValue,
}

impl<'a> Follower<'a> {
    pub(crate) fn ipp(&'a self, trace: &'a Trace) -> Ipp<'a, SpinRedis, SpinKeyValue> {
        Ipp {
            queue: self.queue,
            store: &self.store,
            trace,
        }
    }

    /// The client of Databricks, whose requests carry the ids of a message.
    pub(crate) fn databricks(&self, trace: &Trace) -> Result<Databricks<'a, SpinRedis>, Failure> {
        let config = Config::from_variables()?;
        Ok(Databricks::new(config, self.queue.redis()).with_headers(trace.headers()))
    }
}

impl Work for Follower<'_> {
    type Message<'m> = Incoming;

    const ABANDONED: &'static str = "every worker died while it looked after the job";

    /// Each message waits for Databricks on its own.
    fn share(&self, concurrency: usize) -> Share {
        Share {
            per_call: 1,
            calls: concurrency,
        }
    }

    fn repair(&self, received: &Received<'_>) -> Result<Carries, Failure> {
        received.repair::<Job>(&self.store)
    }

    fn fields(&self, task: &Task<'_>) -> Value {
        match &task.message {
            Incoming::Follow(follow) => json!({"job_id": follow.job_id}),
            Incoming::Expire(expire) => json!({"job_id": expire.job_id}),
            Incoming::Automatic(automatic) => {
                json!({"schedule": automatic.schedule, "scheduled_for": automatic.scheduled_for})
            }
        }
    }

    async fn work(&self, tasks: &[Task<'_>], _: &Leases<'_>) -> Result<Vec<Verdict>, Failure> {
        one_by_one(tasks, async |task| match &task.message {
            Incoming::Follow(follow) => self.follow(&follow.job_id, &task.trace).await,
            Incoming::Expire(expire) => {
                self.ipp(&task.trace).remove(&expire.job_id)?;
                Ok(Verdict::Done(Vec::new()))
            }
            Incoming::Automatic(automatic) => self.automatic(automatic, task).await,
        })
        .await
    }

    /// A job that cannot be followed has failed.
    async fn give_up(&self, task: &Task<'_>, trouble: &Trouble) -> Result<Vec<Effect>, Failure> {
        if let Incoming::Follow(follow) = &task.message {
            let now = Timestamp::now();
            let ipp = self.ipp(&task.trace);
            ipp.change(&follow.job_id, |job| {
                job.fail("abandoned", &trouble.shown, now)
            })?;
        }
        Ok(Vec::new())
    }
}
