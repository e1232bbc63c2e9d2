//! Lists of purchases and their versions.

use base::{Caller, Failure, Fields, Tenant};
use purchases_domain::{ListQuery, Purchase, PurchaseId, keys};
use records::{History, HistoryQuery, Page, Slice, Versioned};
use stores::{KeyValue, Redis};

/// The approximate number of bytes of a version, and of each of its products, besides
/// texts.
const VERSION: usize = 512;
const PRODUCT: usize = 128;

/// Lists the purchases of a tenant that the caller may see, newest first.
///
/// # Errors
/// A store is out of reach.
pub fn list(
    redis: &impl Redis,
    store: &impl KeyValue,
    tenant: &Tenant,
    caller: Caller<'_>,
    query: &ListQuery,
) -> Result<Page<Purchase>, Failure> {
    let user = (!caller.is_admin).then_some(caller.subject);
    let slice = Slice {
        index: &keys::index(tenant, user),
        scores: query.between,
        after: query.after.as_ref(),
        limit: query.limit,
    };
    let key = |id: &str| Some(keys::record(tenant, &id.parse::<PurchaseId>().ok()?));
    let is_wanted =
        |purchase: &Purchase| !purchase.is_removed() && caller.may_use(&purchase.user_id);
    records::list(redis, store, slice, key, is_wanted)
}

/// Reads versions of the purchase whose latest one is `latest`.
///
/// # Errors
/// The store is out of reach.
pub fn history(
    store: &impl KeyValue,
    latest: &Versioned<Purchase>,
    query: &HistoryQuery,
) -> Result<History<Purchase, ()>, Failure> {
    let Versioned { version, document } = latest;
    let key = keys::record(&document.tenant_id, &document.compra_id);
    let nothing = |versions: std::ops::Range<u64>| Ok(versions.map(|_| ()).collect());
    let others = |fields: &Fields| -> usize { fields.iter().map(|(_, v)| v.get().len()).sum() };
    let size = |purchase: &Purchase, (): &()| {
        let lines = purchase.content.productos.iter();
        let lines =
            lines.map(|line| PRODUCT + line.codigo.len() + line.nombre.len() + others(&line.otros));
        VERSION + lines.sum::<usize>() + others(&purchase.content.otros)
    };
    records::history(store, &key, *version, query, nothing, size)
}
