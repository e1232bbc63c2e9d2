//! Runs: started, looked at and stored.

use base::{Failure, Timestamp};
use databricks::{Databricks, Error, RunNow};
use ipp_domain::{Job, Jobs, Step, first_run, second_run};
use outbound::Transport;
use records::Versioned;
use stores::{KeyValue, Redis};

use crate::job::Ipp;

/// Why a run could not be started or looked at.
#[derive(Debug, thiserror::Error)]
pub enum NotSeen {
    /// A store is out of reach, or a job is not as it should be.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// Databricks did not do it.
    #[error(transparent)]
    Databricks(#[from] Error),
}

impl<R: Redis, K: KeyValue> Ipp<'_, R, K> {
    /// Starts the run that a job waits for, and stores its id. The idempotency token makes
    /// it one run, however often it is called.
    ///
    /// # Errors
    /// [`NotSeen::Databricks`]: the run may have been started all the same if Databricks
    /// was out of reach.
    pub async fn start_run<T: Transport>(
        &self,
        databricks: &Databricks<'_, R, T>,
        jobs: &Jobs,
        job: &Job,
    ) -> Result<Option<Versioned<Job>>, NotSeen> {
        let Some(run) = wanted(job, jobs)? else {
            return Ok(None);
        };
        let run_id = databricks.run_now(&run).await?;
        let now = Timestamp::now();
        Ok(self.change(&job.job_id, |job| job.run_started(run_id, now))?)
    }

    /// Asks Databricks about the run that a job waits for, and stores the answer.
    ///
    /// # Errors
    /// See [`NotSeen`]. A run that Databricks does not know any more is none: the job fails.
    pub async fn look<T: Transport>(
        &self,
        databricks: &Databricks<'_, R, T>,
        job: &Job,
    ) -> Result<Option<Versioned<Job>>, NotSeen> {
        let Some(run_id) = job.run().and_then(|(_, run)| run.run_id) else {
            return Ok(None);
        };
        let run = match databricks.run(run_id).await {
            Ok(run) => run,
            Err(Error::Unknown(reason)) => {
                let reason = format!("Databricks does not know the run {run_id}: {reason}");
                let now = Timestamp::now();
                return Ok(self.change(&job.job_id, |job| job.fail("run_unknown", &reason, now))?);
            }
            Err(error) => return Err(error.into()),
        };
        let now = Timestamp::now();
        Ok(self.change(&job.job_id, |job| job.run_seen(&run, now))?)
    }
}

/// The run that a job waits for and that was not started yet.
fn wanted(job: &Job, jobs: &Jobs) -> Result<Option<RunNow>, Failure> {
    match job.run() {
        Some((Step::Job1, run)) if run.run_id.is_none() => {
            first_run(job, jobs).map(Some).map_err(Failure::internal)
        }
        Some((Step::Job2, run)) if run.run_id.is_none() => {
            let job_id = run.databricks_job_id.parse().map_err(Failure::internal)?;
            Ok(Some(second_run(job, jobs, job_id)))
        }
        _ => Ok(None),
    }
}
