use orders_domain::Status;
use queue::Policy;
use web::{ApiError, text};
use webhooks::Endpoints;

/// What the component's variables say.
pub(crate) struct Settings {
    pub(crate) policy: Policy,
    /// Who is told of what happens.
    pub(crate) listeners: Endpoints,
    /// The `source` of events.
    pub(crate) notification_source: String,
}

impl Settings {
    pub(crate) fn read() -> Result<Self, ApiError> {
        Ok(Self {
            policy: worker::policy()?,
            listeners: Endpoints::parse(&text("notification_urls")?).map_err(|error| {
                ApiError::misconfigured(format!("the variable notification_urls {error}"))
            })?,
            notification_source: text("notification_source")?.trim().to_owned(),
        })
    }
}

/// The status whose queue this component works on.
pub(crate) fn status() -> Result<Status, ApiError> {
    text("order_status")?
        .trim()
        .parse()
        .map_err(|error| ApiError::misconfigured(format!("the variable order_status: {error}")))
}
