//! `POST /submit-job`: accepts a job and puts its toons on the queue.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use base::{Failure, Timestamp};
use http::{HeaderValue, StatusCode, header};
use jobs_domain::{Status, Submission, keys};
use jobs_storage::Submitted;
use serde_json::json;
use stores::SpinRedis;
use web::{ApiError, Call, Reply, Route};

const BODY_LIMIT: usize = 8 * 1024 * 1024;

web::exports![Route::post("/submit-job", submit).json(BODY_LIMIT)];

async fn submit(call: Call) -> Reply {
    let key = call.idempotency_key()?;
    let submission = Submission::parse(call.body())?;
    let now = Timestamp::now();
    submission.check_time(now)?;
    let retention = jobs_storage::retention(base::number("job_retention_days", 0)?);

    let redis = SpinRedis::open()?;
    let queue = worker::open(&redis, keys::QUEUE)?;
    let submitted = jobs_storage::submit(
        &queue,
        &call.principal()?.subject,
        &submission,
        key,
        retention,
        now.millis(),
        &call.trace,
    )?;
    worker::notify(&queue, &call.trace).await;
    let id = match submitted {
        Submitted::Accepted(id) => id,
        Submitted::Taken => {
            let message = "another job, maybe another user's, has this jobId: choose another id or leave it out";
            return Err(ApiError::new(StatusCode::CONFLICT, "job_id_taken", message));
        }
        Submitted::KeyReused => {
            return Err(ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "this Idempotency-Key was sent with another job; use a new one for each job",
            ));
        }
    };
    // The first submission and each repetition get the same answer.
    let status = match submission.not_before {
        Some(_) => Status::Scheduled,
        None => Status::Pending,
    };
    let body = json!({"jobId": id, "status": status, "totalToons": submission.toons.len()});
    let mut reply = web::json(StatusCode::ACCEPTED, &body)?;
    let location = HeaderValue::try_from(format!("/jobs/{id}")).map_err(Failure::internal)?;
    reply.headers_mut().insert(header::LOCATION, location);
    Ok(reply)
}
