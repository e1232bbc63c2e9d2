//! `GET /results?jobId=`: what came of the toons of a job, also while it runs.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use http::{HeaderValue, StatusCode, header};
use jobs_domain::{ResultsQuery, results_view};
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;
use stores::SpinRedis;
use web::{ApiError, Call, Endpoint, Reply};

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    web::serve(request, out, Endpoint::get(), results).await;
}

async fn results(call: Call) -> Reply {
    let principal = web::authenticate(&call)?;
    let query = ResultsQuery::parse(&call.query())
        .map_err(|problem| ApiError::bad_request("invalid_query", problem))?;
    let redis = SpinRedis::open()?;
    // Another's job looks the same as one that does not exist.
    let job = jobs_storage::load(&redis, &query.job_id)?
        .filter(|job| job.owner == principal.subject || principal.has_role("admin"))
        .ok_or_else(|| ApiError::not_found("unknown_job", "you have no such job"))?;
    let page = jobs_storage::results(&redis, &job, query.first, query.limit)?;
    let mut reply = web::empty(StatusCode::OK);
    *reply.body_mut() = results_view(&job.id, &job.progress, &page.results, page.next)
        .map_err(base::Failure::from)?;
    reply.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Ok(reply)
}
