//! What becomes of a request: which version of the order is next, or why there
//! is none.

use base::{Caller, Preconditions, Unmet};
use records::Versioned;

use crate::transitions::next;
use crate::{Order, OrderRequest, Status, Timestamp, Transitions};

#[cfg(test)]
mod tests;

/// A request with all that it is decided by, besides the order as it is.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// What the order shall be.
    pub request: &'a OrderRequest,
    /// The conditions on the version that it has now.
    pub preconditions: &'a Preconditions,
    /// Who asks.
    pub caller: Caller<'a>,
    /// What time it is.
    pub now: Timestamp,
}

/// An order that is there when one of its id shall be created.
#[derive(Clone, Copy, Debug)]
pub struct Existing<'a> {
    /// What it was at first.
    pub first: &'a Order,
    /// What it is now.
    pub latest: &'a Versioned<Order>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: this version of the order is what was asked for.
    Unchanged {
        /// The version.
        version: u64,
    },
    /// The order becomes this with its next version.
    Next(Box<Order>),
}

/// Why nothing is done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The order is somebody else's.
    #[error("the orderId is taken; choose another one")]
    IdTaken,
    /// There is such an order, and it is another one.
    #[error(
        "there is an order with this orderId and other content; change it with PUT, or choose another orderId"
    )]
    Exists,
    /// The client wanted to change another version.
    #[error(transparent)]
    PreconditionFailed(#[from] Unmet),
    /// The order's way does not lead there.
    #[error("{}", illegal(*.from, *.to))]
    IllegalTransition {
        /// What the order is.
        from: Status,
        /// What it was to become.
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

/// Decides a `POST`, which creates an order. Where it is there already, it is
/// the repetition of a request, or refused.
///
/// # Errors
/// It is refused, and nothing is to be done.
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

/// Decides a `PUT`, which changes an order to what the request says, or creates
/// it with any status.
///
/// # Errors
/// It is refused, and nothing is to be done.
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
    /// Refuses a caller who may not change the order.
    fn check_owner(&self, latest: Option<&Versioned<Order>>) -> Result<(), Refusal> {
        match latest {
            Some(latest) if !self.caller.may_use(&latest.document.owner) => Err(Refusal::IdTaken),
            _ => Ok(()),
        }
    }

    /// Checks the preconditions, for a request that would change something. One whose
    /// state is there already succeeds without them: it is the repetition of a request
    /// whose answer was lost (RFC 9110, 13.1.1).
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
