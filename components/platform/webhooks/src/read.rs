use http::StatusCode;
use serde_json::json;
use stores::SpinRedis;
use web::{Call, Reply};
use webhooks::EndpointId;

use crate::common::{unknown, views};

/// The endpoints of a page by default, and the most.
const LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;

pub(crate) async fn list(call: Call) -> Reply {
    let query = call.query();
    query.only(&["limit", "cursor"])?;
    let limit = query.limit(LIMIT, MAX_LIMIT)? as usize;
    let after: Option<EndpointId> = query.cursor()?;
    let redis = SpinRedis::open()?;
    let endpoints = webhooks::load(&redis)?;
    let mut rest = views(&endpoints, &webhooks::load_health(&redis)?)?;
    rest.retain(|view| {
        after
            .as_ref()
            .is_none_or(|after| view.id() > after.as_str())
    });
    let is_last = rest.len() <= limit;
    rest.truncate(limit);
    let last = rest.last().filter(|_| !is_last).map(|view| view.id());
    web::json(StatusCode::OK, &json!({"webhooks": &rest, "cursor": last}))
}

pub(crate) async fn webhook(call: Call) -> Reply {
    let redis = SpinRedis::open()?;
    let endpoints = webhooks::load(&redis)?;
    let id = call.path("id");
    let views = views(&endpoints, &webhooks::load_health(&redis)?)?;
    let view = views.iter().find(|view| view.id() == id);
    web::json(StatusCode::OK, view.ok_or_else(unknown)?)
}
