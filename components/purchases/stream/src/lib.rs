//! `POST /compras/stream`: records of a DynamoDB stream, as Lambda gets them.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use http::StatusCode;
use purchases_domain::keys;
use serde_json::{Value, json};
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
    let now = base::now_millis();
    let queued = worker::publish(keys::QUEUE, &call.trace, |queue| {
        purchases_storage::enqueue(queue, &records, &settings, now, &call.trace)
    });
    let failures = queued.await?.failed.into_iter();
    let failures: Vec<Value> = failures.map(|id| json!({"itemIdentifier": id})).collect();
    web::json(StatusCode::OK, &json!({"batchItemFailures": failures}))
}
