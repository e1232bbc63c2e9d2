//! The runs that Databricks is asked for.

use std::collections::BTreeMap;

use databricks::{MAX_PARAMS_BYTES, RunNow};

use crate::{Job, Mostrador};

/// The jobs of Databricks and the buckets that they use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jobs {
    /// The job that writes the raw files.
    pub first: u64,
    /// The job that reads the processed files; `None` where there is none.
    pub second: Option<u64>,
    /// The bucket of raw files.
    pub raw_bucket: String,
    /// The bucket of processed files.
    pub processed_bucket: String,
}

/// More mostradores than the parameters of a run have room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "Databricks takes {MAX_PARAMS_BYTES} bytes of parameters: send at most the first {fits} \
     mostradores of these at once"
)]
pub struct TooMany {
    /// How many of the list, from its start, fit.
    pub fits: usize,
}

/// The first run of a job. Its idempotency token is the job's id.
///
/// # Errors
/// [`TooMany`] mostradores.
pub fn first_run(job: &Job, jobs: &Jobs) -> Result<RunNow, TooMany> {
    let run = |mostradores: &[Mostrador]| {
        let list: Vec<_> = mostradores.iter().map(Mostrador::as_str).collect();
        RunNow {
            job_id: jobs.first,
            idempotency_token: format!("{}-1", job.job_id),
            notebook_params: BTreeMap::from([
                ("job_id".to_owned(), job.job_id.to_string()),
                ("mostradores_lambda".to_owned(), list.join(",")),
                ("bucket_name".to_owned(), jobs.raw_bucket.clone()),
                ("output_prefix".to_owned(), prefix(job)),
                ("timestamp".to_owned(), job.created_at.to_string()),
            ]),
        }
    };
    let all = run(&job.mostradores);
    if all.params_bytes() <= MAX_PARAMS_BYTES {
        return Ok(all);
    }
    let empty = run(&[]).params_bytes();
    let mut room = MAX_PARAMS_BYTES.saturating_sub(empty) + 1;
    let fits = job.mostradores.iter().take_while(|mostrador| {
        // A comma stands before each but the first, for which `room` has one byte more.
        let bytes = mostrador.as_str().len() + 1;
        let does_fit = bytes <= room;
        room = room.saturating_sub(bytes);
        does_fit
    });
    let fits = fits.count();
    Err(TooMany { fits })
}

/// The second run of a job.
pub fn second_run(job: &Job, jobs: &Jobs, job_id: u64) -> RunNow {
    RunNow {
        job_id,
        idempotency_token: format!("{}-2", job.job_id),
        notebook_params: BTreeMap::from([
            ("job_id".to_owned(), job.job_id.to_string()),
            ("bucket_name".to_owned(), jobs.processed_bucket.clone()),
            ("input_prefix".to_owned(), prefix(job)),
            ("timestamp".to_owned(), job.created_at.to_string()),
        ]),
    }
}

/// The start of the keys of a job's files, in both buckets.
fn prefix(job: &Job) -> String {
    format!("{}/", job.job_id)
}

impl Job {
    /// The start of the keys of its files, in both buckets.
    pub fn prefix(&self) -> String {
        prefix(self)
    }
}
