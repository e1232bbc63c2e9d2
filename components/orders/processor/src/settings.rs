use base::text;
use orders_domain::Status;
use queue::Policy;

/// An event must have a source.
const DEFAULT_SOURCE: &str = "/orders";

/// What the component's variables say.
pub(crate) struct Settings {
    pub(crate) policy: Policy,
    /// Whether anybody is told of what happens. Who it is, the notifier reads.
    pub(crate) has_listeners: bool,
    /// The `source` of events.
    pub(crate) notification_source: String,
}

impl Settings {
    pub(crate) fn read() -> Result<Self, base::Failure> {
        Ok(Self {
            policy: worker::policy()?,
            has_listeners: !text("notification_urls")?.trim().is_empty(),
            notification_source: match text("notification_source")?.trim() {
                "" => DEFAULT_SOURCE.to_owned(),
                source => source.to_owned(),
            },
        })
    }
}

/// The status whose queue this component works on.
pub(crate) fn status() -> Result<Status, base::Failure> {
    text("order_status")?.trim().parse().map_err(|error| {
        base::Failure::misconfigured(format!("the variable order_status: {error}"))
    })
}
