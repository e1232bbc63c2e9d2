//! Replays: changes that are archived again from the stored purchases and records.

use base::{Invalid, Tenant};
use serde::{Deserialize, Serialize};

use crate::Fecha;

/// The body of `POST /ops/compras/replay`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// The tenant; all without one.
    pub tenant: Option<Tenant>,
    from: Option<String>,
    to: Option<String>,
}

/// A replay and its progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// Its id.
    pub id: String,
    /// The tenant; all without one.
    pub tenant: Option<String>,
    /// The first day of purchases, as in `2025-07-13`.
    pub from: Option<String>,
    /// The last day.
    pub to: Option<String>,
    /// When it was asked for: RFC 3339.
    pub started_at: String,
}

impl ReplayRequest {
    /// The replay of this id.
    ///
    /// # Errors
    /// `from` or `to` is no day.
    pub fn replay(self, id: String, now: u64) -> Result<Replay, Invalid> {
        let check = |name: &str, day: Option<String>| match day {
            Some(day) if Fecha::of_day(&day).is_err() => Err(Invalid::field(format!(
                "{name} must be a day as in 2025-07-13"
            ))),
            day => Ok(day),
        };
        Ok(Replay {
            id,
            tenant: self.tenant.map(|tenant| tenant.to_string()),
            from: check("from", self.from)?,
            to: check("to", self.to)?,
            started_at: base::rfc3339(now),
        })
    }
}

impl Replay {
    /// Whether the replay is about purchases of this day.
    pub fn has(&self, fecha: Fecha) -> bool {
        let day = fecha.day();
        // Days of this form are in the order of their texts.
        self.from.as_ref().is_none_or(|from| *from <= day)
            && self.to.as_ref().is_none_or(|to| day <= *to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_is_about_the_days_that_were_asked_for() {
        let request: ReplayRequest =
            serde_json::from_str(r#"{"tenant": "cafe", "from": "2025-07-13"}"#).unwrap();
        let replay = request.replay("r".into(), 0).unwrap();
        let has = |day: &str| replay.has(day.parse().unwrap());
        assert_eq!(
            ["2025-07-12", "2025-07-13", "2026-01-01"].map(has),
            [false, true, true]
        );
        let request: ReplayRequest = serde_json::from_str(r#"{"to": "ayer"}"#).unwrap();
        assert!(request.replay("r".into(), 0).is_err());
        assert!(serde_json::from_str::<ReplayRequest>(r#"{"since": "2025-07-13"}"#).is_err());
    }
}
