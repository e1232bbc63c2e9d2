//! Answers about purchases.

use base::{Fields, Tenant, Timestamp};
use records::{Place, Versioned};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::{Event, Fecha, Product, Purchase, PurchaseId, Summary};

/// A purchase: the answer to a change and to `GET /compras/{compra_id}`, and an entry of
/// lists. Fields that the client added stand beside the others.
#[derive(Clone, Debug)]
pub struct PurchaseView<'a>(&'a Versioned<Purchase>);

impl<'a> PurchaseView<'a> {
    /// The view of a version.
    pub fn new(purchase: &'a Versioned<Purchase>) -> Self {
        Self(purchase)
    }
}

impl Serialize for PurchaseView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Versioned { version, document } = self.0;
        let content = &document.content;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("compra_id", &document.compra_id)?;
        map.serialize_entry("user_id", &document.user_id)?;
        map.serialize_entry("tenant_id", &document.tenant_id)?;
        map.serialize_entry("fecha", &content.fecha)?;
        let lines: Vec<_> = content.productos.iter().map(Line).collect();
        map.serialize_entry("productos", &lines)?;
        let summary = Summary::of(&content.productos, &document.settings.moneda);
        map.serialize_entry("resumen", &summary)?;
        add(&mut map, &content.otros)?;
        map.serialize_entry("version", version)?;
        map.serialize_entry("created_at", &document.created_at)?;
        map.serialize_entry("updated_at", &document.updated_at)?;
        map.serialize_entry("updated_by", &document.updated_by)?;
        map.end()
    }
}

/// A product with the fields that the client added beside the others.
#[derive(Clone, Debug)]
struct Line<'a>(&'a Product);

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Product {
            codigo,
            nombre,
            precio_unitario,
            cantidad,
            otros,
        } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("codigo", codigo)?;
        map.serialize_entry("nombre", nombre)?;
        map.serialize_entry("precio_unitario", precio_unitario)?;
        map.serialize_entry("cantidad", cantidad)?;
        add(&mut map, otros)?;
        map.end()
    }
}

fn add<M: SerializeMap>(map: &mut M, others: &Fields) -> Result<(), M::Error> {
    others
        .iter()
        .try_for_each(|(name, value)| map.serialize_entry(name, value))
}

/// The answer of `GET /compras`: a page of purchases.
#[derive(Clone, Debug, Serialize)]
pub struct ListView<'a> {
    compras: Vec<PurchaseView<'a>>,
    cursor: Option<String>,
}

impl<'a> ListView<'a> {
    /// A page of purchases. `last` is the place of its last one if there are more.
    pub fn new(purchases: &'a [Versioned<Purchase>], last: Option<&Place>) -> Self {
        Self {
            compras: purchases.iter().map(PurchaseView::new).collect(),
            cursor: last.map(Place::to_string),
        }
    }
}

/// The answer of `GET /compras/{compra_id}?history=true`: a page of versions.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryView<'a> {
    compra_id: &'a PurchaseId,
    tenant_id: &'a Tenant,
    versions: Vec<VersionView<'a>>,
    cursor: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct VersionView<'a> {
    version: u64,
    event_name: Event,
    fecha: Fecha,
    productos: Vec<Line<'a>>,
    resumen: Summary<'a>,
    otros: &'a Fields,
    updated_at: Timestamp,
    updated_by: &'a str,
}

impl<'a> HistoryView<'a> {
    /// A page of versions of `latest`, oldest first. `next` is the first version of the
    /// next page, if there is one.
    pub fn new(
        latest: &'a Purchase,
        versions: impl IntoIterator<Item = &'a Versioned<Purchase>>,
        next: Option<u64>,
    ) -> Self {
        let version = |Versioned { version, document }: &'a Versioned<Purchase>| VersionView {
            version: *version,
            event_name: document.event,
            fecha: document.content.fecha,
            productos: document.content.productos.iter().map(Line).collect(),
            resumen: Summary::of(&document.content.productos, &document.settings.moneda),
            otros: &document.content.otros,
            updated_at: document.updated_at,
            updated_by: &document.updated_by,
        };
        Self {
            compra_id: &latest.compra_id,
            tenant_id: &latest.tenant_id,
            versions: versions.into_iter().map(version).collect(),
            cursor: next.map(|next| next.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::purchase::tests::purchase;

    #[test]
    fn a_purchase_is_shown_with_its_sums_and_what_the_client_added() {
        let document = purchase(Event::Modify);
        let purchase = Versioned {
            version: 2,
            document,
        };
        assert_eq!(
            serde_json::to_string(&PurchaseView::new(&purchase)).unwrap(),
            concat!(
                r#"{"compra_id":"abc_123","user_id":"ana","tenant_id":"cafe","fecha":"2025-07-13 10:30:00","#,
                r#""productos":[{"codigo":"PROD001","nombre":"Producto Test","precio_unitario":99.99,"cantidad":2}],"#,
                r#""resumen":{"total_productos":1,"total_cantidad":2,"total_precio":199.98,"moneda":"USD"},"#,
                r#""nota":"para llevar","version":2,"created_at":"2025-07-13T10:30:45.123Z","#,
                r#""updated_at":"2025-07-13T10:30:46.123Z","updated_by":"root"}"#
            )
        );
        let history = HistoryView::new(&purchase.document, [&purchase], Some(3));
        let history = serde_json::to_value(history).unwrap();
        assert_eq!(history["versions"][0]["event_name"], "MODIFY");
        assert_eq!(history["cursor"], "3");
    }
}
