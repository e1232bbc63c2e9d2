use base::Invalid;
use http::{Method, StatusCode};
use images_domain::ReviewsView;
use stores::{SpinKeyValue, SpinRedis};
use web::{Call, Reply};

/// The photos of a page by default, and the most.
const LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;

pub(crate) async fn list(call: Call) -> Reply {
    let query = call.query();
    if query.once("status")? != Some("under_review") {
        let message = "status must be under_review: photos of another status are not listed";
        return Err(Invalid::query(message).into());
    }
    let (limit, after) = (query.limit(LIMIT, MAX_LIMIT)?, query.cursor()?);
    let objects = images_storage::objects(&call.trace).await?;
    let (redis, store) = (SpinRedis::open()?, SpinKeyValue::open()?);
    let page = images_storage::under_review(&redis, &store, after.as_ref(), limit)?;
    let view = ReviewsView::new(page, |key| objects.link(&Method::GET, key))?;
    web::json(StatusCode::OK, &view)
}
