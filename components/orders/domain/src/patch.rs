//! The body of `PATCH /orders/{orderId}`: a JSON merge patch (RFC 7396).

use base::Invalid;

use crate::request::{Body, missing, status, text};
use crate::{Content, OrderId, OrderRequest, Status};

/// The fields of an order that are to change. Fields that are `None` stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderPatch {
    /// The id of the order.
    pub order_id: OrderId,
    status: Option<Status>,
    description: Option<String>,
    register_date: Option<String>,
    /// Empty where the date is to be removed.
    delivery_date: Option<String>,
    /// Empty where the reason is to be removed.
    reason_for_cancellation: Option<String>,
}

impl OrderPatch {
    /// Reads a request's body. Unknown members are ignored. The crate `web` has refused
    /// repeated names.
    ///
    /// # Errors
    /// The first broken rule: the body is a JSON object, no member is null that an order
    /// must have, and each member is as a `PUT` takes it.
    pub fn parse(body: &[u8], path_id: &OrderId) -> Result<Self, Invalid> {
        let body = Body::parse(body).map_err(|_| {
            Invalid::json("the body must be a JSON object with the members to change")
        })?;
        for name in ["orderId", "status", "description", "registerDate"] {
            if body.has(name) && body.member(name).is_none() {
                return Err(irremovable(name));
            }
        }
        let register_date = body.date("registerDate")?;
        if register_date.is_none() && body.has("registerDate") {
            return Err(irremovable("registerDate"));
        }
        let order_id = body.order_id(Some(path_id))?;
        let removable = |name: &str| body.has(name).then(String::new);
        Ok(Self {
            order_id,
            status: body.member("status").map(status).transpose()?,
            description: body
                .member("description")
                .map(|it| text("description", it))
                .transpose()?,
            register_date,
            delivery_date: body
                .date("deliveryDate")?
                .or_else(|| removable("deliveryDate")),
            reason_for_cancellation: body
                .member("reasonForCancellation")
                .map(|it| text("reasonForCancellation", it))
                .transpose()?
                .or_else(|| removable("reasonForCancellation")),
        })
    }

    /// The order that the patch makes of one with this content, as a `PUT` would send it.
    pub(crate) fn applied_to(&self, content: &Content) -> OrderRequest {
        let text = |new: &Option<String>, old: &String| new.as_ref().unwrap_or(old).clone();
        OrderRequest {
            order_id: self.order_id.clone(),
            status: self.status.unwrap_or(content.status),
            description: text(&self.description, &content.description),
            register_date: Some(text(&self.register_date, &content.register_date)),
            delivery_date: text(&self.delivery_date, &content.delivery_date),
            reason_for_cancellation: text(
                &self.reason_for_cancellation,
                &content.reason_for_cancellation,
            ),
        }
    }
}

/// The refusal of a null for a member that every order has.
fn irremovable(name: &str) -> Invalid {
    let problem = "cannot be removed from an order: give it a value, or leave it out of the patch";
    missing(format!("{name} {problem}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::order::tests::order;

    fn parse(body: impl ToString) -> Result<OrderPatch, Invalid> {
        let id = "ORD-001".parse().unwrap();
        OrderPatch::parse(body.to_string().as_bytes(), &id)
    }

    fn content() -> Content {
        let mut content = order(Status::Inprocess).content;
        content.delivery_date = "2026-12-01T00:00:00Z".into();
        content.reason_for_cancellation = "late".into();
        content
    }

    /// The content that a patch makes.
    fn patched(patch: &Value) -> Content {
        parse(patch).unwrap().applied_to(&content()).content("")
    }

    #[test]
    fn what_a_patch_does_not_name_stays() {
        assert_eq!(patched(&json!({})), content());
        assert_eq!(patched(&json!({"orderId": "ORD-001"})), content());
        assert_eq!(patched(&json!({"colour": null, "size": 3})), content());
        let changed = patched(&json!({"description": "a table", "status": "COMPLETED"}));
        let expected = Content {
            description: "a table".into(),
            status: Status::Completed,
            ..content()
        };
        assert_eq!(changed, expected);
        let date = "2026-11-23T00:00:00+01:00";
        let changed = patched(&json!({"registerDate": date, "deliveryDate": date}));
        assert_eq!(
            (&*changed.register_date, &*changed.delivery_date),
            (date, date)
        );
    }

    #[test]
    fn a_null_removes_what_an_order_may_lack() {
        let expected = Content {
            delivery_date: String::new(),
            reason_for_cancellation: String::new(),
            ..content()
        };
        let nulls = json!({"deliveryDate": null, "reasonForCancellation": null});
        assert_eq!(patched(&nulls), expected);
        let empty = json!({"deliveryDate": "", "reasonForCancellation": ""});
        assert_eq!(patched(&empty), expected);
    }

    #[test]
    fn a_null_of_a_field_that_must_be_there_is_refused_by_its_name() {
        for name in ["orderId", "status", "description", "registerDate"] {
            let Invalid { code, message } = parse(json!({ name: null })).unwrap_err();
            assert_eq!(code, "missing_field", "{name}");
            assert!(
                message.starts_with(&format!("{name} cannot be")),
                "{message}"
            );
        }
        let empty = parse(json!({"registerDate": ""})).unwrap_err();
        assert_eq!(empty.code, "missing_field");
    }

    #[test]
    fn each_mistake_is_told() {
        for (patch, code, told) in [
            (json!([]), "invalid_json", "must be a JSON object"),
            (json!(null), "invalid_json", "must be a JSON object"),
            (
                json!({"orderId": "B"}),
                "order_id_mismatch",
                "the path says",
            ),
            (json!({"status": "lost"}), "unknown_status", "'lost'"),
            (json!({"status": 7}), "invalid_field", "status must be"),
            (
                json!({"description": []}),
                "invalid_field",
                "description must",
            ),
            (
                json!({"description": "x".repeat(8 * 1024 + 1)}),
                "invalid_field",
                "at most 8192 bytes",
            ),
            (
                json!({"deliveryDate": "soon"}),
                "invalid_field",
                "deliveryDate must",
            ),
            (
                json!({"registerDate": 1}),
                "invalid_field",
                "registerDate must",
            ),
            (
                json!({"reasonForCancellation": {}}),
                "invalid_field",
                "reasonForCancellation must",
            ),
        ] {
            let invalid = parse(&patch).unwrap_err();
            assert_eq!(invalid.code, code, "{patch}");
            assert!(invalid.message.contains(told), "{invalid}");
        }
        assert_eq!(parse("{").unwrap_err().code, "invalid_json");
    }

    proptest! {
        #[test]
        fn a_patch_of_all_members_makes_what_a_put_of_them_makes(
            status in "received|canceled", description in ".{0,9}", reason in ".{0,9}", has_date in any::<bool>()
        ) {
            let date = if has_date { "2026-12-04 17:00:00Z" } else { "" };
            let body = json!({"status": status, "description": description, "deliveryDate": date,
                "reasonForCancellation": reason, "registerDate": "2026-11-22T10:30:45Z"});
            let id = "ORD-001".parse().unwrap();
            let put = OrderRequest::parse(body.to_string().as_bytes(), Some(&id)).unwrap();
            prop_assert_eq!(patched(&body), put.content(""));
        }
    }
}
