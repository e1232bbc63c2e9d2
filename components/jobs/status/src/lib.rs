//! `GET /jobs/{jobId}`: how far a job is, at once or when there is news.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use std::time::{Duration, Instant};

use http::StatusCode;
use jobs_domain::{JobId, StatusQuery};
use serde_json::json;
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;
use stores::SpinRedis;
use web::{ApiError, Call, Endpoint, Reply};

/// How often a waiting request looks: soon at first, for most jobs are short.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LAST_LOOK: Duration = Duration::from_millis(500);

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    web::serve(request, out, Endpoint::get(), status).await;
}

async fn status(call: Call) -> Reply {
    let started = Instant::now();
    let principal = web::authenticate(&call)?;
    let query = StatusQuery::parse(&call.query())
        .map_err(|problem| ApiError::bad_request("invalid_query", problem))?;
    // Another's job looks the same as one that does not exist.
    let unknown = || ApiError::not_found("unknown_job", "you have no such job");
    let id: JobId = call.last_segment().parse().map_err(|_| unknown())?;

    let redis = SpinRedis::open()?;
    let waits_for_change = call.has_header("if-none-match");
    let mut pause = FIRST_LOOK;
    let mut has_nudged = false;
    loop {
        let job = jobs_storage::load(&redis, &id)?
            .filter(|job| job.owner == principal.subject || principal.has_role("admin"))
            .ok_or_else(unknown)?;
        if !std::mem::replace(&mut has_nudged, true)
            && let Err(error) = jobs_storage::nudge(&redis, &job, base::now_millis())
        {
            // A Redis that takes no writes can be read all the same.
            base::log::warn(
                &call.trace,
                "no worker could be woken",
                json!({"error": error.to_string()}),
            );
        }
        let reply = web::json(StatusCode::OK, &job.view())?;
        let tag = web::entity_tag(reply.body());
        let is_news = job.progress.status().is_final()
            || (waits_for_change && !web::has_current(&call, &tag));
        let left = query.wait.saturating_sub(started.elapsed());
        if is_news || left.is_zero() {
            return web::with_etag(&call, &tag, Ok(reply));
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(LAST_LOOK);
    }
}
