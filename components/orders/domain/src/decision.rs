//! What becomes of a request: which version of the order is next, or why there
//! is none.

use records::Versioned;

use crate::transitions::next;
use crate::{Order, OrderRequest, Precondition, Status, Timestamp, Transitions};

#[cfg(test)]
mod tests;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The subject of the caller's token.
    pub subject: &'a str,
    /// Whether they may see and change the orders of others.
    pub is_admin: bool,
}

impl Caller<'_> {
    /// Whether they may see and change an order.
    pub fn may_use(&self, order: &Order) -> bool {
        self.is_admin || order.owner == self.subject
    }
}

/// A request with all that it is decided by, besides the order as it is.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// What the order shall be.
    pub request: &'a OrderRequest,
    /// What is required of the version that it has now.
    pub preconditions: &'a [Precondition],
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
    #[error("{}", precondition(.header, *.current))]
    PreconditionFailed {
        /// The header that says so.
        header: &'static str,
        /// The version that there is.
        current: Option<u64>,
    },
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
            Self::PreconditionFailed { .. } => "precondition_failed",
            Self::IllegalTransition { .. } => "illegal_transition",
        }
    }
}

fn precondition(header: &str, current: Option<u64>) -> String {
    match current {
        None => format!("{header} does not hold: there is no such order yet"),
        Some(version) => format!(
            "{header} does not hold: the order has version {version} by now; read it and decide anew"
        ),
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
    change.check(existing.map(|existing| existing.latest))?;
    let Some(Existing { first, latest }) = existing else {
        return Ok(change.create());
    };
    let version = if change.request.agrees_with(&first.content) {
        1
    } else if change.request.agrees_with(&latest.document.content) {
        latest.version
    } else {
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
    change.check(latest)?;
    let Some(Versioned { version, document }) = latest else {
        return Ok(change.create());
    };
    let (from, to) = (document.status(), change.request.status);
    if !transitions.permit(from, to) {
        return Err(Refusal::IllegalTransition { from, to });
    }
    let next = document.changed(change.request, change.caller.subject, change.now);
    Ok(match next {
        None => Decision::Unchanged { version: *version },
        Some(next) => Decision::Next(Box::new(next)),
    })
}

impl Change<'_> {
    /// What must hold before the content is looked at.
    fn check(&self, latest: Option<&Versioned<Order>>) -> Result<(), Refusal> {
        if latest.is_some_and(|latest| !self.caller.may_use(&latest.document)) {
            return Err(Refusal::IdTaken);
        }
        let current = latest.map(|latest| latest.version);
        let mut preconditions = self.preconditions.iter();
        match preconditions.find(|wanted| !wanted.holds(current)) {
            Some(wanted) => Err(Refusal::PreconditionFailed {
                header: wanted.header(),
                current,
            }),
            None => Ok(()),
        }
    }

    fn create(&self) -> Decision {
        let order = Order::create(self.request, self.caller.subject, self.now);
        Decision::Next(Box::new(order))
    }
}
