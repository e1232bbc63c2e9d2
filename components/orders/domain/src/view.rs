//! Answers about orders, and the data of their events.

use records::Versioned;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{After, Content, Order, OrderId, Processing, ProcessingRecord, Status, Timestamp};

/// The answer to a change.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer<'a> {
    message: &'static str,
    order_id: &'a OrderId,
    status: Status,
    version: u64,
}

impl<'a> Answer<'a> {
    /// The answer when an order has the wanted content, with the version that has it.
    pub fn new(order_id: &'a OrderId, status: Status, version: u64) -> Self {
        Self {
            message: "Order processed successfully",
            order_id,
            status,
            version,
        }
    }
}

/// The answer of `GET /orders/{orderId}`, and an entry of `GET /orders`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderView<'a> {
    order_id: &'a OrderId,
    #[serde(flatten)]
    content: &'a Content,
    version: u64,
    created_by: &'a str,
    created_at: Timestamp,
    updated_at: Timestamp,
    updated_by: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    processing: Option<&'a Processing>,
}

impl<'a> OrderView<'a> {
    /// The view of an order, with or without its processing.
    pub fn new(order: &'a Versioned<Order>, processing: Option<&'a Processing>) -> Self {
        let Versioned { version, document } = order;
        Self {
            order_id: &document.order_id,
            content: &document.content,
            version: *version,
            created_by: &document.owner,
            created_at: document.created_at,
            updated_at: document.updated_at,
            updated_by: &document.updated_by,
            processing,
        }
    }
}

/// The answer of `GET /orders`: a page of orders.
#[derive(Clone, Debug, Serialize)]
pub struct ListView<'a> {
    orders: Vec<OrderView<'a>>,
    cursor: Option<String>,
}

impl<'a> ListView<'a> {
    /// A page of orders. `last` is the position of its last order if there are more.
    pub fn new(
        orders: impl IntoIterator<Item = &'a Versioned<Order>>,
        last: Option<&After>,
    ) -> Self {
        Self {
            orders: orders
                .into_iter()
                .map(|order| OrderView::new(order, None))
                .collect(),
            cursor: last.map(After::to_string),
        }
    }
}

/// The answer of `GET /orders/{orderId}?history=true`: a page of versions.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryView<'a> {
    order_id: &'a OrderId,
    versions: Vec<VersionView<'a>>,
    cursor: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VersionView<'a> {
    version: u64,
    #[serde(flatten)]
    content: &'a Content,
    updated_at: Timestamp,
    updated_by: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    processing: Option<ProcessedView<'a>>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ProcessedView<'a> {
    processed_at: Timestamp,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
}

impl<'a> HistoryView<'a> {
    /// A page of versions, oldest first, each with the outcome of its processing. `next`
    /// is the first version of the next page, if there is one.
    pub fn new(
        order_id: &'a OrderId,
        versions: impl IntoIterator<Item = (&'a Versioned<Order>, Option<&'a ProcessingRecord>)>,
        next: Option<u64>,
    ) -> Self {
        Self {
            order_id,
            versions: versions
                .into_iter()
                .map(|(order, record)| VersionView::new(order, record))
                .collect(),
            cursor: next.map(|next| next.to_string()),
        }
    }
}

impl<'a> VersionView<'a> {
    fn new(order: &'a Versioned<Order>, record: Option<&'a ProcessingRecord>) -> Self {
        let Versioned { version, document } = order;
        Self {
            version: *version,
            content: &document.content,
            updated_at: document.updated_at,
            updated_by: &document.updated_by,
            processing: record.and_then(ProcessedView::new),
        }
    }
}

impl<'a> ProcessedView<'a> {
    fn new(record: &'a ProcessingRecord) -> Option<Self> {
        match record {
            ProcessingRecord::Failed(_) => None,
            ProcessingRecord::Processed {
                processed_at,
                attempts,
                result,
            } => Some(Self {
                processed_at: *processed_at,
                attempts: *attempts,
                result: result.as_deref(),
            }),
        }
    }
}

/// A change of an order, for handlers and receivers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangeView<'a> {
    order_id: &'a OrderId,
    #[serde(flatten)]
    content: &'a Content,
    previous_status: Option<Status>,
    version: u64,
    updated_by: &'a str,
    updated_at: Timestamp,
}

