//! `GET /results?jobId=`: the results of the toons of a job, also while it runs.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use base::Failure;
use jobs_domain::{ResultsQuery, UNKNOWN, results_view};
use stores::SpinRedis;
use web::{Call, Reply, Route};

web::exports![Route::get("/results", results)];

async fn results(call: Call) -> Reply {
    let query = ResultsQuery::parse(call.query())?;
    let caller = call.principal()?.caller();
    let redis = SpinRedis::open()?;
    let job = jobs_storage::load_for(&redis, query.job_id.as_str(), caller)?;
    let job = job.ok_or(UNKNOWN)?;
    let page = jobs_storage::results(&redis, &job, query.first, query.limit)?;
    let view = results_view(&job.id, &job.progress, &page.results, page.next);
    Ok(web::content(
        "application/json",
        view.map_err(Failure::from)?,
    ))
}
