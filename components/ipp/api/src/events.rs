use std::time::Duration;

use base::log;
use databricks::RunId;
use http::StatusCode;
use ipp_domain::keys;
use ipp_storage::Ipp;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use stores::{SpinKeyValue, SpinRedis};
use web::{Call, Reply};

/// An event of Databricks, which is not signed: only the run is taken from it, and
/// Databricks is asked how it is.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    run: Run<'a>,
}

#[derive(Deserialize)]
struct Run<'a> {
    /// A string or a number.
    #[serde(borrow)]
    run_id: &'a RawValue,
}

/// Lets the follower look at the run of an event at once. A run that is none of Orilla's is
/// answered alike.
pub(crate) async fn receive(call: Call) -> Reply {
    let run = serde_json::from_slice::<Event<'_>>(call.body()).ok();
    let run = run.and_then(|event| {
        event
            .run
            .run_id
            .get()
            .trim_matches('"')
            .parse::<RunId>()
            .ok()
    });
    let answer = web::empty(StatusCode::NO_CONTENT);
    let Some(run) = run else {
        // Tests of a destination have no run.
        log::info(&call.trace, "an event names no run", json!({}));
        return Ok(answer);
    };
    let redis = SpinRedis::open()?;
    let store = SpinKeyValue::open()?;
    let job = match ipp_storage::job_of_run(&redis, run)? {
        Some(id) => ipp_storage::load(&store, &id)?,
        None => None,
    };
    let Some(job) = job else {
        log::info(
            &call.trace,
            "an event is of no run of Orilla",
            json!({"run_id": run}),
        );
        return Ok(answer);
    };
    worker::publish(keys::QUEUE, &call.trace, |queue| {
        let ipp = Ipp {
            queue,
            store: &store,
            trace: &call.trace,
        };
        ipp.follow(&job.document, Duration::ZERO)
    })
    .await?;
    Ok(answer)
}
