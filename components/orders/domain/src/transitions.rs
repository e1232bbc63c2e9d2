//! Permitted changes of status.

use std::str::FromStr;

use crate::Status;

/// The statuses that may follow each status, besides itself.
const TABLE: [(Status, &[Status]); 4] = [
    (Status::Received, &[Status::Inprocess, Status::Canceled]),
    (Status::Inprocess, &[Status::Completed, Status::Canceled]),
    (Status::Completed, &[]),
    (Status::Canceled, &[]),
];

/// The changes of status that are permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transitions {
    /// An order goes from received to inprocess to completed, and to canceled
    /// before it is completed.
    Strict,
    /// Any status may follow any other.
    Any,
}

/// A text that names neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be `strict` or `any`")]
pub struct NoTransitions;

impl Transitions {
    /// Whether an order with status `from` may get status `to`. The same status is always
    /// permitted, for changes of other fields.
    pub fn permit(self, from: Status, to: Status) -> bool {
        from == to || self == Self::Any || next(from).contains(&to)
    }
}

/// The statuses that may follow a status in [`Transitions::Strict`], besides itself.
pub(crate) fn next(from: Status) -> &'static [Status] {
    TABLE
        .iter()
        .find(|(status, _)| *status == from)
        .map_or(&[], |(_, next)| next)
}

impl FromStr for Transitions {
    type Err = NoTransitions;

    fn from_str(text: &str) -> Result<Self, NoTransitions> {
        match text {
            "strict" => Ok(Self::Strict),
            "any" => Ok(Self::Any),
            _ => Err(NoTransitions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule in the words of the contract.
    const WAYS: &str =
        "received inprocess, inprocess completed, received canceled, inprocess canceled";

    #[test]
    fn the_table_says_what_the_contract_says() {
        for from in Status::ALL {
            for to in Status::ALL {
                let is_way = WAYS.split(", ").any(|way| way == format!("{from} {to}"));
                let is_legal = Transitions::Strict.permit(from, to);
                assert_eq!(is_legal, is_way || from == to, "{from} to {to}");
                assert!(Transitions::Any.permit(from, to));
            }
        }
    }

    #[test]
    fn every_status_has_its_row_once() {
        assert_eq!(TABLE.map(|(from, _)| from), Status::ALL);
    }

    #[test]
    fn the_variable_has_two_values() {
        assert_eq!("strict".parse(), Ok(Transitions::Strict));
        assert_eq!("any".parse(), Ok(Transitions::Any));
        for text in ["", "none", "Strict", " any"] {
            assert_eq!(text.parse::<Transitions>(), Err(NoTransitions), "{text}");
        }
    }
}
