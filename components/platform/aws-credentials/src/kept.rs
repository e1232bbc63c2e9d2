//! Credentials with the time of their end.

use std::time::Duration;

use outbound::sigv4::Credentials;
use serde::{Deserialize, Serialize};

/// The time before their end in which credentials are renewed, as AWS's own SDKs do.
const MARGIN: Duration = Duration::from_secs(300);

/// Temporary credentials, as they are kept in Redis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The credentials.
    pub credentials: Credentials,
    /// When they were given, in milliseconds since the Unix epoch.
    pub given: u64,
    /// Their end, in milliseconds since the Unix epoch.
    pub ends: u64,
}

impl Kept {
    /// The time left, in milliseconds.
    pub fn left(&self, now: u64) -> u64 {
        self.ends.saturating_sub(now)
    }

    /// Whether others should be asked for: five minutes before the end, or in the last
    /// quarter of a life that is shorter than twenty minutes.
    pub fn is_due(&self, now: u64) -> bool {
        let margin = u64::try_from(MARGIN.as_millis()).unwrap_or(u64::MAX);
        let margin = margin.min(self.ends.saturating_sub(self.given) / 4);
        self.left(now) <= margin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_renewed_before_they_end() {
        let kept = |life: u64| Kept {
            credentials: Credentials {
                access_key_id: "ASIA".into(),
                secret_access_key: "s".into(),
                session_token: Some("t".into()),
            },
            given: 1_000_000,
            ends: 1_000_000 + life * 1_000,
        };
        let at = |second: u64| 1_000_000 + second * 1_000;
        for (life, second, is_due) in [
            (3_600, 0, false),
            (3_600, 3_299, false),
            (3_600, 3_300, true),
            (3_600, 4_000, true),
            (900, 674, false),
            (900, 675, true),
        ] {
            assert_eq!(kept(life).is_due(at(second)), is_due, "{life} {second}");
        }
        assert_eq!(kept(900).left(at(901)), 0);
    }
}
