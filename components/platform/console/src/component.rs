//! The component: routes and answers.

#![allow(unsafe_code, reason = "spin-sdk's macro generates the exports")]

use base::{Failure, text};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;
use web::{ApiError, Call, Reply, Route};

use crate::policy;

/// The name of a file of the page, its media type, and its bytes.
type Asset = (&'static str, &'static str, &'static [u8]);

include!(concat!(env!("OUT_DIR"), "/files.rs"));

web::exports![
    Route::get_public("/console", page),
    Route::get_public("/console/config.json", configuration),
    Route::get_public("/console/assets/{file}", asset),
];

async fn page(call: Call) -> Reply {
    let policy = policy(&text("oidc_issuer")?, &text("oidc_hosts")?);
    let policy = HeaderValue::try_from(policy)
        .map_err(|_| Failure::misconfigured("oidc_issuer and oidc_hosts must be URLs in ASCII"))?;
    let html = web::content("text/html; charset=utf-8", PAGE.into());
    let mut reply = call.with_etag(&web::entity_tag(PAGE.as_bytes()), html)?;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    let referrer = HeaderValue::from_static("no-referrer");
    headers.insert(HeaderName::from_static("referrer-policy"), referrer);
    Ok(reply)
}

/// How people sign in: by a token that they paste, and by the issuer where one is set.
async fn configuration(_: Call) -> Reply {
    let of = |name| text(name).map(|value| value.trim().to_owned());
    let (issuer, client) = (of("oidc_issuer")?, of("oidc_client_id")?);
    if issuer.is_empty() != client.is_empty() {
        let problem = "set both oidc_issuer and oidc_client_id, or none of them";
        return Err(Failure::misconfigured(problem).into());
    }
    if issuer.is_empty() {
        return web::json(StatusCode::OK, &json!({"oidc": null}));
    }
    let token = of("oidc_token")?;
    if !["access", "id"].contains(&token.as_str()) {
        return Err(Failure::misconfigured("oidc_token must be access or id").into());
    }
    let scope = of("oidc_scope")?;
    let oidc = json!({"issuer": issuer, "client_id": client, "scope": scope, "token": token});
    web::json(StatusCode::OK, &json!({ "oidc": oidc }))
}

async fn asset(call: Call) -> Reply {
    let found = ASSETS.iter().find(|(name, ..)| *name == call.path("file"));
    let Some((_, media_type, bytes)) = found else {
        let message = "the console has no such file: load the page again";
        return Err(ApiError::not_found("unknown_asset", message));
    };
    let mut reply = web::content(media_type, bytes.to_vec());
    // The names have a hash of the content.
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    reply.headers_mut().insert(header::CACHE_CONTROL, forever);
    Ok(reply)
}
