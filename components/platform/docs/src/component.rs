//! The component: routes and answers.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use web::{Call, Reply, Route};

use crate::DOCUMENT;

web::exports![Route::get_public("/openapi.json", document)];

async fn document(call: Call) -> Reply {
    let tag = web::entity_tag(DOCUMENT.as_bytes());
    call.with_etag(&tag, web::content("application/json", DOCUMENT.into()))
}
