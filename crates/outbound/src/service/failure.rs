use crate::Error;

/// Why a piece of work was not done. The texts are for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The service refuses it. Another try won't help.
    #[error("{0}")]
    Refused(String),
    /// Not for now: another try may help.
    #[error("{0}")]
    Passing(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let told = error.to_string();
        match error {
            Error::Invalid { .. } => Self::Refused(told),
            // A permission that lacks is not the work's fault.
            Error::NotAllowed { .. } | Error::Unreachable { .. } => Self::Passing(told),
        }
    }
}
