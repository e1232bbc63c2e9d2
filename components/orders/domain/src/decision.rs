//! The decision on a request: the next version of the order, or a refusal.

use base::{Caller, NotChanged, Preconditions, Unknown, Unmet};
use records::{Decision, Existing, Request, Versioned};

use crate::transitions::next;
use crate::{Order, OrderPatch, OrderRequest, Status, Timestamp, Transitions};

#[cfg(test)]
mod tests;

/// A request with everything that the decision depends on, except the order itself.
#[derive(Debug)]
pub struct Change<'a, R = OrderRequest> {
    /// The wanted order, or the fields that are to change.
    pub request: &'a R,
    /// The conditions on the current version.
    pub preconditions: &'a Preconditions,
    /// The caller.
    pub caller: Caller<'a>,
    /// The current time.
    pub now: Timestamp,
}

/// The rules for changes of orders that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The permitted changes of status.
    pub transitions: Transitions,
    /// Whether a change must have an `If-Match`.
    pub requires_if_match: bool,
}

/// The order does not exist, or belongs to another user: the caller cannot tell which.
pub const UNKNOWN: Unknown = Unknown {
    code: "unknown_order",
    message: "you have no such order",
};

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The order belongs to another user.
    #[error("the orderId is taken; choose another one")]
    IdTaken,
    /// There is an order of this id with other content.
    #[error(
        "there is an order with this orderId and other content; change it with PUT, or choose another orderId"
    )]
    Exists,
    /// A condition on the version does not hold.
    #[error(transparent)]
    PreconditionFailed(#[from] Unmet),
    /// The order does not exist, or belongs to another user.
    #[error("{UNKNOWN}")]
    Unknown,
    /// The change must have an `If-Match` and has none.
    #[error(
        "there is version {current} of the order: send If-Match with the version that you have read, as in {}",
        base::version_tag(*.current)
    )]
    Unconditional {
        /// The current version.
        current: u64,
    },
    /// The transitions do not permit the status.
    #[error("{}", illegal(*.from, *.to))]
    IllegalTransition {
        /// The current status.
        from: Status,
        /// The wanted status.
        to: Status,
    },
}

impl From<records::Refusal> for Refusal {
    fn from(refusal: records::Refusal) -> Self {
        match refusal {
            records::Refusal::Taken => Self::IdTaken,
            // Orders are not removed.
            records::Refusal::Exists | records::Refusal::Removed => Self::Exists,
            records::Refusal::Unmet(unmet) => Self::PreconditionFailed(unmet),
        }
    }
}

impl From<Refusal> for NotChanged {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::IdTaken => "order_id_taken",
            Refusal::Exists => "order_exists",
            Refusal::IllegalTransition { .. } => "illegal_transition",
            Refusal::PreconditionFailed(unmet) => return unmet.into(),
            Refusal::Unknown => return UNKNOWN.into(),
            Refusal::Unconditional { .. } => {
                let message = refusal.to_string();
                return Self::Unconditional { message };
            }
        };
        Self::conflict(code, refusal)
    }
}

fn illegal(from: Status, to: Status) -> String {
    let mut allowed = format!("{from} (other fields)");
    for status in next(from) {
        allowed.push_str(", ");
        allowed.push_str(status.as_str());
    }
    format!("an order that is {from} cannot become {to}; allowed: {allowed}")
}

/// Decides a `POST`, which creates an order. If the order exists, the request is a
/// repetition or is refused.
///
/// # Errors
/// The request is refused, and nothing changes.
pub fn post(
    change: &Change,
    existing: Option<Existing<'_, Order>>,
) -> Result<Decision<Order>, Refusal> {
    Ok(records::post(change, existing)?)
}

/// Decides a `PUT`, which changes an order to the body of the request, or creates it with
/// any status.
///
/// # Errors
/// The request is refused, and nothing changes.
pub fn put(
    change: &Change,
    latest: Option<&Versioned<Order>>,
    rules: Rules,
) -> Result<Decision<Order>, Refusal> {
    let decision = records::put(change, latest)?;
    if let (Decision::Next(next), Some(latest)) = (&decision, latest) {
        if rules.requires_if_match && !change.preconditions.has_if_match() {
            let current = latest.version;
            return Err(Refusal::Unconditional { current });
        }
        let (from, to) = (latest.document.status(), next.status());
        if !rules.transitions.permit(from, to) {
            return Err(Refusal::IllegalTransition { from, to });
        }
    }
    Ok(decision)
}

/// Decides a `PATCH`, which changes some fields of an order: a `PUT` of the order with these
/// fields changed.
///
/// # Errors
/// The request is refused, and nothing changes.
pub fn patch(
    change: &Change<'_, OrderPatch>,
    latest: Option<&Versioned<Order>>,
    rules: Rules,
) -> Result<Decision<Order>, Refusal> {
    let latest = latest.filter(|latest| change.caller.may_use(&latest.document.owner));
    let latest = latest.ok_or(Refusal::Unknown)?;
    let change = Change {
        request: &change.request.applied_to(&latest.document.content),
        preconditions: change.preconditions,
        caller: change.caller,
        now: change.now,
    };
    put(&change, Some(latest), rules)
}

impl Request<Order> for Change<'_> {
    fn caller(&self) -> Caller<'_> {
        self.caller
    }

    fn preconditions(&self) -> &Preconditions {
        self.preconditions
    }

    fn create(&self) -> Order {
        Order::create(self.request, self.caller.subject, self.now)
    }

    fn is_met_by(&self, order: &Order) -> bool {
        self.request.agrees_with(&order.content)
    }

    fn change(&self, order: &Order) -> Order {
        order.changed(self.request, self.caller.subject, self.now)
    }
}
