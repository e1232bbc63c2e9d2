//! The body of `POST /orders` and `PUT /orders/{orderId}`.

use std::borrow::Cow;
use std::collections::HashMap;

use base::Invalid;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Content, NoTimestamp, OrderId, Status};

#[cfg(test)]
mod tests;

/// The maximum length of a description and of a reason, in bytes of UTF-8.
pub const MAX_TEXT_BYTES: usize = 8 * 1024;

/// The maximum length of a date in bytes: with nanoseconds and an offset it has 35.
const MAX_DATE_BYTES: usize = 64;

/// The wanted order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRequest {
    /// Its id.
    pub order_id: OrderId,
    /// The status.
    pub status: Status,
    /// What is to be done, at most [`MAX_TEXT_BYTES`].
    pub description: String,
    /// When it was registered: RFC 3339, as it was sent.
    pub register_date: Option<String>,
    /// When it is or was delivered: RFC 3339, as it was sent; empty if unknown.
    pub delivery_date: String,
    /// Why it is canceled, at most [`MAX_TEXT_BYTES`]; empty if not given.
    pub reason_for_cancellation: String,
}

impl OrderRequest {
    /// Reads a request's body. `path_id` is the id in the path; with it, the body may
    /// leave out `orderId`. Unknown members are ignored. The crate `web` has refused
    /// repeated names.
    ///
    /// # Errors
    /// The first broken rule, in this order: the body is a JSON object, the required
    /// members are there, the status is known, each member is valid.
    pub fn parse(body: &[u8], path_id: Option<&OrderId>) -> Result<Self, Invalid> {
        let body = Body::parse(body)?;
        if path_id.is_none() {
            body.required("orderId")?;
        }
        let status = body.required("status")?;
        let description = body.required("description")?;
        let status = string("status", status)?
            .parse::<Status>()
            .map_err(|unknown| Invalid::new("unknown_status", unknown))?;
        Ok(Self {
            order_id: body.order_id(path_id)?,
            status,
            description: text("description", description)?,
            register_date: body.date("registerDate")?,
            delivery_date: body.date("deliveryDate")?.unwrap_or_default(),
            reason_for_cancellation: body
                .member("reasonForCancellation")
                .map(|reason| text("reasonForCancellation", reason))
                .transpose()?
                .unwrap_or_default(),
        })
    }

    /// The content of the order. `registerDate` is `registered` if the request has none.
    pub(crate) fn content(&self, registered: &str) -> Content {
        Content {
            status: self.status,
            description: self.description.clone(),
            register_date: self
                .register_date
                .as_deref()
                .unwrap_or(registered)
                .to_owned(),
            delivery_date: self.delivery_date.clone(),
            reason_for_cancellation: self.reason_for_cancellation.clone(),
        }
    }

    /// Whether the order has this content already.
    pub(crate) fn agrees_with(&self, content: &Content) -> bool {
        self.content(&content.register_date) == *content
    }
}

/// The members of a JSON object, as they were sent.
#[derive(Deserialize)]
#[serde(transparent)]
struct Body<'a>(#[serde(borrow)] HashMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Body<'a> {
    fn parse(body: &'a [u8]) -> Result<Self, Invalid> {
        serde_json::from_slice(body).map_err(|_| Invalid::json("Invalid JSON"))
    }

    /// The value of a member; `None` if it is missing or null.
    fn member(&self, name: &str) -> Option<&'a RawValue> {
        let value = self.0.get(name).copied();
        value.filter(|value| value.get() != "null")
    }

    fn required(&self, name: &str) -> Result<&'a RawValue, Invalid> {
        self.member(name).ok_or_else(|| missing(name))
    }

    fn order_id(&self, path_id: Option<&OrderId>) -> Result<OrderId, Invalid> {
        let name = "orderId";
        let sent: Option<OrderId> = self
            .member(name)
            .map(|id| serde_json::from_str(id.get()))
            .transpose()
            .map_err(|_| wrong(name, base::IdError))?;
        match (sent, path_id) {
            (Some(sent), Some(path_id)) if sent != *path_id => Err(Invalid::new(
                "order_id_mismatch",
                format!(
                    "orderId is {sent}, and the path says {path_id}; make them the same, or leave orderId out"
                ),
            )),
            (Some(sent), _) => Ok(sent),
            (None, Some(path_id)) => Ok(path_id.clone()),
            (None, None) => Err(missing(name)),
        }
    }

    fn date(&self, name: &str) -> Result<Option<String>, Invalid> {
        let Some(value) = self.member(name) else {
            return Ok(None);
        };
        let date = string(name, value)?;
        if date.is_empty() {
            return Ok(None);
        }
        let is_date = date.len() <= MAX_DATE_BYTES && base::parse_rfc3339(&date).is_some();
        is_date
            .then_some(Some(date))
            .ok_or_else(|| wrong(name, NoTimestamp))
    }
}

fn wrong(name: &str, problem: impl std::fmt::Display) -> Invalid {
    Invalid::field(format!("{name} {problem}"))
}

fn missing(name: &str) -> Invalid {
    Invalid::new("missing_field", format!("Missing required field: {name}"))
}

fn string(name: &str, value: &RawValue) -> Result<String, Invalid> {
    serde_json::from_str(value.get()).map_err(|_| wrong(name, "must be a string of Unicode text"))
}

fn text(name: &str, value: &RawValue) -> Result<String, Invalid> {
    let text = string(name, value)?;
    if text.len() > MAX_TEXT_BYTES {
        let problem = format!(
            "may have at most {MAX_TEXT_BYTES} bytes, and has {}",
            text.len()
        );
        return Err(wrong(name, problem));
    }
    Ok(text)
}
