use http::StatusCode;
use purchases_domain::{HistoryView, ListQuery, ListView, PurchaseId, PurchaseView, UNKNOWN};
use records::ReadQuery;
use stores::{SpinKeyValue, SpinRedis};
use web::{Call, Reply};

pub(crate) async fn list(call: Call) -> Reply {
    let query = ListQuery::parse(call.query())?;
    let tenant = call.tenant()?;
    let redis = SpinRedis::open()?;
    let store = SpinKeyValue::open()?;
    let caller = call.principal()?.caller();
    let page = purchases_storage::list(&redis, &store, &tenant, caller, &query)?;
    let view = ListView::new(&page.documents, page.last.as_ref());
    web::json(StatusCode::OK, &view)
}

pub(crate) async fn purchase(call: Call) -> Reply {
    let query = ReadQuery::parse(call.query())?;
    let tenant = call.tenant()?;
    let id: PurchaseId = call.path("compra_id").parse().map_err(|_| UNKNOWN)?;
    let caller = call.principal()?.caller();
    let store = SpinKeyValue::open()?;
    let latest = purchases_storage::load(&store, &tenant, &id)?
        .filter(|latest| caller.may_use(&latest.document.user_id))
        .ok_or(UNKNOWN)?;
    let is_removed = latest.document.is_removed();
    let reply = match query {
        ReadQuery::Latest if is_removed => return Err(UNKNOWN.into()),
        ReadQuery::Latest => web::json(StatusCode::OK, &PurchaseView::new(&latest))?,
        ReadQuery::History(_) if latest.document.is_erased => return Err(UNKNOWN.into()),
        ReadQuery::History(query) => {
            let history = purchases_storage::history(&store, &latest, &query)?;
            let versions = history.versions.iter().map(|(version, ())| version);
            let view = HistoryView::new(&latest.document, versions, history.next);
            web::json(StatusCode::OK, &view)?
        }
    };
    let tag = web::view_tag(latest.version, reply.body());
    call.with_etag(&tag, reply)
}
