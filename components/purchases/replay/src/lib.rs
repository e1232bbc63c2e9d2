//! `/ops/compras/replay`: archives changes again from the stored purchases and records.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use base::log;
use http::StatusCode;
use purchases_domain::{ReplayRequest, keys};
use serde_json::json;
use stores::SpinRedis;
use uuid::Uuid;
use web::{ApiError, Call, Reply, Route};

/// The role that opens the routes.
const ROLE: &str = "ops";

/// Room for a tenant and two days.
const BODY_LIMIT: usize = 4 * 1024;

web::exports![
    Route::post("/ops/compras/replay", start)
        .role(ROLE)
        .json(BODY_LIMIT),
    Route::get("/ops/compras/replay/{replay}", progress).role(ROLE),
];

async fn start(call: Call) -> Reply {
    let request: ReplayRequest = call.object()?;
    let replay = request.replay(Uuid::now_v7().to_string(), base::now_millis())?;
    worker::publish(keys::MAINTENANCE, &call.trace, |queue| {
        purchases_storage::start_replay(queue, &replay, &call.trace)
    })
    .await?;
    let fields = json!({"replay": replay, "by": call.principal()?.subject});
    log::info(&call.trace, "a replay was started", fields);
    let progress = purchases_storage::find_replay(&SpinRedis::open()?, &replay.id)?;
    let reply = web::json(StatusCode::ACCEPTED, &progress.view())?;
    web::located(&format!("/ops/compras/replay/{}", replay.id), reply)
}

async fn progress(call: Call) -> Reply {
    let redis = SpinRedis::open()?;
    let progress = purchases_storage::find_replay(&redis, call.path("replay"))?;
    if progress.replay.is_none() {
        let message = "there is no such replay: they are kept for 30 days";
        return Err(ApiError::not_found("unknown_replay", message));
    }
    web::json(StatusCode::OK, &progress.view())
}
