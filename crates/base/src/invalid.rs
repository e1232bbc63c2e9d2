//! Requests that break a rule.

/// A rule that a request breaks. An HTTP endpoint answers it with 400 (`web`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// A stable word for programs, in snake case.
    pub code: &'static str,
    /// The error and its remedy, for a person.
    pub message: String,
}

impl Invalid {
    /// An error with a code of its own.
    pub fn new(code: &'static str, message: impl ToString) -> Self {
        let message = message.to_string();
        Self { code, message }
    }

    /// `invalid_json`: the body is not the JSON that is expected.
    pub fn json(message: impl ToString) -> Self {
        Self::new("invalid_json", message)
    }

    /// `invalid_field`: a member of the body is missing or wrong.
    pub fn field(message: impl ToString) -> Self {
        Self::new("invalid_field", message)
    }

    /// `invalid_query`: a parameter of the query is missing or wrong.
    pub fn query(message: impl ToString) -> Self {
        Self::new("invalid_query", message)
    }
}
