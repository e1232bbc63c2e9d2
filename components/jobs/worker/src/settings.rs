use std::time::Duration;

use queue::Policy;

/// What the component's variables say.
pub(crate) struct Settings {
    pub(crate) policy: Policy,
    /// How long a job is kept after its last change; `None` is for ever.
    pub(crate) retention: Option<Duration>,
}

impl Settings {
    pub(crate) fn read() -> Result<Self, base::Failure> {
        Ok(Self {
            policy: worker::policy()?,
            retention: jobs_storage::retention(base::number("job_retention_days", 0)?),
        })
    }
}
