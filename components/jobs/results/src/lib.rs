//! `GET /results?jobId=`: what came of the toons of a job, also while it runs.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use http::StatusCode;
use jobs_domain::{ResultsQuery, ResultsView};
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
    let redis = SpinRedis::open(&web::text("redis_url")?)?;
    // Another's job looks the same as one that does not exist.
    let (job, page) = jobs_storage::results(&redis, &query)?
        .filter(|(job, _)| job.owner == principal.subject || principal.has_role("admin"))
        .ok_or_else(|| ApiError::not_found("unknown_job", "you have no such job"))?;
    let view = ResultsView::new(job.id, &job.progress, page.results, page.next)
        .map_err(jobs_storage::StorageError::from)?;
    web::json(StatusCode::OK, &view)
}
