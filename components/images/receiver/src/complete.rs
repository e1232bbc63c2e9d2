use base::Failure;
use http::StatusCode;
use images_domain::{FileName, keys};
use objects::Objects;
use serde::Deserialize;
use serde_json::json;
use stores::{SpinKeyValue, SpinRedis};
use web::{ApiError, Call, Invalid, Reply};

#[derive(Deserialize)]
struct Complete {
    file_name: String,
}

pub(crate) async fn complete(call: Call) -> Reply {
    let body: Complete = call.json()?;
    let file: FileName = body
        .file_name
        .parse()
        .map_err(|error| Invalid::field(format!("file_name: {error}")))?;
    if !file.belongs_to(&call.principal()?.subject) {
        return Err(ApiError::forbidden(
            "not_your_image",
            "this photo belongs to another user",
        ));
    }
    let record = images_storage::load(&SpinKeyValue::open()?, &file)?
        .map(|record| record.document)
        .filter(|record| !record.is_deleted())
        .ok_or_else(|| {
            ApiError::not_found(
                "unknown_image",
                "there is no such photo: announce it with POST /receiver first",
            )
        })?;
    let store = Objects::from_variables("images_bucket_name")?;
    let object = store
        .with_headers(call.trace.headers())
        .head(&file.to_string())
        .await
        .map_err(Failure::from)?;
    let Some(object) = object else {
        if record.is_verified() {
            // The upload was analyzed before the client reported it.
            let body = json!({"file_name": file.to_string(), "status": record.status});
            return web::json(StatusCode::OK, &body);
        }
        return Err(ApiError::not_found(
            "not_uploaded",
            "nothing is uploaded under this name yet: upload the file to upload_url first",
        ));
    };

    let redis = SpinRedis::open()?;
    let body = json!({"file_name": file.to_string(), "status": "queued"});
    let upload = (file, Some(object.size), object.etag);
    let queue = worker::open(&redis, keys::QUEUE)?;
    images_storage::announce(&queue, [upload], &call.trace)?;
    worker::notify(&queue, &call.trace).await;
    web::json(StatusCode::ACCEPTED, &body)
}
