use base::{Timestamp, log};
use http::StatusCode;
use ipp_domain::{StatusView, keys};
use ipp_storage::Ipp;
use serde_json::json;
use stores::{SpinKeyValue, SpinRedis};
use web::{ApiError, Call, Reply};

use crate::common::{databricks, unknown};

/// Notes that the job is to end, and asks Databricks to cancel its run. What Databricks did
/// not get, the follower sends again.
pub(crate) async fn cancel(call: Call) -> Reply {
    let caller = call.principal()?.caller();
    let store = SpinKeyValue::open()?;
    let job = ipp_storage::load_for(&store, call.path("job_id"), caller)?;
    let job = job.ok_or_else(unknown)?;
    if job.status.is_final() && !job.is_canceled {
        let message = format!("the job has ended: it is {}", job.status);
        return Err(ApiError::new(StatusCode::CONFLICT, "job_ended", message));
    }
    let redis = SpinRedis::open()?;
    let queue = worker::open(&redis, keys::QUEUE)?;
    let ipp = Ipp {
        queue: &queue,
        store: &store,
        trace: &call.trace,
    };
    let now = Timestamp::now();
    let canceled = ipp.change(&job.job_id, |job| job.cancel(now));
    worker::notify(&queue, &call.trace).await;
    let job = canceled?.ok_or_else(unknown)?.document;
    if let Some(run_id) = job.run().and_then(|(_, run)| run.run_id)
        && let Err(error) = databricks(&call, &redis)?.cancel(run_id).await
    {
        let fields = json!({"job_id": job.job_id, "reason": error.to_string()});
        log::warn(&call.trace, "a run is canceled later", fields);
    }
    web::json(StatusCode::OK, &StatusView::new(&job))
}
