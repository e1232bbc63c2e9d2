//! Lists of orders, by the indexes.

use base::Failure;
use orders_domain::{Caller, Cursor, ListQuery, Order, OrderId, Timestamp, keys};
use records::{Place, Versioned};
use stores::{KeyValue, Redis};

/// Lists the orders that the caller may see, newest first, with the position of the last
/// one if there are more. An order that is changing right now may be missing from the
/// list of one status.
pub fn list(
    redis: &impl Redis,
    store: &impl KeyValue,
    caller: Caller<'_>,
    query: &ListQuery,
) -> Result<(Vec<Versioned<Order>>, Option<Cursor>), Failure> {
    let index = match caller.is_admin {
        true => keys::of_all(query.status),
        false => keys::of_user(caller.subject, query.status),
    };
    let after = query.after.as_ref().map(|after| Place {
        score: after.created_at.millis(),
        member: after.order_id.to_string(),
    });
    let key = |id: &str| Some(keys::record(&id.parse::<OrderId>().ok()?));
    let is_wanted = |order: &Order| {
        let wanted = query.status.is_none_or(|wanted| wanted == order.status());
        wanted && caller.may_use(&order.owner)
    };
    let page = records::list(
        redis,
        store,
        &index,
        after.as_ref(),
        query.limit,
        key,
        is_wanted,
    )?;
    let last = page.last.and_then(|last| {
        Some(Cursor {
            created_at: Timestamp::from_millis(last.score),
            order_id: last.member.parse().ok()?,
        })
    });
    Ok((page.documents, last))
}
