//! `GET /results?jobId=`: the results of the toons of a job, also while it runs.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use base::Failure;
use jobs_domain::{ResultsQuery, UNKNOWN, keys, results_view};
use stores::SpinRedis;
use web::{Call, Reply, Route};

web::exports![Route::get("/results", results)];

async fn results(call: Call) -> Reply {
    let query = ResultsQuery::parse(call.query())?;
    let caller = call.principal()?.caller();
    let redis = SpinRedis::open()?;
    let job = jobs_storage::load_for(&redis, query.job_id.as_str(), caller)?;
    let job = job.ok_or(UNKNOWN)?;
    let end = job
        .progress
        .total
        .min(query.first.saturating_add(query.limit));
    let page = records::numbered(&redis, &keys::results(&job.id), query.first..end)?;
    let view = results_view(&job.id, &job.progress, &page.values, page.next);
    Ok(web::content(
        "application/json",
        view.map_err(Failure::from)?,
    ))
}
