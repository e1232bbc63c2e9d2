use std::ops::ControlFlow;
use std::time::Duration;

use base::log;
use http::StatusCode;
use ipp_domain::{Job, ListView, StatusView, UNKNOWN, keys};
use ipp_storage::Ipp;
use records::Place;
use serde_json::json;
use stores::{SpinKeyValue, SpinRedis};
use web::{ApiError, Call, Reply, Waiting};

use crate::common::databricks;

/// The maximum wait for a change in seconds.
const MAX_WAIT: u32 = 20;

/// The jobs of a page by default, and the most.
const LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;

pub(crate) async fn list(call: Call) -> Reply {
    let query = call.query();
    query.only(&["limit", "cursor"])?;
    let limit = query.limit(LIMIT, MAX_LIMIT)?;
    let after: Option<Place> = query.cursor()?;
    let redis = SpinRedis::open()?;
    let store = SpinKeyValue::open()?;
    let caller = call.principal()?.caller();
    let page = ipp_storage::list(&redis, &store, caller, after.as_ref(), limit)?;
    let view = ListView::new(&page.documents, page.last.as_ref());
    web::json(StatusCode::OK, &view)
}

pub(crate) async fn status(call: Call) -> Reply {
    let wait = call.query().number("wait", 0..=MAX_WAIT)?.unwrap_or(0);
    let principal = call.principal()?;
    let store = SpinKeyValue::open()?;
    let load = || {
        let job = ipp_storage::load_for(&store, call.path("job_id"), principal.caller())?;
        Ok::<_, ApiError>(job.ok_or(UNKNOWN)?)
    };
    let answer = |job: &Job| {
        let reply = web::json(StatusCode::OK, &StatusView::new(job))?;
        Ok::<_, ApiError>((web::entity_tag(reply.body()), reply))
    };
    let job = load()?;
    let (tag, reply) = match job.status.is_final() {
        true => answer(&job)?,
        false => {
            let redis = SpinRedis::open()?;
            let waiting = Waiting::new(&call, &redis, "ipp")?;
            if let Err(error) = ipp_storage::wake_if_idle(&redis, &job, base::now_millis()) {
                // A Redis that takes no writes can still be read.
                let fields = json!({"error": error.to_string()});
                log::warn(&call.trace, "no worker could be woken", fields);
            }
            let mut known = Some(job);
            let mut first = None;
            let time = Duration::from_secs(wait.into());
            web::wait(&waiting, time, async || {
                let job = known.take().map_or_else(load, Ok)?;
                let job = look(&call, &redis, &store, job).await;
                let (tag, reply) = answer(&job)?;
                // Without `If-None-Match`, an answer that differs from the first look's is
                // news.
                let first = first.get_or_insert_with(|| tag.clone());
                let is_news = match call.has_current(&tag) {
                    Some(is_current) => !is_current,
                    None => *first != tag,
                };
                let is_news = is_news || job.status.is_final();
                Ok(match is_news {
                    true => ControlFlow::Break((tag, reply)),
                    false => ControlFlow::Continue((tag, reply)),
                })
            })
            .await?
        }
    };
    call.with_etag(&tag, reply)
}

/// Asks Databricks about the run that a job waits for, if the last look is 5 s old, and
/// returns the latest version of the job. Failures are logged: the known state can still be
/// answered.
async fn look(call: &Call, redis: &SpinRedis, store: &SpinKeyValue, job: Job) -> Job {
    let is_running = job.run().is_some_and(|(_, run)| run.run_id.is_some());
    if !is_running || !ipp_storage::may_look(redis, &job.job_id).unwrap_or(false) {
        return job;
    }
    let looked = async {
        let databricks = databricks(call, redis)?;
        let queue = worker::open(redis, keys::QUEUE)?;
        let ipp = Ipp {
            queue: &queue,
            store,
            trace: &call.trace,
        };
        let seen = ipp.look(&databricks, &job).await;
        worker::notify(&queue, &call.trace).await;
        seen
    };
    match looked.await {
        Ok(seen) => seen.map_or(job, |seen| seen.document),
        Err(error) => {
            let fields = json!({"job_id": job.job_id, "reason": error.to_string()});
            log::warn(&call.trace, "a run could not be looked at", fields);
            job
        }
    }
}
