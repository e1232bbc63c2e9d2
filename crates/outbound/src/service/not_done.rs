use crate::Error;

/// The reason why a piece of work was not done, in texts for operators.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotDone {
    /// The service refuses it. A retry does not help.
    #[error("{0}")]
    Refused(String),
    /// The service cannot do it now. A retry may help.
    #[error("{0}")]
    Passing(String),
}

impl From<Error> for NotDone {
    fn from(error: Error) -> Self {
        let told = error.to_string();
        match error {
            Error::Invalid { .. } => Self::Refused(told),
            // The operator adds the permission; the work stays.
            Error::NotAllowed { .. } | Error::Unreachable { .. } => Self::Passing(told),
        }
    }
}
