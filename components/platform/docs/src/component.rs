//! The component: routes and answers.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use http::{HeaderName, HeaderValue, header};
use web::{Call, Reply, Route};

use crate::DOCUMENT;

/// The page, which shows the document with [`SCRIPT`].
const PAGE: &str = include_str!("page.html");

/// Redoc, which `scripts/fetch-redoc` takes from npm.
const SCRIPT: &[u8] = include_bytes!("../redoc/redoc.standalone.js");

/// The digest of [`SCRIPT`], and its name.
const SCRIPT_DIGEST: &str = include_str!("../redoc/redoc.standalone.js.sha256");

/// The content security policy of the page: it may load nothing from other sites. Redoc makes
/// its styles in the page, and its search is a worker that it makes of a text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; \
    img-src data:; connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

web::exports![
    Route::get_public("/openapi.json", document),
    Route::get_public("/docs", page),
    Route::get_public("/docs/redoc.js", script),
];

async fn document(call: Call) -> Reply {
    let tag = web::entity_tag(DOCUMENT.as_bytes());
    call.with_etag(&tag, web::content("application/json", DOCUMENT.into()))
}

async fn page(_: Call) -> Reply {
    let mut reply = web::content("text/html; charset=utf-8", PAGE.into());
    let headers = reply.headers_mut();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    let referrer = HeaderValue::from_static("no-referrer");
    headers.insert(HeaderName::from_static("referrer-policy"), referrer);
    Ok(reply)
}

async fn script(call: Call) -> Reply {
    let digest = SCRIPT_DIGEST.split_whitespace().next().unwrap_or_default();
    let script = web::content("text/javascript; charset=utf-8", SCRIPT.to_vec());
    call.with_etag(&format!("\"{digest}\""), script)
}
