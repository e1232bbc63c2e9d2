use base::{Timestamp, log};
use http::StatusCode;
use ipp_domain::{StatusView, UNKNOWN, keys};
use ipp_storage::Ipp;
use serde_json::json;
use stores::{SpinKeyValue, SpinRedis};
use web::{ApiError, Call, Reply};

use crate::common::databricks;

/// Notes that the job is to end, and asks Databricks to cancel its run. If Databricks did not
/// get the request, the follower sends it again.
pub(crate) async fn cancel(call: Call) -> Reply {
    let caller = call.principal()?.caller();
    let store = SpinKeyValue::open()?;
    let job = ipp_storage::load_for(&store, call.path("job_id"), caller)?;
    let job = job.ok_or(UNKNOWN)?;
    if job.status.is_final() && !job.is_canceled {
        let message = format!("the job has ended: it is {}", job.status);
        return Err(ApiError::conflict("job_ended", message));
    }
    let now = Timestamp::now();
    let canceled = worker::publish(keys::QUEUE, &call.trace, |queue| {
        let ipp = Ipp {
            queue,
            store: &store,
            trace: &call.trace,
        };
        ipp.change(&job.job_id, |job| job.cancel(now))
    });
    let job = canceled.await?.ok_or(UNKNOWN)?.document;
    if let Some(run_id) = job.run().and_then(|(_, run)| run.run_id)
        && let Err(error) = databricks(&call, &SpinRedis::open()?)?.cancel(run_id).await
    {
        let fields = json!({"job_id": job.job_id, "reason": error.to_string()});
        log::warn(&call.trace, "a run is canceled later", fields);
    }
    web::json(StatusCode::OK, &StatusView::new(&job))
}
