use base::{Failure, NotChanged, Timestamp, Trace, log};
use databricks::Error;
use http::StatusCode;
use ipp_domain::{Job, JobId, Mode, Origin, StartRequest, StartView, UserInfo, first_run, keys};
use ipp_storage::{Ipp, NotSeen};
use serde_json::json;
use stores::{SpinKeyValue, SpinRedis};
use web::{ApiError, Call, Principal, Reply};

use crate::common::databricks;

pub(crate) async fn start(call: Call) -> Reply {
    let request = StartRequest::parse(call.body())?;
    let jobs = ipp_storage::jobs()?;
    let principal = call.principal()?;
    let id = match call.idempotency_key()? {
        Some(key) => JobId::of_key(&principal.subject, key),
        None => JobId::random(),
    };
    let now = Timestamp::now();
    let job = Job::create(
        id,
        origin(principal, &call.trace),
        request.mostradores,
        (jobs.first, jobs.second),
        now,
    );
    first_run(&job, &jobs).map_err(|too_many| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        ApiError::new(status, "too_many_mostradores", too_many.to_string())
    })?;
    let redis = SpinRedis::open()?;
    let databricks = databricks(&call, &redis)?;
    let queue = worker::open(&redis, keys::QUEUE)?;
    let store = SpinKeyValue::open()?;
    let ipp = Ipp {
        queue: &queue,
        store: &store,
        trace: &call.trace,
    };
    let stored = ipp.create(&job, ipp_storage::retention()?);
    worker::notify(&queue, &call.trace).await;
    let stored = stored?.document;
    if stored.mostradores != job.mostradores {
        let message = "this Idempotency-Key was used for other mostradores: use a new one";
        return Err(NotChanged::KeyReused { message }.into());
    }
    if stored.first.run_id.is_some() || stored.status.is_final() {
        return web::json(StatusCode::OK, &StartView::new(&stored));
    }

    let started = ipp.start_run(&databricks, &jobs, &stored).await;
    match started {
        Ok(started) => {
            let started = started.map_or(stored, |started| started.document);
            let pause = started.pause(now);
            ipp.follow(&started, pause)?;
            worker::notify(&queue, &call.trace).await;
            web::json(StatusCode::OK, &StartView::new(&started))
        }
        // The run may have been started: the follower asks again, with the same token.
        Err(NotSeen::Databricks(Error::Unavailable {
            detail,
            retry_after,
        })) => {
            let fields = json!({"job_id": stored.job_id, "reason": detail});
            log::warn(&call.trace, "a run is started later", fields);
            let pause = retry_after.unwrap_or_default().max(stored.pause(now));
            ipp.follow(&stored, pause)?;
            worker::notify(&queue, &call.trace).await;
            web::json(StatusCode::ACCEPTED, &StartView::new(&stored))
        }
        Err(NotSeen::Databricks(error)) => {
            let reason = error.to_string();
            ipp.change(&stored.job_id, |job| job.fail("not_started", &reason, now))?;
            worker::notify(&queue, &call.trace).await;
            Err(
                Failure::misconfigured(format!("Databricks did not start the run: {reason}"))
                    .into(),
            )
        }
        Err(NotSeen::Failed(failure)) => Err(failure.into()),
    }
}

fn origin(principal: &Principal, trace: &Trace) -> Origin {
    Origin {
        owner: principal.subject.clone(),
        mode: Mode::Manual,
        user_info: UserInfo {
            username: principal
                .email
                .clone()
                .unwrap_or_else(|| principal.subject.clone()),
            email: principal.email.clone(),
            sub: principal.subject.clone(),
            name: principal.name.clone(),
        },
        trace: trace.clone(),
    }
}
