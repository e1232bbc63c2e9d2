//! `POST /submit-job`: accepts a job and puts its toons on the queue.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use base::Timestamp;
use http::StatusCode;
use jobs_domain::{Request, Status, Submission, keys};
use serde_json::json;
use web::{Call, Reply, Route};

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
    let id = worker::publish(keys::QUEUE, &call.trace, |queue| {
        jobs_storage::submit(queue, request, retention, now.millis(), &call.trace)
    })
    .await?;
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
