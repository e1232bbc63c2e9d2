//! `GET /compras/report`: sums of the purchases of a tenant.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use base::Failure;
use http::StatusCode;
use purchases_domain::{ReportQuery, keys};
use stores::SpinRedis;
use web::{Call, Reply, Route};

web::exports![Route::get("/compras/report", report).role("admin")];

async fn report(call: Call) -> Reply {
    let query = ReportQuery::parse(call.query())?;
    let tenant = call.tenant()?;
    let redis = SpinRedis::open()?;
    let queue = worker::open(&redis, keys::QUEUE)?;
    let report = purchases_storage::report(&queue, &tenant, &query)?;
    if call.prefers("text/csv", "application/json") {
        let csv = report.csv().map_err(Failure::internal)?;
        return Ok(web::content("text/csv; charset=utf-8; header=present", csv));
    }
    web::json(StatusCode::OK, &report)
}
