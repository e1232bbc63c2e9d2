//! Events of purchases for webhooks.

use base::{Failure, Trace};
use queue::Effect;
use records::Versioned;
use webhooks::{Fact, event_id, told};

use crate::{Changed, Event, PurchaseView};

/// The types of the events of purchases.
pub const KINDS: [&str; 3] = [
    "orilla.purchase.inserted",
    "orilla.purchase.modified",
    "orilla.purchase.removed",
];

/// The effect that tells of a change, together with its archiving.
///
/// # Errors
/// None known: the event is JSON.
pub fn occurred(changed: &Changed, trace: &Trace) -> Result<Effect, Failure> {
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
