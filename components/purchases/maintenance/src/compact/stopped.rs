//! Why a run of a compaction ends early.

use base::Failure;
use objects::Error;
use purchases_domain::compaction::Broken;

/// Why a run ended early.
pub(super) enum Stopped {
    /// A service is out of reach.
    Failed(Failure),
    /// A part is not as it must be.
    Broken(Broken),
    /// Another worker has the day.
    Lost,
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Broken> for Stopped {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error.into())
    }
}
