use http::StatusCode;
use orders_domain::{HistoryView, ListQuery, ListView, OrderId, OrderView, Timestamp, UNKNOWN};
use records::ReadQuery;
use serde_json::json;
use stores::{SpinKeyValue, SpinRedis};
use web::{Call, Reply};

pub(crate) async fn list(call: Call) -> Reply {
    let query = ListQuery::parse(call.query())?;
    let redis = SpinRedis::open()?;
    let store = SpinKeyValue::open()?;
    let caller = call.principal()?.caller();
    let page = orders_storage::list(&redis, &store, caller, &query)?;
    let view = ListView::new(&page.orders, page.last.as_ref());
    web::json(StatusCode::OK, &view)
}

pub(crate) async fn order(call: Call) -> Reply {
    let query = ReadQuery::parse(call.query())?;
    let id: OrderId = call.path("orderId").parse().map_err(|_| UNKNOWN)?;
    let caller = call.principal()?.caller();
    let store = SpinKeyValue::open()?;
    let latest = orders_storage::load(&store, &id)?
        .filter(|latest| caller.may_use(&latest.document.owner))
        .ok_or(UNKNOWN)?;
    let redis = SpinRedis::open()?;

    let reply = match query {
        ReadQuery::Latest => {
            let processing = orders_storage::processing(&redis, &id, latest.version)?;
            let now = Timestamp::now();
            if let Err(error) = orders_storage::wake_if_idle(&redis, &latest, &processing, now) {
                // A Redis that takes no writes can still be read.
                let fields = json!({"error": error.to_string()});
                base::log::warn(&call.trace, "no worker could be woken", fields);
            }
            web::json(StatusCode::OK, &OrderView::new(&latest, Some(processing)))?
        }
        ReadQuery::History(query) => {
            let history = orders_storage::history(&redis, &store, &latest, &query)?;
            let versions = history.versions.iter();
            let versions = versions.map(|(version, record)| (version, record.as_ref()));
            let view = HistoryView::new(&id, versions, history.next);
            web::json(StatusCode::OK, &view)?
        }
    };
    let tag = web::view_tag(latest.version, reply.body());
    call.with_etag(&tag, reply)
}
