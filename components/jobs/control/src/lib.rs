//! `POST /jobs/{jobId}/cancel` and `POST /jobs/{jobId}/retry`.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use base::log;
use http::StatusCode;
use jobs_domain::{Job, UNKNOWN, keys};
use serde_json::json;
use stores::SpinRedis;
use web::{ApiError, Call, Reply, Route};

web::exports![
    Route::post("/jobs/{jobId}/cancel", cancel),
    Route::post("/jobs/{jobId}/retry", retry),
];

async fn cancel(call: Call) -> Reply {
    let (job, retention) = (load(&call)?, jobs_storage::retention()?);
    let canceled = worker::publish(keys::QUEUE, &call.trace, |queue| {
        jobs_storage::cancel(queue, &job, retention)
    });
    let job = canceled.await?;
    let fields = json!({"jobId": job.id, "toons": job.progress.canceled()});
    log::info(&call.trace, "a job was canceled", fields);
    web::json(StatusCode::OK, &job.view())
}

async fn retry(call: Call) -> Reply {
    let (job, retention) = (load(&call)?, jobs_storage::retention()?);
    let retried = worker::publish(keys::QUEUE, &call.trace, |queue| {
        jobs_storage::retry(queue, &job.id, retention)
    });
    let job = retried.await?;
    let fields = json!({"jobId": job.id});
    log::info(&call.trace, "failed toons are processed again", fields);
    web::json(StatusCode::OK, &job.view())
}

/// The job of the path. One of another user is answered like one that does not exist.
fn load(call: &Call) -> Result<Job, ApiError> {
    let caller = call.principal()?.caller();
    let job = jobs_storage::load_for(&SpinRedis::open()?, call.path("jobId"), caller)?;
    Ok(job.ok_or(UNKNOWN)?)
}