impl<'a> ChangeView<'a> {
    pub(crate) fn new(order: &'a Order, version: u64, previous_status: Option<Status>) -> Self {
        Self {
            order_id: &order.order_id,
            content: &order.content,
            previous_status,
            version,
            updated_by: &order.updated_by,
            updated_at: order.updated_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use records::Place;
    use serde_json::json;

    use super::*;
    use crate::order::tests::order;
    use crate::{Failure, GroupHead};

    fn version(version: u64, status: Status) -> Versioned<Order> {
        Versioned {
            version,
            document: order(status),
        }
    }

    fn processed() -> ProcessingRecord {
        let at = "2026-11-22T10:30:47.000Z".parse().unwrap();
        ProcessingRecord::processed(at, 1, Some("{\"total\":1.50}".into())).unwrap()
    }

    #[test]
    fn a_change_is_answered_as_the_contract_says() {
        let id = "ORD-001".parse().unwrap();
        assert_eq!(
            serde_json::to_string(&Answer::new(&id, Status::Inprocess, 3)).unwrap(),
            r#"{"message":"Order processed successfully","orderId":"ORD-001","status":"inprocess","version":3}"#
        );
    }

    #[test]
    fn an_order_is_shown_with_its_version_its_people_and_its_processing() {
        let order = version(3, Status::Inprocess);
        let processing = Processing::new(3, Some(processed()), Some(GroupHead::Alive), None);
        assert_eq!(
            serde_json::to_string(&OrderView::new(&order, Some(&processing))).unwrap(),
            concat!(
                r#"{"orderId":"ORD-001","status":"inprocess","description":"a chair","#,
                r#""registerDate":"2026-11-22T10:30:45+02:00","deliveryDate":"","#,
                r#""reasonForCancellation":"","version":3,"createdBy":"ana","#,
                r#""createdAt":"2026-11-22T10:30:45.123Z","#,
                r#""updatedAt":"2026-11-22T10:30:46.123Z","updatedBy":"root","#,
                r#""processing":{"state":"processed","processedAt":"2026-11-22T10:30:47.000Z","#,
                r#""attempts":1,"result":{"total":1.50}}}"#
            )
        );
    }

    #[test]
    fn a_list_goes_on_until_its_last_page() {
        let orders = [version(3, Status::Inprocess), version(1, Status::Received)];
        let last = After {
            is_by_change: true,
            place: Place {
                score: orders[1].document.updated_at.millis(),
                member: orders[1].document.order_id.to_string(),
            },
        };
        let page = serde_json::to_value(ListView::new(&orders, Some(&last))).unwrap();
        assert_eq!(page["orders"][0]["version"], 3);
        assert_eq!(page["orders"][1]["status"], "received");
        assert!(page["orders"][1].get("processing").is_none());
        assert!(page["orders"][1].get("owner").is_none());
        let cursor: After = page["cursor"].as_str().unwrap().parse().unwrap();
        assert_eq!(cursor, last);

        let page = serde_json::to_value(ListView::new([], None)).unwrap();
        assert_eq!(page, json!({"orders": [], "cursor": null}));
    }

    #[test]
    fn a_history_tells_who_did_what_and_what_came_of_it() {
        let versions = [version(1, Status::Received), version(2, Status::Canceled)];
        let failed = ProcessingRecord::Failed(Failure {
            version: 2,
            queue: "orders.canceled".into(),
            error: "e".into(),
            attempts: 5,
            failed_at: Timestamp::from_millis(0),
        });
        let processed = processed();
        let records = [Some(&processed), Some(&failed)];
        let id = "ORD-001".parse().unwrap();
        let view = |next| HistoryView::new(&id, versions.iter().zip(records), next);
        let version = |version, status| {
            json!({
                "version": version, "status": status, "description": "a chair",
                "registerDate": "2026-11-22T10:30:45+02:00", "deliveryDate": "",
                "reasonForCancellation": "", "updatedAt": "2026-11-22T10:30:46.123Z",
                "updatedBy": "root"
            })
        };
        let mut first = version(1, "received");
        first["processing"] = json!({
            "processedAt": "2026-11-22T10:30:47.000Z", "attempts": 1, "result": {"total": 1.5}
        });
        assert_eq!(
            serde_json::to_value(view(None)).unwrap(),
            json!({
                "orderId": "ORD-001", "versions": [first, version(2, "canceled")], "cursor": null
            })
        );
        assert_eq!(serde_json::to_value(view(Some(3))).unwrap()["cursor"], "3");
    }
}
