use base::{Failure, NotChanged, Tenant, Timestamp};
use http::StatusCode;
use purchases_domain::{
    Event, Intent, PurchaseId, PurchaseRequest, PurchaseView, UNKNOWN, Wish, keys,
};
use records::Versioned;
use serde_json::json;
use stores::SpinKeyValue;
use uuid::Uuid;
use web::{ApiError, Call, Invalid, Reply};

pub(crate) async fn create(call: Call) -> Reply {
    let request = PurchaseRequest::parse(call.body(), None)?;
    let tenant = call.tenant()?;
    // Also refused where it is not needed: it would be a mistake of the client.
    let key = call.idempotency_key()?;
    let id = match &request.compra_id {
        Some(id) => id.clone(),
        None => new_id(&call, &tenant, key)?,
    };
    change(&call, &tenant, &id, &request, Intent::Create).await
}

/// The id of a purchase that has none. With an `Idempotency-Key` it follows from the key,
/// so that a repeated request finds the purchase of the first one.
fn new_id(call: &Call, tenant: &Tenant, key: Option<&str>) -> Result<PurchaseId, ApiError> {
    let id = match key {
        None => Uuid::now_v7(),
        Some(key) => {
            let user = &call.principal()?.subject;
            base::id::derived(&json!([tenant, user, key]))
        }
    };
    let id = id.to_string().parse();
    Ok(id.map_err(|_| Failure::internal("a UUID is not an id"))?)
}

pub(crate) async fn put(call: Call) -> Reply {
    let id: Result<PurchaseId, _> = call.path("compra_id").parse();
    let id = id.map_err(|error| Invalid::field(format!("the compra_id in the path {error}")))?;
    let request = PurchaseRequest::parse(call.body(), Some(&id))?;
    let tenant = call.tenant()?;
    change(&call, &tenant, &id, &request, Intent::Put).await
}

async fn change(
    call: &Call,
    tenant: &Tenant,
    id: &PurchaseId,
    request: &PurchaseRequest,
    intent: Intent,
) -> Reply {
    let wish = Wish {
        tenant,
        id,
        request,
        preconditions: &call.preconditions()?,
        caller: call.principal()?.caller(),
        settings: &purchases_storage::settings()?,
        now: Timestamp::now(),
    };
    let store = SpinKeyValue::open()?;
    let purchase = worker::publish(keys::QUEUE, &call.trace, |queue| {
        purchases_storage::change(queue, &store, &wish, intent, &call.trace)
    })
    .await?;
    let is_new =
        purchase.document.event == Event::Insert && purchase.document.updated_at == wish.now;
    let status = match is_new {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    let reply = answer(status, &purchase)?;
    match is_new {
        true => web::located(&format!("/compras/{id}"), reply),
        false => Ok(reply),
    }
}

fn answer(status: StatusCode, purchase: &Versioned<purchases_domain::Purchase>) -> Reply {
    let tag = base::version_tag(purchase.version);
    web::tagged(&tag, web::json(status, &PurchaseView::new(purchase))?)
}

/// The note in the answer to an erasure.
const ERASING: &str = "the versions and the archive's objects of the purchase are being erased, \
    and its lines in files of whole days with the next compaction; a bucket with versioning \
    keeps noncurrent versions of these objects until its lifecycle rules remove them";

pub(crate) async fn remove(call: Call) -> Reply {
    let tenant = call.tenant()?;
    let purge = call.query().parsed("purge", "must be true or false")?;
    let purge = purge.unwrap_or(false);
    if purge && !call.principal()?.has_role("admin") {
        let message = "purge=true needs the role `admin`";
        return Err(ApiError::forbidden("missing_role", message));
    }
    let id: PurchaseId = call.path("compra_id").parse().map_err(|_| UNKNOWN)?;
    let caller = call.principal()?.caller();
    let preconditions = call.preconditions()?;
    let settings = purchases_storage::settings()?;
    let store = SpinKeyValue::open()?;
    let removed = worker::publish(keys::QUEUE, &call.trace, |queue| {
        let removed = purchases_storage::remove(
            queue,
            &store,
            (&tenant, &id),
            &preconditions,
            caller,
            &settings,
            Timestamp::now(),
            &call.trace,
        )?;
        if purge {
            purchases_storage::erase(queue, &removed, &call.trace)?;
        }
        Ok::<_, NotChanged>(removed)
    })
    .await?;
    if purge {
        let answer =
            json!({"compra_id": id, "purged_versions": removed.version, "message": ERASING});
        return web::json(StatusCode::ACCEPTED, &answer);
    }
    let tag = base::version_tag(removed.version);
    web::tagged(&tag, web::empty(StatusCode::NO_CONTENT))
}
