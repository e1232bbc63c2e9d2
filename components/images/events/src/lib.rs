//! `POST /events/s3`: the object store notifies of uploads.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use base::log;
use http::StatusCode;
use images_domain::{FileName, Uploaded, keys, parse_events};
use serde_json::json;
use web::{Call, Invalid, Reply, Route};

/// A notification has at most 1,000 records of about 1 KiB.
const BODY_LIMIT: usize = 2 * 1024 * 1024;

web::exports![Route::post_by_machine("/events/s3", "events_token", receive).json(BODY_LIMIT)];

async fn receive(call: Call) -> Reply {
    let notified =
        parse_events(&call.json()?).map_err(|error| Invalid::new("invalid_event", error))?;

    let bucket = base::text("images_bucket_name")?;
    let mut uploads = Vec::new();
    for reason in notified.unreadable {
        let fields = json!({"reason": reason});
        log::warn(
            &call.trace,
            "an event record that cannot be read was ignored",
            fields,
        );
    }
    for event in notified.created {
        match event.key.parse::<FileName>() {
            Ok(file) if event.bucket == bucket => uploads.push(Uploaded {
                file: file.to_string(),
                size: event.size,
                etag: event.etag,
            }),
            // Stored by the analyzer itself.
            Err(_) if event.bucket == bucket && keys::is_verified(&event.key) => {}
            // An error would only make the store send the event again.
            _ => log::warn(
                &call.trace,
                "an event for another bucket or key was ignored",
                json!({"bucket": event.bucket, "key": event.key}),
            ),
        }
    }
    if !uploads.is_empty() {
        images_storage::announce(&uploads, &call.trace).await?;
    }
    web::json(StatusCode::OK, &json!({"accepted": uploads.len()}))
}
