//! The body of `POST /orders/batch`.

use std::collections::HashMap;

use base::{Invalid, Preconditions};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::request::{Body, string};
use crate::{OrderId, OrderRequest};

/// The maximum number of orders in a batch.
pub const MAX_ORDERS: usize = 100;

/// The wanted orders of a batch, in the order in which they were sent.
#[derive(Debug)]
pub struct Batch(pub Vec<BatchItem>);

/// An order of a batch.
#[derive(Debug)]
pub struct BatchItem {
    /// Its id, if it has one that can be read.
    pub order_id: Option<OrderId>,
    /// The order and the conditions on its version, or the rule that it breaks.
    pub wanted: Result<(OrderRequest, Preconditions), Invalid>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    orders: Option<&'a RawValue>,
}

impl Batch {
    /// Reads a request's body: an object whose member `orders` is an array of 1 to
    /// [`MAX_ORDERS`] orders. Each is read as by [`OrderRequest::parse`], and may have
    /// `ifMatch` and `ifNoneMatch`, the values of the headers of a single request. An order
    /// that breaks a rule spoils no other.
    ///
    /// # Errors
    /// The body is not of this form, or an id is in it twice.
    pub fn parse(body: &[u8]) -> Result<Self, Invalid> {
        let form = "the body must be a JSON object, as in {\"orders\": [{\"orderId\": ...}]}";
        // Serde would take an array for the struct.
        let is_object = body.trim_ascii_start().starts_with(b"{");
        let envelope = serde_json::from_slice::<Envelope<'_>>(body);
        let envelope = envelope.ok().filter(|_| is_object);
        let orders = envelope.ok_or_else(|| Invalid::json(form))?.orders;
        let orders = orders.ok_or_else(|| Invalid::field("orders is missing"))?;
        let orders: Vec<&RawValue> = serde_json::from_slice(orders.get().as_bytes())
            .map_err(|_| Invalid::field("orders must be an array of orders"))?;
        if !(1..=MAX_ORDERS).contains(&orders.len()) {
            return Err(Invalid::field(format!(
                "orders must have 1 to {MAX_ORDERS} elements, and has {}; send several batches",
                orders.len()
            )));
        }
        let items: Vec<_> = orders.into_iter().map(BatchItem::parse).collect();
        check_ids(&items)?;
        Ok(Self(items))
    }
}

impl BatchItem {
    fn parse(order: &RawValue) -> Self {
        let text = order.get().as_bytes();
        let body = Body::parse(text);
        let order_id = body.as_ref().ok().and_then(|body| {
            let id = body.member("orderId")?;
            serde_json::from_slice(id.get().as_bytes()).ok()
        });
        let wanted = body.and_then(|body| {
            let request = OrderRequest::parse(text, None)?;
            let tags = |name| body.member(name).map(|tags| string(name, tags)).transpose();
            let (if_match, if_none_match) = (tags("ifMatch")?, tags("ifNoneMatch")?);
            let conditions = Preconditions::parse(if_match.as_deref(), if_none_match.as_deref())?;
            Ok((request, conditions))
        });
        Self { order_id, wanted }
    }
}

/// Refuses a batch with two changes of one order: their order would matter.
fn check_ids(items: &[BatchItem]) -> Result<(), Invalid> {
    let mut places = HashMap::new();
    for (place, item) in items.iter().enumerate() {
        if let Some(id) = &item.order_id
            && let Some(first) = places.insert(id.as_str(), place)
        {
            return Err(Invalid::field(format!(
                "orders[{place}].orderId is that of orders[{first}]: send one change of an order in a batch"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn order(id: &str) -> Value {
        json!({"orderId": id, "status": "received", "description": "x"})
    }

    fn parse(body: impl ToString) -> Result<Batch, Invalid> {
        Batch::parse(body.to_string().as_bytes())
    }

    #[test]
    fn orders_keep_their_places_and_one_that_is_wrong_spoils_no_other() {
        let mut wrong = order("B");
        wrong["status"] = json!("lost");
        let mut conditional = order("C");
        conditional["ifMatch"] = json!("\"3\"");
        conditional["ifNoneMatch"] = json!(null);
        let orders = json!([order("A"), wrong, conditional, 7, {"status": "received"}]);
        let Batch(items) = parse(json!({"orders": orders, "colour": "blue"})).unwrap();
        let ids: Vec<_> = items.iter().map(|item| item.order_id.as_ref()).collect();
        let ids: Vec<_> = ids.into_iter().map(|id| id.map(OrderId::as_str)).collect();
        assert_eq!(ids, [Some("A"), Some("B"), Some("C"), None, None]);
        let codes: Vec<_> = items
            .iter()
            .map(|item| item.wanted.as_ref().map_err(|invalid| invalid.code).err())
            .collect();
        let expected = [
            None,
            Some("unknown_status"),
            None,
            Some("invalid_json"),
            Some("missing_field"),
        ];
        assert_eq!(codes, expected);
        let (_, conditions) = items[2].wanted.as_ref().unwrap();
        assert!(conditions.check(Some(3)).is_ok() && conditions.check(Some(4)).is_err());
        assert!(!items[0].wanted.as_ref().unwrap().1.has_if_match());
    }

    #[test]
    fn conditions_are_the_texts_of_the_headers() {
        for (name, value, code) in [
            ("ifMatch", json!(3), "invalid_field"),
            ("ifMatch", json!("3"), "invalid_if_match"),
            ("ifNoneMatch", json!("x"), "invalid_if_none_match"),
        ] {
            let mut order = order("A");
            order[name] = value;
            let Batch(items) = parse(json!({"orders": [order]})).unwrap();
            assert_eq!(items[0].wanted.as_ref().unwrap_err().code, code, "{order}");
        }
    }

    #[test]
    fn a_batch_has_a_hundred_orders_at_most_and_each_once() {
        let many = |count: usize| {
            let orders: Vec<_> = (0..count).map(|n| order(&n.to_string())).collect();
            parse(json!({ "orders": orders })).map(|Batch(items)| items.len())
        };
        assert_eq!((many(1), many(MAX_ORDERS)), (Ok(1), Ok(MAX_ORDERS)));
        for count in [0, MAX_ORDERS + 1] {
            let told = many(count).unwrap_err();
            assert!(told.message.contains("1 to 100"), "{told}");
        }
        let mut again = order("A");
        again["status"] = json!("lost");
        let told = parse(json!({"orders": [order("A"), order("B"), again]})).unwrap_err();
        assert_eq!(told.code, "invalid_field");
        assert!(
            told.message
                .starts_with("orders[2].orderId is that of orders[0]"),
            "{told}"
        );
    }

    #[test]
    fn another_form_is_refused() {
        for (body, code) in [
            ("", "invalid_json"),
            ("[]", "invalid_json"),
            (r#"[[{"orderId": "A"}]]"#, "invalid_json"),
            ("7", "invalid_json"),
            ("{", "invalid_json"),
            ("{}", "invalid_field"),
            (r#"{"orders": null}"#, "invalid_field"),
            (r#"{"orders": {}}"#, "invalid_field"),
            (r#"{"orders": "A"}"#, "invalid_field"),
        ] {
            assert_eq!(parse(body).unwrap_err().code, code, "{body}");
        }
    }
}
