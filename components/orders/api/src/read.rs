use base::Failure;
use http::StatusCode;
use orders_domain::{
    HistoryView, ListQuery, ListView, Order, OrderId, OrderView, Processing, Timestamp, UNKNOWN,
};
use orders_storage::Latest;
use records::{ReadQuery, Versioned};
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
    let Latest {
        order: latest,
        processing: kept,
    } = orders_storage::load(&store, &id)?
        .filter(|latest| caller.may_use(&latest.order.document.owner))
        .ok_or(UNKNOWN)?;
    let version = latest.version;

    let reply = match query {
        ReadQuery::Latest => {
            let (processing, is_kept) = match kept {
                Some(kept) => (kept, true),
                None => (processing(&call, &latest)?, false),
            };
            let view = OrderView::new(&latest, Some(&processing));
            let reply = web::json(StatusCode::OK, &view)?;
            if !is_kept && let Some(outcome) = processing.outcome() {
                call.after_answer(move |trace| {
                    if let Err(error) = orders_storage::keep(&store, &latest, &outcome) {
                        let fields = json!({"error": error.to_string()});
                        base::log::warn(trace, "an outcome was not kept with its order", fields);
                    }
                });
            }
            reply
        }
        ReadQuery::History(query) => {
            let redis = SpinRedis::open()?;
            let history = orders_storage::history(&redis, &store, &latest, &query)?;
            let versions = history.versions.iter();
            let versions = versions.map(|(version, record)| (version, record.as_ref()));
            let view = HistoryView::new(&id, versions, history.next);
            web::json(StatusCode::OK, &view)?
        }
    };
    let tag = web::view_tag(version, reply.body());
    call.with_etag(&tag, reply)
}

/// The processing of the latest version, as Redis has it. Wakes a worker that should have
/// begun with it.
fn processing(call: &Call, latest: &Versioned<Order>) -> Result<Processing, Failure> {
    let redis = SpinRedis::open()?;
    let processing = orders_storage::processing(&redis, &latest.document.order_id, latest.version)?;
    let now = Timestamp::now();
    if let Err(error) = orders_storage::wake_if_idle(&redis, latest, &processing, now) {
        // A Redis that takes no writes can still be read.
        let fields = json!({"error": error.to_string()});
        base::log::warn(&call.trace, "no worker could be woken", fields);
    }
    Ok(processing)
}
