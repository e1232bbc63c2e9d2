//! The users of all chapters, and how long these wait for a state.

use std::time::Duration;

/// The owner of the photos, jobs, orders and purchases.
pub const USER: &str = "456";

/// Another user.
pub const OTHER: &str = "7";

/// The pause between two looks at a state, and the limit for all of them: more than any work
/// takes on a busy machine.
pub const LOOKS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(60));
