//! `GET /scan`: the caller's photos, by group and by label.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use http::StatusCode;
use images_domain::ScanQuery;
use stores::SpinRedis;
use web::{ApiError, Call, Reply, Route};

web::exports![Route::get("/scan", scan)];

async fn scan(call: Call) -> Reply {
    let query = ScanQuery::parse(call.query())?;
    let user = images_storage::user_ids()?.of_subject(&call.principal()?.subject);
    let user = user.map_err(|problem| {
        let message = format!("the subject of the token is not a user id: it {problem}");
        ApiError::forbidden("not_a_user", message)
    })?;
    let found = images_storage::search(&SpinRedis::open()?, &user, query)?;
    web::json(StatusCode::OK, &found)
}
