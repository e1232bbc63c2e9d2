//! `POST /events/s3`: the object store notifies of uploads.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use base::log;
use http::StatusCode;
use images_domain::{parse_events, uploads};
use serde_json::json;
use web::{Call, Invalid, Reply, Route};

/// A notification has at most 1,000 records of about 1 KiB.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

web::exports![Route::post_by_machine("/events/s3", "events_token", receive).json(BODY_LIMIT)];

async fn receive(call: Call) -> Reply {
    let notified =
        parse_events(&call.json()?).map_err(|error| Invalid::new("invalid_event", error))?;

    let bucket = base::text("images_bucket_name")?;
    for reason in notified.unreadable {
        let message = "an event record that cannot be read was ignored";
        log::warn(&call.trace, message, json!({"reason": reason}));
    }
    let (uploads, others) = uploads(notified.created, &bucket);
    for event in others {
        // An error would only make the store send the event again.
        let message = "an event for another bucket or key was ignored";
        let fields = json!({"bucket": event.bucket, "key": event.key});
        log::warn(&call.trace, message, fields);
    }
    if !uploads.is_empty() {
        images_storage::announce(&uploads, &call.trace).await?;
    }
    web::json(StatusCode::OK, &json!({"accepted": uploads.len()}))
}
