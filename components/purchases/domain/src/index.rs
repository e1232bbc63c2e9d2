//! The entity and the indexes of a purchase.

use std::collections::BTreeMap;

use records::{Document, Entity, Owned};

use crate::{Purchase, keys};

impl Document for Purchase {
    const RECORD: &'static str = "compra.record";
    const CARRIERS: &'static [&'static str] = &["compra.changed"];
    const SCHEMA: u32 = 1;
    const KEEPS_HISTORY: bool = true;

    fn entity(&self) -> Entity {
        keys::entity(&self.tenant_id, &self.compra_id)
    }

    fn member(&self) -> &str {
        self.compra_id.as_str()
    }

    fn indexes(&self) -> BTreeMap<String, f64> {
        // Exact: the numbers have fewer than 53 bits.
        let created = self.created_at.millis() as f64;
        let fecha = self.content.fecha.millis() as f64;
        let ever = (keys::ever(self.tenant_id.as_str()), created);
        let mut indexes = BTreeMap::from([ever]);
        if !self.is_removed() {
            for user in [None, Some(&*self.user_id)] {
                indexes.insert(keys::index(&self.tenant_id, user), fecha);
            }
        }
        indexes
    }
}

impl Owned for Purchase {
    fn owner(&self) -> &str {
        &self.user_id
    }

    fn is_removed(&self) -> bool {
        Purchase::is_removed(self)
    }
}
