//! When days are compacted.

use std::time::Duration;

use base::{Failure, now_millis};
use purchases_domain::archive::Day;
use purchases_domain::{Compact, Fecha, keys};
use queue::{Effect, Message, QueueNames};

/// The effect that has a day compacted, the time `after` after its end and after its last
/// change.
///
/// # Errors
/// None known.
pub fn compact_later(day: &Day, after: Duration) -> Result<Effect, Failure> {
    let compact = Compact {
        tenant: day.tenant.clone(),
        day: day.date.clone(),
        after: None,
    };
    let message = compact.encode_untraced()?;
    let start = Fecha::of_day(&day.date).map_err(Failure::internal)?;
    let end = start.millis() + Fecha::DAY;
    let left = Duration::from_millis(end.saturating_sub(now_millis()));
    let id = format!("compact/{}/{}", day.tenant, day.date);
    Ok(QueueNames::new(keys::MAINTENANCE).schedule(&id, &message, left + after))
}
