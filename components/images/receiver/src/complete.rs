use base::Failure;
use http::StatusCode;
use images_domain::{FileName, Uploaded};
use serde::Deserialize;
use serde_json::json;
use web::{ApiError, Call, Invalid, Reply};

#[derive(Deserialize)]
struct Complete {
    file_name: String,
}

pub(crate) async fn complete(call: Call) -> Reply {
    let body: Complete = call.object()?;
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
    let record = images_storage::existing(&file)?.ok_or_else(|| {
        ApiError::not_found(
            "unknown_image",
            "there is no such photo: announce it with POST /receiver first",
        )
    })?;
    let store = images_storage::objects(&call.trace).await?;
    let object = store.head(&file.to_string()).await;
    let Some(object) = object.map_err(Failure::from)? else {
        if record.is_verified() {
            // The upload was analyzed before the client reported it.
            let body = json!({"file_name": file, "status": record.status});
            return web::json(StatusCode::OK, &body);
        }
        return Err(ApiError::not_found(
            "not_uploaded",
            "nothing is uploaded under this name yet: upload the file to upload_url first",
        ));
    };

    let body = json!({"file_name": file, "status": "queued"});
    let upload = Uploaded {
        file,
        size: Some(object.size),
        etag: object.etag,
    };
    images_storage::announce(&[upload], &call.trace).await?;
    web::json(StatusCode::ACCEPTED, &body)
}
