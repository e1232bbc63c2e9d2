//! Orders, as they are stored.

use serde::{Deserialize, Serialize};

use crate::content::Content;
use crate::{OrderId, OrderRequest, Status, Timestamp};

/// A version of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "Flat")]
pub struct Order {
    /// Its id.
    pub order_id: OrderId,
    /// The fields that clients set.
    #[serde(flatten)]
    pub content: Content,
    /// The subject that created the order and owns it.
    pub owner: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When this version was made.
    pub updated_at: Timestamp,
    /// The subject that made this version.
    pub updated_by: String,
}

/// An order as it is read: serde keeps all values of a flattened field aside first, which
/// takes longer than the rest of a read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Flat {
    order_id: OrderId,
    status: Status,
    description: String,
    register_date: String,
    delivery_date: String,
    reason_for_cancellation: String,
    owner: String,
    created_at: Timestamp,
    updated_at: Timestamp,
    updated_by: String,
}

impl From<Flat> for Order {
    fn from(flat: Flat) -> Self {
        Self {
            order_id: flat.order_id,
            content: Content {
                status: flat.status,
                description: flat.description,
                register_date: flat.register_date,
                delivery_date: flat.delivery_date,
                reason_for_cancellation: flat.reason_for_cancellation,
            },
            owner: flat.owner,
            created_at: flat.created_at,
            updated_at: flat.updated_at,
            updated_by: flat.updated_by,
        }
    }
}

impl Order {
    /// The status.
    pub fn status(&self) -> Status {
        self.content.status
    }

    /// The first version of an order. `registerDate` is `now` if the request has none.
    pub(crate) fn create(request: &OrderRequest, subject: &str, now: Timestamp) -> Self {
        Self {
            order_id: request.order_id.clone(),
            content: request.content(&now.to_string()),
            owner: subject.to_owned(),
            created_at: now,
            updated_at: now,
            updated_by: subject.to_owned(),
        }
    }

    /// The next version.
    pub(crate) fn changed(&self, request: &OrderRequest, subject: &str, now: Timestamp) -> Self {
        Self {
            content: request.content(&self.content.register_date),
            updated_at: now,
            updated_by: subject.to_owned(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// An order of `ana`, created a second before its last change.
    pub(crate) fn order(status: Status) -> Order {
        serde_json::from_value(json!({
            "orderId": "ORD-001", "status": status, "description": "a chair",
            "registerDate": "2026-11-22T10:30:45+02:00", "deliveryDate": "",
            "reasonForCancellation": "", "owner": "ana",
            "createdAt": "2026-11-22T10:30:45.123Z", "updatedAt": "2026-11-22T10:30:46.123Z",
            "updatedBy": "root"
        }))
        .unwrap()
    }

    #[test]
    fn an_order_is_stored_as_one_flat_object() {
        assert_eq!(
            serde_json::to_string(&order(Status::Inprocess)).unwrap(),
            concat!(
                r#"{"orderId":"ORD-001","status":"inprocess","description":"a chair","#,
                r#""registerDate":"2026-11-22T10:30:45+02:00","deliveryDate":"","#,
                r#""reasonForCancellation":"","owner":"ana","#,
                r#""createdAt":"2026-11-22T10:30:45.123Z","#,
                r#""updatedAt":"2026-11-22T10:30:46.123Z","updatedBy":"root"}"#
            )
        );
    }
}
