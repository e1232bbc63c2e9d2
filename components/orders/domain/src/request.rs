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

/// The last segment of the path of batches, which no order is called.
const BATCH: &str = "batch";

/// The maximum length of a date in bytes: with nanoseconds and an offset it has 35.
const MAX_DATE_BYTES: usize = 64;

/// The wanted order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRequest {
    /// Its id.
    pub order_id: OrderId,
    /// The status.
    pub status: Status,
    /// The description of the work, at most [`MAX_TEXT_BYTES`].
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
    /// leave out `orderId`. Without it, the id is not that of a route. Unknown members are
    /// ignored. The crate `web` has refused repeated names.
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
        let status = self::status(status)?;
        let order_id = body.order_id(path_id)?;
        if path_id.is_none() && order_id.as_str() == BATCH {
            let problem = "must not be batch, which is a route; choose another id";
            return Err(wrong("orderId", problem));
        }
        Ok(Self {
            order_id,
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
pub(crate) struct Body<'a>(#[serde(borrow)] HashMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Body<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, Invalid> {
        serde_json::from_slice(body).map_err(|_| Invalid::json("Invalid JSON"))
    }

    /// Whether there is a member, null or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The value of a member; `None` if it is missing or null.
    pub(crate) fn member(&self, name: &str) -> Option<&'a RawValue> {
        let value = self.0.get(name).copied();
        value.filter(|value| value.get() != "null")
    }

    fn required(&self, name: &str) -> Result<&'a RawValue, Invalid> {
        self.member(name).ok_or_else(|| missing_field(name))
    }

    pub(crate) fn order_id(&self, path_id: Option<&OrderId>) -> Result<OrderId, Invalid> {
        let name = "orderId";
        let sent: Option<OrderId> = self
            .member(name)
            .map(|id| serde_json::from_slice(id.get().as_bytes()))
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
            (None, None) => Err(missing_field(name)),
        }
    }

    pub(crate) fn date(&self, name: &str) -> Result<Option<String>, Invalid> {
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

pub(crate) fn wrong(name: &str, problem: impl std::fmt::Display) -> Invalid {
    Invalid::field(format!("{name} {problem}"))
}

pub(crate) fn missing(message: String) -> Invalid {
    Invalid::new("missing_field", message)
}

fn missing_field(name: &str) -> Invalid {
    missing(format!("Missing required field: {name}"))
}

pub(crate) fn status(value: &RawValue) -> Result<Status, Invalid> {
    let status = string("status", value)?.parse();
    status.map_err(|unknown| Invalid::new("unknown_status", unknown))
}

pub(crate) fn string(name: &str, value: &RawValue) -> Result<String, Invalid> {
    serde_json::from_slice(value.get().as_bytes())
        .map_err(|_| wrong(name, "must be a string of Unicode text"))
}

pub(crate) fn text(name: &str, value: &RawValue) -> Result<String, Invalid> {
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
