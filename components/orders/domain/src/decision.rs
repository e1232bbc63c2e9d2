//! The decision on a request: the next version of the order, or a refusal.

use base::{Caller, Preconditions, Unmet};
use records::Versioned;

use crate::transitions::next;
use crate::{Order, OrderRequest, Status, Timestamp, Transitions};

#[cfg(test)]
mod tests;

/// A request with everything that the decision depends on, except the order itself.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The wanted order.
    pub request: &'a OrderRequest,
    /// The conditions on the current version.
    pub preconditions: &'a Preconditions,
    /// The caller.
    pub caller: Caller<'a>,
    /// The current time.
    pub now: Timestamp,
}

/// The existing order, when a request would create one of its id.
#[derive(Clone, Copy, Debug)]
pub struct Existing<'a> {
    /// Its first version.
    pub first: &'a Order,
    /// Its latest version.
    pub latest: &'a Versioned<Order>,
}

/// The outcome of a permitted request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing changes: this version of the order is the wanted one.
    Unchanged {
        /// The version.
        version: u64,
    },
    /// The order becomes this, as its next version.
    Next(Box<Order>),
}

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
    /// The transitions do not permit the status.
    #[error("{}", illegal(*.from, *.to))]
    IllegalTransition {
        /// The current status.
        from: Status,
        /// The wanted status.
        to: Status,
    },
}

impl Refusal {
    /// The stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::IdTaken => "order_id_taken",
            Self::Exists => "order_exists",
            Self::PreconditionFailed(_) => "precondition_failed",
            Self::IllegalTransition { .. } => "illegal_transition",
        }
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
pub fn post(change: &Change, existing: Option<Existing>) -> Result<Decision, Refusal> {
    let latest = existing.map(|existing| existing.latest);
    change.check_owner(latest)?;
    let Some(Existing { first, latest }) = existing else {
        change.check_preconditions(None)?;
        return Ok(change.create());
    };
    let version = if change.request.agrees_with(&first.content) {
        1
    } else if change.request.agrees_with(&latest.document.content) {
        latest.version
    } else {
        change.check_preconditions(Some(latest))?;
        return Err(Refusal::Exists);
    };
    Ok(Decision::Unchanged { version })
}

/// Decides a `PUT`, which changes an order to the body of the request, or creates it with
/// any status.
///
/// # Errors
/// The request is refused, and nothing changes.
pub fn put(
    change: &Change,
    latest: Option<&Versioned<Order>>,
    transitions: Transitions,
) -> Result<Decision, Refusal> {
    change.check_owner(latest)?;
    let Some(Versioned { version, document }) = latest else {
        change.check_preconditions(None)?;
        return Ok(change.create());
    };
    let next = document.changed(change.request, change.caller.subject, change.now);
    let Some(next) = next else {
        return Ok(Decision::Unchanged { version: *version });
    };
    change.check_preconditions(latest)?;
    let (from, to) = (document.status(), change.request.status);
    if !transitions.permit(from, to) {
        return Err(Refusal::IllegalTransition { from, to });
    }
    Ok(Decision::Next(Box::new(next)))
}

impl Change<'_> {
    /// Refuses callers that may not change the order.
    fn check_owner(&self, latest: Option<&Versioned<Order>>) -> Result<(), Refusal> {
        match latest {
            Some(latest) if !self.caller.may_use(&latest.document.owner) => Err(Refusal::IdTaken),
            _ => Ok(()),
        }
    }

    /// Checks the preconditions of a request that would change something. A request whose
    /// state is reached already succeeds without them: it repeats a request whose answer
    /// was lost (RFC 9110, 13.1.1).
    fn check_preconditions(&self, latest: Option<&Versioned<Order>>) -> Result<(), Refusal> {
        Ok(self
            .preconditions
            .check(latest.map(|latest| latest.version))?)
    }

    fn create(&self) -> Decision {
        let order = Order::create(self.request, self.caller.subject, self.now);
        Decision::Next(Box::new(order))
    }
}
