//! `GET /scan`: the caller's photos, by group and by label.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use http::StatusCode;
use images_domain::{ScanQuery, user_id};
use stores::SpinRedis;
use web::{ApiError, Call, Reply, Route};

web::exports![Route::get("/scan", scan)];

async fn scan(call: Call) -> Reply {
    let query = ScanQuery::parse(call.query())?;
    let user = user_id(&call.principal()?.subject).ok_or_else(|| {
        let message =
            "the subject of the token is not a user id: it must be an integer that is not negative";
        ApiError::forbidden("not_a_user", message)
    })?;
    let found = images_storage::search(&SpinRedis::open()?, user, query)?;
    web::json(StatusCode::OK, &found)
}
