use http::StatusCode;
use orders_domain::{
    HistoryView, ListQuery, ListView, OrderId, OrderView, ReadQuery, Timestamp, tag_of_view,
};
use serde_json::json;
use stores::{SpinKeyValue, SpinRedis};
use web::{ApiError, Call, Reply};

use crate::{bad_request, caller};

/// `GET /orders`
pub(crate) fn list(call: &Call) -> Reply {
    let principal = web::authenticate(call)?;
    let query = ListQuery::parse(&call.query()).map_err(bad_request)?;
    let redis = SpinRedis::open()?;
    let store = SpinKeyValue::open()?;
    let (orders, last) = orders_storage::list(&redis, &store, caller(&principal), &query)?;
    let view = ListView::new(&orders, last.as_ref());
    web::json(StatusCode::OK, &view)
}

/// `GET /orders/{orderId}`
pub(crate) fn order(call: &Call) -> Reply {
    let principal = web::authenticate(call)?;
    let query = ReadQuery::parse(&call.query()).map_err(bad_request)?;
    // Another's order looks the same as one that does not exist.
    let unknown = || ApiError::not_found("unknown_order", "you have no such order");
    let id: OrderId = call.last_segment().parse().map_err(|_| unknown())?;
    let store = SpinKeyValue::open()?;
    let latest = orders_storage::load(&store, &id)?
        .filter(|latest| caller(&principal).may_use(&latest.document))
        .ok_or_else(unknown)?;
    let redis = SpinRedis::open()?;

    let reply = match query {
        ReadQuery::Latest => {
            let processing = orders_storage::processing(&redis, &id, latest.version)?;
            let now = Timestamp::from_millis(base::now_millis());
            if let Err(error) = orders_storage::nudge(&redis, &latest, &processing, now) {
                // A Redis that takes no writes can be read all the same.
                let fields = json!({"error": error.to_string()});
                base::log::warn(&call.trace, "no worker could be woken", fields);
            }
            web::json(StatusCode::OK, &OrderView::new(&latest, Some(processing)))?
        }
        ReadQuery::History(query) => {
            let history = orders_storage::history(&redis, &store, &latest, &query)?;
            let versions = history.versions.iter();
            let versions = versions.map(|(version, record)| (version, record.as_ref()));
            web::json(
                StatusCode::OK,
                &HistoryView::new(&id, versions, history.next),
            )?
        }
    };
    let tag = tag_of_view(latest.version, reply.body());
    web::with_etag(call, &tag, Ok(reply))
}
