//! `POST /compras/stream`: records of a DynamoDB stream, as Lambda gets them.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use http::StatusCode;
use purchases_domain::keys;
use serde_json::{Value, json};
use stores::SpinRedis;
use web::{Call, Reply, Route};

/// The max size of an event of Lambda.
const BODY_LIMIT: usize = 6 * 1024 * 1024;

web::exports![
    Route::post_by_machine("/compras/stream", "compras_stream_token", receive).json(BODY_LIMIT)
];

/// Answers as Lambda's `ReportBatchItemFailures` has it, after the records are queued.
async fn receive(call: Call) -> Reply {
    let records = dynamo::records(call.body())?;
    let settings = purchases_storage::settings()?;
    let redis = SpinRedis::open()?;
    let queue = worker::open(&redis, keys::QUEUE)?;
    let now = base::now_millis();
    let queued = purchases_storage::enqueue(&queue, &records, &settings, now, &call.trace);
    // Also after a failure: some records may be queued.
    worker::notify(&queue, &call.trace).await;
    let failures = queued?.failed.into_iter();
    let failures: Vec<Value> = failures.map(|id| json!({"itemIdentifier": id})).collect();
    web::json(StatusCode::OK, &json!({"batchItemFailures": failures}))
}
