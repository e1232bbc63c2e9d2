//! `POST /jobs/{jobId}/cancel` and `POST /jobs/{jobId}/retry`.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use std::time::Duration;

use base::{Failure, log};
use http::StatusCode;
use jobs_domain::{JobId, keys};
use jobs_storage::{Canceled, Job, Retried};
use serde_json::json;
use stores::SpinRedis;
use web::{ApiError, Call, Reply, Route};

web::exports![
    Route::post("/jobs/{jobId}/cancel", cancel),
    Route::post("/jobs/{jobId}/retry", retry),
];

async fn cancel(call: Call) -> Reply {
    let redis = SpinRedis::open()?;
    let job = load(&call, &redis)?;
    let queue = worker::open(&redis, keys::QUEUE)?;
    match jobs_storage::cancel(&queue, &job, retention()?)? {
        Canceled::Done => {}
        Canceled::Ended => {
            let job = load(&call, &redis)?;
            let message = format!(
                "the job has ended: it is {}",
                job.progress.status().as_str()
            );
            return Err(conflict("job_ended", message));
        }
        Canceled::Gone => return Err(unknown()),
    }
    let job = load(&call, &redis)?;
    log::info(
        &call.trace,
        "a job was canceled",
        json!({"jobId": job.id, "toons": job.progress.canceled()}),
    );
    web::json(StatusCode::OK, &job.view())
}

async fn retry(call: Call) -> Reply {
    let redis = SpinRedis::open()?;
    let id = load(&call, &redis)?.id;
    let queue = worker::open(&redis, keys::QUEUE)?;
    let retried = jobs_storage::retry(&queue, &id, retention()?);
    worker::notify(&queue, &call.trace).await;
    let (code, message) = match retried? {
        Retried::Begun(job) => {
            log::info(
                &call.trace,
                "failed toons are processed again",
                json!({"jobId": job.id}),
            );
            return web::json(StatusCode::OK, &job.view());
        }
        Retried::Gone => return Err(unknown()),
        Retried::Runs => ("job_running", "the job has not ended yet; wait for its end"),
        Retried::Canceled => (
            "job_canceled",
            "the job was canceled; submit its toons as a new job",
        ),
        Retried::NothingFailed => ("nothing_failed", "no toon of the job failed"),
        Retried::MessagesGone => (
            "toons_gone",
            "the messages of the failed toons are no dead letters any more: an operator sent them back or threw them away; submit these toons as a new job",
        ),
    };
    Err(conflict(code, message))
}

/// The job of the path. One of another user is answered like one that does not exist.
fn load(call: &Call, redis: &SpinRedis) -> Result<Job, ApiError> {
    let id: JobId = call.path("jobId").parse().map_err(|_| unknown())?;
    let caller = call.principal()?.caller();
    let job = jobs_storage::load(redis, &id)?;
    let job = job.filter(|job| caller.may_use(&job.owner));
    job.ok_or_else(unknown)
}

/// The time that a job is kept after its last change; `None` for ever.
fn retention() -> Result<Option<Duration>, Failure> {
    Ok(jobs_storage::retention(base::number(
        "job_retention_days",
        0,
    )?))
}

fn unknown() -> ApiError {
    ApiError::not_found("unknown_job", "you have no such job")
}

fn conflict(code: &'static str, message: impl Into<String>) -> ApiError {
    ApiError::new(StatusCode::CONFLICT, code, message)
}
