//! How the receivers of endpoints fare, and when one is given up.

use std::collections::BTreeMap;
use std::time::Duration;

use base::{Failure, Timestamp};
use queue::Effect;
use stores::{Arg, Redis};

use crate::keys;

/// The time of failures alone after which an endpoint is switched off.
const MAX_FAILING: Duration = Duration::from_secs(5 * 24 * 3600);

/// The min number of failures until then.
const MIN_FAILURES: u64 = 10;

/// How often a success is noted, in ms: each costs a write.
const NOTED_EVERY: u64 = 1_000;

/// How the receiver of an endpoint fares. Times are in ms since the Unix epoch, 0 for never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// The last success, to a second.
    success: u64,
    /// The first failure after the success that was known then.
    failing_since: u64,
    /// The failures since then.
    failures: u64,
}

impl Health {
    /// Since when nothing but failures came; `None` where the last attempt that counts was a
    /// success.
    pub fn failing_since(&self) -> Option<Timestamp> {
        let is_failing = self.failing_since > self.success;
        is_failing.then(|| Timestamp::from_millis(self.failing_since))
    }

    /// The last success.
    pub fn last_success(&self) -> Option<Timestamp> {
        (self.success > 0).then(|| Timestamp::from_millis(self.success))
    }

    /// Whether it has failed for so long that it is given up.
    pub fn is_lost(&self, now: Timestamp) -> bool {
        let max = u64::try_from(MAX_FAILING.as_millis()).unwrap_or(u64::MAX);
        let failing = self.failing_since();
        let is_long =
            failing.is_some_and(|since| now.millis().saturating_sub(since.millis()) >= max);
        is_long && self.failures >= MIN_FAILURES
    }

    /// Notes an attempt at the endpoint, and returns the effects that note it for others.
    pub fn note(&mut self, endpoint: &str, delivered: bool, now: Timestamp) -> Vec<Effect> {
        let now = now.millis();
        let set = |name: &str, value: u64| Effect::Set {
            key: keys::HEALTH.to_owned(),
            fields: vec![(field(endpoint, name), value.to_string().into_bytes())],
        };
        if delivered {
            let is_news =
                self.failing_since().is_some() || now.saturating_sub(self.success) >= NOTED_EVERY;
            if !is_news {
                return Vec::new();
            }
            self.success = now;
            return vec![set(SUCCESS, now)];
        }
        let mut effects = Vec::new();
        if self.failing_since().is_none() {
            // Later than the success, however fast the failure came.
            self.failing_since = now.max(self.success + 1);
            self.failures = 0;
            effects.extend([set(SINCE, self.failing_since), set(FAILURES, 0)]);
        }
        self.failures += 1;
        effects.push(Effect::Add {
            key: keys::HEALTH.to_owned(),
            fields: vec![(field(endpoint, FAILURES), 1)],
        });
        effects
    }
}

const SUCCESS: &str = "success";
const SINCE: &str = "since";
const FAILURES: &str = "failures";

fn field(endpoint: &str, name: &str) -> String {
    format!("{endpoint}:{name}")
}

/// The effects that forget how the receiver of an endpoint fared.
pub fn reset(endpoint: &str) -> Vec<Effect> {
    [SUCCESS, SINCE, FAILURES]
        .map(|name| Effect::Unset {
            key: keys::HEALTH.to_owned(),
            field: field(endpoint, name),
        })
        .into()
}

/// Reads how all receivers fare, by the ids of their endpoints.
///
/// # Errors
/// Redis is out of reach.
pub fn load_health(redis: &impl Redis) -> Result<BTreeMap<String, Health>, Failure> {
    let reply = redis.call("HGETALL", &[Arg::from(keys::HEALTH)])?;
    let mut all: BTreeMap<String, Health> = BTreeMap::new();
    for pair in reply.chunks_exact(2) {
        let [name, value] = pair else { continue };
        let Some((endpoint, name)) = name.as_str().and_then(|name| name.rsplit_once(':')) else {
            continue;
        };
        let value = value.as_int().unwrap_or(0).unsigned_abs();
        let health = all.entry(endpoint.to_owned()).or_default();
        match name {
            SUCCESS => health.success = value,
            SINCE => health.failing_since = value,
            FAILURES => health.failures = value,
            _ => {}
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3_600_000;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn an_endpoint_is_given_up_after_five_days_of_failures_alone() {
        let mut health = Health::default();
        health.note("a", true, at(DAY));
        for hour in 1..=20 {
            health.note("a", false, at(DAY + hour * 3_600_000));
        }
        assert_eq!(health.failing_since(), Some(at(DAY + 3_600_000)));
        assert!(!health.is_lost(at(6 * DAY)));
        assert!(health.is_lost(at(6 * DAY + 3_600_000)));

        // One success is enough.
        health.note("a", true, at(6 * DAY));
        assert_eq!(health.failing_since(), None);
        assert!(!health.is_lost(at(60 * DAY)));
        health.note("a", false, at(7 * DAY));
        assert_eq!(health.failing_since(), Some(at(7 * DAY)));
    }

    #[test]
    fn a_few_failures_are_not_enough() {
        let mut health = Health::default();
        for _ in 0..9 {
            health.note("a", false, at(DAY));
        }
        assert!(!health.is_lost(at(60 * DAY)));
        health.note("a", false, at(60 * DAY));
        assert!(health.is_lost(at(60 * DAY)));
        assert!(!Health::default().is_lost(at(60 * DAY)));
    }

    #[test]
    fn a_success_costs_a_write_in_a_second() {
        let mut health = Health::default();
        let written =
            |health: &mut Health, delivered, millis| health.note("a", delivered, at(millis)).len();
        assert_eq!(written(&mut health, true, 5_000), 1);
        assert_eq!(written(&mut health, true, 5_999), 0);
        assert_eq!(written(&mut health, true, 6_000), 1);
        // A failure in the same moment counts, and so does the success after it.
        assert_eq!(written(&mut health, false, 6_000), 3);
        assert!(health.failing_since().is_some());
        assert_eq!(written(&mut health, false, 6_001), 1);
        assert_eq!(written(&mut health, true, 6_002), 1);
        assert!(health.failing_since().is_none());
    }
}
