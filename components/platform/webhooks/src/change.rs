use base::{Failure, Timestamp, log};
use http::StatusCode;
use serde_json::json;
use stores::SpinRedis;
use web::{ApiError, Call, Reply};
use webhooks::{
    Changed, Create, Endpoint, EndpointId, Endpoints, MAX_ENDPOINTS, Patch, Rotate, Secrets,
    WebhookView, generate_secret, keys, reset,
};

use crate::common::{allowed, check_families, made};

pub(crate) async fn create(call: Call) -> Reply {
    let body: Create = call.object()?;
    let id = EndpointId::generate().map_err(Failure::internal)?;
    let (endpoint, secret) = body.endpoint(id, &allowed()?, Timestamp::now())?;
    check_families(&endpoint)?;
    let secret = secret.map_or_else(generate_secret, Ok)?;
    let endpoint = change(&call, "a webhook was made", |endpoints| {
        if endpoints.all.len() >= MAX_ENDPOINTS {
            let message = format!(
                "there are {MAX_ENDPOINTS} webhooks, and there may be no more: delete one first"
            );
            return Err(ApiError::conflict("too_many_webhooks", message));
        }
        let put = Changed::Put {
            endpoint: endpoint.clone(),
            secrets: Some(Secrets::new(secret.clone())),
            effects: Vec::new(),
        };
        Ok((put, endpoint.clone()))
    })
    .await?;
    let view = WebhookView::new(&endpoint).with_secret(&secret);
    let reply = web::json(StatusCode::CREATED, &view)?;
    web::located(&format!("/webhooks/{}", endpoint.id), reply)
}

pub(crate) async fn patch(call: Call) -> Reply {
    let patch: Patch = call.object()?;
    let allowed = allowed()?;
    let id = call.path("id");
    let endpoint = change(&call, "a webhook was changed", |endpoints| {
        let endpoint = made(id, endpoints)?;
        let next = patch.apply(endpoint, &allowed, Timestamp::now())?;
        check_families(&next)?;
        let changed = match next == *endpoint {
            true => Changed::Nothing,
            // Its receiver gets another five days.
            false if next.enabled && !endpoint.enabled => Changed::Put {
                endpoint: next.clone(),
                secrets: None,
                effects: reset(id),
            },
            false => put(&next, None),
        };
        Ok((changed, next))
    })
    .await?;
    web::json(StatusCode::OK, &WebhookView::new(&endpoint))
}

pub(crate) async fn rotate(call: Call) -> Reply {
    let body: Rotate = call.object()?;
    let secret = body.secret()?.map_or_else(generate_secret, Ok)?;
    let id = call.path("id");
    let redis = SpinRedis::open()?;
    let endpoint = change(&call, "the secret of a webhook was changed", |endpoints| {
        let endpoint = made(id, endpoints)?;
        let now = Timestamp::now();
        // Read after the endpoints: a rotation in between makes another version of these.
        let known = webhooks::load_secrets(&redis)?.remove(id);
        let next = match known {
            Some(known) => known.rotated(secret.clone(), now.millis()),
            None => Secrets::new(secret.clone()),
        };
        let endpoint = Endpoint {
            updated_at: now,
            ..endpoint.clone()
        };
        Ok((put(&endpoint, Some(next)), endpoint))
    })
    .await?;
    let view = WebhookView::new(&endpoint).with_secret(&secret);
    web::json(StatusCode::OK, &view)
}

pub(crate) async fn delete(call: Call) -> Reply {
    let id = call.path("id");
    change(&call, "a webhook was deleted", |endpoints| {
        let endpoint = made(id, endpoints)?.clone();
        Ok((Changed::Removed(endpoint.id.clone()), endpoint))
    })
    .await?;
    Ok(web::empty(StatusCode::NO_CONTENT))
}

fn put(endpoint: &Endpoint, secrets: Option<Secrets>) -> Changed {
    Changed::Put {
        endpoint: endpoint.clone(),
        secrets,
        effects: Vec::new(),
    }
}

/// Makes a change of one endpoint, and logs it as `message`.
async fn change(
    call: &Call,
    message: &str,
    decide: impl FnMut(&Endpoints) -> Result<(Changed, Endpoint), ApiError>,
) -> Result<Endpoint, ApiError> {
    let redis = SpinRedis::open()?;
    let queue = worker::open(&redis, keys::QUEUE)?;
    let endpoint = webhooks::change(&queue, decide)?;
    let by = &call.principal()?.subject;
    log::info(
        &call.trace,
        message,
        json!({"webhook": endpoint.id, "by": by}),
    );
    Ok(endpoint)
}
