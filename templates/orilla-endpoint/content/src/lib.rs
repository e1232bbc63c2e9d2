//! `GET` and `PUT /{{project-name | kebab_case}}/{id}`: a document of a user, which no other user sees.

use base::{Failure, IdError};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use stores::{KeyValue, SpinKeyValue};
use web::{ApiError, Call, Invalid, Reply, Route};

/// The maximum length of a body in bytes: a longer one is answered 413.
const BODY_LIMIT: usize = 16 * 1024;

// Each path here has a `[[trigger.http]]` in spin.toml.
web::exports![
    Route::get("/{{project-name | kebab_case}}/{id}", read),
    Route::put("/{{project-name | kebab_case}}/{id}", write).json(BODY_LIMIT),
];

base::id! {
    /// The id of a document. Its user chooses it, and two users may choose the same.
    struct DocumentId;
}

/// A document. Your fields take the place of this one.
#[derive(Deserialize, Serialize)]
struct Document {
    text: String,
}

async fn read(call: Call) -> Reply {
    // A document of another user is answered like one that does not exist.
    let unknown = || ApiError::not_found("unknown_document", "you have no such document");
    let id: DocumentId = call.path("id").parse().map_err(|_| unknown())?;
    let store = SpinKeyValue::open()?;
    let stored = store.get(&key(&call, &id)?)?.ok_or_else(unknown)?;
    let tag = web::entity_tag(&stored);
    call.with_etag(&tag, web::content("application/json", stored))
}

async fn write(call: Call) -> Reply {
    let wrong = |error: IdError| Invalid::field(format!("the id in the path {error}"));
    let id: DocumentId = call.path("id").parse().map_err(wrong)?;
    let document: Document = call.object()?;
    let reply = web::json(StatusCode::OK, &document)?;
    // The store compares nothing: of two writers at once, the later one wins.
    SpinKeyValue::open()?.set(&key(&call, &id)?, reply.body())?;
    let tag = web::entity_tag(reply.body());
    web::tagged(&tag, reply)
}

/// The key of a user's document. Colons of the id are replaced, so that no two documents
/// have the same key, with any characters in the user's name.
fn key(call: &Call, id: &DocumentId) -> Result<String, Failure> {
    let id = id.as_str().replace(':', "~");
    let user = &call.principal()?.subject;
    Ok(format!("{{project-name | kebab_case}}:{id}:{user}"))
}
