//! What purchases tell webhooks.

use base::{Failure, Trace};
use purchases_domain::{Changed, Event, PurchaseView};
use queue::Effect;
use records::Versioned;
use stores::Redis;
use webhooks::{Fact, event_id, told};

const KINDS: [&str; 3] = [
    "orilla.purchase.inserted",
    "orilla.purchase.modified",
    "orilla.purchase.removed",
];

/// Whether anybody wants to know of purchases at this moment.
pub(crate) fn is_wanted(redis: &impl Redis) -> Result<bool, Failure> {
    webhooks::is_any_wanted(redis, &KINDS)
}

/// The effect that tells of a change, together with its archiving.
pub(crate) fn occurred(changed: &Changed, trace: &Trace) -> Result<Effect, Failure> {
    let [inserted, modified, removed] = KINDS;
    let purchase = &changed.document;
    let kind = match purchase.event {
        Event::Insert => inserted,
        Event::Modify => modified,
        Event::Remove => removed,
    };
    let versioned = Versioned {
        version: changed.version,
        document: (**purchase).clone(),
    };
    let data = serde_json::to_string(&PurchaseView::new(&versioned))?;
    // Ids are unique in a tenant.
    let subject = format!("{}/{}", purchase.tenant_id, purchase.compra_id);
    let fact = Fact {
        id: event_id(&format!("/compras/{subject}/{}", changed.version)),
        source: "/compras",
        kind,
        subject: &subject,
        version: changed.version,
        time: purchase.updated_at.to_string(),
        data: &data,
    };
    told(fact, trace)
}
