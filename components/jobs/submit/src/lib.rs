//! `POST /submit-job`: takes a job on and puts its toons on the queue.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use http::{HeaderValue, StatusCode, header};
use jobs_domain::{JobId, Status, Submission, keys};
use jobs_storage::Submitted;
use serde_json::json;
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;
use stores::SpinRedis;
use web::{ApiError, Call, Endpoint, Reply};

const BODY_LIMIT: usize = 8 * 1024 * 1024;

const LONGEST_KEY: usize = 255;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    web::serve(request, out, Endpoint::post(BODY_LIMIT), submit).await;
}

async fn submit(call: Call) -> Reply {
    let principal = web::authenticate(&call)?;
    let key = idempotency_key(&call)?;
    let submission = Submission::parse(call.body())
        .map_err(|invalid| ApiError::bad_request(invalid.code(), invalid.to_string()))?;
    let retention = jobs_storage::retention(base::number("job_retention_days", 0)?);

    let redis = SpinRedis::open()?;
    let queue = worker::open(&redis, keys::QUEUE)?;
    let submitted = jobs_storage::submit(
        &queue,
        &principal.subject,
        &submission,
        key.as_deref(),
        retention,
        base::now_millis(),
        &call.trace,
    )?;
    worker::ring(&queue, &call.trace).await;
    match submitted {
        Submitted::Accepted(id) => accepted(&id, submission.toons.len()),
        Submitted::Taken => Err(ApiError::new(
            StatusCode::CONFLICT,
            "job_id_taken",
            "there is another job with this jobId, maybe somebody else's; choose another id, or leave it out",
        )),
        Submitted::KeyReused => Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "this Idempotency-Key was sent with another job; use a new one for each job",
        )),
    }
}

/// The same for the first submission of a job and for each repetition.
fn accepted(id: &JobId, total: usize) -> Reply {
    let mut reply = web::json(
        StatusCode::ACCEPTED,
        &json!({"jobId": id, "status": Status::Pending, "totalToons": total}),
    )?;
    let location = HeaderValue::try_from(format!("/jobs/{id}"))
        .map_err(|error| base::Failure::internal(error.to_string()))?;
    reply.headers_mut().insert(header::LOCATION, location);
    Ok(reply)
}

/// The `Idempotency-Key`, where one was sent
/// (draft-ietf-httpapi-idempotency-key-header, with or without its quotes).
fn idempotency_key(call: &Call) -> Result<Option<String>, ApiError> {
    let name = "idempotency-key";
    let key = match call.header(name) {
        None if !call.has_header(name) => return Ok(None),
        key => key.unwrap_or_default().trim().trim_matches('"'),
    };
    if (1..=LONGEST_KEY).contains(&key.len()) {
        return Ok(Some(key.to_owned()));
    }
    Err(ApiError::bad_request(
        "invalid_idempotency_key",
        format!("Idempotency-Key must have 1 to {LONGEST_KEY} visible ASCII characters"),
    ))
}
