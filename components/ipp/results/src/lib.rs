//! `GET /ipp/results/{job_id}`: the results of a completed job, with links to its files.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use std::time::{Duration, SystemTime};

use base::{Failure, Trace};
use http::{Method, StatusCode};
use ipp_domain::{File, Location, Locations, ResultsView, Status};
use objects::Objects;
use serde_json::json;
use stores::SpinKeyValue;
use web::{ApiError, Call, Reply, Route};

web::exports![Route::get("/ipp/results/{job_id}", results)];

async fn results(call: Call) -> Reply {
    let unknown = || ApiError::not_found("unknown_job", "Job no encontrado: you have no such job");
    let caller = call.principal()?.caller();
    let store = SpinKeyValue::open()?;
    let job = ipp_storage::load_for(&store, call.path("job_id"), caller)?;
    let job = job.ok_or_else(unknown)?;
    if job.status != Status::Completed {
        let answer = json!({
            "error": "Proceso no completado", "code": "job_not_completed",
            "job_id": job.job_id, "status": job.status, "message": job.message(),
        });
        return web::json(StatusCode::CONFLICT, &answer);
    }
    let expires_in = base::number("signed_url_read_expiration", 1)?;
    let links = Links {
        expires: Duration::from_secs(expires_in),
        now: SystemTime::now(),
        trace: &call.trace,
    };
    let locations = Locations {
        raw: links
            .of("ipp_raw_bucket", &job.files, |file| &file.raw)
            .await?,
        processed: links
            .of("ipp_processed_bucket", &job.files, |file| &file.processed)
            .await?,
        expires_in,
    };
    let table = base::text("ipp_results_table")?;
    web::json(
        StatusCode::OK,
        &ResultsView::new(&job, locations, table.trim()),
    )
}

/// Makes presigned links.
struct Links<'a> {
    expires: Duration,
    now: SystemTime,
    trace: &'a Trace,
}

impl Links<'_> {
    async fn of(
        &self,
        bucket_variable: &str,
        files: &[File],
        key: fn(&File) -> &String,
    ) -> Result<Vec<Location>, Failure> {
        let store = Objects::from_variables(bucket_variable).await?;
        let store = store.with_headers(self.trace.headers());
        let config = store.config();
        let locations = files.iter().map(|file| {
            let key = key(file);
            let link = config.presign_read(&Method::GET, key, self.expires, self.now)?;
            Ok(Location {
                bucket: config.bucket().to_owned(),
                key: key.clone(),
                url: link.url,
            })
        });
        locations.collect()
    }
}
