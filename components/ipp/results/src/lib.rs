//! `GET /ipp/results/{job_id}`: the results of a completed job, with links to its files.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use base::{Failure, Trace};
use http::{Method, StatusCode};
use ipp_domain::{File, Location, Locations, ResultsView, Status, UNKNOWN};
use objects::Objects;
use serde_json::json;
use stores::SpinKeyValue;
use web::{Call, Reply, Route};

web::exports![Route::get("/ipp/results/{job_id}", results)];

async fn results(call: Call) -> Reply {
    let caller = call.principal()?.caller();
    let store = SpinKeyValue::open()?;
    let job = ipp_storage::load_for(&store, call.path("job_id"), caller)?;
    let job = job.ok_or(UNKNOWN)?;
    if job.status != Status::Completed {
        let answer = json!({
            "error": "Proceso no completado", "code": "job_not_completed",
            "job_id": job.job_id, "status": job.status, "message": job.message(),
        });
        return web::json(StatusCode::CONFLICT, &answer);
    }
    let locations = Locations {
        raw: locations("ipp_raw_bucket", &call.trace, &job.files, |file| &file.raw).await?,
        processed: locations("ipp_processed_bucket", &call.trace, &job.files, |file| {
            &file.processed
        })
        .await?,
        expires_in: objects::link_seconds()?,
    };
    let table = base::text("ipp_results_table")?;
    web::json(
        StatusCode::OK,
        &ResultsView::new(&job, locations, table.trim()),
    )
}

/// The places of a job's files in the bucket that a variable names, with links.
async fn locations(
    bucket_variable: &str,
    trace: &Trace,
    files: &[File],
    key: fn(&File) -> &String,
) -> Result<Vec<Location>, Failure> {
    let store = Objects::from_variables(bucket_variable).await?;
    let store = store.traced(trace);
    let locations = files.iter().map(|file| {
        let key = key(file);
        Ok(Location {
            bucket: store.config().bucket().to_owned(),
            key: key.clone(),
            url: store.link(&Method::GET, key)?.url,
        })
    });
    locations.collect()
}
