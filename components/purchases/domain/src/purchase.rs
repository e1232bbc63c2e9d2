//! Purchases, as they are stored.

use base::{Tenant, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Change, Content, Event, Origin, PurchaseId, Settings};

/// A version of a purchase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    /// The tenant that it belongs to.
    pub tenant_id: Tenant,
    /// Its id.
    pub compra_id: PurchaseId,
    /// The subject that created and owns it.
    pub user_id: String,
    /// The fields that clients set. A removed purchase has those that it had before.
    pub content: Content,
    /// The kind of the change that made this version.
    pub event: Event,
    /// The operator's settings at that time.
    pub settings: Settings,
    /// When it was created.
    pub created_at: Timestamp,
    /// When this version was made.
    pub updated_at: Timestamp,
    /// The subject that made this version.
    pub updated_by: String,
    /// Whether its content was erased for good.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_erased: bool,
}

impl Purchase {
    /// Whether this version removed it.
    pub fn is_removed(&self) -> bool {
        self.event == Event::Remove
    }

    /// The purchase as its removal leaves it.
    pub(crate) fn removed(&self, subject: &str, settings: &Settings, now: Timestamp) -> Self {
        Self {
            event: Event::Remove,
            settings: settings.clone(),
            updated_at: now,
            updated_by: subject.to_owned(),
            ..self.clone()
        }
    }

    /// The purchase after its erasure: removed, and without users, products and other fields.
    pub fn erased(&self) -> Self {
        Self {
            user_id: String::new(),
            content: Content {
                fecha: self.content.fecha,
                productos: Vec::new(),
                otros: Default::default(),
            },
            updated_by: String::new(),
            event: Event::Remove,
            is_erased: true,
            ..self.clone()
        }
    }

    /// The change that made this version.
    pub fn change(&self, version: u64) -> Change {
        Change {
            event: self.event,
            tenant_id: self.tenant_id.to_string(),
            compra_id: self.compra_id.to_string(),
            user_id: self.user_id.clone(),
            content: self.content.clone(),
            settings: self.settings.clone(),
            origin: Origin::Orilla { version },
            event_id: format!("{}/{}:{version}", self.tenant_id, self.compra_id),
            at: self.updated_at,
            is_ttl: false,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// The seed's purchase, of `ana` in the tenant `cafe`, changed a second after it was
    /// created.
    pub(crate) fn purchase(event: Event) -> Purchase {
        let text = json!({
            "tenant_id": "cafe", "compra_id": "abc_123", "user_id": "ana",
            "content": {"fecha": "2025-07-13 10:30:00", "productos": [
                {"codigo": "PROD001", "nombre": "Producto Test", "precio_unitario": 99.99, "cantidad": 2}
            ], "otros": {"nota": "para llevar"}},
            "event": event, "settings": {"moneda": "USD", "stage": "dev", "region": "us-east-1"},
            "created_at": "2025-07-13T10:30:45.123Z", "updated_at": "2025-07-13T10:30:46.123Z",
            "updated_by": "root"
        });
        serde_json::from_str(&text.to_string()).unwrap()
    }

    #[test]
    fn a_purchase_is_read_as_it_is_stored() {
        let stored = serde_json::to_string(&purchase(Event::Modify)).unwrap();
        assert_eq!(
            serde_json::from_str::<Purchase>(&stored).unwrap(),
            purchase(Event::Modify)
        );
        assert!(stored.contains(r#""precio_unitario":99.99"#), "{stored}");
    }

    #[test]
    fn nothing_of_a_person_is_left_of_an_erased_purchase() {
        let erased = serde_json::to_string(&purchase(Event::Modify).erased()).unwrap();
        for text in ["ana", "root", "PROD001", "llevar", "99.99"] {
            assert!(!erased.contains(text), "{erased}");
        }
    }
}
