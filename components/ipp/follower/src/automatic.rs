//! The run that a schedule starts.

use std::time::{Duration, Instant};

use base::{Failure, Timestamp, log};
use ipp_domain::{Automatic, Job, JobId, Mode, Mostrador, Origin, UserInfo, first_run, keys};
use queue::Effect;
use serde_json::json;
use stores::{Arg, Redis, Value};
use worker::Verdict;

use crate::work::{Follower, Task};

/// The time for the statement that finds all mostradores.
const TIME: Duration = Duration::from_secs(15);

/// The owner of the jobs of schedules: no user, so that only admins see them.
fn owner(schedule: &str) -> String {
    format!("schedule:{schedule}")
}

impl Follower<'_> {
    /// Validates all mostradores and starts a job for those that are valid, or several jobs
    /// where one run has no room for all. The ids of the jobs follow from the schedule and
    /// its time, so that a repetition starts none twice.
    pub(crate) async fn automatic(
        &self,
        automatic: &Automatic,
        task: &Task<'_>,
    ) -> Result<Verdict, Failure> {
        let Automatic {
            schedule,
            scheduled_for,
        } = automatic;
        if let Some(running) = self.still_running(schedule, scheduled_for)? {
            let fields = json!({"schedule": schedule, "scheduled_for": scheduled_for,
                "running": running});
            log::warn(
                &task.trace,
                "a scheduled run is skipped: the one before still runs",
                fields,
            );
            return Ok(Verdict::Done(Vec::new()));
        }
        let jobs = ipp_storage::jobs()?;
        let sql = ipp_storage::sql()?;
        let databricks = self.databricks(&task.trace)?;
        let until = Instant::now() + TIME;
        let all = ipp_storage::configured(&databricks, &sql, None, until).await?;
        let retention = ipp_storage::retention()?;
        let ipp = self.ipp(&task.trace);
        let mut started = Vec::new();
        let mut left = all.as_slice();
        while !left.is_empty() {
            let new = |mostradores: &[Mostrador]| {
                let origin = Origin {
                    owner: owner(schedule),
                    mode: Mode::Automatic,
                    user_info: UserInfo {
                        username: owner(schedule),
                        sub: owner(schedule),
                        ..UserInfo::default()
                    },
                    trace: task.trace.clone(),
                };
                let id = JobId::of_schedule(schedule, scheduled_for, started.len());
                let databricks = (jobs.first, jobs.second);
                Job::create(
                    id,
                    origin,
                    mostradores.to_vec(),
                    databricks,
                    Timestamp::now(),
                )
            };
            let mut job = new(left);
            let mut count = left.len();
            if let Err(too_many) = first_run(&job, &jobs) {
                count = too_many.fits.max(1);
                job = new(left.get(..count).unwrap_or(left));
            }
            ipp.create(&job, retention)?;
            ipp.follow(&job, Duration::ZERO)?;
            started.push(job.job_id.to_string());
            left = left.get(count..).unwrap_or_default();
        }
        let fields = json!({"schedule": schedule, "scheduled_for": scheduled_for,
            "mostradores": all.len(), "jobs": started});
        log::info(&task.trace, "a scheduled run was started", fields);
        let value = json!({"scheduled_for": scheduled_for, "jobs": started});
        Ok(Verdict::Done(vec![Effect::Set {
            key: keys::SCHEDULED.to_owned(),
            fields: vec![(schedule.clone(), value.to_string().into_bytes())],
        }]))
    }

    /// A job of an earlier time of the schedule that has not ended yet.
    fn still_running(&self, schedule: &str, time: &str) -> Result<Option<JobId>, Failure> {
        let args = [Arg::from(keys::SCHEDULED), Arg::from(schedule)];
        let reply = self.queue.redis().call("HGET", &args)?;
        let known = reply.first().map(Value::as_json::<Latest>);
        let Some(Ok(Some(known))) = known else {
            return Ok(None);
        };
        if known.scheduled_for == time {
            return Ok(None);
        }
        for id in known.jobs {
            let job = ipp_storage::load(&self.store, &id)?;
            if job.is_some_and(|job| !job.document.status.is_final()) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}

/// The latest jobs of a schedule.
#[derive(serde::Deserialize)]
struct Latest {
    scheduled_for: String,
    jobs: Vec<JobId>,
}
