//! Lists of orders, by the indexes.

use base::{Failure, Timestamp};
use orders_domain::keys::{self, List};
use orders_domain::{After, Caller, ListQuery, Order, OrderId};
use queue::Script;
use records::{Page, Slice, Versioned};
use stores::{Arg, KeyValue, Redis, Value};

static CHANGED: Script = Script::new(&[queue::lua!("changed.lua")]);

/// The time in ms that clocks of two machines may differ by.
const CLOCKS: u64 = 60_000;

/// A page of orders.
#[derive(Debug)]
pub struct OrdersPage {
    /// The orders, the newest or the latest changed first.
    pub orders: Vec<Versioned<Order>>,
    /// The place of the last one, if others follow it.
    pub last: Option<After>,
}

/// Lists the orders that the caller may see: the newest first, or those with changes since a
/// time, the latest changed first. An order that is changing right now may be missing from
/// the list of one status and from that of changes.
///
/// # Errors
/// A store is out of reach, or holds a document that cannot be read.
pub fn list(
    redis: &impl Redis,
    store: &impl KeyValue,
    caller: Caller<'_>,
    query: &ListQuery,
) -> Result<OrdersPage, Failure> {
    let list = List {
        subject: (!caller.is_admin).then_some(caller.subject),
        status: query.status,
    };
    let (index, min) = match query.updated_since {
        None => (list.by_creation(), 0),
        Some(since) => (list.by_change(), min_score(redis, &list, since)?),
    };
    let slice = Slice {
        index: &index,
        scores: (min, u64::MAX),
        after: query.after.as_ref().map(|after| &after.place),
        limit: query.limit,
    };
    let key = |id: &str| Some(keys::record(&id.parse::<OrderId>().ok()?));
    let is_wanted = |order: &Order| {
        query.status.is_none_or(|wanted| wanted == order.status())
            && query
                .updated_since
                .is_none_or(|since| since <= order.updated_at)
            && caller.may_use(&order.owner)
    };
    let Page { documents, last } = records::list(redis, store, slice, key, is_wanted)?;
    Ok(OrdersPage {
        orders: documents,
        last: last.map(|place| After {
            is_by_change: query.updated_since.is_some(),
            place,
        }),
    })
}

/// The lowest score in the index by changes of orders that may have changed since a time.
fn min_score(redis: &impl Redis, list: &List<'_>, since: Timestamp) -> Result<u64, Failure> {
    let keys = [list.by_creation(), list.by_change(), list.changed_until()];
    let now = base::now_millis().saturating_add(CLOCKS).to_string();
    let reply = CHANGED.run(
        redis,
        &keys.each_ref().map(|key| &**key),
        &[Arg::from(&now)],
    )?;
    let until = reply.first().and_then(Value::as_int).unwrap_or(0);
    let may_be_unknown = since.millis() < until.unsigned_abs();
    // A score of 1 leaves out those with 0, also for a time in 1970.
    Ok(if may_be_unknown {
        0
    } else {
        since.millis().max(1)
    })
}
