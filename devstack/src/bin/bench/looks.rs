//! How long the benchmarks wait for a state.

use std::time::Duration;

/// The pause between two looks at a state, and the limit for all of them: more than
/// any work here takes.
pub const LOOKS: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(120));
