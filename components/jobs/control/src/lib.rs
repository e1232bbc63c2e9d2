//! `POST /jobs/{jobId}/cancel` and `POST /jobs/{jobId}/retry`.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use base::log;
use http::StatusCode;
use jobs_domain::{Job, keys};
use jobs_storage::{Canceled, Retried};
use serde_json::json;
use stores::SpinRedis;
use web::{ApiError, Call, Reply, Route};

web::exports![
    Route::post("/jobs/{jobId}/cancel", cancel),
    Route::post("/jobs/{jobId}/retry", retry),
];

async fn cancel(call: Call) -> Reply {
    let job = load(&call)?;
    let retention = jobs_storage::retention()?;
    let canceled = worker::publish(keys::QUEUE, &call.trace, |queue| {
        jobs_storage::cancel(queue, &job, retention)
    });
    let canceled = canceled.await?;
    let job = match canceled {
        Canceled::Done | Canceled::Ended => load(&call)?,
        Canceled::Gone => return Err(unknown()),
    };
    if canceled == Canceled::Ended {
        let status = job.progress.status().as_str();
        let message = format!("the job has ended: it is {status}");
        return Err(ApiError::conflict("job_ended", message));
    }
    log::info(
        &call.trace,
        "a job was canceled",
        json!({"jobId": job.id, "toons": job.progress.canceled()}),
    );
    web::json(StatusCode::OK, &job.view())
}

async fn retry(call: Call) -> Reply {
    let id = load(&call)?.id;
    let retention = jobs_storage::retention()?;
    let retried = worker::publish(keys::QUEUE, &call.trace, |queue| {
        jobs_storage::retry(queue, &id, retention)
    });
    let (code, message) = match retried.await? {
        Retried::Begun(job) => {
            let message = "failed toons are processed again";
            log::info(&call.trace, message, json!({"jobId": job.id}));
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
    Err(ApiError::conflict(code, message))
}

/// The job of the path. One of another user is answered like one that does not exist.
fn load(call: &Call) -> Result<Job, ApiError> {
    let caller = call.principal()?.caller();
    let job = jobs_storage::load_for(&SpinRedis::open()?, call.path("jobId"), caller)?;
    job.ok_or_else(unknown)
}

fn unknown() -> ApiError {
    ApiError::not_found("unknown_job", "you have no such job")
}
