//! Lists of orders, by the indexes.

use base::Failure;
use orders_domain::{Caller, ListQuery, Order, OrderId, keys};
use records::{Page, Slice};
use stores::{KeyValue, Redis};

/// Lists the orders that the caller may see, newest first. An order that is changing right now may be missing from the
/// list of one status.
pub fn list(
    redis: &impl Redis,
    store: &impl KeyValue,
    caller: Caller<'_>,
    query: &ListQuery,
) -> Result<Page<Order>, Failure> {
    let index = match caller.is_admin {
        true => keys::of_all(query.status),
        false => keys::of_user(caller.subject, query.status),
    };
    let slice = Slice {
        index: &index,
        scores: (0, u64::MAX),
        after: query.after.as_ref(),
        limit: query.limit,
    };
    let key = |id: &str| Some(keys::record(&id.parse::<OrderId>().ok()?));
    let is_wanted = |order: &Order| {
        let wanted = query.status.is_none_or(|wanted| wanted == order.status());
        wanted && caller.may_use(&order.owner)
    };
    records::list(redis, store, slice, key, is_wanted)
}
