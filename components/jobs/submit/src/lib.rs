//! `POST /submit-job`: accepts a job and puts its toons on the queue.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use base::Timestamp;
use http::StatusCode;
use jobs_domain::{Status, Submission, keys};
use jobs_storage::{Request, Submitted};
use serde_json::json;
use web::{ApiError, Call, Reply, Route};

const BODY_LIMIT: usize = 8 * 1024 * 1024;

web::exports![Route::post("/submit-job", submit).json(BODY_LIMIT)];

async fn submit(call: Call) -> Reply {
    let key = call.idempotency_key()?;
    let submission = Submission::parse(call.body())?;
    let now = Timestamp::now();
    submission.check_time(now)?;
    let request = Request {
        owner: &call.principal()?.subject,
        submission: &submission,
        idempotency_key: key,
    };
    let retention = jobs_storage::retention()?;
    let submitted = worker::publish(keys::QUEUE, &call.trace, |queue| {
        jobs_storage::submit(queue, request, retention, now.millis(), &call.trace)
    });
    let id = match submitted.await? {
        Submitted::Accepted(id) => id,
        Submitted::Taken => {
            let message = "another job, maybe another user's, has this jobId: choose another id or leave it out";
            return Err(ApiError::conflict("job_id_taken", message));
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
    web::located(
        &format!("/jobs/{id}"),
        web::json(StatusCode::ACCEPTED, &body)?,
    )
}
