//! Lists of orders, by the indexes.

use orders_domain::{Caller, Cursor, ListQuery, Order, Timestamp, keys};
use queue::Script;
use records::Versioned;
use stores::{Arg, KeyValue, Redis, Value};

use crate::load;

static LIST: Script = Script::new(include_str!("list.lua"));

/// A page of orders.
#[derive(Debug)]
pub struct Page {
    /// The orders, the newest first.
    pub orders: Vec<Versioned<Order>>,
    /// The place of the last one, if there are more.
    pub last: Option<Cursor>,
}

/// Lists the orders that the caller may see. An order that is changing right now
/// may be missing in the list of one status.
pub fn list(
    redis: &impl Redis,
    store: &impl KeyValue,
    caller: Caller<'_>,
    query: &ListQuery,
) -> Result<Page, base::Failure> {
    let index = match caller.is_admin {
        true => keys::of_all(query.status),
        false => keys::of_user(caller.subject, query.status),
    };
    let after = query.after.as_ref();
    let millis = after.map_or(String::new(), |after| after.created_at.millis().to_string());
    let args = [
        Arg::Int(query.limit.into()),
        Arg::from(&millis),
        Arg::from(after.map_or("", |after| after.order_id.as_str())),
    ];
    let reply = LIST.run(redis, &[&index], &args)?;
    let more = reply.first().and_then(Value::as_int) == Some(1);
    let mut orders = Vec::new();
    let mut last = None;
    for pair in reply.get(1..).unwrap_or_default().chunks_exact(2) {
        let [id, created] = pair else { continue };
        let id = id.as_str().and_then(|id| id.parse().ok());
        let (Some(order_id), Some(created)) = (id, created.as_int()) else {
            continue;
        };
        let order = load(store, &order_id)?;
        last = Some(Cursor {
            created_at: Timestamp::from_millis(created.unsigned_abs()),
            order_id,
        });
        // The index may be ahead of the document for a moment.
        let is_wanted = |order: &Versioned<Order>| {
            let status = order.document.status();
            query.status.is_none_or(|wanted| wanted == status)
                && caller.may_use(&order.document.owner)
        };
        orders.extend(order.filter(is_wanted));
    }
    Ok(Page {
        orders,
        last: last.filter(|_| more),
    })
}
