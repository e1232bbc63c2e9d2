//! `GET /jobs` and `GET /jobs/{jobId}`: the progress of jobs, of one also after a change.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use std::ops::ControlFlow;
use std::time::Duration;

use http::StatusCode;
use jobs_domain::{Job, JobsQuery, JobsView, UNKNOWN};
use serde_json::json;
use stores::SpinRedis;
use web::{Call, Reply, Route, Waiting};

/// The maximum wait for a change in seconds.
const MAX_WAIT: u32 = 20;

web::exports![
    Route::get("/jobs", list),
    Route::get("/jobs/{jobId}", status),
];

async fn list(call: Call) -> Reply {
    let query = JobsQuery::parse(call.query())?;
    let redis = SpinRedis::open()?;
    let caller = call.principal()?.caller();
    let page = jobs_storage::list(&redis, caller, &query)?;
    let jobs = page.found.iter().map(Job::view).collect();
    web::json(StatusCode::OK, &JobsView::new(jobs, page.last.as_ref()))
}

async fn status(call: Call) -> Reply {
    let wait = call.query().number("wait", 0..=MAX_WAIT)?.unwrap_or(0);
    let caller = call.principal()?.caller();
    let redis = SpinRedis::open()?;
    let waiting = Waiting::new(&call, &redis, "jobs")?;
    let mut is_first = true;
    let (tag, reply) = web::wait(&waiting, Duration::from_secs(wait.into()), async || {
        let job = jobs_storage::load_for(&redis, call.path("jobId"), caller)?;
        let job = job.ok_or(UNKNOWN)?;
        if std::mem::take(&mut is_first)
            && let Err(error) = jobs_storage::wake_if_idle(&redis, &job, base::now_millis())
        {
            // A Redis that takes no writes can still be read.
            let fields = json!({"error": error.to_string()});
            base::log::warn(&call.trace, "no worker could be woken", fields);
        }
        let reply = web::json(StatusCode::OK, &job.view())?;
        let tag = web::entity_tag(reply.body());
        let is_news = job.progress.status().is_final() || call.has_current(&tag) == Some(false);
        Ok(match is_news {
            true => ControlFlow::Break((tag, reply)),
            false => ControlFlow::Continue((tag, reply)),
        })
    })
    .await?;
    call.with_etag(&tag, reply)
}
